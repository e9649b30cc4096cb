// SPDX-License-Identifier: Apache-2.0
//! Where redirects lead (RFC 3986 §5.2). Of a path nothing is changed but `.` and `..`: `url` follows the rules of
//! browsers, which read `%2e` as a dot and `\` as a slash, and would ask for something else than the server named.

use std::{borrow::Cow, sync::Arc};

use http::Uri;
use upsurge_core::http::shown_url;

use super::address::{Destination, is_whole, target, whole};

/// Where a `Location` header leads, seen from the request that it answers.
pub(crate) fn join(from: &Destination, location: &str) -> Result<Destination, String> {
    let failed = |why: &str| format!("can't follow a redirect to {:?}: {why}", shown(location));
    let location = location.trim();
    // A fragment is never sent.
    let location = location.split_once('#').map_or(location, |(before, _)| before);
    let url = if location.starts_with("//") {
        Cow::Owned(format!("{}:{location}", if from.origin.tls { "https" } else { "http" }))
    } else if is_whole(location) {
        Cow::Borrowed(location)
    } else if scheme(location).is_some() {
        return Err(failed("it is not an http:// or https:// URL"));
    } else {
        let target = target(&without_dots(&merged(&from.target, location)))?;
        return Ok(Destination { origin: Arc::clone(&from.origin), target, login: None });
    };
    let there = whole(&in_ascii(&url).map_err(|error| failed(&error.to_string()))?)?;
    let target = target(&without_dots(&there.target.to_string()))?;
    let origin = if *there.origin == *from.origin { Arc::clone(&from.origin) } else { there.origin };
    Ok(Destination { origin, target, login: there.login })
}

/// A location in a message. What stands in a URL of another scheme, only who made it knows.
fn shown(location: &str) -> String {
    match scheme(location) {
        Some(scheme) if !location.starts_with(&format!("{scheme}://")) => format!("{scheme}:…"),
        _ => shown_url(location),
    }
}

fn scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once(':')?;
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_scheme =
        scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(is_part);
    is_scheme.then_some(scheme)
}

/// Path and query of a relative URL.
fn merged(here: &Uri, location: &str) -> String {
    let path = here.path();
    match location.chars().next() {
        None => here.to_string(),
        Some('/') => location.to_owned(),
        Some('?') => format!("{path}{location}"),
        Some(_) => {
            let folder = path.rfind('/').and_then(|end| path.get(..=end)).unwrap_or("/");
            format!("{folder}{location}")
        }
    }
}

/// A target without the segments `.` and `..` of its path (RFC 3986 §5.2.4).
fn without_dots(target: &str) -> Cow<'_, str> {
    let end = target.find('?').unwrap_or(target.len());
    let (path, query) = target.split_at(end);
    if !path.contains("/.") {
        return Cow::Borrowed(target);
    }
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            other => {
                kept.push(other);
                continue;
            }
        }
        if segments.peek().is_none() {
            // A folder.
            kept.push("");
        }
    }
    Cow::Owned(format!("/{}{query}", kept.join("/")))
}

