//! A request and a response, whatever version of HTTP carries them.

use http::{HeaderMap, HeaderName, Method, StatusCode, Uri};

use super::payload::Payload;

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// How.
    pub(crate) method: &'a Method,
    /// What: path and query, or a whole URL when a proxy is asked.
    pub(crate) target: &'a Uri,
    /// With what headers; `Host` is among them.
    pub(crate) headers: &'a HeaderMap,
    /// And what body.
    pub(crate) body: &'a Payload,
}

/// What is to be made of a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep<'a> {
    /// Headers, beside those that the client itself heeds: cookies, locations of redirects, challenges, and the
    /// coding of a body.
    pub(crate) headers: &'a [HeaderName],
    /// The body up to that many bytes, beyond which it is an error; `None` throws it away.
    pub(crate) body: Option<usize>,
    /// Most bytes of a body that is thrown away.
    pub(crate) discarded: u64,
}

impl Keep<'_> {
    /// Most bytes of a body.
    pub(crate) fn limit(&self) -> u64 {
        self.body.map_or(self.discarded, |limit| limit as u64)
    }
}

/// A response.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Those of its headers that are kept.
    pub(crate) headers: HeaderMap,
    /// Its body, if that is kept.
    pub(crate) body: Vec<u8>,
}
