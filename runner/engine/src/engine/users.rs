// SPDX-License-Identifier: Apache-2.0
//! The closed model: each user repeats iterations for as long as the schedule wants it at work.

use std::{
    pin::pin,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::task::spawn_local;
use upsurge_core::{
    plan::schedule::{Part, Users},
    plan::{LoadPlan, Work},
};

use super::{
    context::Context,
    once,
    user::User,
    work::{After, Present, StageOf, Task, iterate},
};

/// A stretch of time, from the start of the load.
type Stretch = (Duration, Duration);

/// Lets the users of a part work; returns when all are done and the load is over.
pub(crate) async fn run(context: Rc<Context>, load: usize, part: Part) {
    let Some(plan) = context.loads().get(load) else { return };
    let schedule = Users::new(plan);
    let total = u64::from(schedule.total());
    if let Some(share) = part.of(total, 1) {
        let mine = share.size(total);
        let mut lives = Vec::with_capacity(mine as usize);
        for number in 0..mine {
            let index = share.nth(number);
            let Ok(narrow) = u32::try_from(index) else { break };
            let intervals = schedule.intervals(narrow);
            lives.push(spawn_local(live(Rc::clone(&context), load, (index, total), intervals)));
        }
        for life in lives {
            if let Err(error) = life.await {
                tracing::error!(%error, "a user ended abnormally");
            }
        }
    }
    // The load lasts as long as planned, so that rates are those of the plan.
    context.wait_for(plan.end()).await;
}

async fn live(context: Rc<Context>, load: usize, (index, total): (u64, u64), intervals: Vec<Stretch>) {
    let Some(plan) = context.loads().get(load) else { return };
    let mut iterations = 0;
    let mut user = None;
    for chain in chains(plan, &intervals) {
        let (Some(first), Some(last)) = (chain.first(), chain.last()) else { continue };
        context.wait_for(first.0).await;
        if context.stopping() {
            return;
        }
        if context.instant(last.1) <= context.instant(first.0) {
            // The load has turned back before.
            continue;
        }
        let user = user.get_or_insert_with(|| User::new(&context.program, plan.first_user + index + 1));
        let end = cut(plan, last);
        {
            let life = pin!(async {
                work(&context, user, (load, index, total), &mut iterations, chain).await;
                once::stop(&context, user, StageOf::Load(load)).await;
            });
            context.cut_off(end, plan.graceful_stop, life).await;
        }
        // A user who leaves hangs up, and begins anew when it comes again.
        user.stays.clear();
        user.hang_up();
    }
}

/// Works through stretches of time that lie so close together that an iteration begun in one may end in the next.
async fn work(
    context: &Rc<Context>,
    user: &mut User,
    (load, index, total): (usize, u64, u64),
    iterations: &mut u64,
    chain: &[Stretch],
) {
    for (number, (from, to)) in chain.iter().enumerate() {
        // Who is still busy when its next stretch begins is not late.
        let on_time = number == 0 || Instant::now() < context.instant(*from);
        let mut after = if on_time { After::Schedule { queued: None } } else { After::Iteration };
        context.wait_for(*from).await;
        let from = context.instant(*from);
        let _present = Present::new(context);
        let mut now = Instant::now();
        while now < context.instant(*to) && !context.stopping() {
            let Some((unique, scenario)) = context.choose(load, index + total * *iterations) else { return };
            *iterations += 1;
            let task = Task { index: unique, intended: from, after, scenario, stage: StageOf::Load(load) };
            now = iterate(context, user, task, now).await;
            (after, now) = user.keep_pace(context, now, *to).await;
        }
    }
}

/// When a user must have finished that was asked to leave at the end of a stretch.
fn cut(plan: &LoadPlan, (_, end): &Stretch) -> Duration {
    let last = plan.end() + plan.graceful_stop;
    match plan.work {
        Work::Users { graceful_ramp_down, .. } if *end < plan.end() => (*end + graceful_ramp_down).min(last),
        _ => last,
    }
}

/// Splits stretches where the gap between them is longer than an iteration may last on.
fn chains<'a>(plan: &LoadPlan, intervals: &'a [Stretch]) -> impl Iterator<Item = &'a [Stretch]> {
    intervals.chunk_by(move |one, next| next.0 <= cut(plan, one))
}
