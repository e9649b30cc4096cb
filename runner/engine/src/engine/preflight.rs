// SPDX-License-Identifier: Apache-2.0
//! A look at the target before the load starts: a wrong name is an error of the test, not a million
//! failed requests.

use std::{io, time::Duration};

use http::Uri;
use tokio::net::TcpStream;
use upsurge_core::http::{Forbidden, Reach, without_login};
use upsurge_crds::{names::reasons, v1alpha1::LoadTestSpec};
use upsurge_http::{origin::Origin, resolver::ask_system};

/// Longest wait for the target's resolver, and for its accepting a connection.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Why a test can't start against its target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unready {
    /// One of `upsurge_crds::names::reasons`.
    pub reason: &'static str,
    /// What, where, and what to do.
    pub message: String,
}

/// Looks whether the target can be reached at all: its name resolves and it accepts a connection. A
/// target that does not answer in time is only logged: it may answer later.
///
/// # Errors
/// `InvalidSpec`, `PolicyViolation`, `TargetUnresolved` or `TargetUnreachable`, with what to do.
pub async fn preflight(test: &LoadTestSpec, reach: &Reach) -> Result<(), Unready> {
    let url = without_login(&test.target.base_url);
    let invalid = |error: String| Unready {
        reason: reasons::INVALID_SPEC,
        message: format!("spec.target.baseURL: {url:?}: {error}"),
    };
    let uri: Uri =
        test.target.base_url.parse().map_err(|error: http::uri::InvalidUri| invalid(error.to_string()))?;
    let origin = Origin::of(&uri).map_err(|error| invalid(error.to_string()))?;
    let settings = upsurge_core::http::compile(test);
    let settings = settings.map_err(|errors| Unready {
        reason: reasons::INVALID_SPEC,
        message: errors.first().map(ToString::to_string).unwrap_or_default(),
    })?;
    let elsewhere = settings.hosts.iter().find_map(|entry| entry.address(&origin.host, origin.port));
    let proxy = &settings.proxy;
    if proxy.http.is_some() || proxy.https.is_some() || proxy.from_environment {
        // What the proxy can reach only the proxy knows.
        return Ok(());
    }
    let (host, port) = (origin.host.as_str(), origin.port);
    let forbidden = |forbidden: Forbidden| Unready {
        reason: reasons::POLICY_VIOLATION,
        message: format!("spec.target.baseURL {url}: {forbidden}"),
    };
    reach.host(host).map_err(forbidden)?;
    let unresolved = |problem: String| Unready {
        reason: reasons::TARGET_UNRESOLVED,
        message: format!(
            "host {host:?} of spec.target.baseURL {url} does not resolve: {problem}; check the name of the Service and its namespace"
        ),
    };
    let lookup = tokio::time::timeout(LONGEST_WAIT, ask_system(host.to_owned(), port));
    let addresses: Vec<_> = match elsewhere {
        Some(address) => vec![address],
        None => match lookup.await {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(error)) => return Err(unresolved(error.to_string())),
            Err(_) => return Err(unresolved(format!("no answer within {} s", LONGEST_WAIT.as_secs()))),
        },
    };
    for address in &addresses {
        reach.address(address.ip()).map_err(forbidden)?;
    }
    let mut last = None;
    for address in &addresses {
        match tokio::time::timeout(LONGEST_WAIT, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => last = Some(error),
            Err(_) => {
                tracing::warn!(%address, "the target did not accept a connection in time; the load starts all the same");
                return Ok(());
            }
        }
    }
    let error = last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it has no addresses"));
    Err(Unready {
        reason: reasons::TARGET_UNREACHABLE,
        message: format!(
            "spec.target.baseURL {url} can't be reached: {error}; check that the target runs and listens on port {port}"
        ),
    })
}
