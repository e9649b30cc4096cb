// SPDX-License-Identifier: Apache-2.0
//! Hosts and addresses under the rules of a platform: a host before each request, and what a name leads to once it was resolved. The
//! connection goes to the addresses that were looked at.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Host;

use crate::settings::Judge;

/// A resolver that gives on what may be connected to.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) judge: Arc<dyn Judge>,
}

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> Resolving {
        let judge = Arc::clone(&self.judge);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses = allowed(&*judge, found).map_err(io::Error::other)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Whether a host may be contacted. It is read as a client reads it: 2130706433 is 127.0.0.1, and no name that somebody resolves.
pub(crate) fn check(judge: &dyn Judge, host: &str) -> Result<(), String> {
    match Host::parse(host) {
        Ok(Host::Ipv4(address)) => judge.host(&IpAddr::V4(address).to_string()),
        Ok(Host::Ipv6(address)) => judge.host(&IpAddr::V6(address).to_string()),
        Ok(Host::Domain(name)) => judge.host(&name),
        Err(_) => judge.host(host),
    }
}

/// The addresses that may be connected to.
fn allowed(judge: &dyn Judge, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, String> {
    let (mut addresses, mut forbidden) = (Vec::new(), None);
    for address in found {
        match judge.address(address.ip()) {
            Ok(()) => addresses.push(address),
            Err(why) => forbidden = Some(why),
        }
    }
    match forbidden {
        Some(why) if addresses.is_empty() => Err(why),
        _ => Ok(addresses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Allows what begins with 10.
    #[derive(Debug)]
    struct Tens;

    impl Judge for Tens {
        fn host(&self, host: &str) -> Result<(), String> {
            if host.starts_with("10.") { Ok(()) } else { Err(format!("no {host}")) }
        }

        fn address(&self, address: IpAddr) -> Result<(), String> {
            self.host(&address.to_string())
        }
    }

    #[test]
    fn a_host_in_an_odd_form_is_judged_as_the_address_that_it_is() {
        assert_eq!(check(&Tens, "10.0.0.1"), Ok(()));
        assert_eq!(check(&Tens, "167772161"), Ok(()));
        assert_eq!(check(&Tens, "0x7f.1"), Err("no 127.0.0.1".into()));
        assert_eq!(check(&Tens, "store.example"), Err("no store.example".into()));
    }

    #[test]
    fn only_addresses_that_are_allowed_are_given_on() {
        let found =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let both = found(&["10.0.0.1:0", "127.0.0.1:0"]);
        assert_eq!(allowed(&Tens, both.into_iter()), Ok(found(&["10.0.0.1:0"])));
        assert_eq!(allowed(&Tens, found(&["127.0.0.1:0"]).into_iter()), Err("no 127.0.0.1".into()));
    }
}
