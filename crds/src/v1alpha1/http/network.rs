// SPDX-License-Identifier: Apache-2.0
//! The way to the server: names and proxies.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{super::duration::TimeSpan, is_default};

/// How host names become addresses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsOptions {
    /// How long an answer is used. 0s asks for each connection. Default: 5s, so that a changed record, of a
    /// headless Service for example, is seen soon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<TimeSpan>,

    /// Which of several addresses a connection begins with. Default: RoundRobin.
    #[serde(default, skip_serializing_if = "is_default")]
    pub select: DnsSelect,

    /// Which kinds of addresses are used. Default: Any.
    #[serde(default, skip_serializing_if = "is_default")]
    pub policy: DnsPolicy,
}

/// Which of several addresses a connection begins with. If it can't be connected to, the others are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DnsSelect {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// A random one.
    Random,
    /// Always the first.
    First,
}

/// Which kinds of addresses are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DnsPolicy {
    /// All.
    #[default]
    Any,
    /// Those of IPv4 if there are any, else those of IPv6.
    PreferIPv4,
    /// Those of IPv6 if there are any, else those of IPv4.
    PreferIPv6,
    /// Those of IPv4.
    OnlyIPv4,
    /// Those of IPv6.
    OnlyIPv6,
}

/// Proxies that requests go through.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProxyOptions {
    /// Proxy for `http://` URLs, which gets whole URLs; itself spoken to over HTTP. User name and password
    /// may be part of it, also as templates of secrets. Example:
    /// `http://load:{{ secrets.proxy }}@proxy.example.com:3128`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub http: Option<String>,

    /// Proxy for `https://` URLs, which makes a tunnel (CONNECT), and for HTTP/2 without TLS. Written as
    /// `http`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub https: Option<String>,

    /// Hosts that are connected to directly: names, which stand for those below them too, addresses, ranges
    /// in CIDR notation, or `*` for all. Example: `[localhost, .svc, 10.0.0.0/8]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub no_proxy: Vec<String>,

    /// Takes what is not given here from the runners' environment variables `HTTP_PROXY`, `HTTPS_PROXY` and
    /// `NO_PROXY`, in upper or lower case. Default: false.
    #[serde(default, skip_serializing_if = "is_default")]
    pub from_environment: bool,
}
