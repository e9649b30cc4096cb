// SPDX-License-Identifier: Apache-2.0
//! The leases on targets: where a run stands, taking and leaving a target, and clearing up.
//!
//! Whose turn it is, is decided in `upsurge_core::target_lease`. This brings together what it needs: the leases ([`Store`]), which runs
//! are gone ([`Fates`]), and who has a target whose lease was deleted by hand ([`AtWork`]). Of two writers one finds the lease
//! changed, and looks again.

mod at_work;
mod fates;
mod object;
mod store;

use std::collections::BTreeMap;

use futures::{Stream, future::try_join_all, stream};
use jiff::Timestamp;
use kube::Client;
use tokio::sync::broadcast;
use tracing::{info, warn};
use upsurge_core::target_lease::{self, Claim, Company, Gone, Left, Load, Standing};
use upsurge_crds::internal::{TargetLease, TargetUser};

use self::{
    at_work::AtWork,
    fates::{Fate, Fates},
    store::Store,
};
pub use self::{
    fates::{Seen, load},
    store::Error,
};
use crate::{collector::RunKey, errors::chain, fence::Fence};

/// How often it is tried to leave a lease that others write.
const TRIES: u32 = 8;
/// Runs that a slow listener may lag behind; those that it misses look again by themselves.
const FREED: usize = 256;

/// Where a run stands on its targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Whether it has one of them, or is in line for one.
    pub is_known: bool,
    /// How it stands on the first that it does not have.
    pub next: Next,
}

/// How a run stands on a target.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// It has all that it wants.
    Held,
    /// It may have it, by writing this.
    Free(Box<TargetLease>),
    /// It has to wait.
    Busy {
        /// For whom, in words.
        message: String,
        /// What is to be written for it to have its place in line, if that is missing.
        line: Option<Box<TargetLease>>,
    },
}

impl Place {
    /// Of a run that need not ask.
    pub fn held() -> Self {
        Self { is_known: true, next: Next::Held }
    }
}

/// The leases on all targets.
pub struct TargetLeases {
    store: Store,
    fates: Fates,
    at_work: AtWork,
    freed: broadcast::Sender<RunKey>,
}

impl TargetLeases {
    /// The leases in a namespace, written only while the fence is open.
    pub fn new(client: Client, namespace: &str, fence: Fence) -> Self {
        let freed = broadcast::channel(FREED).0;
        let store = Store::new(client.clone(), namespace, fence);
        Self { store, fates: Fates::new(client), at_work: AtWork::default(), freed }
    }

    /// Adds what is cached of the runs of a namespace, or of all.
    pub fn know_runs(
        &self,
        namespace: Option<String>,
        runs: impl Fn(&str, &str) -> Option<Seen> + Send + Sync + 'static,
    ) {
        self.fates.know(namespace, runs);
    }

