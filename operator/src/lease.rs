// SPDX-License-Identifier: Apache-2.0
//! Leader election: one of several operators works, the others wait.
//!
//! [`evaluate`] decides, purely; writing uses the lease's resource version as an optimistic lock, so that of two
//! candidates only one can win. A lease counts as abandoned when it has not changed for its duration by
//! this machine's clock; clocks of other machines are not compared with it. The count of its transitions is the term
//! under which the holder writes ([`Fence`]).

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use upsurge_crds::names::LEASE_FIELD_MANAGER;

use crate::{
    errors::chain,
    fence::Fence,
    leader::{self, Leader},
};

/// Silence after which a lease counts as abandoned.
const DURATION: Duration = Duration::from_secs(15);
/// Time between two renewals, and between two looks at a lease that another one holds.
const RENEWAL: Duration = Duration::from_secs(3);
/// Time without a successful renewal after which the holder gives up: before others may take over.
const RENEWAL_DEADLINE: Duration = Duration::from_secs(10);

/// What to do about a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nobody holds it: take it.
    Acquire,
    /// It is ours: renew it.
    Renew,
    /// Another one holds it: look again later.
    Yield,
}

/// Decides what to do about a lease that has not changed for a time.
fn evaluate(spec: Option<&LeaseSpec>, identity: &str, unchanged: Duration) -> Step {
    let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).filter(|holder| !holder.is_empty());
    let seconds =
        spec.and_then(|spec| spec.lease_duration_seconds).and_then(|value| u64::try_from(value).ok());
    let duration = seconds.map_or(DURATION, Duration::from_secs);
    match holder {
        None => Step::Acquire,
        Some(holder) if holder == identity => Step::Renew,
        Some(_) if unchanged >= duration => Step::Acquire,
        Some(_) => Step::Yield,
    }
}

/// The spec to write: taken over, or renewed.
fn claimed(old: Option<&LeaseSpec>, identity: &str, step: Step, now: Timestamp) -> LeaseSpec {
    let mut spec = old.cloned().unwrap_or_default();
    if step == Step::Acquire {
        let before = old.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
        let term = spec.lease_transitions.map_or_else(|| first_term(now), |count| count.saturating_add(1));
        spec.lease_transitions = Some(term);
        spec.acquire_time = Some(MicroTime(now));
        info!(before, identity, "taking the lease");
    }
    spec.holder_identity = Some(identity.into());
    spec.lease_duration_seconds = i32::try_from(DURATION.as_secs()).ok();
    spec.renew_time = Some(MicroTime(now));
    spec
}

/// The count of transitions with which a new lease begins: minutes since 1970. Terms must not fall when somebody
/// deletes the lease, or nobody could write any more what an operator of a higher one wrote before.
fn first_term(now: Timestamp) -> i32 {
    i32::try_from(now.as_second() / 60).unwrap_or(i32::MAX)
}

/// Why a lease can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The API server refused or did not answer.
    #[error("failed to read or write lease {name}")]
    Api {
        /// Name of the lease.
        name: String,
        /// What went wrong.
        #[source]
        source: Box<kube::Error>,
    },
    /// The lease went to another operator, or could not be renewed in time.
    #[error("lease {name} was lost: {why}")]
    Lost {
        /// Name of the lease.
        name: String,
        /// How.
        why: String,
    },
}

/// How a lease was acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// Nobody else held it.
    AtOnce,
    /// Another operator held it before.
    AfterStandingBy,
}

/// A candidate for a lease.
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    fence: Fence,
    /// Where this operator serves runners.
    address: Option<SocketAddr>,
    /// Where the holder does, told to the collector.
    leader: Leader,
    /// Resource version last seen, and since when.
    seen: Option<(String, Instant)>,
}

impl Candidate {
    /// A candidate that goes by `identity`, and opens the fence while it holds the lease.
    pub fn new(client: Client, namespace: &str, name: &str, identity: String, fence: Fence) -> Self {
        let api = Api::namespaced(client, namespace);
        Self { api, name: name.into(), identity, fence, address: None, leader: Leader::default(), seen: None }
    }

    /// Serves runners at `address`, which goes into the lease, and tells `leader` where another holder does.
    pub fn serving(self, address: Option<SocketAddr>, leader: Leader) -> Self {
        Self { address, leader, ..self }
    }

