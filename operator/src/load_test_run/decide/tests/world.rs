// SPDX-License-Identifier: Apache-2.0
//! What is outside of the state machine, as far as it matters to it: API server, kubelet, runners, collector, Prometheus.

mod replicas;
mod runners;
mod targets;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use kube::Resource;
use serde_json::json;
use upsurge_core::{
    checks, epochs,
    metrics::Metrics,
    target_lease::{Company, Gone},
    validate::validate,
};
use upsurge_crds::{
    LoadTest, LoadTestRun,
    internal::TargetLeaseSpec,
    names::reasons,
    v1alpha1::{EpochResult, LoadTestRunStatus, Phase, PinnedObject, Snapshot},
};
use upsurge_record::Record;

use super::{
    super::{Admission, Asked, Effect, Lookup, Objects, Situation},
    story::{Event, Story},
};
use crate::{
    collector::{EpochFigures, EpochsView, Finished, SessionConfig, SessionSnapshot},
    load_test_run::{
        fixtures::{self, at},
        plan::Plan,
        pods::{JobState, RunnerPod},
        progress::Cause,
    },
    naming,
    prometheus_checks::Answers,
    records::Keeping,
    settings::RunnerDefaults,
    target_leases::Next,
};

pub use self::replicas::{found, found_with_size};

/// The world.
pub struct World {
    pub run: LoadTestRun,
    /// How often a Job was created that was not there.
    pub jobs: u32,
    story: Story,
    test: LoadTest,
    plan: Arc<Plan>,
    /// Milliseconds since the beginning.
    clock: i64,
    /// Since when the operator leads, on that clock.
    led_from: i64,
    job: Option<JobState>,
    suspended: bool,
    pods: Vec<RunnerPod>,
    /// What runners and collector know, as far as it is durable.
    session: SessionSnapshot,
    is_open: bool,
    damaged: bool,
    /// What the collector was told, and no checkpoint holds yet.
    told: Option<String>,
    after_is_due: bool,
    asked: Asked,
    asks_runner: bool,
    /// What the policy says.
    pub admission: Admission,
    pub excess: Option<String>,
    /// Why the last effect could not be carried out, where that may pass.
    pub delay: Option<String>,
    /// How often the Job could not be made.
    failures: u32,
    /// The leases on targets.
    pub leases: BTreeMap<String, TargetLeaseSpec>,
    /// Runs that are gone, and whose leases nobody has cleared up.
    pub gone: Gone,
    company: Option<Vec<Company>>,
    /// How far the record of the run is.
    pub record: Keeping,
    /// The record, once it was written.
    pub kept: Option<Record>,
    /// Levels of the epochs that were begun, in order.
    pub begun: Vec<String>,
    /// What decides on the replicas of the target.
    pub cluster: Vec<PinnedObject>,
    /// When its pods are ready, in milliseconds since the beginning.
    ready_at: i64,
    are_pods_broken: bool,
    /// Whether the operator may set replicas.
    pub may_set_replicas: bool,
}

/// Where a run of several epochs stands after these.
fn standing(plan: &Plan, history: Vec<EpochResult>, figures: Vec<EpochFigures>) -> Option<EpochsView> {
    let is_over = matches!(plan.epochs()?.decide(&history), epochs::Next::Done(_));
    let SessionConfig { plan, valid, .. } = plan.session("checkout").at(&history).unwrap();
    Some(EpochsView { plan, valid, history, figures, is_over, awaits_epoch: false })
}

impl World {
    pub fn new(story: &Story) -> Self {
        let mut more = json!({
            "load": {"constant": {"level": 6, "duration": "10s"}},
            "target": {"baseURL": "http://checkout:8080"},
            "thresholds": [{"metric": "http_req_failed", "condition": "rate < 50%", "abortOnFail": true}],
        });
        if story.search {
            more["load"] = json!({"capacity": {"find": "MaxRate", "from": 10, "to": 40, "within": 100,
                "repeats": 1, "measure": "10s"}});
            more["thresholds"] = json!([{"metric": "http_req_failed", "condition": "rate < 50%"}]);
        }
        if story.replicas {
            more["load"] = json!({"capacity": {"find": "MinReplicas", "rate": 10, "from": 1, "to": 4, "repeats": 1,
                "measure": "10s"}});
            more["thresholds"] = json!([{"metric": "http_req_failed", "condition": "rate < 50%"}]);
            more["target"]["workloads"] = json!([{"name": "checkout"}]);
        }
        if story.compares {
            more["load"] = replicas::compared(story.sizes);
        }
        if story.shares {
            more["target"]["sharing"] = json!("Shared");
        }
        if story.after {
            more["after"] = json!([{"request": {"name": "tidy up", "url": "/"}}]);
        }
        if story.checks {
            let server = if story.own_server { "url" } else { "server" };
            more["prometheus"] = json!({server: "http://prometheus",
                "checks": [{"name": "up", "query": "up", "aggregate": "avg", "condition": "< 1"}],
                "series": [{"name": "connections", "query": "up"}]});
        }
        let mut run = fixtures::run(&more);
        let spec = run.spec.test.as_ref().unwrap().read().unwrap();
        let test: LoadTest = serde_json::from_value(json!({
            "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest",
            "metadata": {"name": "checkout", "namespace": "shop", "uid": "test-uid"}, "spec": spec
        }))
        .unwrap();
        let plan = Arc::new(Plan::new(&run, &spec, validate(&spec).unwrap(), Default::default()).unwrap());
        let epochs = standing(&plan, Vec::new(), Vec::new());
        if story.by_hand {
            run.spec.test = None;
        } else {
            own(&mut run, &test);
        }
        Self {
            run,
            jobs: 0,
            story: story.clone(),
            test,
            plan,
            clock: 0,
            led_from: 0,
            job: None,
            suspended: false,
            pods: Vec::new(),
            session: SessionSnapshot { epochs, ..fixtures::session(None, None) },
            is_open: false,
            damaged: false,
            told: None,
            after_is_due: false,
            asked: Asked::NotYet,
            asks_runner: false,
            admission: Admission::Granted,
            excess: None,
            delay: None,
            failures: 0,
            leases: BTreeMap::new(),
            gone: Gone::new(),
            company: None,
            record: Keeping::Due,
            kept: None,
            begun: Vec::new(),
            cluster: if story.sizes { replicas::found_with_size() } else { replicas::found() },
            ready_at: 0,
            are_pods_broken: false,
            may_set_replicas: true,
        }
    }

