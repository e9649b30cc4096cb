// SPDX-License-Identifier: Apache-2.0
//! What a run consists of: the plan that runners are given, and the names of its objects. Pure.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::{Resource, ResourceExt};
use upsurge_core::{
    epochs::Epochs,
    http::ReachRules,
    implied, outputs,
    plan::{self, LoadPlan, Skip, Timeline},
    protocol::{PlannedTest, RunPlan},
    target_lease::{self, Claim},
    validate::Valid,
};
use upsurge_crds::{LoadTestRun, LoadTestSpec, internal::TargetUser, names::labels, v1alpha1::SizesLoad};

use crate::{
    collector::{EpochsView, RunKey, SessionConfig, TurnedView},
    naming,
};

/// Time for results to come in after the load and its graceful stop, unless the spec sets a deadline.
const RESULTS_MARGIN: Duration = Duration::from_secs(120);

/// A run that may be carried out.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What runners are given.
    pub content: Arc<RunPlan>,
    /// The same, compiled.
    pub valid: Arc<Valid>,
    /// What was left out of it, of a load that turns back.
    pub skip: Option<Skip>,
    /// What runs in all, of one that may have several epochs; `content` is that of the one under way, once there is one.
    pub whole: Option<Arc<RunPlan>>,
    /// Base of the names of the run's objects; name of its Job.
    pub base: String,
    /// The run, as owner of its objects.
    pub owner: OwnerReference,
    /// The targets that it wants, in the order in which they are taken.
    pub claims: Vec<Claim>,
}

impl Plan {
    /// Plans a run of a spec that was found valid; its runners may reach what the rules say.
    pub fn new(run: &LoadTestRun, test: &LoadTestSpec, valid: Valid, reach: ReachRules) -> Option<Self> {
        let test = implied::with_thresholds(test.clone());
        let several = Epochs::of(&test.load).is_ok_and(|epochs| epochs.are_several());
        let content = Arc::new(RunPlan {
            namespace: run.namespace().unwrap_or_default(),
            run: run.name_any(),
            uid: run.uid()?,
            runners: u32::try_from(test.runner.parallelism).unwrap_or(1).max(1),
            test: match &run.spec.test {
                Some(copy) => PlannedTest::of(test, copy),
                None => test.into(),
            },
            reach,
            epoch: 1,
            more: several,
        });
        Some(Self {
            base: naming::base(&content.run, &content.uid),
            claims: target_lease::claims(&content.test.target, &content.namespace),
            whole: several.then(|| content.clone()),
            content,
            valid: Arc::new(valid),
            skip: None,
            owner: run.controller_owner_ref(&())?,
        })
    }

    /// The same at the epoch that is under way.
    pub fn at(&self, epochs: &EpochsView) -> Self {
        Self { content: epochs.plan.clone(), valid: epochs.valid.clone(), ..self.clone() }
    }

    /// The same once the load turns back: all that comes of it is of the load as it was carried out.
    pub fn turned(&self, turned: &TurnedView) -> Self {
        Self { valid: turned.valid.clone(), skip: Some(turned.skip), ..self.clone() }
    }

    /// The epochs of the run, if there may be several.
    pub fn epochs(&self) -> Option<Epochs> {
        Epochs::of(&self.whole.as_ref()?.test.load).ok()
    }

    /// The sizes that its target's pods are to have, one after the other.
    pub fn sizes(&self) -> Option<&SizesLoad> {
        self.whole.as_ref()?.test.load.scalability.as_ref()?.sizes.as_ref()
    }

    /// The spec that is run.
    pub fn test(&self) -> &LoadTestSpec {
        &self.content.test
    }

    /// The load over time, as it is carried out.
    pub fn timeline(&self) -> &Timeline {
        &self.valid.timeline
    }

    /// The load over time, once it is over after so long.
    pub fn carried_out(&self, elapsed: Duration) -> Timeline {
        plan::carried_out(&self.valid.timeline, &self.valid.loads, elapsed)
    }

    /// Each load as runners have planned it.
    pub fn loads(&self) -> &[LoadPlan] {
        &self.valid.loads
    }

    /// Name of the Job.
    pub fn job(&self) -> &str {
        &self.base
    }

