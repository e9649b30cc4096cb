// SPDX-License-Identifier: Apache-2.0
//! A user at work: one iteration with everything that is counted around it.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use upsurge_http::meter::Traffic;

use super::{
    context::{Context, count},
    iteration::Iteration,
    once,
    user::User,
};

/// Pause after an iteration that took no time at all.
const SHORTEST_ITERATION: Duration = Duration::from_millis(1);

/// What is to be done.
pub(crate) struct Task {
    /// Global index of the iteration.
    pub(crate) index: u64,
    /// When the schedule wants it to start.
    pub(crate) intended: Instant,
    /// What it begins after.
    pub(crate) after: After,
    /// Scenario to do.
    pub(crate) scenario: usize,
    /// Stage it belongs to.
    pub(crate) stage: StageOf,
}

/// What an iteration begins after: this tells whose fault it is when it begins late.
#[derive(Clone, Copy, Debug)]
pub(crate) enum After {
    /// The instant that the schedule gives it. What is late is the generator, but for the time that it
    /// waited for a free user, where iterations may.
    Schedule { queued: Option<Duration> },
    /// The planned end of the user's pause, which the generator should have kept.
    Pause,
    /// The iteration before, however long that took.
    Iteration,
}

/// The stage of what is recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StageOf {
    /// That of the iteration's intended start.
    Known(usize),
    /// That in which the load is at the moment.
    Load(usize),
}

impl StageOf {
    /// The stage of something that begins at an instant.
    pub(crate) fn at(self, context: &Context, instant: Instant) -> usize {
        match self {
            Self::Known(stage) => stage,
            Self::Load(load) => context.stage_at(load, instant),
        }
    }
}

/// Does one iteration, which begins now, and tells when it ended: whoever repeats iterations need not look at the
/// clock again. Dropped before its end, it leaves no trace but that it was started.
pub(crate) async fn iterate(
    context: &Rc<Context>,
    user: &mut User,
    task: Task,
    mut begun: Instant,
) -> Instant {
    if !context.supply(user, task.scenario) {
        return begun;
    }
    let stage = task.stage.at(context, begun);
    let paced = user.paced.take().unwrap_or(begun);
    let late = |intended| begun.saturating_duration_since(intended);
    let (mut intended, lag, queued) = match task.after {
        After::Schedule { queued } => {
            let lag = late(task.intended).saturating_sub(queued.unwrap_or_default());
            (task.intended, Some(lag), queued)
        }
        After::Pause => (paced, Some(late(paced)), None),
        After::Iteration => (paced, None, None),
    };
    context.recorder.borrow_mut().started(stage, task.scenario, lag, queued);
    count(&context.counts.started, 1);
    user.begin(&context.program, task.index, task.scenario);
    let _rest = RestOfTraffic::new(context, user, stage, task.scenario);
    let pacing = context.program.scenarios.get(task.scenario).and_then(|journey| journey.pacing);
    if let Some(once) = once::due(context, user, task.scenario) {
        // On the heap: few tests have such steps, and each user would keep the place.
        let ready = Box::pin(once::start(context, user, once, task.scenario, task.stage)).await;
        // The time that this takes is no part of the iteration, which is not late because of it.
        let (arrived, spent) = (begun, begun.elapsed());
        (begun, intended) = (begun + spent, intended + spent);
        if !ready {
            leave(context, user, pacing.map(|pacing| intended + pacing));
            context.timer.wait_until(arrived + SHORTEST_ITERATION).await;
            return Instant::now();
        }
    }
    let mut iteration = Iteration::new(context, user, task.scenario, task.stage, intended);
    let early = iteration.run().await.err();
    if let Some(ended) = &early {
        tracing::trace!(message = ended.message, "iteration ended early");
    }
    let ended = iteration.now();
    if let Some(trace) = &context.trace {
        let early = early.map(|early| early.message);
        trace.iteration(&context.program, task.scenario, early.as_deref(), ended.duration_since(begun));
    }
    context.recorder.borrow_mut().finished(stage, task.scenario, ended.duration_since(begun));
    count(&context.counts.finished, 1);
    let rested = iteration.rested();
    leave(context, user, pacing.map(|pacing| intended + pacing));
    if !rested {
        context.timer.wait_until(begun + SHORTEST_ITERATION).await;
        return Instant::now();
    }
    ended
}

/// Lets a user be as it is between iterations.
fn leave(context: &Context, user: &mut User, paced: Option<Instant>) {
    user.paced = paced;
    if context.program.close_after_iteration {
        user.hang_up();
    }
}

/// Counts, at its end, bytes that belong to no finished request.
pub(super) struct RestOfTraffic {
    context: Rc<Context>,
    traffic: Rc<Traffic>,
    stage: usize,
    scenario: usize,
}

impl RestOfTraffic {
    pub(super) fn new(context: &Rc<Context>, user: &User, stage: usize, scenario: usize) -> Self {
        let traffic = Rc::clone(&user.connections.traffic);
        Self { context: Rc::clone(context), traffic, stage, scenario }
    }
}

impl Drop for RestOfTraffic {
    fn drop(&mut self) {
        let (sent, received) = self.traffic.take();
        self.context.recorder.borrow_mut().traffic(self.stage, self.scenario, sent, received);
    }
}

/// Counts a user as present while it exists.
pub(crate) struct Present(Rc<Context>);

impl Present {
    pub(crate) fn new(context: &Rc<Context>) -> Self {
        context.set_users(context.users.get() + 1);
        Self(Rc::clone(context))
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.set_users(self.0.users.get().saturating_sub(1));
    }
}
