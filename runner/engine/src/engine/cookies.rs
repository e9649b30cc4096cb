// SPDX-License-Identifier: Apache-2.0
//! The cookies of a user: which a response may set, and which belong to a request.
//!
//! `cookie_store` knows domains, paths and ages. What it leaves out of RFC 6265 and its successor is here: dates in any
//! form, the promises of names, and the order in which cookies are sent.
//! Cookies are texts that hold the bytes of the server's: those are what is sent back.

use std::{borrow::Cow, cell::RefCell, cmp::Reverse, rc::Rc};

use cookie_store::{Cookie, CookieStore, RawCookie};
use http::{HeaderMap, HeaderValue, header, uri::Authority};
use upsurge_http::text;
use url::{Host, Url};

use crate::program::Destination;

/// The cookies of a user: none at first, and then no cost. Clones of shared cookies are the same ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cookies(Option<Rc<RefCell<CookieStore>>>);

impl Cookies {
    /// Lets clones keep cookies for each other.
    pub(super) fn share(&mut self) {
        self.0.get_or_insert_default();
    }

    /// The same cookies, apart from these.
    pub(super) fn copied(&self) -> Self {
        Self(self.0.as_ref().map(|store| Rc::new(RefCell::new(store.borrow().clone()))))
    }

    /// Adds the cookies that belong to a request, and `own` ones. Of the same name, those win that the test wrote into
    /// the header itself, and then its own.
    pub(crate) fn add_to(
        &self,
        headers: &mut Cow<'_, HeaderMap>,
        destination: &Destination,
        own: &[(String, String)],
    ) {
        if self.0.is_none() && own.is_empty() {
            return;
        }
        let written: Vec<Vec<u8>> =
            headers.get_all(header::COOKIE).iter().map(|value| value.as_bytes().to_vec()).collect();
        let is_written = |name: &[u8]| {
            let mut pairs = written.iter().flat_map(|value| value.split(|byte| *byte == b';'));
            pairs.any(|pair| {
                pair.split(|byte| *byte == b'=').next().is_some_and(|known| known.trim_ascii() == name)
            })
        };
        let pair = |name: &[u8], value: &[u8]| [name, b"=", value].concat();
        let own = || own.iter().filter(|(name, _)| !is_written(name.as_bytes()));
        let mut pairs = written.clone();
        pairs.extend(own().map(|(name, value)| pair(name.as_bytes(), value.as_bytes())));
        if let Some(store) = &self.0
            && let Some(url) = url_of(destination, headers)
        {
            let store = store.borrow();
            let mut kept = store.matches(&url);
            // The nearest path first (RFC 6265 §5.4): servers take the first of two with one name.
            kept.sort_by_key(|cookie| Reverse(cookie.path.len()));
            let kept = kept.into_iter().map(|cookie| cookie.name_value());
            let kept = kept.map(|(name, value)| (text::bytes_of(name), text::bytes_of(value)));
            let kept = kept
                .filter(|(name, _)| !is_written(name) && own().all(|(known, _)| known.as_bytes() != &**name));
            pairs.extend(kept.map(|(name, value)| pair(&name, &value)));
        }
        if !pairs.is_empty()
            && let Ok(value) = HeaderValue::from_bytes(&pairs.join(&b"; "[..]))
        {
            headers.to_mut().insert(header::COOKIE, value);
        }
    }

