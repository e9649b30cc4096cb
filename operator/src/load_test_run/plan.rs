//! What a run consists of: the plan that runners are given, and the names of its objects. Pure, but for
//! the cache that keeps plans of runs under way compiled.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt};
use upsurge_core::{
    plan::{self, LoadPlan, Timeline},
    protocol::RunPlan,
    validate::Valid,
};
use upsurge_crds::{LoadTestRun, LoadTestSpec, names::labels};

use crate::{
    collector::{RunKey, SessionConfig},
    naming,
};

/// Time for results to come in after the load and its graceful stop, unless the spec sets a deadline.
const RESULTS_MARGIN: Duration = Duration::from_secs(120);

/// A run that may be carried out.
#[derive(Debug)]
pub struct Plan {
    /// What runners are given.
    pub content: Arc<RunPlan>,
    /// The same, compiled.
    pub valid: Arc<Valid>,
    /// Base of the names of the run's objects; name of its Job.
    pub base: String,
    /// The run, as owner of its objects.
    pub owner: OwnerReference,
    /// When the live figures were last put into the status.
    pub shown: Mutex<Option<Instant>>,
}

impl Plan {
    /// Plans a run of a spec that was found valid. The same each time: `spec.test` of a run can't be changed.
    pub fn new(run: &LoadTestRun, test: &LoadTestSpec, valid: Valid) -> Option<Self> {
        let content = RunPlan {
            namespace: run.namespace().unwrap_or_default(),
            run: run.name_any(),
            uid: run.uid()?,
            runners: u32::try_from(test.runner.parallelism).unwrap_or(1).max(1),
            test: plan::with_stop(test.clone()),
        };
        Some(Self {
            base: naming::base(&content.run, &content.uid),
            content: Arc::new(content),
            valid: Arc::new(valid),
            owner: run.controller_owner_ref(&())?,
            shown: Mutex::default(),
        })
    }

    /// The spec that is run.
    pub fn test(&self) -> &LoadTestSpec {
        &self.content.test
    }

    /// The load over time.
    pub fn timeline(&self) -> &Timeline {
        &self.valid.timeline
    }

    /// The load over time, once it is over after so long.
    pub fn carried_out(&self, elapsed: Duration) -> Timeline {
        plan::carried_out(&self.valid.timeline, &self.valid.loads, elapsed)
    }

    /// Each load as runners carry it out.
    pub fn loads(&self) -> &[LoadPlan] {
        &self.valid.loads
    }

    /// Name of the Job.
    pub fn job(&self) -> &str {
        &self.base
    }

    /// Longest time from the start of the load until all results are in.
    pub fn run_deadline(&self) -> Duration {
        let timeline = self.timeline();
        let default = || timeline.duration() + timeline.graceful_stop + RESULTS_MARGIN;
        self.test().deadlines.run.map_or_else(default, |span| span.0)
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
            valid: self.valid.clone(),
            job: self.job().into(),
            checkpoint: naming::checkpoint(&self.base),
            labels: self.common_labels(test),
            owner: self.owner.clone(),
            is_under_way: false,
        }
    }

    /// Whether live figures are due that are shown once per `interval`; says yes once each time.
    pub fn is_showing_due(&self, interval: Duration) -> bool {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let due = shown.is_none_or(|last| last.elapsed() >= interval);
        if due {
            *shown = Some(Instant::now());
        }
        due
    }
}

/// Plans of the runs under way.
#[derive(Debug, Default)]
pub struct Prepared {
    plans: Mutex<HashMap<RunKey, Arc<Plan>>>,
}

impl Prepared {
    /// The plan of a run, if it is of this very run and not of an earlier one of its name.
    pub fn get(&self, run: &LoadTestRun) -> Option<Arc<Plan>> {
        let plan = self.lock().get(&key(run)).cloned()?;
        (Some(&plan.content.uid) == run.meta().uid.as_ref()).then_some(plan)
    }

    /// Whether there is a plan of another run of the same name, which must be gone by now.
    pub fn has_predecessor(&self, run: &LoadTestRun) -> bool {
        self.lock().get(&key(run)).is_some_and(|plan| Some(&plan.content.uid) != run.meta().uid.as_ref())
    }

    /// Keeps a plan.
    pub fn keep(&self, plan: Plan) -> Arc<Plan> {
        let plan = Arc::new(plan);
        let key = RunKey::new(&plan.content.namespace, &plan.content.run);
        self.lock().insert(key, plan.clone());
        plan
    }

    /// Forgets the plan of a run; says whether there was one.
    pub fn forget(&self, key: &RunKey) -> bool {
        self.lock().remove(key).is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RunKey, Arc<Plan>>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names a run as the collector does.
pub fn key(run: &LoadTestRun) -> RunKey {
    RunKey::new(run.namespace().unwrap_or_default(), run.name_any())
}
