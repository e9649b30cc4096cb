// SPDX-License-Identifier: Apache-2.0
//! The port that a URL names.

use http::uri::Authority;

/// What stands where a port belongs, and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no port: there are 0 to 65535")]
pub struct NoPort(String);

/// The port of a server as it is written; an empty one is none (RFC 3986 §3.2.3). The parser of URLs takes what is no
/// port for none, too, and a request would go to another one than is written.
///
/// # Errors
/// When something else stands there.
pub fn written_port(authority: &Authority) -> Result<Option<u16>, NoPort> {
    let text = authority.as_str();
    let place = text.rsplit_once('@').map_or(text, |(_, place)| place);
    match place.strip_prefix(authority.host()).and_then(|rest| rest.strip_prefix(':')) {
        None | Some("") => Ok(None),
        Some(port) => port.parse().map(Some).map_err(|_| NoPort(port.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_one_or_an_error() {
        let port = |text: &str| written_port(&text.parse().unwrap());
        for (text, expected) in [
            ("shop", None),
            ("shop:", None),
            ("shop:8080", Some(8080)),
            ("u:1@shop:65535", Some(65_535)),
            ("u:99999@shop", None),
            ("[::1]", None),
            ("[::1]:81", Some(81)),
        ] {
            assert_eq!(port(text), Ok(expected), "{text}");
        }
        for wrong in ["shop:99999", "shop:80a", "[::1]:x", "shop:-1"] {
            assert!(wrong.parse::<Authority>().is_err() || port(wrong).is_err(), "{wrong}");
        }
    }
}
