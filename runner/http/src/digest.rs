//! Digest authentication (RFC 7616): the answer to a server's challenge.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderValue, header};
use md5::{Digest as _, Md5};
use ring::digest::{SHA256, digest};

/// Who answers.
#[derive(Clone)]
pub struct Identity {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
}

/// What a server asks.
#[derive(Debug, Default, PartialEq, Eq)]
struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Option<String>,
    /// Whether it wants to know how often its nonce was used (`qop=auth`).
    counts: bool,
}

#[derive(Clone, Copy)]
enum Hash {
    Md5,
    Sha256,
}

impl Hash {
    fn hex(self, text: &str) -> String {
        let mut hex = String::with_capacity(64);
        let mut write = |bytes: &[u8]| {
            // Writing to a text can't fail.
            for byte in bytes {
                let _ = write!(hex, "{byte:02x}");
            }
        };
        match self {
            Self::Md5 => write(&Md5::digest(text.as_bytes())),
            Self::Sha256 => write(digest(&SHA256, text.as_bytes()).as_ref()),
        }
        hex
    }
}

/// The `Authorization` header that answers the first challenge that can be answered.
pub fn answer(
    headers: &HeaderMap,
    identity: &Identity,
    method: &str,
    target: &str,
    client_nonce: u64,
) -> Option<HeaderValue> {
    let challenges = headers.get_all(header::WWW_AUTHENTICATE).iter();
    challenges
        .filter_map(|value| Challenge::parse(value.to_str().ok()?))
        .find_map(|challenge| challenge.answer(identity, method, target, client_nonce))
}

impl Challenge {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, mut rest) = text.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let mut challenge = Self::default();
        let mut found = (false, false);
        while let Some((name, value, after)) = parameter(rest) {
            rest = after;
            match name.to_ascii_lowercase().as_str() {
                "realm" => (challenge.realm, found.0) = (value, true),
                "nonce" => (challenge.nonce, found.1) = (value, true),
                "opaque" => challenge.opaque = Some(value),
                "algorithm" => challenge.algorithm = Some(value),
                "qop" => {
                    challenge.counts = value.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth"))
                }
                _ => {}
            }
        }
        (found == (true, true)).then_some(challenge)
    }

    fn answer(
        &self,
        identity: &Identity,
        method: &str,
        target: &str,
        client_nonce: u64,
    ) -> Option<HeaderValue> {
        let algorithm = self.algorithm.as_deref().unwrap_or("MD5").to_ascii_uppercase();
        let (hash, session) = match algorithm.as_str() {
            "MD5" => (Hash::Md5, false),
            "MD5-SESS" => (Hash::Md5, true),
            "SHA-256" => (Hash::Sha256, false),
            "SHA-256-SESS" => (Hash::Sha256, true),
            _ => return None,
        };
        let Self { realm, nonce, .. } = self;
        let Identity { username, password } = identity;
        let client_nonce = format!("{client_nonce:016x}");
        let mut secret = hash.hex(&format!("{username}:{realm}:{password}"));
        if session {
            secret = hash.hex(&format!("{secret}:{nonce}:{client_nonce}"));
        }
        let what = hash.hex(&format!("{method}:{target}"));
        let response = if self.counts {
            hash.hex(&format!("{secret}:{nonce}:00000001:{client_nonce}:auth:{what}"))
        } else {
            hash.hex(&format!("{secret}:{nonce}:{what}"))
        };
        let (username, realm, nonce) = (escaped(username), escaped(realm), escaped(nonce));
        let mut text = format!(
            "Digest username=\"{username}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{target}\", response=\"{response}\""
        );
        if let Some(algorithm) = &self.algorithm {
            text.push_str(&format!(", algorithm={algorithm}"));
        }
        if let Some(opaque) = &self.opaque {
            text.push_str(&format!(", opaque=\"{}\"", escaped(opaque)));
        }
        if self.counts || session {
            text.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{client_nonce}\""));
        }
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The next `name=value` of a list, and what follows it.
fn parameter(text: &str) -> Option<(&str, String, &str)> {
    let text = text.trim_start_matches([' ', ',', '\t']);
    let (name, rest) = text.split_once('=')?;
    let rest = rest.trim_start();
    if let Some(quoted) = rest.strip_prefix('"') {
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => return Some((name.trim(), value, &quoted[at + 1..])),
                '\\' => value.push(characters.next()?.1),
                other => value.push(other),
            }
        }
        return None;
    }
    let end = rest.find(',').unwrap_or(rest.len());
    Some((name.trim(), rest[..end].trim().to_owned(), &rest[end..]))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn respond(challenge: &str, identity: (&str, &str), target: &str) -> String {
        let identity = Identity { username: identity.0.into(), password: identity.1.into() };
        let headers =
            HeaderMap::from_iter([(header::WWW_AUTHENTICATE, HeaderValue::from_str(challenge).unwrap())]);
        answer(&headers, &identity, "GET", target, 0x0a4f_1130_0000_0001)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn the_answer_is_that_of_rfc_2069() {
        // RFC 2069 §2.4 with the erratum's digest.
        let text = respond(
            r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
            ("Mufasa", "CircleOfLife"),
            "/dir/index.html",
        );
        assert!(text.contains(r#"response="1949323746fe6a43ef61f9606e7febea""#), "{text}");
        assert!(
            text.contains(r#"opaque="5ccc069c403ebaf9f0171e9517f40e41""#) && !text.contains("qop"),
            "{text}"
        );
    }

    #[test]
    fn the_digests_are_those_of_rfc_7616() {
        // RFC 7616 §3.9.1, with its client nonce, which is no number here.
        let secret = |hash: Hash| hash.hex("Mufasa:http-auth@example.org:Circle of Life");
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let response = |hash: Hash| {
            let what = hash.hex("GET:/dir/index.html");
            hash.hex(&format!("{}:{nonce}:00000001:{cnonce}:auth:{what}", secret(hash)))
        };
        assert_eq!(response(Hash::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            response(Hash::Sha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn challenges_are_read_as_they_are_written() {
        let challenge = Challenge::parse(
            r#"Digest realm="a \"b\", c", qop="auth-int, auth",nonce=abc , algorithm=SHA-256, stale=false"#,
        );
        let expected = Challenge {
            realm: "a \"b\", c".into(),
            nonce: "abc".into(),
            opaque: None,
            algorithm: Some("SHA-256".into()),
            counts: true,
        };
        assert_eq!(challenge, Some(expected));
        assert_eq!(Challenge::parse("Basic realm=\"x\""), None);
        assert_eq!(Challenge::parse("Digest realm=\"x\""), None);
    }
}
