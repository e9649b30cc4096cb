// SPDX-License-Identifier: Apache-2.0
//! Where a request goes: known in advance as far as it does not depend on variables.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, Uri, uri::PathAndQuery};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use upsurge_core::{
    http::shown_url,
    template::{Scope, Template},
};
use upsurge_http::origin::Origin;

use super::{
    body::{Part, encoded_parts},
    fold::{Nothing, fold},
};

/// What can't stand in a URL as it is; a `%` is taken as the begin of an escape.
pub(super) const FORBIDDEN: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The base URL that relative ones are joined to.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    /// Its server.
    pub(crate) origin: Arc<Origin>,
    /// Its path without the slash at the end.
    prefix: String,
    /// What `USER:PASSWORD@` before its host stands for.
    login: Option<HeaderValue>,
}

/// A server and what is asked of it.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    /// The server.
    pub(crate) origin: Arc<Origin>,
    /// Path and query.
    pub(crate) target: Uri,
    /// What `USER:PASSWORD@` before the host stands for.
    pub(crate) login: Option<HeaderValue>,
}

/// Where a request goes.
#[derive(Debug)]
pub(crate) enum Address {
    /// Always the same.
    Fixed(Destination),
    /// To be filled in.
    Filled {
        /// What relative URLs are joined to.
        base: Base,
        /// The URL as written.
        url: Template,
        /// Its query parameters.
        query: Vec<Part>,
    },
}

impl Base {
    /// The base of a test.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let destination = whole(url)?;
        let prefix = destination.target.path().trim_end_matches('/').to_owned();
        Ok(Self { origin: destination.origin, prefix, login: destination.login })
    }

    fn resolve(&self, text: &str) -> Result<Destination, String> {
        if is_whole(text) {
            let destination = whole(text)?;
            // The same server as the base: its connections are found by pointer, without comparing names.
            let (there, here) = (&*destination.origin, &*self.origin);
            let origin = if there == here && there.header == here.header {
                Arc::clone(&self.origin)
            } else {
                destination.origin
            };
            return Ok(Destination { origin, ..destination });
        }
        let separator =
            if text.starts_with('/') || text.starts_with('?') || text.is_empty() { "" } else { "/" };
        let target = if self.prefix.is_empty() && separator.is_empty() {
            target(text)?
        } else {
            target(&format!("{}{separator}{text}", self.prefix))?
        };
        Ok(Destination { origin: Arc::clone(&self.origin), target, login: self.login.clone() })
    }
}

impl Address {
    pub(super) fn compile(
        base: &Base,
        url: &Template,
        query: &[(String, Template)],
        secrets: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let address = Self::Filled {
            base: base.clone(),
            url: fold(url, secrets),
            query: encoded_parts(query, secrets),
        };
        match &address {
            Self::Filled { url, query, .. }
                if url.literal().is_some() && query.iter().all(|part| matches!(part, Part::Text(_))) =>
            {
                Ok(Self::Fixed(address.fill(&mut Nothing)?.into_owned()))
            }
            _ => Ok(address),
        }
    }

    /// Fills the address in.
    pub(crate) fn fill(&self, scope: &mut dyn Scope) -> Result<Cow<'_, Destination>, String> {
        let (base, url, query) = match self {
            Self::Fixed(destination) => return Ok(Cow::Borrowed(destination)),
            Self::Filled { base, url, query } => (base, url, query),
        };
        let mut text = url.render(scope);
        // Pages have blanks around URLs, which are no part of them (RFC 3986, appendix C).
        text.truncate(text.trim_ascii_end().len());
        text.drain(..text.len() - text.trim_ascii_start().len());
        // A fragment is never sent.
        if let Some(fragment) = text.find('#') {
            text.truncate(fragment);
        }
        if !query.is_empty() {
            text.push(if text.contains('?') { '&' } else { '?' });
            query.iter().for_each(|part| part.render_into(scope, &mut text));
        }
        base.resolve(&text).map(Cow::Owned)
    }
}

pub(super) fn is_whole(url: &str) -> bool {
    let begins = |scheme: &str| {
        url.get(..scheme.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(scheme))
    };
    begins("http://") || begins("https://")
}

pub(super) fn whole(url: &str) -> Result<Destination, String> {
    let encoded = utf8_percent_encode(url, FORBIDDEN).to_string();
    let uri: Uri = encoded.parse().map_err(|error| format!("{:?} is not a URL: {error}", shown_url(url)))?;
    let origin = Origin::of(&uri).map_err(|error| error.to_string())?;
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let login = uri.authority().and_then(|authority| login(authority.as_str()));
    Ok(Destination { origin: Arc::new(origin), target: target(path)?, login })
}

/// The `Authorization` header that `USER:PASSWORD@` in front of a host stands for, as in curl and k6.
fn login(authority: &str) -> Option<HeaderValue> {
    let (login, _) = authority.rsplit_once('@')?;
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let mut pair: Vec<u8> = percent_decode_str(user).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(password));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

pub(super) fn target(text: &str) -> Result<Uri, String> {
    let slash = if text.starts_with('/') { "" } else { "/" };
    let mut encoded = String::with_capacity(slash.len() + text.len());
    encoded.push_str(slash);
    encoded.extend(utf8_percent_encode(text, FORBIDDEN));
    Uri::try_from(encoded)
        .map_err(|error| format!("{:?} can't be the path of a URL: {error}", shown_url(text)))
}
