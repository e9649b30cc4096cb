// SPDX-License-Identifier: Apache-2.0
//! Digest authentication (RFC 7616): the answer to a server's challenge.
//!
//! The answer's hashes are those that the rest of the program has, and its client nonce is the user's own random number.
//! What the server wrote is bytes, hashed and sent back as they are (curl): whose realm is in Latin-1 hashes it so.

mod challenge;

use std::fmt::Write as _;

use http::{HeaderMap, HeaderValue, header};
use md5::{Digest as _, Md5};
use ring::digest::{Algorithm, SHA256, SHA512_256, digest};

use self::challenge::{Parameters, digests};
use super::payload::Payload;

/// Who answers.
#[derive(Clone)]
pub struct Identity {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
    /// A number that nobody can guess.
    pub client_nonce: u64,
}

/// What was asked for when the server challenged.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Method.
    pub method: &'a str,
    /// Path and query.
    pub target: String,
    /// Body.
    pub body: &'a Payload,
    /// Whether it was answered before, so that only a new nonce for the old one is a reason to answer again.
    pub only_stale: bool,
}

/// What a server asks.
#[derive(Debug, Default, PartialEq, Eq)]
struct Challenge {
    realm: Vec<u8>,
    nonce: Vec<u8>,
    opaque: Option<Vec<u8>>,
    algorithm: Option<String>,
    protection: Protection,
    stale: bool,
    hashes_name: bool,
}

/// What the answer covers (`qop`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Protection {
    /// As in RFC 2069: the server says nothing of it.
    #[default]
    Unnamed,
    /// The request line, and how often the nonce was used.
    Auth,
    /// The body as well.
    AuthInt,
    /// What nobody knows.
    Unknown,
}

