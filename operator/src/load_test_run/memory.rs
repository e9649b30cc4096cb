// SPDX-License-Identifier: Apache-2.0
//! What this operator remembers of the runs under way: their plans, compiled once, what Prometheus answered, whose load
//! was beside theirs, whether their records could not be written, and when figures were last shown. Nothing in here is needed: an
//! operator that starts with an empty memory comes to the same end.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use kube::Resource;
use tokio::task::JoinHandle;
use upsurge_crds::{LoadTestRun, v1alpha1::Company};

use super::{
    decide::Asked,
    plan::{self, Plan},
};
use crate::{
    collector::RunKey,
    prometheus_checks::Answers,
    records::{Failures, KeepError, Keeping},
};

/// What is remembered of each run.
#[derive(Debug, Default)]
pub struct Memory {
    runs: Mutex<HashMap<RunKey, Remembered>>,
}

#[derive(Debug)]
struct Remembered {
    plan: Arc<Plan>,
    shown: Option<Instant>,
    question: Option<Question>,
    company: Option<Vec<Company>>,
    record: Option<Failures>,
}

/// A question that was put to Prometheus; given up when it is forgotten.
#[derive(Debug)]
struct Question {
    answer: Arc<OnceLock<Answers>>,
    task: JoinHandle<()>,
}

impl Drop for Question {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Memory {
    /// The plan of a run, if it is of this very run and not of an earlier one of its name.
    pub fn plan(&self, run: &LoadTestRun) -> Option<Arc<Plan>> {
        let plan = self.lock().get(&plan::key(run)).map(|remembered| remembered.plan.clone())?;
        (Some(&plan.content.uid) == run.meta().uid.as_ref()).then_some(plan)
    }

    /// Whether there is a plan of another run of the same name, which must be gone by now.
    pub fn has_predecessor(&self, run: &LoadTestRun) -> bool {
        let runs = self.lock();
        let known = runs.get(&plan::key(run));
        known.is_some_and(|known| Some(&known.plan.content.uid) != run.meta().uid.as_ref())
    }

    /// Remembers a plan.
    pub fn keep(&self, plan: Plan) -> Arc<Plan> {
        let plan = Arc::new(plan);
        let key = RunKey::new(&plan.content.namespace, &plan.content.run);
        let known =
            Remembered { plan: plan.clone(), shown: None, question: None, company: None, record: None };
        self.lock().insert(key, known);
        plan
    }

    /// Forgets a run; gives the plan that it had.
    pub fn forget(&self, run: &RunKey) -> Option<Arc<Plan>> {
        self.lock().remove(run).map(|known| known.plan)
    }

    /// Whose load was on the target at the same time as that of a run, if somebody has looked.
    pub fn company(&self, run: &RunKey) -> Option<Vec<Company>> {
        self.lock().get(run).and_then(|known| known.company.clone())
    }

    /// Remembers whose.
    pub fn met(&self, run: &RunKey, company: Vec<Company>) {
        if let Some(known) = self.lock().get_mut(run) {
            known.company = Some(company);
        }
    }

    /// How far the record of a run is.
    pub fn keeping(&self, run: &RunKey) -> Keeping {
        let runs = self.lock();
        let failures = runs.get(run).and_then(|known| known.record.as_ref());
        failures.map_or(Keeping::Due, |failures| failures.keeping(Instant::now()))
    }

    /// The record of a run could not be written.
    pub fn not_kept(&self, run: &RunKey, error: &KeepError) {
        if let Some(known) = self.lock().get_mut(run) {
            let why = error.to_string();
            let failures = Failures::after(known.record.as_ref(), &why, error.is_lasting(), Instant::now());
            known.record = Some(failures);
        }
    }

    /// Whether figures are due that are shown once per `interval`.
    pub fn is_showing_due(&self, run: &RunKey, interval: Duration) -> bool {
        let runs = self.lock();
        let shown = runs.get(run).and_then(|known| known.shown);
        shown.is_none_or(|last| last.elapsed() >= interval)
    }

    /// Figures are shown now.
    pub fn shown(&self, run: &RunKey) {
        if let Some(known) = self.lock().get_mut(run) {
            known.shown = Some(Instant::now());
        }
    }

    /// Puts a question to Prometheus, unless it was put already.
    pub fn ask(&self, run: &RunKey, question: impl Future<Output = Answers> + Send + 'static) {
        let mut runs = self.lock();
        let Some(known) = runs.get_mut(run).filter(|known| asked(known) == Asked::NotYet) else { return };
        let answer = Arc::new(OnceLock::new());
        let task = tokio::spawn({
            let answer = answer.clone();
            // Nobody else sets it.
            async move { drop(answer.set(question.await)) }
        });
        known.question = Some(Question { answer, task });
    }

    /// How far that is.
    pub fn asked(&self, run: &RunKey) -> Asked {
        self.lock().get(run).map_or(Asked::NotYet, asked)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunKey, Remembered>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn asked(known: &Remembered) -> Asked {
    match &known.question {
        None => Asked::NotYet,
        Some(question) => match question.answer.get() {
            Some(answer) => Asked::Answered(answer.clone()),
            // A task that broke gives no answer: ask again.
            None if question.task.is_finished() => Asked::NotYet,
            None => Asked::UnderWay,
        },
    }
}
