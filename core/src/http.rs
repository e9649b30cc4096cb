// SPDX-License-Identifier: Apache-2.0
//! How the runners speak HTTP, ready to be used: options checked, addresses and patterns parsed.
//!
//! What a request can say for itself is part of the scenarios ([`crate::scenario::Request`]); here is what
//! holds for the connections of the whole test.

mod compile;
mod hosts;
mod login;
mod network;
mod port;
mod reach;
mod rules;
mod shown;

use std::{net::IpAddr, time::Duration};

use upsurge_crds::v1alpha1::{DnsPolicy, DnsSelect, FileSource, HttpVersion};

pub use self::{
    compile::compile,
    hosts::{HostOverride, HostPattern},
    login::without_login,
    network::{Bypass, IpRange},
    port::{NoPort, written_port},
    reach::{Forbidden, Reach, ReachRules},
    rules::{BeyondLimit, RedirectRewrites, RedirectRules, ResendRules, Rules, Stale, TimeoutScope},
    shown::shown_url,
};
use crate::template::Template;

/// Age at which connections are replaced unless the spec says otherwise. A Kubernetes Service chooses a
/// pod per connection, not per request: with connections that live for ever, replicas that an autoscaler
/// adds would get no load.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(10);
/// Most shared connections to one server unless the spec says otherwise.
pub const DEFAULT_MAX_CONNECTIONS: u64 = 100;
/// Most requests at a time on a shared HTTP/2 connection unless the spec says otherwise.
pub const DEFAULT_MAX_STREAMS: usize = 100;
/// How long an answer of DNS is used unless the spec says otherwise. Short, so that a changed record (a
/// headless Service that scales) is seen soon; long enough that a burst of new connections asks once.
pub const DEFAULT_DNS_TTL: Duration = Duration::from_secs(5);

/// How connections of a test are made and kept.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Version of HTTP.
    pub version: HttpVersion,
    /// Longest time for making a connection, if it is bounded apart from the request.
    pub connect_timeout: Option<Duration>,
    /// Whom connections belong to and how long they are used.
    pub connections: Connections,
    /// Whether users keep cookies from iteration to iteration.
    pub keep_cookies: bool,
    /// TLS.
    pub tls: Tls,
    /// Proxies.
    pub proxy: Proxy,
    /// Names.
    pub dns: Dns,
    /// Addresses by name; of several that match the first one holds.
    pub hosts: Vec<HostOverride>,
    /// Hosts that nothing is sent to.
    pub block_hosts: Vec<HostPattern>,
    /// Addresses that nothing is connected to.
    pub block_ips: Vec<IpRange>,
    /// What the platform's policy lets runners reach.
    pub reach: Reach,
    /// Addresses that connections come from; none leaves it to the system.
    pub local_ips: Vec<IpAddr>,
    /// Rules in which tools differ.
    pub rules: Rules,
}

/// Whom connections belong to and how long they are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Limits of shared connections; `None` when each user has its own.
    pub shared: Option<Shared>,
    /// Age at which a connection is replaced; up to half as much is added at random.
    pub max_age: Option<Duration>,
    /// Requests after which a connection is replaced.
    pub max_requests: Option<u64>,
    /// Whether a connection is used for more than one request.
    pub keep_alive: bool,
    /// Whether users close their connections after each iteration.
    pub close_after_iteration: bool,
}

/// Limits of shared connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Most connections to one server, of all runners together.
    pub max: u64,
    /// Most requests at a time on one HTTP/2 connection.
    pub max_streams: usize,
}

/// TLS.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Whether any certificate is accepted.
    pub insecure: bool,
    /// More authorities.
    pub ca: Option<FileSource>,
    /// Certificates that are shown to servers.
    pub client_certificates: Vec<ClientCertificate>,
    /// Name instead of the host of the URL.
    pub server_name: Option<String>,
    /// Whether TLS 1.2 is spoken.
    pub tls12: bool,
    /// Whether TLS 1.3 is spoken.
    pub tls13: bool,
    /// IANA names of the cipher suites to offer, all of which exist; none stands for all.
    pub cipher_suites: Vec<String>,
}

/// A certificate that is shown to servers.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The chain as PEM.
    pub cert: FileSource,
    /// The key as PEM.
    pub key: FileSource,
    /// Servers that it is shown to; none stands for all.
    pub domains: Vec<HostPattern>,
}

/// Proxies. Templates hold nothing but text and secrets.
#[derive(Clone, Debug, Default)]
pub struct Proxy {
    /// URL of the one for `http://`.
    pub http: Option<Template>,
    /// URL of the one for `https://`.
    pub https: Option<Template>,
    /// What is connected to directly; `None` when the test says nothing.
    pub bypass: Option<Bypass>,
    /// Whether the environment fills in what is absent.
    pub from_environment: bool,
}

/// Names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dns {
    /// How long an answer is used.
    pub ttl: Duration,
    /// Which of several addresses is first.
    pub select: DnsSelect,
    /// Which kinds of addresses are used.
    pub policy: DnsPolicy,
}
