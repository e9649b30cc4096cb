// SPDX-License-Identifier: Apache-2.0
//! Names to addresses, of which only those are given on that the policy allows: checked after the name was resolved,
//! and used for the connection as they were checked.

use std::{net::SocketAddr, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use upsurge_core::http::Reach;

use crate::AskError;

/// A resolver that heeds the policy.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) reach: Arc<Reach>,
}

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = Arc::clone(&self.reach);
        Box::pin(async move {
            let found =
                tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| AskError::Unresolved)?;
            let addresses = allowed(&reach, found)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The addresses that may be connected to.
fn allowed(reach: &Reach, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, AskError> {
    let mut forbidden = None;
    let mut addresses = Vec::new();
    for address in found {
        match reach.address(address.ip()) {
            Ok(()) => addresses.push(address),
            Err(error) => forbidden = Some(error),
        }
    }
    match (addresses.is_empty(), forbidden) {
        (false, _) => Ok(addresses),
        (true, Some(error)) => Err(error.into()),
        (true, None) => Err(AskError::Unresolved),
    }
}
