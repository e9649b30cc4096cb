// SPDX-License-Identifier: Apache-2.0
//! The epochs of a run, one after the other in this process, until there is an answer.

use std::{collections::BTreeMap, sync::Arc};

use upsurge_core::{
    epochs::{Answer, Done, Epoch, Epochs, Next, Seen, answer, judged, line, shown},
    validate::{Valid, validate},
    verdict::Breakdown,
};
use upsurge_crds::{
    LoadTestSpec,
    names::reasons,
    v1alpha1::{EpochOutcome, EpochResult},
};

use super::{
    Interrupts,
    progress::Style,
    record,
    reports::Reports,
    result::{Ended, Evaluated},
    session::Session,
};
use crate::cli::say;

/// All of a run: a load, or those of a search one after the other.
pub(super) struct Course<'a> {
    /// As if the whole test were one load. Each epoch is this, with a test of its own.
    pub(super) whole: Session<'a>,
}

/// An epoch that has ended: the one whose figures are shown.
pub(super) struct Part {
    pub(super) test: Arc<LoadTestSpec>,
    pub(super) valid: Arc<Valid>,
    pub(super) ended: Ended,
    pub(super) search: Searched,
}

/// What is known of a search; nothing, of a run of one epoch.
#[derive(Default)]
pub(super) struct Searched {
    pub(super) history: Vec<EpochResult>,
    /// Absent if it did not come to its end.
    pub(super) answer: Option<Answer>,
}

impl Part {
    /// A run of one epoch.
    pub(super) fn whole(test: &Arc<LoadTestSpec>, valid: &Arc<Valid>, ended: Ended) -> Self {
        Self { test: test.clone(), valid: valid.clone(), ended, search: Searched::default() }
    }
}

impl Course<'_> {
    /// Generates the load of each epoch. `None` when it was interrupted twice.
    pub(super) async fn run(self, interrupts: &mut Interrupts, reports: &mut Reports<'_>) -> Option<Part> {
        let epochs = match Epochs::of(&self.whole.test.load) {
            Ok(epochs) => epochs,
            Err(error) => return Some(self.broken(format!("spec.load: {error}"))),
        };
        let mut history: Vec<EpochResult> = Vec::new();
        // The last one that passed, by its level, and the last one of all.
        let (mut passed, mut last) = (BTreeMap::<String, Part>::new(), None);
        let mut outputs = Vec::new();
        loop {
            let epoch = match epochs.decide(&history) {
                Next::Epoch(epoch) => epoch,
                Next::Done(done) => {
                    let Done::Capacity(found) = done else { return last };
                    let found_at = shown(&history, &found).filter(|_| found.level.is_some());
                    let mut part = found_at.and_then(|epoch| passed.remove(&epoch.level)).or(last)?;
                    part.ended.outputs = outputs;
                    let answer = Some(answer(self.whole.test, &found, &history));
                    part.search = Searched { history, answer };
                    return Some(part);
                }
            };
            let (test, valid) = match self.compiled(&epochs, &epoch) {
                Ok(compiled) => compiled,
                Err(message) => return Some(self.broken(message)),
            };
            let mut ended = self.session(&test, &valid).run(&epoch, interrupts, reports).await?;
            outputs.append(&mut ended.outputs);
            let valid = as_carried_out(valid, &ended);
            let mut part = Part::whole(&test, &valid, ended);
            if epoch.level.is_none() || part.ended.is_cut_short() {
                part.ended.outputs = outputs;
                part.search.history = history;
                return Some(part);
            }
            let result = self.judged(&epoch, &part);
            if let Some((recording, course)) = reports.recording.as_mut().zip(part.ended.course.take()) {
                record::probe(recording, &part, &result, course);
            }
            if self.whole.style != Style::Quiet {
                say::line(format_args!("{}", line(&result)));
            }
            if result.outcome == Some(EpochOutcome::Passed) {
                last = passed.insert(result.level.clone(), part).or(last);
            } else {
                last = Some(part);
            }
            history.push(result);
        }
    }

    fn judged(&self, epoch: &Epoch, part: &Part) -> EpochResult {
        let Part { test, valid, ended, .. } = part;
        let Evaluated { generator, thresholds, .. } = &Evaluated::of(test, valid, ended);
        judged(
            epoch,
            &Seen {
                test,
                timeline: &valid.timeline,
                metrics: &ended.metrics,
                unlimited: ended.windows.unlimited(),
                start: ended.started,
                generator,
                thresholds,
                doubts: &[],
                replicas: None,
            },
        )
    }

    /// The test of an epoch.
    fn compiled(&self, epochs: &Epochs, epoch: &Epoch) -> Result<(Arc<LoadTestSpec>, Arc<Valid>), String> {
        let (whole, as_whole) = (self.whole.test, self.whole.valid);
        if epoch.level.is_none() {
            return Ok((Arc::clone(whole), Arc::clone(as_whole)));
        }
        let test = epochs.test(whole, epoch);
        let mut valid = validate(&test).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            format!("epoch {} can't be run: {}", epoch.number, errors.join("; "))
        })?;
        valid.http.reach.clone_from(&as_whole.http.reach);
        Ok((Arc::new(test), Arc::new(valid)))
    }

    fn session<'b>(&'b self, test: &'b Arc<LoadTestSpec>, valid: &'b Arc<Valid>) -> Session<'b> {
        // Epochs of a search are too short to say anything about an autoscaler.
        let observation = self.whole.observation.filter(|_| self.whole.test.load.capacity.is_none());
        Session { test, valid, observation, ..self.whole.clone() }
    }

    fn broken(&self, message: String) -> Part {
        let breakdown = Breakdown { reason: reasons::INVALID_SPEC.into(), message };
        Part::whole(self.whole.test, self.whole.valid, Ended::broken(breakdown))
    }
}

/// What was carried out, of a load that turned back.
fn as_carried_out(planned: Arc<Valid>, ended: &Ended) -> Arc<Valid> {
    match &ended.turned {
        Some(turned) => {
            let timeline = planned.timeline.without(turned.skip);
            Arc::new(Valid { timeline, ..(*planned).clone() })
        }
        None => planned,
    }
}
