// SPDX-License-Identifier: Apache-2.0
//! A request and a response, whatever version of HTTP carries them.

use std::{ops::Deref, sync::LazyLock};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};

use super::payload::Payload;

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// How.
    pub method: &'a Method,
    /// What: path and query, or a whole URL when a proxy is asked.
    pub target: &'a Uri,
    /// With what headers; `Host` is among them.
    pub headers: &'a HeaderMap,
    /// And what body.
    pub body: &'a Payload,
}

/// What is to be made of a response.
#[derive(Clone, Copy, Debug)]
pub struct Keep<'a> {
    /// Headers, beside those that the client itself heeds: cookies, locations of redirects, challenges, and the
    /// coding of a body.
    pub headers: &'a [HeaderName],
    /// The body up to that many bytes, beyond which it is an error; `None` throws it away.
    pub body: Option<usize>,
    /// Most bytes of a body that is thrown away.
    pub discarded: u64,
    /// Statuses of redirects that are followed if they say where to: nobody looks at their bodies.
    pub followed: &'a [StatusCode],
}

impl Keep<'_> {
    /// The same, now that the head is there.
    pub(crate) fn of(self, status: StatusCode, headers: &HeaderMap) -> Self {
        let leads = |location: &HeaderValue| !location.as_bytes().trim_ascii().is_empty();
        if self.followed.contains(&status) && headers.get(header::LOCATION).is_some_and(leads) {
            return Self { body: None, discarded: u64::MAX, ..self };
        }
        self
    }

    /// Most bytes of a body.
    pub(crate) fn limit(&self) -> u64 {
        self.body.map_or(self.discarded, |limit| limit as u64)
    }
}

/// A response.
#[derive(Debug)]
pub struct Incoming {
    /// Its status.
    pub status: StatusCode,
    /// Those of its headers that are kept.
    pub headers: KeptHeaders,
    /// Its body, if that is kept.
    pub body: Vec<u8>,
}

/// Headers of a response that somebody looks at. Mostly there are none, and a response, which goes through many hands,
/// stays small.
#[derive(Debug, Default)]
pub struct KeptHeaders(Option<Box<HeaderMap>>);

impl KeptHeaders {
    /// Adds one.
    pub(crate) fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.get_or_insert_default().append(name, value);
    }
}

impl From<HeaderMap> for KeptHeaders {
    fn from(headers: HeaderMap) -> Self {
        Self((!headers.is_empty()).then(|| Box::new(headers)))
    }
}

impl Deref for KeptHeaders {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
        self.0.as_deref().unwrap_or_else(|| &NONE)
    }
}
