// SPDX-License-Identifier: Apache-2.0
//! All that the watches have shown so far, as one picture: how many replicas are wanted, are there, can serve.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use upsurge_core::autoscaling::{Observation, PodTimes};

use super::pods::SeenPod;

/// What is known of the target at this moment.
#[derive(Debug, Default)]
pub struct Picture {
    /// Replicas that the autoscaler wants.
    pub wanted: Option<i32>,
    /// Replicas that the workload asks for and has.
    pub workload: Option<(i32, i32)>,
    /// Pods by name; none before they have been listed.
    pods: Option<BTreeMap<String, SeenPod>>,
    /// Pods of each EndpointSlice; none before they have been listed.
    slices: Option<BTreeMap<String, BTreeMap<String, bool>>>,
    /// Whether the autoscaler has been looked for.
    pub autoscaler_known: bool,
    revisions: BTreeSet<String>,
}

impl Picture {
    /// All pods were listed anew.
    pub fn list_pods(&mut self, pods: Vec<SeenPod>, now: Timestamp, observation: &mut Observation) {
        let first = self.pods.is_none();
        let before = self.pods.replace(BTreeMap::new()).unwrap_or_default();
        if first {
            // A rollout that is under way at the first look is none of the run's own, if it ends before the
            // load starts; whether it does, shows in the pods that come and go.
            self.revisions = pods.iter().filter_map(|pod| pod.revision.clone()).collect();
        }
        for pod in pods {
            self.see_pod(pod, now, observation);
        }
        let listed = self.pods.as_ref();
        if first {
            // Those that another operator saw last.
            let known =
                observation.pods.iter().filter(|pod| pod.deleted.is_none()).map(|pod| pod.name.clone());
            let lost: Vec<String> =
                known.filter(|name| listed.is_none_or(|pods| !pods.contains_key(name))).collect();
            lost.iter().for_each(|name| gone(name, now, observation));
        }
        for name in before.keys().filter(|name| listed.is_some_and(|pods| !pods.contains_key(*name))) {
            gone(name, now, observation);
        }
    }

    /// A pod is new or changed.
    pub fn see_pod(&mut self, pod: SeenPod, now: Timestamp, observation: &mut Observation) {
        if let Some(revision) = pod.revision.clone()
            && self.revisions.insert(revision)
        {
            observation.record_rollout(now);
        }
        observation.unschedulable |= pod.unschedulable;
        observation.record_pod(pod.times.clone());
        self.pods.get_or_insert_default().insert(pod.times.name.clone(), pod);
    }

    /// A pod is gone.
    pub fn lose_pod(&mut self, name: &str, now: Timestamp, observation: &mut Observation) {
        if self.pods.as_mut().is_some_and(|pods| pods.remove(name).is_some()) {
            gone(name, now, observation);
        }
    }

    /// All slices were listed anew.
    pub fn list_slices(&mut self, slices: impl IntoIterator<Item = (String, BTreeMap<String, bool>)>) {
        self.slices = Some(slices.into_iter().collect());
    }

    /// A slice is new or changed; without pods when it is gone.
    pub fn see_slice(&mut self, name: String, pods: BTreeMap<String, bool>) {
        self.slices.get_or_insert_default().insert(name, pods);
    }

    /// What can't be watched must not hold up the rest.
    pub fn give_up_slices(&mut self) {
        self.slices.get_or_insert_default();
    }

    /// Notes the replicas, once everything has been looked at.
    pub fn record(&self, now: Timestamp, observation: &mut Observation) {
        if let Some((desired, current, ready)) = self.replicas() {
            observation.record_replicas(now, desired, current, ready);
        }
    }

    /// Replicas that are wanted, are there, and can serve.
    fn replicas(&self) -> Option<(i32, i32, i32)> {
        let (asked, current) = self.workload?;
        let pods = self.pods.as_ref()?;
        let slices = self.slices.as_ref()?;
        if !self.autoscaler_known {
            return None;
        }
        let serves = |name: &String| slices.values().filter_map(|pods| pods.get(name)).any(|ready| *ready);
        let served = slices.values().any(|listed| listed.keys().any(|name| pods.contains_key(name)));
        let ready = pods.iter().filter(|(name, pod)| pod.ready && (!served || serves(name))).count();
        Some((self.wanted.unwrap_or(asked), current, i32::try_from(ready).unwrap_or(i32::MAX)))
    }
}

