// SPDX-License-Identifier: Apache-2.0
//! The names that a certificate of the collector has to carry.

use std::net::IpAddr;

use rustls::pki_types::ServerName;
use url::{Host, Url};

use super::Unusable;

/// Under which names the collector is dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The name by which runners know it, and for which they check its certificate wherever they are led.
    pub host: String,
    /// The address of this very replica: runners that know the collector by an address dial the leader by that.
    pub address: Option<IpAddr>,
}

impl Names {
    /// The names of a collector behind a URL, at an address of its own.
    ///
    /// # Errors
    /// When the URL has no host.
    pub fn of(collector_url: &str, address: Option<IpAddr>) -> Result<Self, Unusable> {
        let wrong = |why: String| Unusable::wrong("the collector's URL", why);
        let url = Url::parse(collector_url).map_err(|error| wrong(error.to_string()))?;
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(wrong("it has no host".into())),
        };
        Ok(Self { host, address })
    }

    /// All of them, as text.
    pub fn list(&self) -> Vec<String> {
        let address = self.address.map(|address| address.to_string()).filter(|address| *address != self.host);
        [self.host.clone()].into_iter().chain(address).collect()
    }

    /// The name that runners check.
    pub(super) fn checked(&self) -> Result<ServerName<'static>, Unusable> {
        ServerName::try_from(self.host.clone())
            .map_err(|error| Unusable::wrong("the host of the collector's URL", error))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::service("http://upsurge-collector.tools.svc:8080", None, &["upsurge-collector.tools.svc"])]
    #[case::service_and_pod("http://collector.svc:8080/", Some("10.0.0.7"), &["collector.svc", "10.0.0.7"])]
    #[case::address("http://127.0.0.1:8080", Some("127.0.0.1"), &["127.0.0.1"])]
    #[case::version_6("http://[fd00::7]:8080", Some("fd00::8"), &["fd00::7", "fd00::8"])]
    fn a_collector_is_known_by_its_host_and_its_own_address(
        #[case] url: &str,
        #[case] address: Option<&str>,
        #[case] expected: &[&str],
    ) {
        let names = Names::of(url, address.map(|address| address.parse().unwrap())).unwrap();
        assert_eq!(names.list(), expected);
        assert!(names.checked().is_ok());
    }

    #[test]
    fn a_url_without_a_host_is_refused() {
        for url in ["nonsense", "unix:/run/x"] {
            assert!(Names::of(url, None).is_err(), "{url}");
        }
    }
}
