// SPDX-License-Identifier: Apache-2.0
//! What runners may connect to, as the platform's policy says it: names, networks, and networks that nobody reaches.
//!
//! Names are looked at before they are resolved, addresses after that and right before a connection is made. So it
//! does not matter how somebody came to an address: by a redirect, a record that has changed since it was checked, a
//! number in an odd form, or an IPv4 address written as IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::{HostPattern, IpRange};

/// The rules as runners are told them. The default allows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReachRules {
    /// Host names, which may begin with `*.`; absent are all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Vec<String>>,
    /// Networks in CIDR notation; absent are all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<String>>,
    /// Networks that are not reached even if the others hold them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<String>,
}

/// The rules, ready to be used. The default allows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    hosts: Option<Vec<HostPattern>>,
    networks: Option<Vec<IpRange>>,
    blocked: Vec<IpRange>,
}

/// What the policy forbids.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// A host.
    #[error("the platform's policy does not allow host {0} (targetHosts)")]
    Host(String),
    /// An address that is not among those that are allowed.
    #[error("the platform's policy does not allow address {0} (targetNetworks)")]
    Address(IpAddr),
    /// An address that is blocked.
    #[error("the platform's policy blocks address {0} (blockedNetworks)")]
    Blocked(IpAddr),
}

impl ReachRules {
    /// Whether everything is allowed.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Reads the patterns and networks.
    ///
    /// # Errors
    /// The first one that is neither.
    pub fn compile(&self) -> Result<Reach, String> {
        let networks = |list: &Vec<String>| list.iter().map(|text| IpRange::parse(text)).collect();
        let hosts = |list: &Vec<String>| list.iter().map(|text| HostPattern::parse(text)).collect();
        Ok(Reach {
            hosts: self.hosts.as_ref().map(hosts).transpose()?,
            networks: self.networks.as_ref().map(networks).transpose()?,
            blocked: networks(&self.blocked)?,
        })
    }
}