    /// Level of the epoch under way.
    fn level(&self) -> f64 {
        self.session.epochs.as_ref().map_or(6.0, |epochs| epochs.valid.timeline.peak())
    }

    /// Whether the run has several epochs.
    fn searches(&self) -> bool {
        self.story.search || self.story.replicas
    }

    /// The collector makes an epoch durable that is finished, and begins the next one.
    fn finish_epoch(&mut self, finished: &Finished) {
        let epochs = self.session.epochs.clone().unwrap();
        let (mut history, mut figures) = (epochs.history, epochs.figures);
        if history.len() + 1 != finished.result.number as usize {
            return;
        }
        history.push(finished.result.clone());
        figures.push(finished.figures.clone());
        let next = standing(&self.plan, history, figures).unwrap();
        if !next.is_over {
            let now = self.now();
            let session = &mut self.session;
            (session.t0, session.opened_at, session.all_done) = (None, now, false);
            (session.metrics, session.elapsed) = (Metrics::default().into(), Duration::ZERO);
            for view in &mut session.runners {
                (view.started_at, view.end, view.readiness) = (None, None, None);
            }
        }
        self.session.epochs = Some(next);
    }

    pub fn now(&self) -> Timestamp {
        at(0) + SignedDuration::from_millis(self.clock)
    }

    fn objects(&self) -> Objects {
        match self.story.event {
            Event::ForeignIn(phase) if phase <= self.phase() => {
                Objects { foreign: Some("checkout-1".into()), ..Objects::default() }
            }
            _ => Objects { job: self.job.clone(), pods: self.pods.clone(), ..Objects::default() },
        }
    }

    pub fn is_finished(&self) -> bool {
        self.phase() == Phase::Finished
    }

    pub fn pods_at_work(&self) -> usize {
        self.pods.iter().filter(|pod| pod.end.is_none()).count()
    }

    pub fn pass(&mut self, time: Duration) {
        self.clock += i64::try_from(time.as_millis()).unwrap();
    }

    fn phase(&self) -> Phase {
        self.run.status.as_ref().and_then(|status| status.phase).unwrap_or(Phase::Pending)
    }

    /// What goes on without the operator's doing.
    pub fn turn(&mut self) {
        for event in [self.story.event, self.story.then] {
            match event {
                Event::AbortIn(phase) if phase == self.phase() => self.run.spec.abort = true,
                Event::AutoscalerChangedIn(phase) if phase == self.phase() => self.change_autoscaler(),
                Event::DamagedIn(phase) if phase == self.phase() && !self.damaged => {
                    self.damaged = true;
                    self.kill_operator();
                }
                _ => {}
            }
        }
        self.kubelet();
        if self.is_open {
            self.session.stop = self.session.stop.take().or(self.told.take());
            self.runners();
        }
        if self.asked == Asked::UnderWay {
            let checks = self.plan.test().prometheus.iter().flat_map(|prometheus| &prometheus.checks);
            let checks = checks.map(|check| checks::judge(check, Err("no answer".into()))).collect();
            self.asked = Asked::Answered(Answers { checks, ..Answers::default() });
        }
    }