/// A whole URL with its host in ASCII: servers write names of other scripts as they are, in UTF-8 or in its escapes.
fn in_ascii(url: &str) -> Result<Cow<'_, str>, url::ParseError> {
    let begin = url.find("//").map_or(0, |at| at + 2);
    let rest = url.get(begin..).unwrap_or_default();
    let authority = rest.find(['/', '?']).map_or(rest, |end| rest.get(..end).unwrap_or_default());
    let begin = begin + authority.rfind('@').map_or(0, |at| at + 1);
    let place = authority.rsplit('@').next().unwrap_or_default();
    let host = match place.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => place,
    };
    if !host.contains('%') || host.starts_with('[') {
        return Ok(Cow::Borrowed(url));
    }
    let plain = url::Host::parse(host)?;
    let (before, behind) = (url.get(..begin), url.get(begin + host.len()..));
    Ok(Cow::Owned(format!("{}{plain}{}", before.unwrap_or_default(), behind.unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(url: &str, location: &str) -> Result<String, String> {
        let there = join(&whole(url).unwrap(), location)?;
        Ok(format!("{}{}", there.origin.url(), there.target))
    }

    #[test]
    fn redirects_lead_where_rfc_3986_says() {
        // RFC 3986 §5.4.
        for (location, expected) in [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"),
            ("g#s", "/b/c/g"),
            ("g?y#s", "/b/c/g?y"),
            (";x", "/b/c/;x"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../g", "/g"),
            ("../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            (".g", "/b/c/.g"),
            ("g..", "/b/c/g.."),
            ("./../g", "/b/g"),
            ("./g/.", "/b/c/g/"),
            ("g;x=1/../y", "/b/c/y"),
            ("g?y/../x", "/b/c/g?y/../x"),
            (" g\t", "/b/c/g"),
        ] {
            let there = from("http://a/b/c/d;p?q", location);
            assert_eq!(there, Ok(format!("http://a{expected}")), "{location}");
        }
        for (location, expected) in [
            ("//g", "https://g/"),
            ("//g:81/x?y", "https://g:81/x?y"),
            ("http://g", "http://g/"),
            ("HTTP://G/x/../y?z", "http://G/y?z"),
        ] {
            assert_eq!(from("https://a/b", location), Ok(expected.to_owned()), "{location}");
        }
    }

    #[test]
    fn paths_are_those_that_the_server_names() {
        // As curl 7.88 and Go ask for them; a backslash is escaped as in Go.
        for (location, expected) in [
            ("/ok/%2e%2e/b", "/ok/%2e%2e/b"),
            ("%2E", "/%2E"),
            ("/a\\b", "/a%5Cb"),
            ("/a//b///c", "/a//b///c"),
            ("/q?a='b'&c=\\", "/q?a='b'&c=%5C"),
            ("/a b|c", "/a%20b%7Cc"),
            ("/%zz%", "/%zz%"),
        ] {
            assert_eq!(from("http://a/b", location), Ok(format!("http://a{expected}")), "{location}");
        }
        // Nor does a relative one change the path that it starts from.
        assert_eq!(from("http://a/x/%2e%2e/y", "z"), Ok("http://a/x/%2e%2e/z".into()));
    }

    #[test]
    fn hosts_of_other_scripts_and_logins_are_understood() {
        let there = from("http://a/", "http://u%3a:p%40@b%C3%BCcher.example:81/%C3%BC?x@y").unwrap();
        assert_eq!(there, "http://xn--bcher-kva.example:81/%C3%BC?x@y");
        let there = join(&whole("http://a/").unwrap(), "http://u:p@b/").unwrap();
        assert_eq!(there.login.unwrap(), "Basic dTpw");
        let there = join(&whole("http://LocalHost:1/").unwrap(), "http://localhost:1/x").unwrap();
        assert_eq!(there.origin.header, "LocalHost:1", "the same server, by the name that it was asked by");
    }

    #[test]
    fn what_is_not_followed_is_named_without_what_may_be_secret() {
        for (location, named) in [
            ("myapp://cb?code=s3cret", "myapp://cb?…"),
            ("ftp://u:s3cret@h/x?t=s3cret", "ftp://****@h/x?…"),
            ("mailto:s3cret@x", "mailto:…"),
            ("myapp:s3cret?next=http://x", "myapp:…"),
            ("http://u:s3cret@:1/x?t=s3cret", "http://****@:1/x?…"),
            ("http://u:s3cret@h:x/y#s3cret", "http://****@h:x/y"),
            ("http://u:s3cret@h:99999/y?s3cret", "http://****@h:99999/y?…"),
            ("https://u:s3cret@%20/x?t=s3cret", "https://****@%20/x?…"),
            ("http:/x?t=s3cret", "http:…"),
        ] {
            let message = from("http://a/b?own=s3cret", location).unwrap_err();
            assert!(message.contains(named) && !message.contains("s3cret"), "{location}: {message}");
        }
    }
}
