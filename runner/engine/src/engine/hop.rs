//! One message of a request: the first one, or one after a redirect.

use std::borrow::Cow;

use http::{HeaderMap, Method, StatusCode, header};
use upsurge_core::template::Scope as _;
use upsurge_http::{digest, message::Incoming, payload::Payload};

use super::user::Variables;
use crate::program::{Destination, Request, join};

/// A message on its way, the first one or after a redirect.
pub(super) struct Hop<'a> {
    /// How.
    pub(super) method: Method,
    /// Where to.
    pub(super) destination: Cow<'a, Destination>,
    /// With what headers.
    pub(super) headers: Cow<'a, HeaderMap>,
    /// And what body.
    pub(super) body: Payload,
    /// Cookies of the request itself.
    pub(super) cookies: Vec<(String, String)>,
    /// Whether a challenge was answered already.
    pub(super) challenged: bool,
}

impl Hop<'_> {
    /// Where a response redirects to, in the manner of browsers: 301, 302 and 303 turn everything but
    /// HEAD into GET, 307 and 308 repeat the request.
    pub(super) fn redirected(
        &self,
        response: &Incoming,
        request: &Request,
    ) -> Option<Result<Box<Hop<'static>>, String>> {
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

    fn to(&self, destination: Destination, repeats: bool) -> Box<Hop<'static>> {
        let mut headers = HeaderMap::clone(&self.headers);
        headers.insert(header::HOST, destination.origin.header.clone());
        let mut cookies = self.cookies.clone();
        if destination.origin != self.destination.origin {
            // Credentials are for the server they were written for.
            headers.remove(header::AUTHORIZATION);
            headers.remove(header::COOKIE);
            cookies.clear();
        }
        // The answer to a challenge holds for one target.
        if self.challenged {
            headers.remove(header::AUTHORIZATION);
        }
        let (mut method, mut body) = (self.method.clone(), self.body.clone());
        if !repeats {
            headers.remove(header::CONTENT_TYPE);
            headers.remove(header::CONTENT_ENCODING);
            body = Payload::default();
            if method != Method::HEAD {
                method = Method::GET;
            }
        }
        let destination = Cow::Owned(destination);
        let headers = Cow::Owned(headers);
        Box::new(Hop { method, destination, headers, body, cookies, challenged: false })
    }

    /// The same message with an answer to the server's challenge, if there is one and there was none yet.
    pub(super) fn answering(
        &self,
        response: &Incoming,
        request: &Request,
        variables: &mut Variables,
    ) -> Option<Box<Hop<'static>>> {
        if response.status != StatusCode::UNAUTHORIZED || self.challenged {
            return None;
        }
        let identity = request.auth.as_ref()?.identity(&self.destination, variables)?;
        let target = self.destination.target.to_string();
        let method = self.method.as_str();
        let answer = digest::answer(&response.headers, &identity, method, &target, variables.random())?;
        let mut headers = HeaderMap::clone(&self.headers);
        headers.insert(header::AUTHORIZATION, answer);
        Some(Box::new(Hop {
            method: self.method.clone(),
            destination: Cow::Owned(Destination::clone(&self.destination)),
            headers: Cow::Owned(headers),
            body: self.body.clone(),
            cookies: self.cookies.clone(),
            challenged: true,
        }))
    }
}
