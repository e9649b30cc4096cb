// SPDX-License-Identifier: Apache-2.0
//! The loads of a run that has ended, as far as anybody still knows of them: the last one with what was measured, and of several the one
//! whose figures are shown.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use upsurge_core::{
    epochs::{self, Done, Next, last_passed, shown},
    metrics::Metrics,
    plan::{MEASURE, Plan, Timeline},
    results,
    thresholds::Recorded,
};
use upsurge_crds::v1alpha1::EpochResult;
use upsurge_record::{
    measure::{Load, planned},
    model::{Epoch, Figures, Folded, HeatMap, Measured, Series},
    thin::Course,
};

use super::Ended;
use crate::records::series;

impl Ended<'_> {
    /// The parts of the run of which something is known, and the number of the one whose figures are shown.
    pub(super) fn loads(&self, folded: &mut Vec<Folded>) -> (Vec<Epoch>, Option<u32>) {
        // Between two epochs there are no figures.
        let Some(last) = self.session.t0.map(|started| self.last(started, folded)) else {
            return (Vec::new(), None);
        };
        let number = last.number;
        let Some(history) = self.session.epochs.as_ref().map(|view| &view.history) else {
            return (vec![last], Some(number));
        };
        if history.len() > 1 {
            let message = "what was measured is kept of the last probe; of the one whose figures are shown, its figures; of the others, \
                           that they were made";
            folded.push(Folded {
                what: "epochs".into(),
                count: u64::try_from(history.len()).ok(),
                message: message.into(),
            });
        }
        match self.shown() {
            Some(shown) if shown.number < number => {
                let number = shown.number;
                (vec![shown, last], Some(number))
            }
            _ => (vec![last], Some(number)),
        }
    }

    /// The load that was under way last.
    fn last(&self, started: Timestamp, folded: &mut Vec<Folded>) -> Epoch {
        let (session, timeline) = (self.session, &self.valid.timeline);
        let metrics: &Metrics = &session.metrics;
        // Of a probe that was cut off, its warm-up may be all that there is.
        let is_over = session.epochs.as_ref().is_some_and(|view| view.is_over);
        let is_probe = is_over && (self.status.capacity.is_some() || self.status.scalability.is_some());
        let told: fn(&Metrics, &Timeline, Duration) -> results::Figures =
            if is_probe { epochs::figures } else { results::figures };
        let recorded = Recorded {
            test: &self.plan.test,
            timeline,
            metrics,
            windows: &session.windows,
            elapsed: session.elapsed,
        };
        // Those of a status are of the probe that is shown.
        let is_shown =
            !is_probe || self.found().is_none_or(|at| u32::try_from(at.number) == Ok(self.plan.epoch));
        let (figures, thresholds) = (told(metrics, timeline, session.elapsed), recorded.evaluate(true));
        let load = Load {
            number: self.plan.epoch,
            result: self.result(started),
            test: &self.plan.test,
            timeline,
            metrics,
            windows: &session.windows,
            losses: &session.losses,
            started,
            elapsed: session.elapsed,
            figures: &figures,
            thresholds: &thresholds,
            // The status tells them as they stood at the end.
            breached: None,
            generator: self.status.generator.as_deref().filter(|_| is_shown),
            used: &session.generator,
            is_probe,
        };
        let epoch = load.epoch(Course::new(timeline), &[]);
        let note =
            |what: &str, message: &str| Folded { what: what.into(), count: None, message: message.into() };
        folded.push(note("heatMap", "operators keep no heat map"));
        let Some(course) = series::of(&session.points, timeline, metrics, session.elapsed) else {
            folded.push(note("series", "the seconds of the load are not all known"));
            return epoch;
        };
        if course.step_seconds > 1 {
            folded.push(note(
                "series",
                "points of the series were joined: percentiles of a point are the highest of its seconds",
            ));
        }
        Epoch { series: course, ..epoch }
    }

    /// Of a search: the level of the epoch under way last, and what came out.
    fn result(&self, started: Timestamp) -> Option<EpochResult> {
        let (view, epochs) = (self.session.epochs.as_ref()?, self.epochs.as_ref()?);
        if view.is_over {
            return view.history.last().cloned();
        }
        epochs.under_way(&view.history).under_way(Some(MicroTime(started)))
    }

    /// Of several that have come to their end: the epoch whose figures are those of the run.
    fn found(&self) -> Option<&EpochResult> {
        let view = self.session.epochs.as_ref().filter(|view| view.is_over)?;
        match self.epochs.as_ref()?.decide(&view.history) {
            Next::Done(Done::Capacity(found)) => shown(&view.history, &found),
            Next::Done(Done::Scalability(_) | Done::Sizes(_)) => {
                last_passed(&view.history).or(view.history.last())
            }
            Next::Done(Done::Once) | Next::Epoch(_) => None,
        }
    }

    /// The same with its figures. What they were computed from nobody has any more.
    fn shown(&self) -> Option<Epoch> {
        let (at, view) = (self.found()?, self.session.epochs.as_ref()?);
        let kept = view.figures.iter().find(|kept| kept.level == epochs::key(at))?;
        let epoch = epochs::Epoch {
            number: u32::try_from(at.number).ok()?,
            level: at.level.parse().ok(),
            replicas: at.pinned_replicas.and_then(|replicas| u32::try_from(replicas).ok()),
            size: at.size.clone(),
        };
        let test = self.epochs.as_ref()?.test(self.test, &epoch);
        let scenarios: Vec<&str> = test.scenarios.iter().flatten().map(|one| one.name.as_str()).collect();
        let timeline = Plan::compile(&test.load, &scenarios).ok()?.timeline;
        Some(Epoch {
            number: epoch.number,
            result: Some(at.clone()),
            start_time: at.start_time.as_ref()?.0,
            elapsed_seconds: timeline.duration().as_secs_f64(),
            plan: planned(&timeline),
            counted_stage: Some(MEASURE.into()),
            figures: Figures {
                summary: kept.summary.clone(),
                stages: kept.stages.clone(),
                requests: kept.requests.clone(),
                checks: kept.expectations.clone(),
                metrics: kept.metrics.clone(),
            },
            measured: Measured::default(),
            thresholds: kept.thresholds.clone(),
            breached: None,
            accumulators: Default::default(),
            losses: Default::default(),
            generator: Some(kept.generator.clone()),
            generator_use: Default::default(),
            series: Series::default(),
            heat_map: HeatMap::default(),
        })
    }
}
