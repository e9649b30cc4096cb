// SPDX-License-Identifier: Apache-2.0
//! Certificates, versions and ciphers of TLS.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::source::FileSource;

/// Certificates, versions and ciphers of TLS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsOptions {
    /// Certificates of authorities, as PEM, that servers are believed by in addition to those of Mozilla
    /// and of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<FileSource>,

    /// Certificates that the runners show to servers that ask for one. The first one whose `domains`
    /// match is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub client_certificates: Vec<ClientCertificate>,

    /// Name that the server's certificate is checked for, and that it is asked for (SNI), instead of the
    /// host of the URL. Example: `shop.example.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub server_name: Option<String>,

    /// Lowest version that is accepted: `TLS1.2` or `TLS1.3`. Older versions are not spoken. Default:
    /// TLS1.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 10))]
    pub min_version: Option<String>,

    /// Highest version that is offered: `TLS1.2` or `TLS1.3`. Default: TLS1.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 10))]
    pub max_version: Option<String>,

    /// Cipher suites that are offered, by their IANA names, the preferred ones first. Default: all that
    /// are known, which are those of TLS 1.3 and the ECDHE ones of TLS 1.2. Example:
    /// `[TLS13_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 64)))]
    pub cipher_suites: Vec<String>,
}

/// A certificate by which the runners prove who they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientCertificate {
    /// The certificate and those that lead to its authority, as PEM.
    pub cert: FileSource,

    /// Its private key, as PEM.
    pub key: FileSource,

    /// Hosts that it is shown to: names, which may begin with `*.`. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub domains: Vec<String>,
}
