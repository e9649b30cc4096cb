// SPDX-License-Identifier: Apache-2.0
//! A record of replicas that knows nothing of the operator, to compare its timeline with.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Result, ensure};
use futures::StreamExt;
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        autoscaling::v2::HorizontalPodAutoscaler,
        discovery::v1::{Endpoint, EndpointSlice},
    },
    jiff::{SignedDuration, Timestamp},
};
use kube::{
    ResourceExt,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event},
    },
};
use tokio::task::JoinSet;

use crate::Context;

/// A number from each instant on.
pub type Steps = Vec<(Timestamp, i32)>;

/// Replicas of a Deployment with a HorizontalPodAutoscaler and a Service of the same name.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Replicas that the Deployment asks for.
    pub asked: Steps,
    /// Replicas that the autoscaler wants.
    pub desired: Steps,
    /// Replicas that exist.
    pub current: Steps,
    /// Replicas that are ready to serve: endpoints of the Service that get requests.
    pub ready: Steps,
}

/// Watches until it is dropped.
pub struct ReplicaWatcher {
    record: Arc<Mutex<Record>>,
    _tasks: JoinSet<()>,
}

impl ReplicaWatcher {
    /// Begins to watch.
    pub fn start(context: &Context, name: &str) -> Self {
        let record = Arc::new(Mutex::new(Record::default()));
        let mut tasks = JoinSet::new();
        let deployments = watcher::watch_object(context.api::<Deployment>(), name).default_backoff();
        let noted = Arc::clone(&record);
        tasks.spawn(deployments.for_each(move |seen| {
            if let (Ok(Some(deployment)), Ok(mut record)) = (seen, noted.lock()) {
                let asked = deployment.spec.replicas;
                note(&mut record.asked, asked.unwrap_or(1));
                let status = deployment.status.unwrap_or_default();
                note(&mut record.current, status.replicas.unwrap_or(0));
            }
            std::future::ready(())
        }));
        let autoscalers =
            watcher::watch_object(context.api::<HorizontalPodAutoscaler>(), name).default_backoff();
        let noted = Arc::clone(&record);
        tasks.spawn(autoscalers.for_each(move |seen| {
            if let (Ok(Some(autoscaler)), Ok(mut record)) = (seen, noted.lock()) {
                note(&mut record.desired, autoscaler.status.map_or(0, |status| status.desired_replicas));
            }
            std::future::ready(())
        }));
        let of_service = watcher::Config::default().labels(&format!("kubernetes.io/service-name={name}"));
        let slices = watcher::watcher(context.api::<EndpointSlice>(), of_service).default_backoff();
        let noted = Arc::clone(&record);
        let mut ready = BTreeMap::new();
        tasks.spawn(slices.for_each(move |seen| {
            match seen {
                Ok(Event::Init) => ready.clear(),
                Ok(Event::Apply(slice) | Event::InitApply(slice)) => {
                    ready.insert(slice.name_any(), ready_endpoints(&slice));
                }
                Ok(Event::Delete(slice)) => drop(ready.remove(&slice.name_any())),
                Ok(Event::InitDone) | Err(_) => {}
            }
            if let Ok(mut record) = noted.lock() {
                note(&mut record.ready, ready.values().sum());
            }
            std::future::ready(())
        }));
        Self { record, _tasks: tasks }
    }

    /// What was seen so far.
    pub fn record(&self) -> Record {
        self.record.lock().map(|record| record.clone()).unwrap_or_default()
    }
}

