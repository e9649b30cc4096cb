// SPDX-License-Identifier: Apache-2.0
//! Names to addresses: the system's resolver, off the load thread, with a short memory per core.

use std::{
    cell::{Cell, RefCell},
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Instant,
};

use futures::future::{FutureExt as _, LocalBoxFuture};
use upsurge_core::http::{Dns, HostOverride};
use upsurge_crds::v1alpha1::{DnsPolicy, DnsSelect};

/// The name of this machine on itself.
const LOCAL: &str = "localhost";

/// Asks for the addresses of a name at a port.
pub(crate) type Lookup = Box<dyn Fn(&str, u16) -> LocalBoxFuture<'static, io::Result<Vec<SocketAddr>>>>;

/// A cache of addresses.
pub(crate) struct Resolver {
    lookup: Lookup,
    settings: Dns,
    overrides: Vec<HostOverride>,
    hosts: RefCell<Vec<Rc<Host>>>,
}

#[derive(Debug)]
struct Host {
    name: String,
    port: u16,
    answer: RefCell<Option<(Instant, Rc<[SocketAddr]>)>>,
    /// Each host has its own: a user who goes to several in a fixed order would else find the same address each time.
    turn: Cell<usize>,
    /// Held while asking: those who come meanwhile wait for the same answer.
    asking: tokio::sync::Mutex<()>,
}

impl Host {
    fn fresh(&self) -> Option<Rc<[SocketAddr]>> {
        let answer = self.answer.borrow();
        let (expires, addresses) = answer.as_ref()?;
        (*expires > Instant::now()).then(|| Rc::clone(addresses))
    }
}

impl Resolver {
    /// An empty cache of what the system's resolver says.
    pub(crate) fn new(settings: Dns, overrides: Vec<HostOverride>) -> Self {
        Self::asking(
            Box::new(|name: &str, port: u16| ask_system(name.to_owned(), port).boxed_local()),
            settings,
            overrides,
        )
    }

    /// An empty cache of what somebody says.
    pub(crate) fn asking(lookup: Lookup, settings: Dns, overrides: Vec<HostOverride>) -> Self {
        Self { lookup, settings, overrides, hosts: RefCell::default() }
    }

    /// The addresses of a host, never none, in the order in which they are to be tried.
    pub(crate) async fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        if let Some(address) = self.overrides.iter().find_map(|entry| entry.address(name, port)) {
            return Ok(vec![address]);
        }
        let host = self.host(name, port);
        let addresses = match host.fresh() {
            Some(addresses) => addresses,
            None => self.ask(&host).await?,
        };
        let first = match self.settings.select {
            DnsSelect::First => 0,
            DnsSelect::Random => fastrand::usize(..addresses.len().max(1)),
            DnsSelect::RoundRobin => {
                let turn = host.turn.get();
                host.turn.set(turn.wrapping_add(1));
                turn % addresses.len().max(1)
            }
        };
        Ok(addresses[first..].iter().chain(&addresses[..first]).copied().collect())
    }

    async fn ask(&self, host: &Host) -> io::Result<Rc<[SocketAddr]>> {
        let _asking = host.asking.lock().await;
        if let Some(addresses) = host.fresh() {
            return Ok(addresses);
        }
        let found = (self.lookup)(&host.name, host.port).await?;
        let found: Rc<[SocketAddr]> = allowed(found, self.settings.policy).into();
        if found.is_empty() {
            let message = format!("it has no addresses that dns.policy {:?} allows", self.settings.policy);
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        let expires = Instant::now().checked_add(self.settings.ttl);
        host.answer.replace(expires.map(|expires| (expires, Rc::clone(&found))));
        Ok(found)
    }

    fn host(&self, name: &str, port: u16) -> Rc<Host> {
        let mut hosts = self.hosts.borrow_mut();
        if let Some(host) = hosts.iter().find(|host| host.port == port && host.name == name) {
            return Rc::clone(host);
        }
        let host = Rc::new(Host {
            name: name.to_owned(),
            port,
            answer: RefCell::default(),
            turn: Cell::new(0),
            asking: tokio::sync::Mutex::default(),
        });
        hosts.push(Rc::clone(&host));
        host
    }
}

/// What the system's resolver says of a name. All names below `localhost` are those of this machine (RFC 6761 §6.3),
/// which few resolvers know.
///
/// # Errors
/// Whatever the resolver says.
pub async fn ask_system(name: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let plain = name.strip_suffix('.').unwrap_or(&name);
    let local = plain == LOCAL || plain.strip_suffix(LOCAL).is_some_and(|below| below.ends_with('.'));
    let asked = if local { LOCAL } else { &name };
    Ok(tokio::net::lookup_host((asked, port)).await?.collect())
}

