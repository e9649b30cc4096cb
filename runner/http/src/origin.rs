// SPDX-License-Identifier: Apache-2.0
//! Where a request goes: scheme, host and port.

use http::{
    HeaderValue, Uri,
    uri::{Authority, Scheme},
};
use upsurge_core::http::{shown_url, written_port};

/// A server as a URL names it. Two are the same if what is connected to is, however it is written (RFC 3986 §6.2.2).
#[derive(Clone, Debug)]
pub struct Origin {
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// Host name in lower case, or address in its usual form, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Value of the `Host` header: host and port as they are written.
    pub header: HeaderValue,
    /// The same as HTTP/2 and proxies want it.
    pub authority: Authority,
}

/// Why a URL leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is not an http:// or https:// URL with a host, and a port if any")]
pub struct OriginError {
    url: String,
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        (self.port, self.tls, &self.host) == (other.port, other.tls, &other.host)
    }
}

impl Eq for Origin {}

impl Origin {
    /// The server of a whole URL.
    pub fn of(uri: &Uri) -> Result<Self, OriginError> {
        let wrong = || OriginError { url: shown_url(&uri.to_string()) };
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(wrong()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let default = if tls { 443 } else { 80 };
        let port = uri.authority().map(written_port).transpose().map_err(|_| wrong())?.flatten();
        let port = port.unwrap_or(default);
        let header = if port == default { host.to_owned() } else { format!("{host}:{port}") };
        Ok(Self {
            tls,
            host: plain(host),
            port,
            header: HeaderValue::from_str(&header).map_err(|_| wrong())?,
            authority: Authority::try_from(header).map_err(|_| wrong())?,
        })
    }

    /// The origin as the beginning of a URL.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }
}

/// A host as all ways to write it come to: `SHOP` and `shop`, `127.1` and `127.0.0.1`, `[::0]` and `::`.
fn plain(host: &str) -> String {
    // Most are written in the plainest way already, and none of them are numbers.
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    let last = host.rsplit('.').next().unwrap_or_default();
    if host.bytes().all(is_plain) && last.starts_with(|first: char| first.is_ascii_lowercase()) {
        return host.to_owned();
    }
    match url::Host::parse(host) {
        Ok(url::Host::Domain(name)) => name,
        Ok(url::Host::Ipv4(address)) => address.to_string(),
        Ok(url::Host::Ipv6(address)) => address.to_string(),
        // Whether there is such a host, the resolver will tell.
        Err(_) => host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Origin {
        Origin::of(&url.parse().unwrap()).unwrap()
    }

    #[test]
    fn hosts_are_the_same_however_they_are_written() {
        for (url, same, host) in [
            ("http://LocalHost:1/", "HTTP://localhost:1", "localhost"),
            ("https://Shop.Example.com", "https://shop.example.com:443/x", "shop.example.com"),
            ("http://127.1/", "http://0x7F000001", "127.0.0.1"),
            ("http://[0:0::1]:8/", "http://[::1]:8", "::1"),
            ("http://[::FFFF:7F00:1]/", "http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
            ("http://My_Service/", "http://my_service/", "my_service"),
            ("http://xn--a/", "http://XN--A/", "xn--a"),
        ] {
            let (one, other) = (of(url), of(same));
            assert_eq!((one.host.as_str(), other.host.as_str()), (host, host));
            assert!(one == other, "{url} {same}");
        }
        for (url, other) in
            [("http://a/", "https://a/"), ("http://a/", "http://a:81/"), ("http://a/", "http://a./")]
        {
            assert!(of(url) != of(other), "{url} {other}");
        }
        // What is sent is what was written (curl).
        assert_eq!(of("http://LocalHost:81/").header, "LocalHost:81");
    }

    #[test]
    fn urls_that_lead_nowhere_are_named_without_what_may_be_secret() {
        for url in ["ftp://u:s3cret@h/x?t=s3cret", "myapp://cb?code=s3cret"] {
            let error = Origin::of(&url.parse().unwrap()).unwrap_err().to_string();
            assert!(error.contains("?…") && !error.contains("s3cret"), "{error}");
        }
    }
}