#[derive(Clone, Copy)]
enum Hash {
    Md5,
    Of(&'static Algorithm),
}

impl Hash {
    fn hex(self, bytes: impl AsRef<[u8]>) -> String {
        let bytes = bytes.as_ref();
        let mut hex = String::with_capacity(64);
        let mut write = |bytes: &[u8]| {
            // Writing to a text can't fail.
            for byte in bytes {
                let _ = write!(hex, "{byte:02x}");
            }
        };
        match self {
            Self::Md5 => write(&Md5::digest(bytes)),
            Self::Of(algorithm) => write(digest(algorithm, bytes).as_ref()),
        }
        hex
    }
}

/// The `Authorization` header that answers the first challenge that can be answered.
pub fn answer(headers: &HeaderMap, identity: &Identity, asked: &Asked<'_>) -> Option<HeaderValue> {
    headers.get_all(header::WWW_AUTHENTICATE).iter().find_map(|value| {
        // Servers list what they prefer first (RFC 7616 §3.7).
        let mut challenges = digests(value.as_bytes()).into_iter().filter_map(Challenge::of);
        challenges.find_map(|challenge| challenge.answer(identity, asked))
    })
}

impl Challenge {
    fn of(parameters: Parameters<'_>) -> Option<Self> {
        let bytes = |name: &str| {
            let mut named =
                parameters.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
            named.next().map(|(_, value)| value.clone())
        };
        let find = |name: &str| String::from_utf8(bytes(name)?).ok();
        let is_true = |name: &str| find(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        Some(Self {
            realm: bytes("realm")?,
            nonce: bytes("nonce")?,
            opaque: bytes("opaque"),
            algorithm: find("algorithm"),
            protection: find("qop").map_or(Protection::Unnamed, |offered| Protection::of(&offered)),
            stale: is_true("stale"),
            hashes_name: is_true("userhash"),
        })
    }

    fn answer(&self, identity: &Identity, asked: &Asked<'_>) -> Option<HeaderValue> {
        if self.protection == Protection::Unknown || (asked.only_stale && !self.stale) {
            return None;
        }
        let algorithm = self.algorithm.as_deref().unwrap_or("MD5").to_ascii_uppercase();
        let (name, session) = match algorithm.strip_suffix("-SESS") {
            Some(name) => (name, true),
            None => (algorithm.as_str(), false),
        };
        let hash = match name {
            "MD5" => Hash::Md5,
            "SHA-256" => Hash::Of(&SHA256),
            "SHA-512-256" => Hash::Of(&SHA512_256),
            _ => return None,
        };
        let Self { realm, nonce, .. } = self;
        let Identity { username, password, client_nonce } = identity;
        let client_nonce = format!("{client_nonce:016x}");
        let joined = |parts: &[&[u8]]| hash.hex(parts.join(&b':'));
        let mut secret = joined(&[username.as_bytes(), realm, password.as_bytes()]);
        if session {
            secret = joined(&[secret.as_bytes(), nonce, client_nonce.as_bytes()]);
        }
        let Asked { method, target, .. } = asked;
        let what = match self.protection {
            Protection::AuthInt => {
                let mut body = Vec::with_capacity(asked.body.len());
                asked.body.write_to(&mut body);
                hash.hex(format!("{method}:{target}:{}", hash.hex(body)))
            }
            _ => hash.hex(format!("{method}:{target}")),
        };
        let response = match self.protection.as_str() {
            Some(qop) => joined(&[
                secret.as_bytes(),
                nonce,
                format!("00000001:{client_nonce}:{qop}:{what}").as_bytes(),
            ]),
            None => joined(&[secret.as_bytes(), nonce, what.as_bytes()]),
        };
        let hashed = self.hashes_name.then(|| joined(&[username.as_bytes(), realm]));
        let username = hashed.as_deref().unwrap_or(username);
        let mut answer = b"Digest ".to_vec();
        quote(&mut answer, "username", username.as_bytes());
        quote(&mut answer, ", realm", realm);
        quote(&mut answer, ", nonce", nonce);
        quote(&mut answer, ", uri", target.as_bytes());
        quote(&mut answer, ", response", response.as_bytes());
        if let Some(algorithm) = &self.algorithm {
            answer.extend_from_slice(format!(", algorithm={algorithm}").as_bytes());
        }
        if let Some(opaque) = &self.opaque {
            quote(&mut answer, ", opaque", opaque);
        }
        if hashed.is_some() {
            answer.extend_from_slice(b", userhash=true");
        }
        if let Some(qop) = self.protection.as_str() {
            answer.extend_from_slice(format!(", qop={qop}, nc=00000001").as_bytes());
        }
        if session || self.protection.as_str().is_some() {
            quote(&mut answer, ", cnonce", client_nonce.as_bytes());
        }
        let mut value = HeaderValue::from_bytes(&answer).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Protection {
    /// The cheapest of those that a server offers.
    fn of(offered: &str) -> Self {
        let offers = |wanted: &str| offered.split(',').any(|qop| qop.trim().eq_ignore_ascii_case(wanted));
        match () {
            () if offers("auth") => Self::Auth,
            () if offers("auth-int") => Self::AuthInt,
            () => Self::Unknown,
        }
    }

    fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Auth => Some("auth"),
            Self::AuthInt => Some("auth-int"),
            Self::Unnamed | Self::Unknown => None,
        }
    }
}

/// Adds a parameter as a quoted string.
fn quote(answer: &mut Vec<u8>, name: &str, value: &[u8]) {
    answer.extend_from_slice(name.as_bytes());
    answer.extend_from_slice(b"=\"");
    for byte in value {
        if matches!(byte, b'\\' | b'"') {
            answer.push(b'\\');
        }
        answer.push(*byte);
    }
    answer.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: u64 = 0x0a4f_1130_0000_0001;

    fn try_respond(challenge: &str, identity: (&str, &str), asked: &Asked<'_>) -> Option<String> {
        let identity =
            Identity { username: identity.0.into(), password: identity.1.into(), client_nonce: NONCE };
        let headers =
            HeaderMap::from_iter([(header::WWW_AUTHENTICATE, HeaderValue::from_str(challenge).unwrap())]);
        answer(&headers, &identity, asked).map(|value| value.to_str().unwrap().to_owned())
    }

    fn respond(challenge: &str, identity: (&str, &str), target: &str) -> String {
        try_respond(challenge, identity, &get(target, &Payload::default(), false)).unwrap()
    }

    fn get<'a>(target: &str, body: &'a Payload, only_stale: bool) -> Asked<'a> {
        Asked { method: "GET", target: target.into(), body, only_stale }
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
            hash.hex(format!("{}:{nonce}:00000001:{cnonce}:auth:{what}", secret(hash)))
        };
        assert_eq!(response(Hash::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            response(Hash::Of(&SHA256)),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn a_challenge_is_found_wherever_it_stands_in_a_list() {
        let digest = r#"Digest realm="a \"b\", c", qop="auth-int, auth",nonce=abc , algorithm=SHA-256"#;
        let lists = [
            digest.to_owned(),
            format!("Basic realm=\"r, Digest\", {digest}"),
            format!("{digest}, Basic realm=\"r\""),
            format!("Negotiate, NTLM, {digest}"),
            format!("Basic realm=\"Zug\u{e4}nge\", {digest}"),
            format!("Digest realm=\"x\", nonce=\"y\", algorithm=SHA-3, {digest}"),
            // Challenges of others, which are no parameters (RFC 9110 §11.2).
            format!("Negotiate YIIabc/+_==, {digest}"),
            format!("Negotiate YIIabc, {digest}"),
            format!("{digest}, NTLM TlRM=="),
            format!("NTLM TlRM=,{digest},Negotiate a="),
            // What curl reads as well: no commas between parameters, other blanks, commas too many.
            digest.replace(',', " ").replace("b\\\"  c", "b\\\", c").replace("auth-int  ", "auth-int, "),
            digest.replace('=', " = ").replace("Digest ", ", ,digest\t "),
        ];
        for list in lists {
            let answer = respond(&list, ("u", "p"), "/");
            assert!(answer.contains(r#"realm="a \"b\", c", nonce="abc""#), "{list}: {answer}");
            assert!(answer.contains("algorithm=SHA-256, qop=auth, nc=00000001"), "{list}: {answer}");
        }
        for list in [
            "Basic realm=\"x\"",
            "Digest realm=\"x\"",
            "Digest realm=\"x\", nonce=\"n\", qop=\"new\"",
            "\"",
            "",
            "Negotiate Digest, realm=\"r\", nonce=\"n\"",
            "Basic realm=\"Digest realm=\\\"r\\\", nonce=n\"",
            "Digest realm=\"r, nonce=n",
            "Digest = realm=r, nonce=n",
        ] {
            assert_eq!(try_respond(list, ("u", "p"), &get("/", &Payload::default(), false)), None, "{list}");
        }
    }

    #[test]
    fn values_need_no_quotes_to_hold_what_tokens_do_not() {
        let answer = respond("Digest realm=a/b, nonce=abc==, opaque=x:y qop=auth", ("u", "p"), "/");
        assert!(
            answer.contains(r#"realm="a/b", nonce="abc==""#) && answer.contains(r#"opaque="x:y""#),
            "{answer}"
        );
        assert!(answer.contains("qop=auth"), "{answer}");
    }

    #[test]
    fn a_realm_in_latin_1_stays_so() {
        let challenge = HeaderValue::from_bytes(b"Digest realm=\"Z\xe4une\", nonce=\"n\"").unwrap();
        let headers = HeaderMap::from_iter([(header::WWW_AUTHENTICATE, challenge)]);
        let identity = Identity { username: "u".into(), password: "p".into(), client_nonce: NONCE };
        let answer = answer(&headers, &identity, &get("/latin", &Payload::default(), false)).unwrap();
        // What curl 7.88 answers.
        let response = "89e385196cb1250124a68bbc439da1da";
        let holds = |part: &[u8]| answer.as_bytes().windows(part.len()).any(|window| window == part);
        assert!(holds(b"realm=\"Z\xe4une\"") && holds(response.as_bytes()), "{answer:?}");
    }

    #[test]
    fn a_realm_may_be_in_any_language() {
        let challenge = "Digest realm=\"Z\u{e4}une ~ \u{1f99a};\", nonce=\"~\"";
        let headers = HeaderMap::from_iter([(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_bytes(challenge.as_bytes()).unwrap(),
        )]);
        let identity = Identity { username: "u".into(), password: "p".into(), client_nonce: NONCE };
        let answer = answer(&headers, &identity, &get("/", &Payload::default(), false)).unwrap();
        let secret = Hash::Md5.hex("u:Z\u{e4}une ~ \u{1f99a};:p");
        let response = Hash::Md5.hex(format!("{secret}:~:{}", Hash::Md5.hex("GET:/")));
        assert!(str::from_utf8(answer.as_bytes()).unwrap().contains(&response), "{answer:?}");
    }

    #[test]
    fn the_body_is_covered_when_the_server_wants_that() {
        let challenge = r#"Digest realm="r", nonce="n", qop="auth-int""#;
        let of = |body: &str| {
            let body = Payload::Whole(body.to_owned().into());
            try_respond(challenge, ("u", "p"), &get("/", &body, false)).unwrap()
        };
        assert!(of("x").contains("qop=auth-int"));
        // By hand with md5sum.
        let (secret, body) = (Hash::Md5.hex("u:r:p"), Hash::Md5.hex("x"));
        let what = Hash::Md5.hex(format!("GET:/:{body}"));
        let response = Hash::Md5.hex(format!("{secret}:n:00000001:{NONCE:016x}:auth-int:{what}"));
        assert!(of("x").contains(&response) && !of("y").contains(&response));
    }

    #[test]
    fn a_second_challenge_is_answered_only_if_the_nonce_was_too_old() {
        let again = |stale: &str| {
            let challenge = format!(r#"Digest realm="r", nonce="n", qop="auth"{stale}"#);
            try_respond(&challenge, ("u", "p"), &get("/", &Payload::default(), true))
        };
        assert_eq!([again(""), again(", stale=false")], [None, None]);
        assert!(again(", stale=TRUE").is_some());
    }
}