    /// Looks where a run stands on what it claims.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn look(&self, claims: &[Claim], me: &TargetUser) -> Result<Place, Error> {
        let mut is_known = false;
        for Claim { target, part } in claims {
            let found = self.store.read(target).await?;
            let me = TargetUser { part: *part, ..me.clone() };
            let spec = self.at_work.completed(target, found.as_ref().map(|lease| &lease.spec), &me.uid);
            let users: Vec<&TargetUser> =
                spec.iter().flat_map(|spec| spec.holders.iter().chain(&spec.waiting)).collect();
            is_known |= users.iter().any(|user| user.uid == me.uid);
            let gone = self.gone(users.into_iter(), &me.uid).await?;
            gone.keys().for_each(|uid| self.at_work.forget(uid));
            let with = |spec| Box::new(object::with(found.clone(), spec));
            let next = match target_lease::standing(target, spec.as_ref(), &me, &gone) {
                Standing::Held => continue,
                Standing::Free(spec) => Next::Free(with(spec)),
                Standing::Busy(busy) => Next::Busy { message: busy.message, line: busy.line.map(with) },
            };
            return Ok(Place { is_known, next });
        }
        self.at_work.note(claims, me);
        Ok(Place { is_known, next: Next::Held })
    }

    /// Notes that a run is under way, and has all that it claims.
    pub fn adopt(&self, claims: &[Claim], user: &TargetUser) {
        self.at_work.note(claims, user);
    }

    /// Writes a lease that was looked at a moment ago, or a new one.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else has written it since.
    pub async fn write(&self, lease: &TargetLease) -> Result<(), Error> {
        self.store.write(lease).await
    }

    /// Takes a run, of whose load the others are told at their end, out of the leases on its targets.
    ///
    /// # Errors
    /// When the API server does not answer, or this operator may not write.
    pub async fn leave(&self, claims: &[Claim], uid: &str, load: Option<&Load>) -> Result<(), Error> {
        self.at_work.forget(uid);
        for Claim { target, .. } in claims {
            for tries_left in (0..TRIES).rev() {
                let Some(found) = self.store.read(target).await? else { break };
                let left = target_lease::left(&found.spec, uid, load.cloned());
                match self.settle(found, left).await {
                    Err(Error::Conflict(_)) if tries_left > 0 => {}
                    result => {
                        result?;
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whose load was on the same targets as that of a run, which lasted from one instant to the other.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn company(
        &self,
        claims: &[Claim],
        uid: &str,
        span: (Timestamp, Timestamp),
    ) -> Result<Vec<Company>, Error> {
        let (mut leases, mut loads) = (Vec::new(), BTreeMap::new());
        for Claim { target, .. } in claims {
            let Some(found) = self.store.read(target).await? else { continue };
            for other in found.spec.holders.iter().filter(|other| other.uid != uid) {
                if let Some(load) = self.fates.load(other).await.map_err(store::unread)? {
                    loads.insert(other.uid.clone(), load);
                }
            }
            leases.push(found.spec);
        }
        Ok(target_lease::company(&leases, uid, span, &loads))
    }

    /// Clears up after runs of whose end no operator has heard.
    ///
    /// # Errors
    /// When the API server does not answer, or this operator may not write.
    pub async fn sweep(&self) -> Result<(), Error> {
        for found in self.store.all().await? {
            let users = found.spec.holders.iter().chain(&found.spec.waiting);
            let left = target_lease::without(&found.spec, &self.gone(users, "").await?);
            match self.settle(found, left).await {
                // Whoever was faster has looked as well.
                Err(Error::Conflict(_)) => {}
                result => result?,
            }
        }
        Ok(())
    }

    /// Runs that may have their target now, because others have left it.
    pub fn freed(&self) -> impl Stream<Item = RunKey> + Send + use<> {
        stream::unfold(self.freed.subscribe(), |mut freed| async move {
            loop {
                match freed.recv().await {
                    Ok(run) => return Some((run, freed)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        })
    }

    /// Writes what is left of a lease, and wakes those whose turn it is then.
    async fn settle(&self, found: TargetLease, left: Left) -> Result<(), Error> {
        match left {
            Left::Unchanged => Ok(()),
            Left::Lease(spec) => {
                let next = object::with(Some(found), spec);
                self.store.write(&next).await?;
                let (target, spec) = (&next.spec.target, &next.spec);
                for user in &spec.waiting {
                    if matches!(
                        target_lease::standing(target, Some(spec), user, &Gone::new()),
                        Standing::Free(_)
                    ) {
                        // Nobody listens while the controllers start or end.
                        let _ = self.freed.send(RunKey::new(&user.namespace, &user.name));
                    }
                }
                Ok(())
            }
            Left::Idle => self.store.delete(&found).await,
        }
    }

    /// Those among some runs that are gone, other than one.
    async fn gone<'a>(&self, users: impl Iterator<Item = &'a TargetUser>, uid: &str) -> Result<Gone, Error> {
        let fates = users.filter(|user| user.uid != uid).map(|user| async {
            let fate = self.fates.of(user).await.map_err(store::unread)?;
            if matches!(fate, Fate::Gone(_)) {
                info!(run = %RunKey::new(&user.namespace, &user.name), "its place on a target is free");
            }
            Ok::<_, Error>((user.uid.clone(), fate))
        });
        let fates: Vec<(String, Fate)> = try_join_all(fates).await?;
        let gone = fates.into_iter().filter_map(|(uid, fate)| match fate {
            Fate::Alive => None,
            Fate::Gone(load) => Some((uid, load)),
        });
        Ok(gone.collect())
    }
}

/// Clears up now, which is best effort.
pub async fn sweep(leases: &TargetLeases) {
    if let Err(error) = leases.sweep().await {
        warn!(error = chain(&error), "failed to clear up target leases; trying again later");
    }
}

#[cfg(test)]
mod tests;
