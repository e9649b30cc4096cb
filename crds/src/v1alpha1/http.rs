// SPDX-License-Identifier: Apache-2.0
//! How the runners speak HTTP: defaults of every request of a test.

pub mod auth;
pub mod connections;
pub mod multipart;
pub mod network;
pub mod status_range;
pub mod tls;

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::{
    auth::Auth,
    connections::ConnectionOptions,
    network::{DnsOptions, ProxyOptions},
    status_range::StatusRange,
    tls::TlsOptions,
};
use super::{duration::TimeSpan, size::ByteSize};

/// Defaults of every HTTP request of the test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpOptions {
    /// Time that a request may take from asking for a connection to the last byte of the body.
    /// A request that takes longer counts as failed, with the timeout as its duration. Default: 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<TimeSpan>,

    /// Time that it may take to make a connection: name resolution, TCP, proxy and TLS handshake
    /// together. Default: as long as the request's own timeout. Example: `5s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<TimeSpan>,

    /// Headers sent with every request; values may hold templates. A request's own header of the
    /// same name wins. Example: `Accept: application/json`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub headers: BTreeMap<String, String>,

    /// Accepts any server certificate. Only for test systems with self-signed certificates.
    /// Default: false.
    #[serde(default, rename = "insecureSkipTLSVerify")]
    pub insecure_skip_tls_verify: bool,

    /// Version of HTTP. Default: Auto.
    #[serde(default, skip_serializing_if = "is_default")]
    pub version: HttpVersion,

    /// Whom connections belong to and how long they are used. Default: each user has its own, for ten
    /// to fifteen seconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub connections: ConnectionOptions,

    /// Certificates, versions and ciphers of TLS.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tls: TlsOptions,

    /// Most redirects of a request that are followed; 0 follows none. The response after the last one
    /// is taken as it is. Default: 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_redirects: Option<i32>,

    /// Whether users keep their cookies from one iteration to the next. Default: false, each iteration
    /// begins without cookies, as the visit of somebody new.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keep_cookies: bool,

    /// Content codings that responses may have, sent as `Accept-Encoding`. Responses are decoded only
    /// if captures or checks look at their body, whether asked for here or not. Default: none, no
    /// `Accept-Encoding` is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub accept_encoding: Vec<Coding>,

    /// Status codes that don't count as failed, single ones or ranges. An expectation of a request on
    /// its status wins. Default: `[200-399]`. Example: `[200-299, 304]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 50))]
    pub expected_statuses: Option<Vec<StatusRange>>,

    /// Largest body of a response. A larger one is an error, and its connection is closed. Default: no
    /// limit for bodies that nothing looks at, and 64Mi, also after decompression, for those that captures
    /// or checks look at. The page of a redirect that is followed is not looked at, and has no limit. Example: `1Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_response_size: Option<ByteSize>,

    /// Credentials sent with every request to the host of `target.baseURL`. A request's own `auth`
    /// or `Authorization` header wins. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,

    /// Proxies. Default: none, also where the environment names some.
    #[serde(default, skip_serializing_if = "is_default")]
    pub proxy: ProxyOptions,

    /// How host names become addresses.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dns: DnsOptions,

    /// Addresses of hosts instead of what DNS says: `IP`, `IP:PORT` or `[IPv6]:PORT` by host name, which
    /// may begin with `*.` for all names below and may end with a port, to be used for that port only.
    /// Name and certificate that the server is asked for stay the same. Example:
    /// `shop.example.com: 10.0.0.7:8443`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub hosts: BTreeMap<String, String>,

    /// Hosts that no request is sent to, also not after a redirect: names, which may begin with `*.`, or
    /// `*` for all. Requests to them fail. Example: `[www.googletagmanager.com, "*.example.org"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub block_hosts: Vec<String>,

    /// Address ranges in CIDR notation that nothing is connected to, whatever name led there. Example:
    /// `[10.0.0.0/8, "fd00::/8"]`.
    #[serde(default, rename = "blockIPs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub block_ips: Vec<String>,

    /// Addresses of the runner that connections come from, used in turn: single ones or ranges in CIDR
    /// notation of at most 256 addresses. For more connections to one server than an address has ports.
    /// Default: the system chooses. Example: `[127.0.0.2, 127.0.1.0/28]`.
    #[serde(default, rename = "localIPs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub local_ips: Vec<String>,
}

/// Versions of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// HTTP/2 if the server chooses it during the TLS handshake (ALPN), else HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1.
    #[serde(rename = "HTTP1")]
    Http1,
    /// HTTP/2 only; without TLS, with prior knowledge.
    #[serde(rename = "HTTP2")]
    Http2,
}

/// Content codings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Coding {
    /// gzip (RFC 1952).
    Gzip,
    /// deflate: zlib (RFC 1950).
    Deflate,
    /// Brotli (RFC 7932).
    Br,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Coding {
    /// The coding as headers name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Br => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// Whether a value is the default one, which is not written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