    /// Longest time from the start of the load until all results are in. What outputs take is not the load's. A load that turns back gets
    /// as long as it was planned for: a runner may not have heard of it.
    pub fn run_deadline(&self) -> Duration {
        let planned =
            self.loads().iter().map(|load| load.end() + load.graceful_stop).max().unwrap_or_default();
        let mut one = planned + RESULTS_MARGIN + self.rest();
        if self.epochs().is_some_and(|epochs| epochs.set_replicas()) {
            // As long as it may take before each epoch until its replicas are ready.
            one += self.test().deadlines.prepare.0;
        }
        let default = || self.epochs().map_or(one, |epochs| epochs.longest(one));
        self.test().deadlines.run.map_or_else(default, |span| span.0) + self.output_delay()
    }

    /// Longest time in which the target may come to rest between two epochs.
    pub fn rest(&self) -> Duration {
        let autoscaling = self.test().autoscaling.as_ref().filter(|_| self.whole.is_some());
        let wait = autoscaling.and_then(|autoscaling| autoscaling.wait_for_idle.as_ref());
        wait.map_or(Duration::ZERO, |wait| wait.timeout.0)
    }

    /// How much later runners may end because of servers that take no figures.
    pub fn output_delay(&self) -> Duration {
        outputs::delay(&self.test().outputs)
    }

    /// The run as one that has a target or waits for it, since a time.
    pub fn target_user(&self, run: &LoadTestRun, now: Timestamp) -> TargetUser {
        TargetUser {
            namespace: self.content.namespace.clone(),
            name: self.content.run.clone(),
            uid: self.content.uid.clone(),
            created: run.metadata.creation_timestamp.clone().unwrap_or(Time(Timestamp::MIN)),
            since: Time(now),
            sharing: self.test().target.sharing,
            part: false,
        }
    }

    /// Labels of the run's objects that play a part.
    pub fn labels(&self, test: &str, component: &str) -> BTreeMap<String, String> {
        let mut labels = self.common_labels(test);
        labels.insert(labels::COMPONENT.into(), component.into());
        labels
    }

    fn common_labels(&self, test: &str) -> BTreeMap<String, String> {
        BTreeMap::from([
            (labels::TEST.into(), naming::label(test)),
            (labels::RUN.into(), naming::label(&self.content.run)),
            (labels::MANAGED_BY.into(), labels::MANAGED_BY_VALUE.into()),
        ])
    }

    /// What the collector must know.
    pub fn session(&self, test: &str) -> SessionConfig {
        SessionConfig {
            plan: self.content.clone(),
            whole: self.whole.clone(),
            valid: self.valid.clone(),
            job: self.job().into(),
            checkpoint: naming::checkpoint(&self.base),
            labels: self.common_labels(test),
            owner: self.owner.clone(),
            is_under_way: false,
        }
    }
}

/// Names a run as the collector does.
pub fn key(run: &LoadTestRun) -> RunKey {
    RunKey::new(run.namespace().unwrap_or_default(), run.name_any())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::load_test_run::fixtures::{plan, search};

    #[test]
    fn a_search_gets_as_long_as_its_levels_may_take() {
        let one = Duration::from_secs(15 + 5) + RESULTS_MARGIN;
        // Three levels on the way up, and the tries that may say nothing.
        assert_eq!(plan(&search()).run_deadline(), one * 6);
        let mut waits = search();
        waits["autoscaling"] = json!({"waitForIdle": {"timeout": "1m"}});
        let rest = Duration::from_secs(60);
        assert_eq!(plan(&waits).run_deadline(), (one + rest) * 6, "between them the target comes to rest");
    }

    #[test]
    fn servers_that_take_nothing_make_no_run_miss_its_deadline() {
        let outputs = json!([{"name": "o", "otlp": {"endpoint": "http://o"}}]);
        let deadline = |more| plan(&more).run_deadline().as_secs();
        let deadlines = json!({"run": "70s"});
        assert_eq!(deadline(json!({"deadlines": deadlines})), 70);
        let later = deadline(json!({"deadlines": deadlines, "outputs": outputs}));
        assert!(later > 70 + outputs::FLUSH_TIME.as_secs(), "{later}");
    }
}
