// SPDX-License-Identifier: Apache-2.0
//! The platform's policy at work: the file it comes from, and what is kept of the runs under way so that its limits
//! can be held. What the policy means is pure and stands in `upsurge_core::policy`.

mod file;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;
use upsurge_core::{
    policy::{Entry, Excess, Policy, Queue, Rates, Sample, Turn, check},
    validate::Valid,
};
use upsurge_crds::LoadTestSpec;

pub use self::file::{PolicyError, read, watch};

/// Gives the runs that are under way by their status, as namespace and name.
type UnderWay = dyn Fn() -> Vec<(String, String)> + Send + Sync;

/// The policy, and the runs as far as its limits are about them. Clones share it.
#[derive(Clone, Default)]
pub struct Platform {
    policy: Arc<RwLock<Arc<Policy>>>,
    queue: Arc<Mutex<Queue>>,
    rates: Arc<Mutex<Rates>>,
    under_way: Arc<Mutex<Vec<Box<UnderWay>>>>,
}

impl Platform {
    /// The policy as it is now.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on another policy holds. Runs under way go on by the plan that they have; limits on their number and
    /// rate hold at once.
    pub fn set_policy(&self, policy: Policy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    /// Adds a source of the runs under way.
    pub fn know_runs(&self, runs: impl Fn() -> Vec<(String, String)> + Send + Sync + 'static) {
        lock(&self.under_way).push(Box::new(runs));
    }

    /// Whether a test may be run in a namespace.
    ///
    /// # Errors
    /// What is not allowed, which rules say so, and whom to ask.
    pub fn check(&self, test: &LoadTestSpec, valid: &Valid, namespace: &str) -> Result<(), String> {
        let policy = self.policy();
        check(test, valid, &policy, namespace).map_err(|refusals| policy.message(&refusals))
    }

    /// Whether it is a run's turn; if so it counts as under way until it [leaves](Self::leave).
    pub fn turn(&self, entry: Entry) -> Turn {
        let policy = self.policy();
        let under_way: Vec<_> = lock(&self.under_way).iter().flat_map(|runs| runs()).collect();
        lock(&self.queue).ask(entry, &under_way, &policy)
    }

    /// A run is under way, whoever let it begin.
    pub fn adopt(&self, entry: Entry) {
        lock(&self.queue).adopt(entry);
    }

    /// Something was measured of a run; says whether it is to be stopped, and why.
    pub fn measured(&self, namespace: &str, name: &str, sample: Sample) -> Option<String> {
        let policy = self.policy();
        let rules = policy.rules(namespace);
        let limit = rules.max_requests_per_second.as_ref();
        let excess: Option<Excess> = lock(&self.rates).see(namespace, name, sample, limit, Timestamp::now());
        excess.map(|excess| excess.message(namespace, &policy.whom_to_ask()))
    }

    /// A run has ended or is gone.
    pub fn leave(&self, namespace: &str, name: &str) {
        lock(&self.queue).leave(namespace, name);
        lock(&self.rates).leave(namespace, name);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
