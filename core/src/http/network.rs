//! Ranges of addresses, and what is reached without a proxy.

use std::net::IpAddr;

use super::HostPattern;

/// A range of addresses in CIDR notation, or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    first: IpAddr,
    bits: u32,
}

impl IpRange {
    /// Reads `10.0.0.0/8`, `fd00::/8` or a single address.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is neither an address nor a range in CIDR notation, as 10.0.0.0/8");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| wrong())?;
        let width = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        if bits > width {
            return Err(wrong());
        }
        Ok(Self { first, bits })
    }

    /// Whether an address is in the range. An IPv4 address that is written as IPv6 is the same.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                (first.to_bits() ^ address.to_bits()).checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                (first.to_bits() ^ address.to_bits()).checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// All addresses of the range; `None` when there are more than `most`.
    pub fn addresses(&self, most: u128) -> Option<Vec<IpAddr>> {
        let free = if self.first.is_ipv4() { 32 - self.bits } else { 128 - self.bits };
        let count = 1_u128.checked_shl(free).filter(|count| *count <= most)?;
        let mask = count - 1;
        Some(match self.first {
            IpAddr::V4(first) => {
                let first = first.to_bits() & !(mask as u32);
                (0..count as u32).map(|offset| IpAddr::V4((first + offset).into())).collect()
            }
            IpAddr::V6(first) => {
                let first = first.to_bits() & !mask;
                (0..count).map(|offset| IpAddr::V6((first + offset).into())).collect()
            }
        })
    }
}

/// What is connected to directly although there is a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bypass {
    hosts: Vec<HostPattern>,
    ranges: Vec<IpRange>,
}

impl Bypass {
    /// Adds an entry of `NO_PROXY`: a name stands for itself and all below it, with a leading dot or `*.`
    /// only for those below.
    ///
    /// # Errors
    /// When it is neither a name nor an address nor a range.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        if let Ok(range) = IpRange::parse(text) {
            self.ranges.push(range);
        } else if text == "*" {
            self.hosts.push(HostPattern::Any);
        } else if text.starts_with('.') {
            self.hosts.push(HostPattern::parse(&format!("*{text}"))?);
        } else {
            let pattern = HostPattern::parse(text)?;
            if let HostPattern::Exact(name) = &pattern {
                self.hosts.push(HostPattern::Below(format!(".{name}")));
            }
            self.hosts.push(pattern);
        }
        Ok(())
    }

    /// Whether a host, a name or an address, is connected to directly.
    pub fn contains(&self, host: &str) -> bool {
        let address = host.parse::<IpAddr>().ok();
        address.is_some_and(|address| self.ranges.iter().any(|range| range.contains(address)))
            || self.hosts.iter().any(|pattern| pattern.matches(host))
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
        for entry in ["example.com", ".svc", "10.0.0.0/8", "::1"] {
            bypass.add(entry).unwrap();
        }
        for host in ["example.com", "a.example.com", "shop.svc", "10.2.3.4", "::1"] {
            assert!(bypass.contains(host), "{host}");
        }
        for host in ["svc", "notexample.com", "11.0.0.1", "shop"] {
            assert!(!bypass.contains(host), "{host}");
        }
    }
}
