// SPDX-License-Identifier: Apache-2.0
//! Keeps the authorities in their Secret, and shows a certificate of the present one.
//!
//! Every replica looks and shows: a runner may come to one that stands by, which must prove who it is before it leads the
//! runner on. Only the one that holds the lease writes. Each replica makes a key of its own for what it shows; that
//! key never leaves the process.

use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    Identity, Names, Served, Unusable,
    rotation::{Authorities, Found, Step, decide, period},
    secret::{Look, Store},
};
use crate::{errors::chain, fence::Fence};

/// Longest time between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Shortest one; also that of a replica that has nothing to show.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// Looks in the period in which the next authority is known.
const LOOKS: u32 = 20;
/// Time until the next look after one that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Why the authorities are not as they should be.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("failed to read Secret {0}")]
    Read(String, #[source] Box<kube::Error>),
    #[error("failed to write Secret {0}")]
    Write(String, #[source] Box<kube::Error>),
    #[error("Secret {0} is of no use, and it is for the operator that leads to write it anew: {1}")]
    Broken(String, #[source] Unusable),
    #[error("Secret {0} is not there yet, and it is for the operator that leads to make it")]
    Awaited(String),
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

/// Who keeps them.
pub struct Keeper {
    store: Store,
    names: Names,
    lifetime: Duration,
    fence: Fence,
    served: Served,
    /// What is shown now.
    known: Option<Authorities>,
}

impl Keeper {
    /// Keeps authorities of such a life in a Secret, and writes only while the fence is open.
    pub fn new(
        client: Client,
        (namespace, name): (&str, &str),
        names: Names,
        lifetime: Duration,
        fence: Fence,
        served: Served,
    ) -> Self {
        Self { store: Store::new(client, namespace, name), names, lifetime, fence, served, known: None }
    }

    /// Looks again and again until told to stop.
    pub async fn keep(mut self, stop: CancellationToken) {
        let mut failed = String::new();
        loop {
            let pause = match self.look(Timestamp::now()).await {
                Ok(()) => {
                    failed.clear();
                    self.pause()
                }
                Err(problem) => {
                    let text = chain(&problem);
                    match problem {
                        Error::Awaited(_) => {}
                        // Told once.
                        _ if failed == text => {}
                        _ => error!(error = text, "the collector's authorities are not as they should be"),
                    }
                    self.served.complain(text.clone());
                    let waits = matches!(problem, Error::Awaited(_) | Error::Broken(..));
                    failed = text;
                    if waits { SHORTEST_PAUSE } else { AFTER_FAILURE }
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }

    fn pause(&self) -> Duration {
        (period(self.lifetime) / LOOKS).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }

    /// Looks once, and does what is to be done.
    async fn look(&mut self, now: Timestamp) -> Result<(), Error> {
        let name = || self.store.name().to_owned();
        let mut look = self.store.look().await.map_err(|source| Error::Read(name(), Box::new(source)))?;
        // Well-formed is not enough: it has to be of use to runners.
        let shown = match &look.found {
            Found::Some(found) if self.known.as_ref() != Some(found) => {
                Some(identity(found, &self.names, now))
            }
            _ => None,
        };
        let shown = match shown.transpose() {
            Ok(shown) => shown,
            Err(problem) => {
                // One that has run out is followed by the next; any other problem spoils all.
                let has_run_out = matches!(&look.found, Found::Some(found) if !found.current.is_valid(now));
                if !has_run_out || self.fence.check().is_err() {
                    look.found = Found::Broken(problem);
                }
                None
            }
        };
        match (decide(&look.found, self.known.as_ref(), now, self.lifetime), self.fence.check()) {
            (Step::Keep, _) => self.adopt(look, shown),
            (step, Ok(_)) => self.write(step, look, now).await?,
            (_, Err(_)) => self.stand_by(look, shown)?,
        }
        Ok(())
    }

    /// Shows what was found, where that is new.
    fn adopt(&mut self, look: Look, shown: Option<Identity>) {
        match (look.found, shown) {
            (Found::Some(authorities), Some(identity)) => {
                info!(secret = self.store.name(), current = ?authorities.current, "showing a new certificate");
                self.known = Some(authorities);
                self.served.show(identity);
            }
            _ => self.served.confirm(),
        }
    }

    /// Something is to be written, and not by this replica.
    fn stand_by(&mut self, look: Look, shown: Option<Identity>) -> Result<(), Error> {
        match look.found {
            Found::Some(_) => self.adopt(look, shown),
            Found::Broken(problem) => return Err(Error::Broken(self.store.name().into(), problem)),
            Found::Nothing => return Err(Error::Awaited(self.store.name().into())),
        }
        Ok(())
    }

    async fn write(&mut self, step: Step, look: Look, now: Timestamp) -> Result<(), Error> {
        if let Found::Broken(problem) = &look.found {
            warn!(secret = self.store.name(), %problem, "the collector's authorities were spoilt");
        }
        let before = match &look.found {
            Found::Some(authorities) => Some(authorities.clone()),
            Found::Nothing | Found::Broken(_) => self.known.clone(),
        };
        let authorities = match (step, before) {
            (Step::Rotate, Some(before)) => before.rotated(now, self.lifetime)?,
            (Step::Restore, Some(before)) => before,
            _ => Authorities::begin(now, self.lifetime)?,
        };
        let identity = identity(&authorities, &self.names, now)?;
        let written = self.store.write(look, &authorities).await;
        written.map_err(|source| Error::Write(self.store.name().into(), Box::new(source)))?;
        info!(secret = self.store.name(), ?step, current = ?authorities.current, next = ?authorities.next,
            "wrote the collector's authorities");
        self.known = Some(authorities);
        self.served.show(identity);
        Ok(())
    }
}

/// What is shown of authorities.
fn identity(authorities: &Authorities, names: &Names, now: Timestamp) -> Result<Identity, Unusable> {
    let (certificate, key) = authorities.current.certify(&names.list())?;
    Identity::new(vec![certificate], key, &authorities.told(), names, now)
}

#[cfg(test)]
mod tests;