    /// Waits until the lease is held; `None` if told to stop before.
    pub async fn acquire(&mut self, stop: &CancellationToken) -> Option<Acquired> {
        let mut waiting = false;
        loop {
            // Whoever has connections to an API server that is gone without a word must not wait for it for ever.
            let attempt = timeout(RENEWAL_DEADLINE, self.attempt()).await;
            match attempt.unwrap_or_else(|_| Err(self.lost("the API server did not answer in time"))) {
                Ok(Step::Yield) if !waiting => {
                    info!(lease = self.name, "another operator leads; standing by");
                    waiting = true;
                }
                Ok(Step::Yield) => {}
                Ok(_) if waiting => return Some(Acquired::AfterStandingBy),
                Ok(_) => return Some(Acquired::AtOnce),
                Err(error) => warn!(error = %chain(&error), "failed to acquire the lease; trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = sleep(RENEWAL) => {}
            }
        }
    }

    /// Keeps the lease until told to stop, and then gives it back.
    ///
    /// # Errors
    /// When the lease is lost; whoever works under it must stop at once.
    pub async fn hold(mut self, stop: &CancellationToken) -> Result<(), LeaseError> {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(RENEWAL) => {}
            }
            let left = RENEWAL_DEADLINE.saturating_sub(renewed.elapsed());
            match timeout(left, self.attempt()).await {
                Ok(Ok(Step::Renew)) => renewed = Instant::now(),
                Ok(Ok(_)) => return Err(self.lost("another operator took it")),
                Ok(Err(error)) if renewed.elapsed() < RENEWAL_DEADLINE => {
                    warn!(error = %chain(&error), "failed to renew the lease; trying again");
                }
                Ok(Err(error)) => return Err(self.lost(&chain(&error))),
                Err(_) => return Err(self.lost("the API server did not answer in time")),
            }
        }
        if let Err(error) = timeout(RENEWAL, self.vacate()).await.unwrap_or(Ok(())) {
            warn!(error = %chain(&error), "failed to give the lease back; it runs out by itself");
        }
        Ok(())
    }

    /// Looks at the lease and takes or renews it if that is up to us. Losing a race is no error.
    async fn attempt(&mut self) -> Result<Step, LeaseError> {
        let began = Instant::now();
        let found = self.api.get_opt(&self.name).await.map_err(|source| self.error(source))?;
        let parameters = self.parameters();
        let Some(mut lease) = found else {
            let spec = claimed(None, &self.identity, Step::Acquire, Timestamp::now());
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let mut lease = Lease { metadata, spec: Some(spec) };
            leader::write(&mut lease, self.address);
            let created = self.api.create(&parameters, &lease).await;
            return self.claimed(began, Step::Acquire, created);
        };
        let unchanged = self.unchanged(&lease);
        let step = evaluate(lease.spec.as_ref(), &self.identity, unchanged);
        // Silent for so long, the holder has given up by itself.
        let leads = step == Step::Yield && unchanged < RENEWAL_DEADLINE;
        self.leader.set(leader::read(&lease).filter(|address| leads && Some(*address) != self.address));
        if step == Step::Yield {
            return Ok(step);
        }
        leader::write(&mut lease, self.address);
        lease.spec = Some(claimed(lease.spec.as_ref(), &self.identity, step, Timestamp::now()));
        // A replacement carries the resource version that was read: it fails if somebody was faster.
        let replaced = self.api.replace(&self.name, &parameters, &lease).await;
        self.claimed(began, step, replaced)
    }

    /// What came of a claim. Others count from when they see it, which can't be before it was begun.
    fn claimed(
        &self,
        began: Instant,
        step: Step,
        result: Result<Lease, kube::Error>,
    ) -> Result<Step, LeaseError> {
        let transitions = |lease: &Lease| lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
        let term = result.as_ref().ok().and_then(transitions).unwrap_or_default();
        let step = self.written(step, result)?;
        if step != Step::Yield {
            self.fence.held(term.into(), began + RENEWAL_DEADLINE);
        }
        Ok(step)
    }

    async fn vacate(&self) -> Result<(), LeaseError> {
        let Some(mut lease) = self.api.get_opt(&self.name).await.map_err(|source| self.error(source))? else {
            return Ok(());
        };
        if let Some(spec) = &mut lease.spec
            && spec.holder_identity.as_deref() == Some(&self.identity)
        {
            spec.holder_identity = None;
            let replaced = self.api.replace(&self.name, &self.parameters(), &lease).await;
            self.written(Step::Renew, replaced)?;
        }
        Ok(())
    }

    fn written(&self, step: Step, result: Result<Lease, kube::Error>) -> Result<Step, LeaseError> {
        match result {
            Ok(_) => Ok(step),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => {
                Ok(Step::Yield)
            }
            Err(source) => Err(self.error(source)),
        }
    }

    /// How long the lease has not changed, as far as this process has seen.
    fn unchanged(&mut self, lease: &Lease) -> Duration {
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        match &self.seen {
            Some((seen, since)) if *seen == version => since.elapsed(),
            _ => {
                self.seen = Some((version, Instant::now()));
                Duration::ZERO
            }
        }
    }

    fn parameters(&self) -> PostParams {
        PostParams { field_manager: Some(LEASE_FIELD_MANAGER.into()), ..PostParams::default() }
    }

    fn error(&self, source: kube::Error) -> LeaseError {
        LeaseError::Api { name: self.name.clone(), source: Box::new(source) }
    }

    fn lost(&self, why: &str) -> LeaseError {
        LeaseError::Lost { name: self.name.clone(), why: why.into() }
    }
}

