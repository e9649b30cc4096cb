// SPDX-License-Identifier: Apache-2.0
//! Where a request goes: scheme, host and port.

use http::{
    HeaderValue, Uri,
    uri::{Authority, Scheme},
};
use upsurge_core::http::{without_login, written_port};

/// A server as a URL names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Value of the `Host` header.
    pub header: HeaderValue,
    /// The same as HTTP/2 and proxies want it.
    pub authority: Authority,
}

/// Why a URL leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is not an http:// or https:// URL with a host, and a port if any")]
pub struct OriginError {
    url: String,
}

impl Origin {
    /// The server of a whole URL.
    pub fn of(uri: &Uri) -> Result<Self, OriginError> {
        let wrong = || OriginError { url: without_login(&uri.to_string()).into_owned() };
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(wrong()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let default = if tls { 443 } else { 80 };
        let port = uri.authority().map(written_port).transpose().map_err(|_| wrong())?.flatten();
        let port = port.unwrap_or(default);
        let header = if port == default { host.to_owned() } else { format!("{host}:{port}") };
        Ok(Self {
            tls,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            header: HeaderValue::from_str(&header).map_err(|_| wrong())?,
            authority: Authority::try_from(header).map_err(|_| wrong())?,
        })
    }

    /// The origin as the beginning of a URL.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }
}