    pub fn situation(&self, refusal: Option<Cause>) -> Situation {
        let is_owned = self.run.metadata.owner_references.is_some();
        let has_job = self.job.is_some();
        Situation {
            run: self.run.clone(),
            now: self.now(),
            test: if is_owned || has_job {
                Lookup::NotNeeded
            } else {
                Lookup::Found(Box::new(self.test.clone()))
            },
            plan: self.run.spec.test.as_ref().map(|_| {
                let epochs = self.session.epochs.as_ref().filter(|_| self.is_open);
                Ok(epochs.map_or_else(|| self.plan.clone(), |epochs| Arc::new(self.plan.at(epochs))))
            }),
            target: None,
            led_for: Duration::from_millis(u64::try_from(self.clock - self.led_from).unwrap()),
            scaler: self.scaler(),
            may_set_replicas: self.may_set_replicas,
            objects: self.objects(),
            session: self.is_open.then(|| self.session.clone()),
            figures_due: true,
            admission: self.admission.clone(),
            place: self.place(),
            company: self.company.clone(),
            record: self.record.clone(),
            cluster_version: None,
            excess: self.excess.clone(),
            checks: self.asked.clone(),
            refusal,
            delay: self.delay.clone(),
            runner: Ok(RunnerDefaults {
                image: "upsurge/runner:1".into(),
                image_pull_policy: "IfNotPresent".into(),
                collector_url: "http://collector:8080".into(),
                authorities: "authorities".into(),
                pods: Arc::default(),
            }),
        }
    }

    /// Does what was decided; gives a refusal.
    pub fn carry_out(&mut self, effect: &Effect, state: &LoadTestRunStatus) -> Option<Cause> {
        match effect {
            Effect::Complete(_) => {
                self.run.spec.test = Some(Snapshot::of(&self.test.spec));
                own(&mut self.run, &self.test);
            }
            Effect::WriteLease(lease) => {
                self.leases.insert(lease.spec.target.clone(), lease.spec.clone());
            }
            Effect::LeaveTarget => {
                let uid = self.user().uid;
                self.leave(&uid);
            }
            Effect::KeepRun => self.keep(),
            Effect::SetReplicas(_) if self.story.event == Event::ReplicasRefused => {
                return Some(Cause::breakdown(reasons::PINNING_FORBIDDEN, "nobody may"));
            }
            Effect::SetReplicas(changes) => self.set_replicas(changes),
            Effect::ReleaseRun(_) => self.run.metadata.finalizers = None,
            Effect::LookForCompany { start, end } => {
                self.company = Some(self.met(*start, *end));
            }
            Effect::OpenSession if self.damaged => {
                return Some(Cause::breakdown(reasons::CHECKPOINT_DAMAGED, "the checkpoint is damaged"));
            }
            Effect::OpenSession => {
                (self.is_open, self.session.opened_at) = (true, self.now());
            }
            Effect::CreateJob(_) if self.story.event == Event::JobRefused => {
                return Some(Cause::breakdown(reasons::PODS_FORBIDDEN, "exceeded quota"));
            }
            Effect::CreateJob(_) if matches!(self.story.event, Event::JobFails(times) if self.failures < times) =>
            {
                self.failures += 1;
                self.delay = Some("failed to apply Job base: etcd does not answer".into());
            }
            Effect::CreateJob(_) => {
                assert_eq!(self.place().next, Next::Held, "there may be load on a target that others have");
                self.jobs += u32::from(self.job.is_none());
                self.job.get_or_insert(JobState { created: Some(self.now()), ..JobState::default() });
            }
            Effect::KeepRecord(record) => {
                assert!(!self.is_finished(), "the checkpoint may be gone");
                self.kept = Some((**record).clone());
            }
            Effect::WriteStatus => {
                self.delay = None;
                self.run.status = Some(LoadTestRunStatus { leader_term: Some(1), ..state.clone() });
            }
            Effect::StopRunners(reason) => {
                let status = self.run.status.as_ref();
                assert!(
                    status.is_some_and(|status| status.end_cause.is_some()),
                    "stopped before it is known why"
                );
                self.told.get_or_insert(reason.clone());
            }
            Effect::FinishEpoch(finished) => self.finish_epoch(finished),
            Effect::RunAfter => self.after_is_due = true,
            Effect::Quench => self.suspended = true,
            Effect::AskPrometheus { .. } => self.asked = Asked::UnderWay,
            Effect::HavePrometheusAsked { .. } => self.asks_runner = true,
            Effect::ApplyGroundwork(_) | Effect::DropCheckpoint | Effect::RemoveRunners | Effect::Forget => {}
            Effect::CloseSession => self.is_open = false,
        }
        None
    }

    /// All that is not durable is lost, and another operator takes over.
    pub fn kill_operator(&mut self) {
        (self.is_open, self.told, self.after_is_due, self.asked) = (false, None, false, Asked::NotYet);
        (self.asks_runner, self.company, self.delay) = (false, None, None);
        for view in &mut self.session.runners {
            (view.readiness, view.last_seen) = (None, None);
        }
        self.pass(Duration::from_millis(500));
        self.led_from = self.clock;
    }
}

fn own(run: &mut LoadTestRun, test: &LoadTest) {
    run.metadata.owner_references = test.controller_owner_ref(&()).map(|owner| vec![owner]);
    run.metadata.labels = Some(naming::run_labels("checkout"));
}
