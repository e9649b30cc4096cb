// SPDX-License-Identifier: Apache-2.0
//! What goes on in the pods of the runners, and what the collector hears of it.

use std::time::Duration;

use jiff::SignedDuration;
use upsurge_core::{
    metrics::{SeriesKey, Sink, Tags},
    plan::MEASURE,
    protocol::{AfterOutcome, CheckAnswer, Readiness, RunnerEnd},
};
use upsurge_crds::v1alpha1::{Phase, ThresholdResult};

use super::{super::story::Event, World};
use crate::load_test_run::{fixtures, pods::PodEnd, progress};

impl World {
    pub(super) fn kubelet(&mut self) {
        if self.suspended {
            self.pods.retain(|pod| pod.end.is_some());
        } else if self.job.is_some() && self.pods.is_empty() {
            self.pods = fixtures::pods();
        }
        let epochs = self.session.epochs.as_ref();
        let stays = epochs.is_some_and(|epochs| !epochs.is_over) && self.session.stop.is_none();
        for pod in self.pods.iter_mut().filter(|_| !stays) {
            let view = &self.session.runners[pod.index as usize];
            let tidies = pod.index == 0
                && !self.plan.test().after.is_empty()
                && self.session.load_start().is_some()
                && self.session.after.is_none();
            let asks = pod.index == 0
                && progress::awaits_answers(&self.plan, &self.session)
                && self.session.stop.is_none();
            if view.end.is_some() && !tidies && !asks && pod.end.is_none() {
                (pod.running, pod.end) = (false, Some(PodEnd { exit_code: Some(0), ..PodEnd::default() }));
            }
        }
    }

    pub(super) fn runners(&mut self) {
        let (now, start) = (self.now(), self.session.t0);
        let since = start.map_or(SignedDuration::ZERO, |start| now.duration_since(start));
        for (index, view) in self.session.runners.iter_mut().enumerate() {
            if self.pods.get(index).is_none_or(|pod| pod.end.is_some()) {
                continue;
            }
            (view.last_seen, view.readiness) = (Some(now), Some(Readiness::Ready));
            view.pod = Some(format!("pod-{index}"));
            view.started_at = start;
            if view.end.is_some() {
            } else if let Some(reason) = &self.session.stop {
                view.end = Some(RunnerEnd::Stopped { reason: reason.clone() });
            } else if since >= SignedDuration::from_secs(10) {
                view.end = Some(RunnerEnd::Completed);
            }
        }
        let begins = match self.phase() {
            Phase::Starting => true,
            Phase::Running => self.searches(),
            _ => false,
        };
        if start.is_none() && begins && self.session.stop.is_none() {
            let all = self.session.runners.iter().all(|view| view.readiness == Some(Readiness::Ready));
            self.session.t0 = all.then_some(now);
            self.begun.extend(all.then(|| self.level().to_string()));
            if all {
                self.serve(now);
            }
        }
        if start.is_some() && self.session.metrics.is_empty() {
            let (level, stage) = (self.level(), if self.searches() { MEASURE } else { "constant" });
            let needs_three = self.story.replicas && !self.story.compares;
            let is_overloaded = level > 20.0 || (needs_three && self.replicas() < 3);
            let (requests, passes) = (60.0 * level, if is_overloaded { 300 } else { 36 });
            let metrics = &mut self.session.metrics;
            metrics.add(series("http_reqs", stage), &Sink::Counter(requests));
            metrics.add(series("http_req_failed", stage), &Sink::Rate { passes, total: 360 });
            metrics.add(series("started_iterations", stage), &Sink::Counter(10.0 * level));
            self.session.elapsed = Duration::from_secs(10);
        }
        if since >= SignedDuration::from_secs(3) && self.pods_at_work() == 3 {
            match self.story.event {
                Event::Breach if self.session.abort_breach.is_none() => self.breach(),
                Event::PodKilled => {
                    let at = start.map(|start| start + SignedDuration::from_secs(3));
                    let end =
                        PodEnd { exit_code: Some(137), reason: "OOMKilled".into(), at, ..PodEnd::default() };
                    (self.pods[1].running, self.pods[1].end) = (false, Some(end));
                }
                _ => {}
            }
        }
        if self.after_is_due && self.pods.first().is_some_and(|pod| pod.end.is_none()) {
            self.session.after = Some(AfterOutcome { result: Ok(()), verified: None });
        }
        if self.asks_runner && self.pods.first().is_some_and(|pod| pod.end.is_none()) {
            self.session.checks = Some(vec![CheckAnswer::Problem("no answer".into())]);
        }
        self.session.all_done = self.session.runners.iter().all(|view| view.end.is_some());
    }

    /// The collector finds a breach and stops the runners by itself; they are done before a controller looks.
    fn breach(&mut self) {
        self.session.abort_breach = Some(ThresholdResult {
            metric: "http_req_failed".into(),
            condition: "rate < 50%".into(),
            observed: "61%".into(),
            passed: false,
            undecided: false,
            detail: None,
        });
        let reason = "threshold http_req_failed is breached";
        self.session.stop = Some(reason.into());
        for view in &mut self.session.runners {
            view.end.get_or_insert(RunnerEnd::Stopped { reason: reason.into() });
        }
    }
}

fn series(metric: &str, stage: &str) -> SeriesKey {
    let tags = Tags {
        request: Some("pay".into()),
        scenario: Some("pay".into()),
        stage: Some(stage.into()),
        ..Tags::default()
    };
    SeriesKey { metric: metric.into(), tags }
}
