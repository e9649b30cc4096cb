// SPDX-License-Identifier: Apache-2.0
//! The open model: iterations start when they are due, whatever became of those before.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use upsurge_core::{
    plan::Work,
    plan::schedule::{Arrivals, Part, Share},
};

use super::{
    context::Context,
    crew::{self, Crew, Due},
};

/// What was due longer ago than this when the engine came up is dropped instead of being done late.
const LATE_START_LIMIT: Duration = Duration::from_millis(250);
/// Iterations started in a row before the event loop gets its turn.
const LONGEST_BURST: u32 = 32;

/// Starts the iterations of a part; returns when all have ended, or had to.
pub(crate) async fn run(context: Rc<Context>, load: usize, part: Part) {
    let Some(plan) = context.loads().get(load) else { return };
    let Work::Arrivals { pool, .. } = &plan.work else { return };
    if let Some(share) = crew::share(part, pool) {
        let crew = Crew::new(&context, load, share, pool);
        let end = plan.end() + plan.graceful_stop;
        tokio::select! {
            biased;
            () = start_all(&context, load, share, &crew) => {}
            () = context.wait_to_cut(end, plan.graceful_stop) => crew.cut(),
        }
    }
    // The load lasts as long as planned, so that rates are those of the plan, also if the last iteration is
    // over before the last stage is.
    context.wait_for(plan.end()).await;
}

async fn start_all(context: &Rc<Context>, load: usize, share: Share, crew: &Rc<Crew>) {
    let Some(plan) = context.loads().get(load) else { return };
    let schedule = Arrivals::new(plan);
    let total = share.size(schedule.total());
    let mut next = drop_missed(context, share, &schedule, crew);
    let mut times = schedule.times();
    let mut burst = 0;
    while next < total {
        let index = share.nth(next);
        let Some(at) = times.time_of(index) else { break };
        if let Some(skip) = context.left_out(at) {
            next = share.size(schedule.due_before(skip.to)).max(next + 1);
            continue;
        }
        if Instant::now() < context.instant(at) {
            burst = 0;
            context.wait_for(at).await;
            if context.left_out(at).is_some() {
                continue;
            }
        } else if burst == LONGEST_BURST {
            burst = 0;
            tokio::task::yield_now().await;
        }
        if context.stopping() {
            break;
        }
        burst += 1;
        next += 1;
        crew.start(Due { index, at });
    }
    crew.wait_until_idle().await;
    crew.dismiss().await;
}

/// Counts what was due long before now as dropped; gives the number of the first iteration to do.
fn drop_missed(context: &Context, share: Share, schedule: &Arrivals, crew: &Crew) -> u64 {
    let late = Instant::now().saturating_duration_since(context.start);
    if late <= LATE_START_LIMIT {
        return 0;
    }
    let missed = share.size(schedule.due_before(late - LATE_START_LIMIT));
    let mut times = schedule.times();
    for number in 0..missed {
        let index = share.nth(number);
        crew.drop_one(Due { index, at: times.time_of(index).unwrap_or_default() });
    }
    if missed > 0 {
        tracing::warn!(
            missed,
            late_ms = late.as_millis() as u64,
            "started late: missed iterations are dropped"
        );
    }
    missed
}