fn gone(name: &str, now: Timestamp, observation: &mut Observation) {
    observation.record_pod(PodTimes { name: name.into(), deleted: Some(now), ..PodTimes::default() });
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn pod(name: &str, revision: &str, ready: bool) -> SeenPod {
        SeenPod {
            ready,
            alive: true,
            revision: Some(revision.into()),
            unschedulable: false,
            times: PodTimes { name: name.into(), ..PodTimes::default() },
        }
    }

    fn slice(pods: &[(&str, bool)]) -> BTreeMap<String, bool> {
        pods.iter().map(|(name, ready)| ((*name).to_owned(), *ready)).collect()
    }

    fn picture(pods: Vec<SeenPod>, observation: &mut Observation) -> Picture {
        let mut picture = Picture { workload: Some((2, 2)), autoscaler_known: true, ..Picture::default() };
        picture.list_pods(pods, NOW, observation);
        picture
    }

    #[test]
    fn nothing_is_recorded_before_everything_was_looked_at() {
        let mut observation = Observation::default();
        let mut picture = picture(vec![pod("a", "1", true)], &mut observation);
        assert_eq!(picture.replicas(), None);
        picture.list_slices([]);
        assert_eq!(picture.replicas(), Some((2, 2, 1)));
        picture.autoscaler_known = false;
        assert_eq!(picture.replicas(), None);
    }

    #[test]
    fn pods_behind_a_service_serve_once_their_endpoint_is_ready() {
        let mut observation = Observation::default();
        let mut picture = picture(vec![pod("a", "1", true), pod("b", "1", true)], &mut observation);
        picture.list_slices([("other".into(), slice(&[("stranger", true)]))]);
        assert_eq!(picture.replicas(), Some((2, 2, 2)), "no Service selects them");
        picture.see_slice("checkout".into(), slice(&[("a", true), ("b", false)]));
        assert_eq!(picture.replicas(), Some((2, 2, 1)));
        picture.see_slice("checkout".into(), slice(&[("a", true), ("b", true)]));
        assert_eq!(picture.replicas(), Some((2, 2, 2)));
        picture.see_pod(pod("a", "1", false), NOW, &mut observation);
        assert_eq!(picture.replicas(), Some((2, 2, 1)), "an endpoint may lag behind its pod");
    }

    #[test]
    fn the_autoscaler_says_what_is_wanted_and_without_one_the_workload() {
        let mut observation = Observation::default();
        let mut picture = picture(Vec::new(), &mut observation);
        picture.give_up_slices();
        assert_eq!(picture.replicas(), Some((2, 2, 0)));
        picture.wanted = Some(5);
        assert_eq!(picture.replicas(), Some((5, 2, 0)));
    }

    #[test]
    fn a_new_revision_is_a_rollout_and_a_new_pod_is_not() {
        let mut observation = Observation::default();
        let mut picture = picture(vec![pod("a", "1", true)], &mut observation);
        picture.see_pod(pod("b", "1", true), NOW, &mut observation);
        assert!(observation.rollouts.is_empty());
        picture.see_pod(pod("c", "2", true), NOW, &mut observation);
        assert_eq!(observation.rollouts, [NOW]);
    }

    #[test]
    fn pods_that_went_while_nobody_watched_are_gone() {
        let mut observation = Observation::default();
        let mut picture = picture(vec![pod("a", "1", true), pod("b", "1", true)], &mut observation);
        let later = Timestamp::from_second(9).unwrap();
        picture.list_pods(vec![pod("b", "1", true)], later, &mut observation);
        picture.lose_pod("b", later, &mut observation);
        assert_eq!(observation.pods.iter().filter_map(|pod| pod.deleted).collect::<Vec<_>>(), [later, later]);
    }
}