impl Reach {
    /// Whether a host may be asked for by this name. An address instead of a name is judged by the networks, where
    /// there are any.
    ///
    /// # Errors
    /// When the policy forbids it.
    pub fn host(&self, host: &str) -> Result<(), Forbidden> {
        let plain = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = plain.parse::<IpAddr>() {
            self.address(address)?;
            if self.networks.is_some() {
                return Ok(());
            }
        }
        match &self.hosts {
            Some(patterns) if !patterns.iter().any(|pattern| pattern.matches(host)) => {
                Err(Forbidden::Host(host.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Whether an address may be connected to.
    ///
    /// # Errors
    /// When the policy forbids it.
    pub fn address(&self, address: IpAddr) -> Result<(), Forbidden> {
        let meant = meant(address);
        let within =
            |ranges: &[IpRange]| ranges.iter().any(|range| meant.iter().any(|ip| range.contains(*ip)));
        if within(&self.blocked) {
            return Err(Forbidden::Blocked(address));
        }
        match &self.networks {
            // All that it may stand for has to be allowed.
            Some(ranges) if !meant.iter().all(|ip| ranges.iter().any(|range| range.contains(*ip))) => {
                Err(Forbidden::Address(address))
            }
            _ => Ok(()),
        }
    }

    /// Whether an entry of `spec.http.hosts` may send a name to an address. Without networks an address has to be
    /// allowed as a host is: else any allowed name would open the way to every address.
    ///
    /// # Errors
    /// When the policy forbids it.
    pub fn redirected(&self, address: IpAddr) -> Result<(), Forbidden> {
        self.host(&address.to_string())
    }
}

/// What an address leads to: itself, and for some also an IPv4 address that it holds or stands for.
fn meant(address: IpAddr) -> Vec<IpAddr> {
    let address = address.to_canonical();
    match address {
        // The kernel connects to the machine itself.
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => vec![address, Ipv4Addr::LOCALHOST.into()],
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
            vec![address, Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]
        }
        IpAddr::V6(v6) => [Some(address), embedded(v6).map(IpAddr::V4)].into_iter().flatten().collect(),
        IpAddr::V4(_) => vec![address],
    }
}

/// The IPv4 address that a gateway takes out of an IPv6 address: NAT64 (RFC 6052), 6to4 (RFC 3056), and those that
/// are compatible with IPv4 (RFC 4291).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let at =
        |first: usize| Ipv4Addr::new(octets[first], octets[first + 1], octets[first + 2], octets[first + 3]);
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, 0, 0, 0, ..] => Some(at(12)),
        [0x2002, ..] => Some(at(2)),
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => Some(at(12)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn reach(hosts: Option<&[&str]>, networks: Option<&[&str]>, blocked: &[&str]) -> Reach {
        let list = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let rules =
            ReachRules { hosts: hosts.map(list), networks: networks.map(list), blocked: list(blocked) };
        assert!(!rules.is_open());
        rules.compile().unwrap()
    }

    #[test]
    fn without_rules_everything_is_reached() {
        let open = Reach::default();
        assert!(ReachRules::default().is_open() && ReachRules::default().compile() == Ok(open.clone()));
        assert!(open.host("example.com").is_ok() && open.host("10.0.0.1").is_ok());
        assert!(open.address("169.254.169.254".parse().unwrap()).is_ok());
    }

    #[rstest]
    #[case("shop.test.svc", true)]
    #[case("SHOP.test.svc.", true)]
    #[case("api", true)]
    #[case("test.svc", false)]
    #[case("evil.example", false)]
    #[case("api.evil.example", false)]
    #[case("10.1.2.3", false)]
    #[case("[::1]", false)]
    #[case("0x7f.1", false)]
    #[case("2130706433", false)]
    fn names_are_allowed_by_patterns(#[case] host: &str, #[case] allowed: bool) {
        assert_eq!(reach(Some(&["*.test.svc", "api"]), None, &[]).host(host).is_ok(), allowed);
    }

    #[rstest]
    #[case("10.1.2.3", true)]
    #[case("::ffff:10.1.2.3", true)]
    #[case("fd00::1", true)]
    #[case("11.0.0.1", false)]
    #[case("::ffff:127.0.0.1", false)]
    #[case("0.0.0.0", false)]
    #[case("::", false)]
    #[case("64:ff9b::10.1.2.3", false)]
    #[case("10.9.0.1", false)]
    #[case("::ffff:10.9.0.1", false)]
    fn addresses_are_allowed_by_networks_however_they_are_written(
        #[case] address: &str,
        #[case] allowed: bool,
    ) {
        let reach = reach(None, Some(&["10.0.0.0/8", "fd00::/8"]), &["10.9.0.0/16"]);
        assert_eq!(reach.address(address.parse().unwrap()).is_ok(), allowed);
        assert_eq!(reach.host(address).is_ok(), allowed, "as a host");
        assert_eq!(reach.redirected(address.parse().unwrap()).is_ok(), allowed, "as an override");
        assert!(reach.host("any.example").is_ok(), "names are for their addresses to judge");
    }

    #[rstest]
    #[case("127.0.0.1")]
    #[case("::ffff:127.0.0.1")]
    #[case("::127.0.0.1")]
    #[case("0.0.0.0")]
    #[case("::")]
    #[case("64:ff9b::7f00:1")]
    #[case("64:ff9b:1::7f00:1")]
    #[case("2002:7f00:1::")]
    fn a_blocked_network_is_blocked_in_all_its_forms(#[case] address: &str) {
        let reach = reach(None, None, &["127.0.0.0/8"]);
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(reach.address(address), Err(Forbidden::Blocked(address)));
        assert!(reach.address("10.0.0.1".parse().unwrap()).is_ok());
    }

    #[test]
    fn an_allowed_name_is_no_way_to_every_address() {
        let by_name = reach(Some(&["shop"]), None, &[]);
        assert!(by_name.redirected("169.254.169.254".parse().unwrap()).is_err());
        let both = reach(Some(&["shop"]), Some(&["10.0.0.0/8"]), &[]);
        assert!(both.redirected("10.0.0.7".parse().unwrap()).is_ok() && both.host("10.0.0.7").is_ok());
        assert!(both.host("other").is_err());
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let rules = |hosts: &str, network: &str| ReachRules {
            hosts: Some(vec![hosts.into()]),
            blocked: vec![network.into()],
            networks: None,
        };
        assert!(
            rules("a b", "10.0.0.0/8").compile().is_err() && rules("a", "10.0.0.0/99").compile().is_err()
        );
    }
}
