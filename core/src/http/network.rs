// SPDX-License-Identifier: Apache-2.0
//! Ranges of addresses, and what is reached without a proxy.

use std::net::IpAddr;

use ipnet::IpNet;

use super::HostPattern;

/// A range of addresses in CIDR notation, or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange(IpNet);

impl IpRange {
    /// Reads `10.0.0.0/8`, `fd00::/8` or a single address.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let range = match text.contains('/') {
            true => text.parse().ok(),
            false => text.parse::<IpAddr>().ok().map(IpNet::from),
        };
        range.map(|range| Self(range.trunc())).ok_or_else(|| {
            format!("{text:?} is neither an address nor a range in CIDR notation, as 10.0.0.0/8")
        })
    }

    /// Whether an address is in the range. An IPv4 address that is written as IPv6 is the same.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// All addresses of the range; `None` when there are more than `most`.
    pub fn addresses(&self, most: u128) -> Option<Vec<IpAddr>> {
        let free = self.0.max_prefix_len() - self.0.prefix_len();
        1_u128.checked_shl(free.into()).filter(|count| *count <= most)?;
        // Each as a range of its own: `hosts` leaves out the first and the last of a network.
        let single = self.0.subnets(self.0.max_prefix_len()).ok()?;
        Some(single.map(|range| range.addr()).collect())
    }
}

/// What is connected to directly although there is a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bypass(Vec<(Direct, Option<u16>)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Direct {
    Host(HostPattern),
    Range(IpRange),
}

impl Bypass {
    /// Adds an entry of `NO_PROXY`: a name stands for itself and all below it, with a leading dot or `*.`
    /// only for those below. With `:PORT` behind it, it is for that port only.
    ///
    /// # Errors
    /// When it is neither a name nor an address nor a range.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let (text, port) = with_port(text)?;
        let mut add = |direct| self.0.push((direct, port));
        if let Ok(range) = IpRange::parse(text) {
            add(Direct::Range(range));
        } else if text == "*" {
            add(Direct::Host(HostPattern::Any));
        } else if text.starts_with('.') {
            add(Direct::Host(HostPattern::parse(&format!("*{text}"))?));
        } else {
            let pattern = HostPattern::parse(text)?;
            if let HostPattern::Exact(name) = &pattern {
                add(Direct::Host(HostPattern::Below(format!(".{name}"))));
            }
            add(Direct::Host(pattern));
        }
        Ok(())
    }

    /// Whether a host, a name or an address, is connected to directly at a port.
    pub fn contains(&self, host: &str, port: u16) -> bool {
        let address = host.parse::<IpAddr>().ok();
        self.0.iter().any(|(direct, only)| {
            only.is_none_or(|only| only == port)
                && match direct {
                    Direct::Host(pattern) => pattern.matches(host),
                    Direct::Range(range) => address.is_some_and(|address| range.contains(address)),
                }
        })
    }
}

/// An entry without its port, and the port; an address of IPv6 may stand in brackets, and with a port it must.
fn with_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let bare = |host: &'_ str| host.strip_prefix('[')?.strip_suffix(']').map(str::len);
    let unbracketed = |host| match bare(host) {
        Some(length) => host.get(1..=length).unwrap_or_default(),
        None => host,
    };
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || bare(host).is_some() => {
            let port = port.parse().map_err(|_| format!("{text:?} ends with {port:?}, which is no port"))?;
            Ok((unbracketed(host), Some(port)))
        }
        _ => Ok((unbracketed(text), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(range: &str, address: &str) -> bool {
        IpRange::parse(range).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn ranges_hold_what_shares_their_first_bits() {
        assert!(contains("10.0.0.0/8", "10.255.1.2") && !contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("0.0.0.0/0", "1.2.3.4") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("127.0.0.1", "127.0.0.1") && !contains("127.0.0.1", "127.0.0.2"));
        assert!(
            contains("fd00::/8", "fd12::1") && !contains("fd00::/8", "fe80::1") && contains("::/0", "::1")
        );
        assert!(contains("127.0.0.0/8", "::ffff:127.0.0.1"));
        for wrong in ["", "10.0.0.0/33", "::1/129", "10.0.0/8", "a", "10.0.0.0/x"] {
            assert!(IpRange::parse(wrong).is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn addresses_of_a_range_are_counted_before_they_are_listed() {
        let list = |range: &str| IpRange::parse(range).unwrap().addresses(256).map(|list| list.len());
        assert_eq!(list("127.0.0.1"), Some(1));
        assert_eq!(list("127.0.0.0/28"), Some(16));
        assert_eq!(list("fd00::/120"), Some(256));
        assert_eq!((list("10.0.0.0/8"), list("::/0")), (None, None));
        let first = IpRange::parse("127.0.0.7/30").unwrap().addresses(4).unwrap();
        assert_eq!(
            first.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            "127.0.0.4 127.0.0.5 127.0.0.6 127.0.0.7"
        );
    }

    #[test]
    fn a_name_without_proxy_stands_for_those_below_it() {
        let mut bypass = Bypass::default();
        for entry in ["example.com", ".svc", "10.0.0.0/8", "::1", "[fd00::]", "shop.test:8080", "[::2]:81"] {
            bypass.add(entry).unwrap();
        }
        for host in
            ["example.com", "a.example.com", "shop.svc", "10.2.3.4", "::1", "0:0:0:0:0:0:0:1", "fd00::"]
        {
            assert!(bypass.contains(host, 80), "{host}");
        }
        for host in ["svc", "notexample.com", "11.0.0.1", "shop"] {
            assert!(!bypass.contains(host, 80), "{host}");
        }
        for (host, ports) in [
            ("shop.test", [false, true, false]),
            ("a.shop.test", [false, true, false]),
            ("::2", [false, false, true]),
        ] {
            assert_eq!([80, 8080, 81].map(|port| bypass.contains(host, port)), ports, "{host}");
        }
        for wrong in ["a b", "shop:", "shop:99999"] {
            assert!(Bypass::default().add(wrong).is_err(), "{wrong:?} was accepted");
        }
    }
}
