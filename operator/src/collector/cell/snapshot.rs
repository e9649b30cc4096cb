// SPDX-License-Identifier: Apache-2.0
//! What the controllers see of an open session.

use std::{sync::PoisonError, time::Duration};

use jiff::Timestamp;

use super::Cell;
use crate::collector::{
    session::Session,
    view::{EpochsView, RunnerView, SessionSnapshot},
};

impl Cell {
    /// The session's state.
    pub async fn snapshot(&self) -> SessionSnapshot {
        let (workload, further) = (self.record.workload(), self.record.further());
        let session = self.lock().await;
        let state = session.state();
        let runners = state.runners.iter().zip(session.presence()).enumerate();
        SessionSnapshot {
            opened_at: *self.opened_at.lock().unwrap_or_else(PoisonError::into_inner),
            t0: session.t0().and_then(instant),
            runners: runners
                .map(|(index, (runner, presence))| RunnerView {
                    index: index as u32,
                    pod: runner.pod.as_ref().map(|pod| pod.name.clone()),
                    readiness: presence.readiness.clone(),
                    started_at: runner.started_at.and_then(instant),
                    last_seen: presence
                        .last_seen
                        .max(self.last_heard(index, runner.pod.as_ref()))
                        .and_then(instant),
                    end: runner.end.clone(),
                    outputs: runner.outputs.clone(),
                    received: runner.received,
                    acknowledged: presence.acknowledged,
                })
                .collect(),
            epochs: self.config.whole.as_ref().map(|_| EpochsView {
                plan: self.config.plan.clone(),
                valid: self.config.valid.clone(),
                history: session.history().to_vec(),
                figures: state.figures.clone(),
                is_over: session.is_over(),
                awaits_epoch: session.awaits_epoch(),
            }),
            metrics: state.totals.metrics.clone(),
            windows: state.totals.windows.clone(),
            folded: state.totals.folded,
            folds: state.totals.folds.iter().map(|at| Duration::from_millis(*at)).collect(),
            points: state.totals.points.clone(),
            losses: state.totals.losses.clone(),
            generator: state.totals.generator.clone(),
            elapsed: state.totals.elapsed(),
            turned: self.turned(session.turned()),
            restless: state.restless.clone(),
            waits_for: session.waits_for().map(Into::into),
            workload,
            further,
            setups: self.record.setups(),
            abort_breach: state.abort_breach.clone(),
            stop: state.stop.clone(),
            problem: session.problem().cloned(),
            after: state.after.clone(),
            foreign: state.foreign.clone(),
            checks: state.checks.clone(),
            series: state.series.clone(),
            all_done: session.all_done(),
            durable: runners_durable(&session),
        }
    }
}

fn runners_durable(session: &Session) -> bool {
    let runners = session.state().runners.iter().zip(session.presence());
    runners.into_iter().all(|(runner, presence)| runner.received == presence.acknowledged)
}

fn instant(nanoseconds: i64) -> Option<Timestamp> {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).ok()
}
