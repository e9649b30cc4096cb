// SPDX-License-Identifier: Apache-2.0
//! Which hosts give whoever asks the rights of the machine or the pod. Libraries ask them by themselves when they find no credentials.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Host;

/// Names of them.
const NAMES: [&str; 4] =
    ["metadata.google.internal", "metadata", "instance-data", "instance-data.ec2.internal"];
/// Addresses that are not link-local: Azure's and Alibaba's.
const V4: [Ipv4Addr; 2] = [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200)];
/// The same by IPv6: those of AWS for machines and for pods, and that of Google.
const V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Whether a host, as a URL has it, is one of these. It is read as a client reads it, to which 2852039166 is 169.254.169.254.
pub(crate) fn is_metadata(host: &str) -> bool {
    let address = match Host::parse(host) {
        Ok(Host::Ipv4(address)) => IpAddr::V4(address),
        Ok(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical(),
        Ok(Host::Domain(name)) => return is_known(&name),
        Err(_) => return is_known(host),
    };
    match address {
        IpAddr::V4(address) => address.is_link_local() || V4.contains(&address),
        IpAddr::V6(address) => is_link_local(address) || V6.contains(&address),
    }
}

fn is_known(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// fe80::/10.
fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("169.254.169.254")]
    #[case("2852039166")]
    #[case("0xa9fea9fe")]
    #[case("169.254.169.254.")]
    #[case("169.254.170.2")]
    #[case("169.254.170.23")]
    #[case("168.63.129.16")]
    #[case("[fd00:ec2::254]")]
    #[case("[::ffff:169.254.169.254]")]
    #[case("[fe80::1]")]
    #[case("metadata.google.internal")]
    #[case("Metadata.Google.Internal.")]
    fn these_give_the_rights_of_the_machine(#[case] host: &str) {
        assert!(is_metadata(host));
    }

    #[rstest]
    #[case("s3.eu-central-1.amazonaws.com")]
    #[case("127.0.0.1")]
    #[case("10.0.0.1")]
    #[case("[::1]")]
    #[case("metadata.example.org")]
    fn and_these_do_not(#[case] host: &str) {
        assert!(!is_metadata(host));
    }
}
