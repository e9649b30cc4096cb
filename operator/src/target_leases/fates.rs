// SPDX-License-Identifier: Apache-2.0
//! Which runs are gone: ended, deleted, or in a namespace that is not watched any more.
//!
//! That a run is alive is taken from the cache; that it is gone is never, as a cache may lag behind. So those who wait ask
//! nothing of the API server as long as the run before them goes on, and nobody is taken for gone who is at work.

use std::sync::{Mutex, PoisonError};

use kube::{Api, Client, ResourceExt};
use upsurge_core::target_lease::Load;
use upsurge_crds::{
    LoadTestRun,
    internal::TargetUser,
    v1alpha1::{LoadTestRunStatus, Phase},
};

/// What became of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It goes on, or waits.
    Alive,
    /// It is gone; its load, if it made any and is still there to tell.
    Gone(Option<Load>),
}

/// A run as a cache has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its UID.
    pub uid: String,
    /// Whether it is finished.
    pub is_finished: bool,
}

type Cache = dyn Fn(&str, &str) -> Option<Seen> + Send + Sync;

/// The runs of one namespace, or of all.
struct Scope {
    namespace: Option<String>,
    runs: Box<Cache>,
}

/// What can be known of runs.
pub struct Fates {
    client: Client,
    scopes: Mutex<Vec<Scope>>,
}

impl Fates {
    /// Nothing is cached yet.
    pub fn new(client: Client) -> Self {
        Self { client, scopes: Mutex::default() }
    }

    /// Adds the cache of a namespace, or of all.
    pub fn know(
        &self,
        namespace: Option<String>,
        runs: impl Fn(&str, &str) -> Option<Seen> + Send + Sync + 'static,
    ) {
        self.lock().push(Scope { namespace, runs: Box::new(runs) });
    }

    /// What became of a run.
    ///
    /// # Errors
    /// When the API server has to be asked and does not answer.
    pub async fn of(&self, user: &TargetUser) -> Result<Fate, kube::Error> {
        match self.cached(user) {
            Cached::Alive => Ok(Fate::Alive),
            // Nobody carries it out any more.
            Cached::Unwatched => Ok(Fate::Gone(None)),
            Cached::Unsure => Ok(match self.read(user).await {
                Ok(Some(run)) if !is_finished(run.status.as_ref()) => Fate::Alive,
                Ok(Some(run)) => Fate::Gone(run.status.as_ref().and_then(load)),
                Ok(None) => Fate::Gone(None),
                // It is there, and a newer operator has written what this one can't read: nobody may take it for gone, nor should one who
                // waits for it be told of nothing but a failure.
                Err(kube::Error::SerdeError(_)) => Fate::Alive,
                Err(error) => return Err(error),
            }),
        }
    }

    /// The load of a run, if it has begun.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn load(&self, user: &TargetUser) -> Result<Option<Load>, kube::Error> {
        if matches!(self.cached(user), Cached::Unwatched) {
            return Ok(None);
        }
        match self.read(user).await {
            Ok(run) => Ok(run.and_then(|run| run.status.as_ref().and_then(load))),
            Err(kube::Error::SerdeError(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn cached(&self, user: &TargetUser) -> Cached {
        let scopes = self.lock();
        let is_of = |scope: &&Scope| scope.namespace.as_ref().is_none_or(|name| *name == user.namespace);
        match scopes.iter().find(is_of) {
            None if scopes.is_empty() => Cached::Unsure,
            None => Cached::Unwatched,
            Some(scope) => match (scope.runs)(&user.namespace, &user.name) {
                Some(seen) if seen.uid == user.uid && !seen.is_finished => Cached::Alive,
                _ => Cached::Unsure,
            },
        }
    }

    /// The very run, as it is now.
    async fn read(&self, user: &TargetUser) -> Result<Option<LoadTestRun>, kube::Error> {
        let api: Api<LoadTestRun> = Api::namespaced(self.client.clone(), &user.namespace);
        Ok(api.get_opt(&user.name).await?.filter(|run| run.uid().as_ref() == Some(&user.uid)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Scope>> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Cached {
    Alive,
    Unsure,
    Unwatched,
}

fn is_finished(status: Option<&LoadTestRunStatus>) -> bool {
    status.and_then(|status| status.phase) == Some(Phase::Finished)
}

/// The load that a status tells of.
pub fn load(status: &LoadTestRunStatus) -> Option<Load> {
    Some(Load { from: status.start_time.clone()?, until: status.load_end_time.clone() })
}
