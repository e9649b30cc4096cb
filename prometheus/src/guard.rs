// SPDX-License-Identifier: Apache-2.0
//! A client that reaches what the policy allows and nothing else: no redirects, no proxies, and only addresses that were
//! looked at. For servers that a test names, whoever contacts them.

use std::{net::IpAddr, sync::Arc};

use reqwest::{ClientBuilder, redirect::Policy};
use upsurge_core::http::{Forbidden, Reach};
use url::{Host, Url};

use crate::resolver::Gate;

/// A client that may still be given TLS, headers and times.
pub fn builder(reach: Arc<Reach>) -> ClientBuilder {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .dns_resolver(Arc::new(Gate { reach }))
}

/// Whether a URL's host may be contacted. Before each request: addresses are not resolved, so that nobody else looks at them.
///
/// # Errors
/// When the policy forbids it.
pub fn check(url: &Url, reach: &Reach) -> Result<(), Forbidden> {
    // Those in odd forms are plain ones here.
    match url.host() {
        Some(Host::Ipv4(address)) => reach.host(&IpAddr::V4(address).to_string()),
        Some(Host::Ipv6(address)) => reach.host(&IpAddr::V6(address).to_string()),
        Some(Host::Domain(name)) => reach.host(name),
        None => Ok(()),
    }
}
