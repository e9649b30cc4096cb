// SPDX-License-Identifier: Apache-2.0
//! What the watches of one workload show, put together and told as events. Pure: time is given.
//!
//! Objects of one kind need those of another here and nowhere else: an EndpointSlice is told of the workload's own pods only, and
//! the most that an autoscaler can read follows from the pods' limits.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event as KubernetesEvent, Pod};
use kube::core::DynamicObject;
use upsurge_figures::observation::{Event, Life, PodUsage, Source, Tracker, What};

use crate::{
    fact::Fact,
    freshness::Freshness,
    seen::{Change, Seen, Watched},
    setup::SharedSetup,
    sources::{
        autoscalers::{Autoscalers, ONLY_ONE, PAUSED},
        endpoints::Slices,
        failures, keda, pods,
        requests::{self, MissingRequest},
        resources::Resources,
        usage, workload,
    },
    target::Target,
    told::{Look, Told},
};

/// The sources that are told here; the runners tell for themselves.
const SOURCES: [Source; 5] =
    [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints, Source::Usage];

/// Observes one workload.
#[derive(Clone, Debug)]
pub struct Observer {
    target: Target,
    told: Told,
    /// Of each watch that was heard of, why it shows nothing, if so.
    watches: BTreeMap<Watched, Result<(), String>>,
    /// Those that were listed once.
    once_listed: BTreeSet<Watched>,
    autoscalers: Autoscalers,
    pods: BTreeMap<String, OwnPod>,
    slices: Slices,
    /// A refusal that is told while pods are missing, and whether it was found by listing.
    quota: Option<(Fact, bool)>,
    /// Whether usage is still measured.
    freshness: Freshness,
    /// How workload and autoscaler are set up.
    setup: SharedSetup,
}

/// What is needed of a pod as long as it is there.
#[derive(Clone, Debug)]
struct OwnPod {
    uid: Option<String>,
    created: Option<Timestamp>,
    revision: Option<String>,
    is_alive: bool,
    resources: Option<Resources>,
    lacks: BTreeSet<MissingRequest>,
}