/// The addresses that a policy lets through, in their order.
fn allowed(addresses: Vec<SocketAddr>, policy: DnsPolicy) -> Vec<SocketAddr> {
    let (v4, v6): (Vec<_>, Vec<_>) = addresses.iter().copied().partition(SocketAddr::is_ipv4);
    match policy {
        DnsPolicy::Any => addresses,
        DnsPolicy::OnlyIPv4 => v4,
        DnsPolicy::OnlyIPv6 => v6,
        DnsPolicy::PreferIPv4 if v4.is_empty() => v6,
        DnsPolicy::PreferIPv4 => v4,
        DnsPolicy::PreferIPv6 if v6.is_empty() => v4,
        DnsPolicy::PreferIPv6 => v6,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn policies_let_kinds_of_addresses_through() {
        let parse = |text: &str| -> Vec<SocketAddr> {
            text.split_whitespace().map(|address| address.parse().unwrap()).collect()
        };
        let both = "[::1]:80 127.0.0.1:80 [::2]:80";
        for (policy, addresses, expected) in [
            (DnsPolicy::Any, both, both),
            (DnsPolicy::OnlyIPv4, both, "127.0.0.1:80"),
            (DnsPolicy::OnlyIPv6, both, "[::1]:80 [::2]:80"),
            (DnsPolicy::PreferIPv4, both, "127.0.0.1:80"),
            (DnsPolicy::PreferIPv4, "[::1]:80", "[::1]:80"),
            (DnsPolicy::PreferIPv6, both, "[::1]:80 [::2]:80"),
            (DnsPolicy::PreferIPv6, "127.0.0.1:80", "127.0.0.1:80"),
            (DnsPolicy::OnlyIPv6, "127.0.0.1:80", ""),
        ] {
            assert_eq!(allowed(parse(addresses), policy), parse(expected), "{policy:?} of {addresses}");
        }
    }

    #[tokio::test]
    async fn names_below_localhost_are_those_of_this_machine() {
        let here = ask_system("localhost".into(), 80).await.unwrap();
        for name in ["localhost.", "shop.localhost", "a.b.localhost."] {
            assert_eq!(ask_system(name.into(), 80).await.unwrap(), here, "{name}");
        }
        for name in ["mylocalhost.invalid", "localhost.invalid"] {
            assert!(ask_system(name.into(), 80).await.is_err(), "{name}");
        }
    }

    #[tokio::test]
    async fn answers_are_kept_for_their_time_and_taken_in_turn() {
        let dns = |ttl, select| Dns { ttl: Duration::from_secs(ttl), select, policy: DnsPolicy::Any };
        let known = |resolver: &Resolver, ttl: Option<Duration>| {
            let addresses = ["127.0.0.1:80", "127.0.0.2:80", "127.0.0.3:80"].map(|a| a.parse().unwrap());
            let host = resolver.host("localhost", 80);
            host.answer.replace(ttl.map(|ttl| (Instant::now() + ttl, Rc::from(addresses))));
        };
        let long = Some(Duration::from_secs(60));
        for (select, wanted) in [(DnsSelect::RoundRobin, 3), (DnsSelect::First, 1)] {
            let resolver = Resolver::new(dns(60, select), Vec::new());
            known(&resolver, long);
            let mut firsts = std::collections::BTreeSet::new();
            for _ in 0..6 {
                let addresses = resolver.resolve("localhost", 80).await.unwrap();
                assert_eq!(addresses.len(), 3);
                firsts.insert(addresses[0]);
            }
            assert_eq!(firsts.len(), wanted, "{select:?}");
        }
        // In turn for each host: who goes to two of them gets both addresses of each.
        let resolver = Resolver::new(dns(60, DnsSelect::RoundRobin), Vec::new());
        let mut firsts = std::collections::BTreeSet::new();
        for _ in 0..2 {
            for name in ["localhost", "other"] {
                let addresses: [SocketAddr; 2] = ["127.0.0.1:80", "127.0.0.2:80"].map(|a| a.parse().unwrap());
                let host = resolver.host(name, 80);
                host.answer.replace(Some((Instant::now() + Duration::from_secs(60), Rc::from(addresses))));
                firsts.insert((name, resolver.resolve(name, 80).await.unwrap()[0]));
            }
        }
        assert_eq!(firsts.len(), 4, "{firsts:?}");
        // What is too old is asked anew, and the system knows no 127.0.0.3.
        let resolver = Resolver::new(dns(0, DnsSelect::First), Vec::new());
        known(&resolver, Some(Duration::ZERO));
        let addresses = resolver.resolve("localhost", 80).await.unwrap();
        assert!(addresses.iter().all(|address| address.ip().to_string() != "127.0.0.3"), "{addresses:?}");
    }
}