    /// The value of a cookie, whichever host set it; of several, that of the longest path.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let store = self.0.as_ref()?.borrow();
        let text = |held: &str| text::of_bytes(&text::bytes_of(held)).into_owned();
        // Most names are in ASCII and need no second look.
        let is_named = |held: &str| held == name || (!held.is_ascii() && text(held) == name);
        let named = store.iter_unexpired().filter(|cookie| is_named(cookie.name()));
        let nearest = named.max_by_key(|cookie| (cookie.path.len(), cookie.domain.as_cow()));
        nearest.map(|cookie| text(cookie.value()))
    }

    /// Keeps the cookies that a response sets, to a request with the headers `sent`.
    pub(crate) fn keep(&mut self, headers: &HeaderMap, destination: &Destination, sent: &HeaderMap) {
        if !headers.contains_key(header::SET_COOKIE) {
            return;
        }
        let Some(url) = url_of(destination, sent) else { return };
        let mut store = self.0.get_or_insert_default().borrow_mut();
        for text in headers.get_all(header::SET_COOKIE).iter().map(text::holding) {
            let text = with_plain_date(&text);
            let allowed = RawCookie::parse(&*text).ok().filter(|cookie| may_set(cookie, &url));
            let Some(cookie) = allowed else {
                tracing::debug!("cookie was not kept: its name or Secure asks for more than there is");
                continue;
            };
            let cookie = Cookie::try_from_raw_cookie(&cookie, &url).map(Cookie::into_owned);
            let kept = cookie.and_then(|cookie| match hides_secure(&store, &cookie, &url) {
                true => Ok(None),
                false => store.insert(cookie, &url).map(Some),
            });
            match kept {
                Ok(Some(_)) => {}
                Ok(None) => tracing::debug!("cookie was not kept: there is a secure one of its name"),
                Err(error) => tracing::debug!(%error, "cookie was not kept"),
            }
        }
    }
}

