// SPDX-License-Identifier: Apache-2.0
//! Proxies: which one a request goes through, and how a tunnel through one is made.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Uri, header, uri::Scheme};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use upsurge_core::{
    http::{self as settings, Bypass},
    template::Piece,
};

use super::{error::TransportError, h1, message::Message, origin::Origin, setup_error::SetupError};

/// Most bytes of a proxy's answer to CONNECT.
const LONGEST_ANSWER: usize = 16 << 10;

/// Proxies by scheme.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    http: Option<Arc<Proxy>>,
    https: Option<Arc<Proxy>>,
    bypass: Bypass,
    /// Whether loopback addresses are connected to directly, as proxies of the environment demand.
    loopback: bool,
}

/// A proxy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// Host name or address.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
    /// Value of `Proxy-Authorization`.
    pub(crate) authorization: Option<HeaderValue>,
}

impl Proxies {
    /// Reads the settings, and the environment if they say so.
    pub(crate) fn compile(
        settings: &settings::Proxy,
        secrets: &BTreeMap<String, String>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, SetupError> {
        let own = |template: &Option<upsurge_core::template::Template>, field: &str| {
            let Some(template) = template else { return Ok(None) };
            let text: String = template
                .pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text.as_str(),
                    Piece::Secret(name) => secrets.get(name).map_or("", String::as_str),
                    Piece::Variable(_) | Piece::Call(_) => "",
                })
                .collect();
            Proxy::parse(&text, &format!("spec.http.proxy.{field}")).map(Some)
        };
        let (mut http, mut https) = (own(&settings.http, "http")?, own(&settings.https, "https")?);
        let mut bypass = settings.bypass.clone();
        let mut loopback = false;
        if settings.from_environment {
            let lookup = |name: &str| {
                let names = [name.to_owned(), name.to_ascii_lowercase()];
                names
                    .into_iter()
                    .find_map(|name| Some((environment(&name)?, name)))
                    .filter(|(v, _)| !v.is_empty())
            };
            for (name, proxy) in [("HTTP_PROXY", &mut http), ("HTTPS_PROXY", &mut https)] {
                if let (None, Some((url, name))) = (&proxy, lookup(name)) {
                    let url = if url.contains("://") { url } else { format!("http://{url}") };
                    *proxy = Some(Proxy::parse(&url, &format!("environment variable {name}"))?);
                    loopback = true;
                }
            }
            if let (None, Some((list, name))) = (&bypass, lookup("NO_PROXY")) {
                let mut found = Bypass::default();
                let entries = list.split(|character: char| character == ',' || character.is_whitespace());
                for entry in entries.filter(|entry| !entry.is_empty()) {
                    if let Err(error) = found.add(entry) {
                        tracing::warn!(name, %error, "entry ignored");
                    }
                }
                bypass = Some(found);
            }
        }
        Ok(Self {
            http: http.map(Arc::new),
            https: https.map(Arc::new),
            bypass: bypass.unwrap_or_default(),
            loopback,
        })
    }

    /// The proxy for a server; `tunnel` tells whether bytes are to pass through it untouched.
    pub(crate) fn find(&self, origin: &Origin, tunnel: bool) -> Option<&Arc<Proxy>> {
        let proxy = if tunnel { self.https.as_ref() } else { self.http.as_ref() }?;
        let local = self.loopback && is_loopback(&origin.host);
        (!local && !self.bypass.contains(&origin.host, origin.port)).then_some(proxy)
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Proxy {
    fn parse(url: &str, field: &str) -> Result<Self, SetupError> {
        // The URL may hold a password: messages don't repeat it.
        let wrong =
            |message: &str| SetupError::Proxy { field: field.to_owned(), message: message.to_owned() };
        let uri: Uri = url.parse().map_err(|_| wrong("not a URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("not an http:// URL: proxies are spoken to over plain HTTP"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("the URL has no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let authorization = match authority.as_str().rsplit_once('@') {
            None => None,
            Some((user, _)) => {
                let (name, password) = user.split_once(':').unwrap_or((user, ""));
                let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
                let pair = STANDARD.encode(format!("{}:{}", decoded(name), decoded(password)));
                let mut value = HeaderValue::try_from(format!("Basic {pair}"))
                    .map_err(|_| wrong("credentials can't be sent"))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let port = settings::written_port(authority).map_err(|error| wrong(&error.to_string()))?;
        Ok(Self { host, port: port.unwrap_or(80), authorization })
    }

    /// Target and headers of a request that the proxy is to forward: a whole URL, and credentials.
    pub(crate) fn forwarded(
        &self,
        origin: &Origin,
        message: Message<'_>,
    ) -> Result<(Uri, HeaderMap), TransportError> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(origin.authority.clone());
        parts.path_and_query = message.target.path_and_query().cloned();
        let target = Uri::from_parts(parts).map_err(|error| TransportError::Invalid(error.to_string()))?;
        let mut headers = message.headers.clone();
        if let Some(value) = &self.authorization {
            headers.insert(header::PROXY_AUTHORIZATION, value.clone());
        }
        Ok((target, headers))
    }

    /// Asks the proxy for a tunnel to a server.
    pub(crate) async fn tunnel<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        transport: &mut T,
        origin: &Origin,
    ) -> Result<(), TransportError> {
        let host = if origin.host.contains(':') { format!("[{}]", origin.host) } else { origin.host.clone() };
        let place = format!("{host}:{}", origin.port);
        let mut request = format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n").into_bytes();
        if let Some(value) = &self.authorization {
            request.extend_from_slice(b"proxy-authorization: ");
            request.extend_from_slice(value.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        let broken = |error: std::io::Error| TransportError::Proxy(format!("the proxy broke off: {error}"));
        transport.write_all(&request).await.map_err(broken)?;
        transport.flush().await.map_err(broken)?;
        let mut answer = Vec::new();
        loop {
            if answer.len() == LONGEST_ANSWER {
                return Err(TransportError::Proxy("the proxy's answer to CONNECT is too long".into()));
            }
            // One byte at a time: what follows the answer belongs to the tunnel.
            answer.push(transport.read_u8().await.map_err(broken)?);
            if !(answer.ends_with(b"\n\r\n") || answer.ends_with(b"\n\n")) {
                continue;
            }
            let head = h1::read_head(&answer, |response, _| {
                Ok((response.code.unwrap_or_default(), response.reason.unwrap_or_default().to_owned()))
            });
            match head {
                // Blank lines before the answer.
                Ok(None) => {}
                Ok(Some((100..=199, _))) => answer.clear(),
                Ok(Some((200..=299, _))) => return Ok(()),
                Ok(Some((code, reason))) => {
                    return Err(TransportError::Proxy(format!(
                        "the proxy refuses a tunnel to {place}: {code} {reason}"
                    )));
                }
                Err(_) => {
                    return Err(TransportError::Proxy("the proxy's answer to CONNECT is not HTTP".into()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Origin {
        Origin::of(&url.parse().unwrap()).unwrap()
    }

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, SetupError> {
        let settings = settings::Proxy { from_environment: true, ..settings::Proxy::default() };
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        Proxies::compile(&settings, &BTreeMap::new(), &find)
    }

    #[test]
    fn the_environment_names_proxies_in_upper_and_lower_case() {
        let proxies = proxies(&[
            ("HTTP_PROXY", "http://us%40er:p%3Aw@one:3128"),
            ("https_proxy", "two"),
            ("no_proxy", "shop.svc, .local,10.0.0.0/8 only.test:81"),
        ])
        .unwrap();
        let one = proxies.find(&origin("http://a.com"), false).unwrap();
        let expected = format!("Basic {}", STANDARD.encode("us@er:p:w"));
        assert_eq!((one.host.as_str(), one.port), ("one", 3128));
        assert_eq!(one.authorization.as_ref().unwrap(), expected.as_str());
        let two = proxies.find(&origin("https://a.com"), true).unwrap();
        assert_eq!((two.host.as_str(), two.port, &two.authorization), ("two", 80, &None));
        for direct in [
            "http://shop.svc",
            "http://a.shop.svc",
            "http://a.local",
            "http://10.1.2.3",
            "http://only.test:81",
            "http://localhost",
            "http://127.0.0.1",
        ] {
            assert_eq!(proxies.find(&origin(direct), false), None, "{direct}");
        }
        assert!(proxies.find(&origin("http://only.test:82"), false).is_some());
    }

    #[test]
    fn urls_that_are_no_proxies_are_refused_without_repeating_them() {
        for url in [
            "socks5://user:secret@host:1080",
            "https://user:secret@host",
            "http://",
            "http://user:secret@host:99999",
        ] {
            let error = proxies(&[("HTTP_PROXY", url)]).unwrap_err().to_string();
            assert!(
                error.starts_with("environment variable HTTP_PROXY:") && !error.contains("secret"),
                "{error}"
            );
        }
    }

    /// What comes of an answer to CONNECT, and how much of what follows is left for the tunnel.
    async fn tunnelled(answer: &[u8]) -> (Result<(), String>, usize) {
        let proxy = Proxy { host: "proxy".into(), port: 3128, authorization: None };
        let (mut ours, mut theirs) = tokio::io::duplex(1 << 16);
        theirs.write_all(answer).await.unwrap();
        theirs.write_all(b"tunnel").await.unwrap();
        theirs.shutdown().await.unwrap();
        let result = proxy.tunnel(&mut ours, &origin("https://shop")).await;
        let mut rest = Vec::new();
        ours.read_to_end(&mut rest).await.unwrap();
        (result.map_err(|error| error.to_string()), rest.len())
    }

    #[tokio::test]
    async fn answers_to_connect_are_read_as_leniently_as_others() {
        let many: String = (0..150).map(|number| format!("X-{number}: a\r\n")).collect();
        for answer in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.0 200 Connection established\r\nVia: a\r\n\tb\r\n\r\n",
            "HTTP/1.1 200 OK\r\nServer : x\r\n\r\n",
            "HTTP/1.1 200 OK\nVia: a\n\n",
            "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            // Neither says anything of what follows (RFC 9110 §9.3.6).
            "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n",
            &format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
        ] {
            assert_eq!(tunnelled(answer.as_bytes()).await, (Ok(()), 6), "{answer}");
        }
        for (answer, words) in [
            ("HTTP/1.1 407 Who\nX: a\n b\n\n", "refuses a tunnel to shop:443: 407 Who"),
            ("SSH-2.0-x\r\n\r\n", "is not HTTP"),
            ("HTTP/1.1 200 OK\r\nX", "broke off"),
        ] {
            let error = tunnelled(answer.as_bytes()).await.0.unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(LONGEST_ANSWER));
        assert!(tunnelled(endless.as_bytes()).await.0.unwrap_err().contains("too long"));
    }
}