impl Observer {
    /// Of which nothing was told yet.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            told: Told::default(),
            watches: BTreeMap::new(),
            once_listed: BTreeSet::new(),
            autoscalers: Autoscalers::default(),
            pods: BTreeMap::new(),
            slices: Slices::default(),
            quota: None,
            freshness: Freshness::default(),
            setup: SharedSetup::default(),
        }
    }

    /// One that writes how workload and autoscaler are set up to a place that others read.
    #[must_use]
    pub fn with_setup(self, setup: SharedSetup) -> Self {
        Self { setup, ..self }
    }

    /// Goes on where a log ends, which tells all until an instant, and what is known then says of pods that the log had no room
    /// for. From then on nobody was watching: that is what the returned
    /// events say.
    pub fn resume(
        target: Target,
        log: &[Event],
        known: &Tracker,
        until: Timestamp,
        why: &str,
    ) -> (Self, Vec<Event>) {
        let mut observer = Self { told: Told::of(log).knowing(known), ..Self::new(target) };
        let until = log.iter().map(|event| event.seen).fold(until, Timestamp::max);
        let look = Look { now: until, found: false };
        let seen = SOURCES.into_iter().filter(|source| observer.told.sees(*source) == Some(true));
        let lost: Vec<Fact> =
            seen.map(|source| Fact::of(What::Lost { source, message: why.into() })).collect();
        let events = lost.into_iter().filter_map(|fact| observer.told.tell(fact, look)).collect();
        (observer, events)
    }

    /// The workload.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Whether the autoscaler is KEDA's, so that its own objects tell more.
    pub fn is_scaled_by_keda(&self) -> bool {
        self.told.autoscaler().is_some_and(|autoscaler| autoscaler.kind == keda::KIND)
    }

    /// A request for which the autoscaler can't read its metrics as long as a container of a living pod lacks it.
    pub fn missing_request(&self) -> Option<MissingRequest> {
        let mut alive = self.pods.values().filter(|pod| pod.is_alive);
        alive.find_map(|pod| self.autoscalers.lacks(&pod.lacks))
    }

    /// Takes what a watch showed, and tells what is news.
    pub fn see(&mut self, seen: Seen, now: Timestamp) -> Vec<Event> {
        let (watched, sight, look) = (seen.watched(), seen.sight(), Look { now, found: seen.is_found() });
        let sight = match &seen {
            Seen::Usage(Change::Listed(all)) if !self.pods.is_empty() => {
                Some(self.freshness.look(all.iter().filter_map(usage::measured).max(), now))
            }
            _ => sight,
        };
        if let Some(sight) = sight {
            if sight.is_ok() {
                self.once_listed.insert(watched);
            }
            self.watches.insert(watched, sight);
        }
        let mut events = Vec::new();
        for fact in self.take(seen) {
            events.extend(self.told.tell(fact, look));
        }
        events.extend(self.tell_quota(now));
        events.extend(self.tell_sight(watched.source(), now));
        events
    }

    fn take(&mut self, seen: Seen) -> Vec<Fact> {
        match seen {
            Seen::Autoscalers(change) => {
                match change {
                    Change::Listed(all) => self.autoscalers.list(all, &self.target),
                    Change::Applied(hpa) => self.autoscalers.set(*hpa, &self.target),
                    Change::Deleted(hpa) => self.autoscalers.remove(&hpa),
                    Change::Lost(_) => return Vec::new(),
                }
                self.setup.see_autoscalers(&self.autoscalers);
                self.autoscaler_facts()
            }
            Seen::ScaledObjects(change) => {
                match change {
                    Change::Listed(all) => self.autoscalers.list_scaled_objects(all, &self.target),
                    Change::Applied(object) => self.autoscalers.set_scaled_object(*object, &self.target),
                    Change::Deleted(object) => self.autoscalers.remove_scaled_object(&object),
                    Change::Lost(_) => return Vec::new(),
                }
                self.autoscaler_facts()
            }
            Seen::Workload(Change::Listed(all)) => {
                all.iter().for_each(|object| self.setup.see_workload(object));
                all.iter().flat_map(workload::facts).collect()
            }
            Seen::Workload(Change::Applied(object)) => {
                self.setup.see_workload(&object);
                workload::facts(&object)
            }
            Seen::Scale(Change::Listed(all)) => all.iter().flat_map(workload::scale_facts).collect(),
            Seen::Scale(Change::Applied(scale)) => workload::scale_facts(&scale),
            Seen::Failures(Change::Listed(all)) => {
                let own = all.iter().filter_map(|event| failures::quota(event, &self.target));
                self.quota =
                    own.max_by_key(|fact| fact.stamped).map(|fact| (fact, true)).or(self.quota.take());
                Vec::new()
            }
            Seen::Failures(Change::Applied(event)) => self.take_failure(&event),
            Seen::Pods(change) => self.take_pods(change),
            Seen::Slices(change) => {
                let touched = match change {
                    Change::Listed(all) => {
                        self.slices.list(all);
                        self.pods.keys().cloned().collect()
                    }
                    Change::Applied(slice) => self.slices.set(&slice, true),
                    Change::Deleted(slice) => self.slices.set(&slice, false),
                    Change::Lost(_) => Vec::new(),
                };
                touched.iter().filter_map(|pod| self.serving(pod, self.told.is_serving(pod))).collect()
            }
            Seen::Usage(Change::Listed(all)) => {
                let pods: Vec<_> = all.iter().filter_map(|object| self.usage(object)).collect();
                // Nothing told is no usage of zero.
                let told = (!pods.is_empty()).then(|| Fact::of(What::Usage { pods, omitted: 0 }));
                told.into_iter().collect()
            }
            Seen::Usage(_)
            | Seen::Workload(Change::Deleted(_) | Change::Lost(_))
            | Seen::Scale(Change::Deleted(_) | Change::Lost(_))
            | Seen::Failures(Change::Deleted(_) | Change::Lost(_)) => Vec::new(),
        }
    }

    fn take_failure(&mut self, event: &KubernetesEvent) -> Vec<Fact> {
        self.quota = failures::quota(event, &self.target).map(|fact| (fact, false)).or(self.quota.take());
        Vec::new()
    }

    fn take_pods(&mut self, change: Change<Pod>) -> Vec<Fact> {
        let mut facts = Vec::new();
        match change {
            Change::Listed(all) => {
                let there: BTreeSet<&str> =
                    all.iter().filter_map(|pod| pod.metadata.name.as_deref()).collect();
                let gone = self.told.pods().filter(|name| !there.contains(name));
                facts.extend(gone.map(|name| Fact::pod(name, Life::Gone)));
                self.pods.clear();
                all.iter().for_each(|pod| facts.extend(self.pod_facts(pod)));
                // What an autoscaler can read at most was not known before.
                facts.extend(self.autoscaler_facts());
            }
            Change::Applied(pod) => facts.extend(self.pod_facts(&pod)),
            Change::Deleted(pod) => {
                // As it was last, which may tell how it ended.
                facts.extend(self.pod_facts(&pod));
                let name = pod.metadata.name.unwrap_or_default();
                facts.push(Fact::pod(&name, Life::Gone));
                self.pods.remove(&name);
            }
            Change::Lost(_) => return facts,
        }
        facts.extend(self.revision_facts());
        facts
    }

    fn pod_facts(&mut self, pod: &Pod) -> Vec<Fact> {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let own = OwnPod {
            uid: pod.metadata.uid.clone(),
            created: pod.metadata.creation_timestamp.as_ref().map(|time| time.0),
            revision: pods::revision(pod),
            is_alive: pods::is_alive(pod),
            resources: Resources::of(pod),
            lacks: requests::missing(pod),
        };
        let mut facts = Vec::new();
        let is_another = self.told.is_another(&name, own.created);
        if is_another {
            // As those of a StatefulSet come again under their names.
            facts.push(Fact::pod(&name, Life::Gone));
        }
        self.pods.insert(name.clone(), own);
        facts.extend(pods::facts(pod));
        facts.extend(self.serving(&name, !is_another && self.told.is_serving(&name)));
        facts
    }

    /// Whether traffic goes to a pod of the workload, as far as slices can be seen. That it goes there no more is told of one to
    /// which it did.
    fn serving(&self, name: &str, did: bool) -> Option<Fact> {
        let pod = self.pods.get(name)?;
        if !self.is_seen(Watched::Slices) {
            return None;
        }
        let life = match self.slices.serves(name, pod.uid.as_deref()) {
            Some(true) => Life::Serving,
            Some(false) => Life::NotServing,
            None => did.then_some(Life::NotServing)?,
        };
        Some(Fact::pod(name, life))
    }

    fn usage(&self, object: &DynamicObject) -> Option<PodUsage> {
        let pod = object.metadata.name.as_ref().and_then(|name| self.pods.get(name));
        usage::usage(object, pod.and_then(|pod| pod.resources.as_ref()))
    }

    fn autoscaler_facts(&self) -> Vec<Fact> {
        if !self.is_seen(Watched::Autoscalers) {
            return Vec::new();
        }
        let youngest = self.pods.values().filter(|pod| pod.is_alive).max_by_key(|pod| pod.created);
        let mut facts = self.autoscalers.facts(youngest.and_then(|pod| pod.resources.as_ref()));
        // That all is as usual is told only after it was not.
        facts.retain(|fact| match &fact.what {
            What::Condition(condition) => {
                let usual = (condition.condition == ONLY_ONE && condition.status == "True")
                    || (condition.condition == PAUSED && condition.status == "False");
                !usual || self.told.knows_condition(&condition.condition)
            }
            _ => true,
        });
        let wants = facts.iter().any(|fact| matches!(fact.what, What::Scaling(_)));
        let mut is_same = true;
        if let Some(Fact { what: What::Autoscaler(now), .. }) = facts.first_mut()
            && let Some(told) = self.told.autoscaler()
        {
            is_same =
                (&told.kind, &told.name) == (&now.kind, &now.name) && (wants || !self.told.knows_scaling());
            if is_same && now.kind == keda::KIND && !self.once_listed.contains(&Watched::ScaledObjects) {
                // What another observer read from KEDA's own object, this one has not seen yet.
                now.min = told.min;
            }
        }
        if !is_same {
            // What the one before wanted must not be taken for what this one wants.
            facts.insert(0, Fact::of(What::AutoscalerGone));
        }
        facts
    }

    /// Of a kind that does not say its revision itself, pods tell it.
    fn revision_facts(&self) -> Vec<Fact> {
        if self.target.is_built_in() {
            return Vec::new();
        }
        let alive = self.pods.values().filter(|pod| pod.is_alive);
        let youngest = alive.clone().max_by_key(|pod| pod.created).and_then(|pod| pod.revision.clone());
        let revisions: BTreeSet<&String> = alive.filter_map(|pod| pod.revision.as_ref()).collect();
        let under_way = revisions.len() > 1;
        let facts = youngest
            .map(|revision| [Fact::of(What::Revision { revision }), Fact::of(What::Rollout { under_way })]);
        facts.into_iter().flatten().collect()
    }

    /// A refusal counts while pods are missing; one of an earlier time, which events are kept of for an hour, doesn't.
    fn tell_quota(&mut self, now: Timestamp) -> Option<Event> {
        if !self.is_seen(Watched::Workload) {
            return None;
        }
        if !self.told.is_short() {
            self.quota = None;
        }
        let (fact, found) = self.quota.clone()?;
        self.told.tell(fact, Look { now, found })
    }

    /// A source can be seen while each of its watches shows something that is needed or was there once.
    fn tell_sight(&mut self, source: Source, now: Timestamp) -> Option<Event> {
        let mut needed = Watched::ALL.into_iter().filter(|watched| {
            watched.source() == source && (watched.is_needed() || self.once_listed.contains(watched))
        });
        let missing = needed.find_map(|watched| match self.watches.get(&watched) {
            Some(Ok(())) => None,
            Some(Err(message)) => Some(Some(message.clone())),
            None => Some(None),
        });
        let what = match missing {
            None => What::Listed { source },
            Some(Some(message)) => What::Lost { source, message },
            // Nobody has heard of it yet.
            Some(None) => return None,
        };
        // Whoever measures nothing new can be told from one who is slow only after a while, and all of it is not known.
        let is_lost_usage = matches!(what, What::Lost { source: Source::Usage, .. });
        let stamped = self.freshness.stale_since().filter(|_| is_lost_usage);
        self.told.tell(Fact { stamped, ..Fact::of(what) }, Look { now, found: false })
    }

    fn is_seen(&self, watched: Watched) -> bool {
        matches!(self.watches.get(&watched), Some(Ok(())))
    }
}