#[cfg(test)]
mod address_tests;
#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn held_by(holder: &str) -> LeaseSpec {
        let renewed = MicroTime(Timestamp::UNIX_EPOCH);
        LeaseSpec {
            holder_identity: Some(holder.into()),
            lease_duration_seconds: Some(15),
            lease_transitions: Some(3),
            acquire_time: Some(renewed.clone()),
            renew_time: Some(renewed),
            ..LeaseSpec::default()
        }
    }

    #[rstest]
    #[case::nobody_ever(None, 0, Step::Acquire)]
    #[case::given_back(Some(LeaseSpec { holder_identity: None, ..held_by("other") }), 0, Step::Acquire)]
    #[case::emptied(Some(held_by("")), 0, Step::Acquire)]
    #[case::ours(Some(held_by("me")), 0, Step::Renew)]
    #[case::ours_after_a_restart(Some(held_by("me")), 3_600, Step::Renew)]
    #[case::held_by_another(Some(held_by("other")), 14, Step::Yield)]
    #[case::abandoned(Some(held_by("other")), 15, Step::Acquire)]
    #[case::a_longer_promise(Some(LeaseSpec { lease_duration_seconds: Some(60), ..held_by("other") }), 15, Step::Yield)]
    #[case::no_promise(Some(LeaseSpec { lease_duration_seconds: None, ..held_by("other") }), 15, Step::Acquire)]
    fn a_lease_is_taken_only_when_nobody_else_can_hold_it(
        #[case] spec: Option<LeaseSpec>,
        #[case] unchanged: u64,
        #[case] expected: Step,
    ) {
        assert_eq!(evaluate(spec.as_ref(), "me", Duration::from_secs(unchanged)), expected);
    }

    #[test]
    fn taking_over_counts_a_transition_and_renewing_does_not() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let taken = claimed(Some(&held_by("other")), "me", Step::Acquire, now);
        assert_eq!(taken.holder_identity.as_deref(), Some("me"));
        assert_eq!((taken.lease_transitions, taken.acquire_time), (Some(4), Some(MicroTime(now))));
        let renewed = claimed(Some(&held_by("me")), "me", Step::Renew, now);
        assert_eq!(renewed.lease_transitions, Some(3));
        assert_eq!(renewed.acquire_time, Some(MicroTime(Timestamp::UNIX_EPOCH)));
        assert_eq!(renewed.renew_time, Some(MicroTime(now)));
    }

    #[test]
    fn the_term_of_a_lease_that_is_made_anew_is_higher_than_before() {
        let (then, now) = ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-02T00:00:00Z".parse().unwrap());
        let mut spec = claimed(None, "me", Step::Acquire, then);
        for other in ["a", "b", "c"] {
            spec = claimed(Some(&spec), other, Step::Acquire, then);
        }
        let anew = claimed(None, "me", Step::Acquire, now);
        assert!(anew.lease_transitions > spec.lease_transitions, "{anew:?} follows {spec:?}");
    }

    #[test]
    fn the_holder_gives_up_before_others_may_take_over() {
        assert!(RENEWAL_DEADLINE + RENEWAL < DURATION);
    }
}