/// How often a number turns from rising to falling or back, between two instants.
pub fn turns(steps: &Steps, (from, to): (Timestamp, Timestamp)) -> usize {
    let within = steps.windows(2).filter(|pair| from <= pair[1].0 && pair[1].0 <= to);
    let rising: Vec<bool> = within.map(|pair| pair[1].1 > pair[0].1).collect();
    rising.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

fn ready_endpoints(slice: &EndpointSlice) -> i32 {
    let ready = |endpoint: &&Endpoint| {
        endpoint.conditions.as_ref().and_then(|conditions| conditions.ready) == Some(true)
    };
    slice.endpoints.iter().flatten().filter(ready).count() as i32
}

fn note(steps: &mut Steps, value: i32) {
    if steps.last().is_none_or(|(_, last)| *last != value) {
        steps.push((Timestamp::now(), value));
    }
}

/// Checks that two records are of the same course between two instants: whatever one says at any time, the other
/// says too, at most `slack` earlier or later. What lasted for less than `slack` may be missing: a watch may
/// tell of two changes that follow each other closely as one.
///
/// # Errors
/// With the first instant at which they differ.
pub fn ensure_same(
    what: &str,
    one: &Steps,
    other: &Steps,
    (from, to): (Timestamp, Timestamp),
    slack: Duration,
) -> Result<()> {
    let slack = SignedDuration::try_from(slack)?;
    for (this, that) in [(one, other), (other, one)] {
        let mut at = from;
        while at < to {
            let value = value_at(this, at);
            let since = this.iter().rev().map(|(since, _)| *since).find(|since| *since <= at);
            let until = this.iter().map(|(since, _)| *since).find(|since| *since > at);
            let passing = since.zip(until).is_some_and(|(since, until)| until.duration_since(since) < slack);
            let near = value_at(that, at - slack) == value
                || that
                    .iter()
                    .any(|(since, then)| Some(*then) == value && (at - slack..=at + slack).contains(since));
            ensure!(near || passing, "{what} at {at} was {value:?} by one record only:\n{one:?}\n{other:?}");
            at += Duration::from_millis(50);
        }
    }
    Ok(())
}

fn value_at(steps: &Steps, at: Timestamp) -> Option<i32> {
    // Before the first step the first value holds: a watch begins with what is.
    steps.iter().rev().find(|(since, _)| *since <= at).or(steps.first()).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(steps: &[(i64, i32)]) -> Steps {
        steps.iter().map(|(at, value)| (Timestamp::from_millisecond(*at).unwrap(), *value)).collect()
    }

    #[test]
    fn turns_are_those_within_the_period() {
        let wave = steps(&[(0, 1), (1_000, 3), (2_000, 1), (3_000, 2), (4_000, 3), (5_000, 1), (9_000, 4)]);
        let at = |millisecond| Timestamp::from_millisecond(millisecond).unwrap();
        assert_eq!(turns(&wave, (at(0), at(10_000))), 4);
        assert_eq!(turns(&wave, (at(500), at(6_000))), 3, "the last one comes later");
        assert_eq!(turns(&wave, (at(2_500), at(4_500))), 0, "it only rises");
        assert_eq!(turns(&steps(&[(0, 1)]), (at(0), at(10_000))), 0);
    }

    #[test]
    fn a_missing_a_late_and_an_additional_step_are_told() {
        let period = (Timestamp::from_millisecond(0).unwrap(), Timestamp::from_millisecond(10_000).unwrap());
        let slack = Duration::from_millis(300);
        let one = steps(&[(0, 1), (2_000, 3), (6_000, 1)]);
        let same = |other: &[(i64, i32)]| ensure_same("ready", &one, &steps(other), period, slack).is_ok();
        assert!(same(&[(0, 1), (2_200, 3), (5_900, 1)]));
        assert!(!same(&[(0, 1), (2_900, 3), (6_000, 1)]), "late");
        assert!(!same(&[(0, 1), (6_000, 3)]), "missing");
        assert!(!same(&[(0, 1), (2_000, 3), (3_000, 4), (4_000, 3), (6_000, 1)]), "additional");
        assert!(same(&[(0, 1), (2_000, 2), (2_100, 3), (6_000, 1)]), "told by one watch only, in passing");
        assert!(same(&[(0, 1), (2_000, 3), (6_000, 2), (6_000, 1)]), "two changes at once");
    }
}
