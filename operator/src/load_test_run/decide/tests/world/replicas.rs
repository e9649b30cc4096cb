// SPDX-License-Identifier: Apache-2.0
//! What decides on the replicas of the target, and its pods.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use upsurge_core::pinning::{Change, Present, is_same};
use upsurge_crds::{
    names::finalizers,
    v1alpha1::{PinnedContainer, PinnedObject},
};
use upsurge_figures::{
    elasticity::Demand,
    observation::{Event as Observed, Levels, Life, Source, What},
    workload::Workload,
};

use super::{super::story::Event, World};
use crate::load_test_run::pinning::{Scaler, is_kept};

/// Milliseconds until pods are ready.
const READY_AFTER: i64 = 2_000;

/// What a run finds.
pub fn found() -> Vec<PinnedObject> {
    let object = |api_version: &str, kind: &str| PinnedObject {
        api_version: api_version.into(),
        kind: kind.into(),
        name: "checkout".into(),
        ..PinnedObject::default()
    };
    vec![
        PinnedObject {
            min_replicas: Some(2),
            max_replicas: Some(10),
            ..object("autoscaling/v2", "HorizontalPodAutoscaler")
        },
        PinnedObject { replicas: Some(2), ..object("apps/v1", "Deployment") },
    ]
}

/// The load of a test of scalability: over counts of replicas or over sizes.
pub fn compared(sizes: bool) -> Value {
    if sizes {
        let sizes = json!([{"name": "small", "requests": {"cpu": "500m"}}, {"name": "large", "requests": {"cpu": "1"}}]);
        return json!({"scalability": {"sizes": {"sizes": sizes, "level": 4, "repeats": 2, "measure": "10s"}}});
    }
    let replicas = json!({"counts": [1, 2], "levelPerReplica": 2, "repeats": 2, "measure": "10s"});
    json!({"scalability": {"replicas": replicas}})
}

/// What a run finds that sets sizes.
pub fn found_with_size() -> Vec<PinnedObject> {
    let mut found = found();
    let requests = [("cpu".to_owned(), "250m".to_owned())].into();
    let container = PinnedContainer { name: "app".into(), requests, ..PinnedContainer::default() };
    found.push(PinnedObject { replicas: None, container: Some(container), ..found[1].clone() });
    found
}

impl World {
    /// The CPU that the container requests.
    fn cpu(&self) -> Option<String> {
        let container = self.cluster.iter().find_map(|object| object.container.as_ref())?;
        container.requests.get("cpu").cloned()
    }

    pub(super) fn replicas(&self) -> u32 {
        let replicas = self.cluster.iter().find_map(|object| object.replicas);
        replicas.and_then(|replicas| u32::try_from(replicas).ok()).unwrap()
    }

    /// What is seen of it.
    pub fn scaler(&self) -> Option<Scaler> {
        if !self.story.replicas {
            return None;
        }
        let present = |object: &PinnedObject| Present { object: object.clone(), version: None };
        let (all, is_ready) = (Some(self.replicas()), self.clock >= self.ready_at);
        // Pods of the size before are ready all the time.
        let ready = if is_ready || self.story.sizes { all } else { Some(0) };
        let rollout = (self.story.sizes && !is_ready)
            .then(|| "1 of 2 pods are replaced, and 1 of before are left".into());
        Some(Scaler {
            present: self.cluster.iter().map(present).collect(),
            levels: Levels { asked: all, existing: all, ready, ..Levels::default() },
            rollout,
            ..Scaler::default()
        })
    }

    pub(super) fn keep(&mut self) {
        self.run.metadata.finalizers = Some(vec![finalizers::RESTORE.into()]);
    }

    pub(super) fn set_replicas(&mut self, changes: &[Change]) {
        let known = self.run.status.as_ref().and_then(|status| status.pinning.as_deref()).unwrap();
        assert!(is_kept(&self.run), "it may go before that is put back");
        for Change { to, .. } in changes {
            assert!(
                known.originals.iter().any(|original| is_same(original, to)),
                "nobody knows what was there"
            );
        }
        for Change { to, .. } in changes {
            let object = self.cluster.iter_mut().find(|object| is_same(object, to)).unwrap();
            object.clone_from(to);
        }
        self.ready_at = match self.story.event {
            Event::NeverReady => i64::MAX,
            _ if self.are_pods_broken => i64::MAX,
            _ => self.clock + READY_AFTER,
        };
    }

    /// The load of an epoch starts: the target is as it should be, and all of it is seen.
    pub(super) fn serve(&mut self, now: Timestamp) {
        if !self.story.replicas {
            return;
        }
        let epochs = self.session.epochs.as_ref().unwrap();
        let wished = self.plan.epochs().unwrap().under_way(&epochs.history);
        match wished.size.as_deref() {
            Some(size) => {
                let cpu = if size == "small" { "500m" } else { "1" };
                assert_eq!(self.cpu().as_deref(), Some(cpu), "load on pods of another size");
                assert_eq!(self.replicas(), 2, "load on other replicas than there were");
            }
            None => {
                assert_eq!(
                    Some(self.replicas()),
                    wished.replicas,
                    "load on a target that is not as it should be"
                );
            }
        }
        assert!(self.clock >= self.ready_at, "load on pods that are not ready");
        let mut workload = Workload::new(Demand::None);
        let before = now - SignedDuration::from_secs(1);
        for index in 0..self.replicas() {
            let what = What::Pod { pod: format!("checkout-{index}"), life: Life::Ready };
            workload.note(Observed::live(before, what));
        }
        for source in [Source::Pods, Source::Endpoints] {
            workload.note(Observed::live(before, What::Listed { source }));
        }
        self.session.workload = workload.into();
    }

    /// From now on no pod gets ready.
    pub fn break_pods(&mut self) {
        self.are_pods_broken = true;
    }

    pub(super) fn change_autoscaler(&mut self) {
        self.cluster[0].max_replicas = Some(20);
    }
}
