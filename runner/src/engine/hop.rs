//! One message of a request: the first one, or one after a redirect.

use std::borrow::Cow;

use http::{HeaderMap, Method, StatusCode, header};

use crate::{
    http::message::Incoming,
    program::{Destination, Request, join},
};

/// A message on its way, the first one or after a redirect.
pub(super) struct Hop<'a> {
    /// How.
    pub(super) method: Method,
    /// Where to.
    pub(super) destination: Destination,
    /// With what headers.
    pub(super) headers: Cow<'a, HeaderMap>,
    /// And what body.
    pub(super) body: bytes::Bytes,
}

impl Hop<'_> {
    /// Where a response redirects to, in the manner of browsers: 301, 302 and 303 turn everything but
    /// HEAD into GET, 307 and 308 repeat the request.
    pub(super) fn redirected(
        &self,
        response: &Incoming,
        request: &Request,
    ) -> Option<Result<Hop<'static>, String>> {
        let repeats = match response.status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => false,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
            _ => return None,
        };
        if request.wants_redirect(response.status.as_u16()) {
            return None;
        }
        let location = response.headers.get(header::LOCATION)?.to_str().ok()?;
        Some(join(&self.destination, location).map(|destination| self.to(destination, repeats)))
    }

    fn to(&self, destination: Destination, repeats: bool) -> Hop<'static> {
        let mut headers = HeaderMap::clone(&self.headers);
        headers.insert(header::HOST, destination.origin.header.clone());
        if destination.origin != self.destination.origin {
            // Credentials are for the server they were written for.
            headers.remove(header::AUTHORIZATION);
            headers.remove(header::COOKIE);
        }
        if repeats {
            let (method, body) = (self.method.clone(), self.body.clone());
            return Hop { method, destination, headers: Cow::Owned(headers), body };
        }
        headers.remove(header::CONTENT_TYPE);
        let method = if self.method == Method::HEAD { Method::HEAD } else { Method::GET };
        Hop { method, destination, headers: Cow::Owned(headers), body: bytes::Bytes::new() }
    }
}