/// Whether a cookie that anybody on the way may have written would hide, replace or end one that only goes where nobody
/// listens (RFC 6265bis §5.7).
fn hides_secure(store: &CookieStore, new: &Cookie<'_>, url: &Url) -> bool {
    if new.secure() == Some(true) || is_trustworthy(url) {
        return false;
    }
    let is_below = |name: &str, domain: &str| {
        name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let is_within = |path: &str, folder: &str| {
        let rest = path.strip_prefix(folder);
        rest.is_some_and(|rest| rest.is_empty() || folder.ends_with('/') || rest.starts_with('/'))
    };
    let host = |cookie: &Cookie<'_>| String::from(&cookie.domain);
    let of_new = host(new);
    store.iter_unexpired().any(|kept| {
        let of_kept = host(kept);
        let related = is_below(&of_new, &of_kept) || is_below(&of_kept, &of_new);
        let same = kept.name() == new.name() && is_within(&new.path, &kept.path);
        kept.secure() == Some(true) && same && related
    })
}

/// Whether a server may set a cookie, by what its name promises and by `Secure` (RFC 6265bis §5.7).
fn may_set(cookie: &RawCookie<'_>, url: &Url) -> bool {
    let begins = |prefix: &str| {
        cookie.name().get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    let secure = cookie.secure() == Some(true);
    let (of_host, of_secure) = (begins("__Host-"), begins("__Secure-"));
    let kept = !secure || is_trustworthy(url);
    let named = !(of_host || of_secure) || secure;
    let bound = !of_host || (cookie.domain().is_none() && cookie.path() == Some("/"));
    kept && named && bound
}

/// Whether nobody can listen: over TLS, or on the same machine, as browsers and curl see it.
fn is_trustworthy(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// The text of a cookie with the date of `Expires` in the usual form. Dates are written in many ways, and a cookie whose
/// date is not understood would stay when it is to go; RFC 6265 §5.1.1 says how any of them is read.
fn with_plain_date(text: &str) -> Cow<'_, str> {
    const ATTRIBUTE: &str = "expires=";
    // Behind the name and the value.
    let mut at = text.find(';').map_or(text.len(), |end| end + 1);
    for part in text.split(';').skip(1) {
        let attribute = part.trim_start();
        let begin = at + part.len() - attribute.len() + ATTRIBUTE.len();
        let end = at + part.len();
        at = end + 1;
        let is_date =
            attribute.get(..ATTRIBUTE.len()).is_some_and(|name| name.eq_ignore_ascii_case(ATTRIBUTE));
        if is_date && let Some(date) = text.get(begin..end).and_then(plain_date) {
            let (before, after) = (text.get(..begin), text.get(end..));
            return Cow::Owned(format!("{}{date}{}", before.unwrap_or_default(), after.unwrap_or_default()));
        }
    }
    Cow::Borrowed(text)
}

/// A date as `01 Jan 1970 00:00:00 GMT`; `None` if some of it is missing.
fn plain_date(text: &str) -> Option<String> {
    static MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    // All that is neither a letter nor a digit nor a colon parts the words.
    for word in text.split(|character: char| !(character.is_ascii_alphanumeric() || character == ':')) {
        let number = || word.parse::<u32>().ok();
        if time.is_none() && word.contains(':') {
            let parts: Vec<u32> = word.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
            let &[hour, minute, second] = parts.as_slice() else { return None };
            time = Some(format!("{hour:02}:{minute:02}:{second:02}"));
        } else if day.is_none() && matches!(word.len(), 1 | 2) && number().is_some() {
            day = number();
        } else if month.is_none()
            && let Some(found) =
                word.get(..3).and_then(|begin| MONTHS.iter().find(|month| begin.eq_ignore_ascii_case(month)))
        {
            month = Some(*found);
        } else if year.is_none() && matches!(word.len(), 2 | 4) && number().is_some() {
            year = number().map(|year| match year {
                0..70 => year + 2000,
                70..100 => year + 1900,
                year => year,
            });
        }
    }
    Some(format!("{:02} {} {:04} {} GMT", day?, month?, year?, time?))
}

/// The URL that cookies go by: its host is the one that the server is told, as in curl and Go. A test that reaches a
/// server by another way than its users asks for their host.
fn url_of(destination: &Destination, headers: &HeaderMap) -> Option<Url> {
    let Destination { origin, target, .. } = destination;
    let told = headers.get(header::HOST).filter(|told| **told != origin.header);
    let told = told.and_then(|told| told.to_str().ok()?.parse::<Authority>().ok());
    let scheme = if origin.tls { "https" } else { "http" };
    let url = match told {
        Some(told) => Url::parse(&format!("{scheme}://{}{target}", told.host())),
        None => Url::parse(&format!("{scheme}://{}{target}", origin.authority)),
    };
    url.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_however_they_are_written() {
        let plain = "a=b; Expires=01 Jan 1970 00:00:01 GMT; Path=/";
        for date in [
            "Thu, 01 Jan 1970 00:00:01 GMT",
            "Thu, 01-Jan-1970 00:00:01 GMT",
            "Thursday, 01-Jan-70 00:00:01 GMT",
            "Thu Jan  1 00:00:01 1970",
            "Thu, 01 Jan 1970 00:00:01 -0000",
            "Thu, 1 Jan 1970 0:00:01 UTC",
            "1 january 1970 00:00:01",
        ] {
            assert_eq!(with_plain_date(&format!("a=b; Expires={date}; Path=/")), plain, "{date}");
        }
        for other in [
            "a=expires=1 Jan 1970",
            "a=b; expires=soon",
            "a=b; expires=1 Jan 1970 1:2",
            "",
            ";;\u{e9}; expires=\u{e9}",
        ] {
            assert_eq!(with_plain_date(other), other);
        }
    }

    #[test]
    fn names_and_secure_promise_what_must_hold() {
        let may =
            |cookie: &str, url: &str| may_set(&RawCookie::parse(cookie).unwrap(), &Url::parse(url).unwrap());
        for cookie in ["__Host-a=1; Secure; Path=/", "__Secure-a=1; Secure; Domain=x.test", "a=1; Secure"] {
            assert!(may(cookie, "https://x.test/") && may(cookie, "http://127.0.0.1/"), "{cookie}");
            assert!(!may(cookie, "http://x.test/"), "{cookie}");
        }
        for cookie in [
            "__Host-a=1; Path=/",
            "__host-a=1; Secure; Path=/x",
            "__Host-a=1; Secure",
            "__Host-a=1; Secure; Path=/; Domain=x.test",
            "__Secure-a=1",
        ] {
            assert!(!may(cookie, "https://x.test/"), "{cookie}");
        }
        assert!(may("a=1", "http://x.test/"));
    }
}
