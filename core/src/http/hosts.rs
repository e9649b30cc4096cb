// SPDX-License-Identifier: Apache-2.0
//! Host names with wildcards, and addresses given to them.

use std::net::{IpAddr, SocketAddr};

/// Which hosts are meant. Compared without regard to case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostPattern {
    /// One.
    Exact(String),
    /// All below a domain, which is kept with its leading dot; the domain itself is not meant.
    Below(String),
    /// All.
    Any,
}

impl HostPattern {
    /// Reads `name`, `*.name` or `*`.
    ///
    /// # Errors
    /// When a wildcard stands elsewhere or there are characters that host names don't have.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let pattern = match lower.strip_prefix('*') {
            Some("") => return Ok(Self::Any),
            Some(rest) if rest.starts_with('.') => Self::Below(rest.trim_end_matches('.').to_owned()),
            Some(_) => {
                return Err(format!("{text:?}: a wildcard stands for whole labels, as in *.example.com"));
            }
            None => Self::Exact(plain(&lower).to_owned()),
        };
        let (Self::Exact(name) | Self::Below(name)) = &pattern else { return Ok(pattern) };
        let allowed = |character: char| {
            character.is_ascii_alphanumeric() || "-_.:".contains(character) || !character.is_ascii()
        };
        if name.trim_start_matches('.').is_empty() || !name.chars().all(allowed) {
            return Err(format!("{text:?} is not a host name, nor one that begins with *."));
        }
        Ok(pattern)
    }

    /// Whether a host is meant.
    pub fn matches(&self, host: &str) -> bool {
        let host = plain(host);
        match self {
            Self::Exact(name) => name.eq_ignore_ascii_case(host),
            Self::Below(domain) => host
                .len()
                .checked_sub(domain.len())
                .filter(|rest| *rest > 0)
                .and_then(|rest| host.get(rest..))
                .is_some_and(|end| end.eq_ignore_ascii_case(domain)),
            Self::Any => true,
        }
    }
}

/// A host without the dot that roots it and without the brackets of an address.
fn plain(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host).trim_start_matches('[').trim_end_matches(']')
}

/// The address of a host instead of what DNS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostOverride {
    /// Which hosts.
    pub pattern: HostPattern,
    /// At which port of the URL; `None` at any.
    pub port: Option<u16>,
    /// Where they are.
    pub address: IpAddr,
    /// At which port, if not at that of the URL.
    pub at_port: Option<u16>,
}

impl HostOverride {
    /// Reads an entry of `spec.http.hosts`.
    ///
    /// # Errors
    /// When the name is no host, or the address none.
    pub fn parse(name: &str, address: &str) -> Result<Self, String> {
        let (host, port) = match name.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => {
                let port = port.parse().map_err(|_| format!("{port:?} in {name:?} is not a port"))?;
                (host, Some(port))
            }
            _ => (name, None),
        };
        let pattern = HostPattern::parse(host)?;
        let parsed = match address.parse::<SocketAddr>() {
            Ok(address) => Ok((address.ip(), Some(address.port()))),
            Err(_) => {
                address.trim_start_matches('[').trim_end_matches(']').parse().map(|ip: IpAddr| (ip, None))
            }
        };
        let (address, at_port) = parsed.map_err(|_| {
            format!("{address:?} is not an address: write an IP, as 10.0.0.7, 10.0.0.7:8080 or [::1]:8080")
        })?;
        Ok(Self { pattern, port, address, at_port })
    }

    /// Where a host is, if this entry says so.
    pub fn address(&self, host: &str, port: u16) -> Option<SocketAddr> {
        let meant = self.port.is_none_or(|own| own == port) && self.pattern.matches(host);
        meant.then(|| SocketAddr::new(self.address, self.at_port.unwrap_or(port)))
    }

    /// Sorts entries so that the first one that matches is the most precise one: whole names before
    /// wildcards, longer wildcards before shorter ones, those with a port before those without.
    pub(super) fn rank(&self) -> impl Ord + use<> {
        let kind = match &self.pattern {
            HostPattern::Exact(_) => (0, 0),
            HostPattern::Below(domain) => (1, usize::MAX - domain.len()),
            HostPattern::Any => (2, 0),
        };
        (kind, self.port.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, host: &str) -> bool {
        HostPattern::parse(pattern).unwrap().matches(host)
    }

    #[test]
    fn wildcards_stand_for_what_is_below_a_domain() {
        assert!(
            matches("shop.example.com", "SHOP.example.com")
                && matches("Shop.Example.com", "shop.example.com.")
        );
        assert!(matches("*.example.com", "a.example.com") && matches("*.example.com", "a.b.Example.COM"));
        assert!(!matches("*.example.com", "example.com") && !matches("*.example.com", "badexample.com"));
        assert!(!matches("example.com", "a.example.com") && matches("*", "anything"));
        for wrong in ["", "*a", "a b", "a/b", "*.", "a*"] {
            assert!(HostPattern::parse(wrong).is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn overrides_keep_or_replace_the_port() {
        let at = |name: &str, address: &str, host: &str, port| {
            HostOverride::parse(name, address).unwrap().address(host, port).map(|address| address.to_string())
        };
        assert_eq!(at("shop", "10.0.0.7", "shop", 80).as_deref(), Some("10.0.0.7:80"));
        assert_eq!(at("shop", "10.0.0.7:8080", "shop", 80).as_deref(), Some("10.0.0.7:8080"));
        assert_eq!(at("*.shop", "[::1]:8080", "a.shop", 80).as_deref(), Some("[::1]:8080"));
        assert_eq!(at("*.shop", "::1", "a.shop", 81).as_deref(), Some("[::1]:81"));
        assert_eq!(at("shop:443", "10.0.0.7", "shop", 80), None);
        assert_eq!(at("shop:443", "10.0.0.7", "shop", 443).as_deref(), Some("10.0.0.7:443"));
        assert!(
            HostOverride::parse("shop", "other").is_err()
                && HostOverride::parse("shop:x", "1.2.3.4").is_err()
        );
    }
}
