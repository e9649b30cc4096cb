//! The closed model: each user repeats iterations for as long as the schedule wants it at work.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::task::spawn_local;
use upsurge_core::schedule::{Share, Users};

use super::{
    context::Context,
    user::User,
    work::{Present, Task, iterate},
};

/// A stretch of time, from the start of the load.
type Stretch = (Duration, Duration);

/// Lets the users of a share work; returns when all are done.
pub(crate) async fn run(context: Rc<Context>, share: Share) {
    let schedule = Users::new(&context.timeline);
    let total = u64::from(schedule.total());
    let mine = share.size(total);
    context.users_max.set(mine);
    let mut lives = Vec::with_capacity(mine as usize);
    for number in 0..mine {
        let index = share.nth(number);
        let Ok(narrow) = u32::try_from(index) else { break };
        let intervals = schedule.intervals(narrow);
        lives.push(spawn_local(live(Rc::clone(&context), index, total, intervals)));
    }
    for life in lives {
        if let Err(error) = life.await {
            tracing::error!(%error, "a user ended abnormally");
        }
    }
}

async fn live(context: Rc<Context>, index: u64, total: u64, intervals: Vec<Stretch>) {
    let graceful_stop = context.timeline.graceful_stop;
    let mut iterations = 0;
    let mut user = None;
    for chain in chains(&intervals, graceful_stop) {
        let (Some(first), Some(last)) = (chain.first(), chain.last()) else { continue };
        context.wait_to_start(context.instant(first.0)).await;
        if context.stopping() {
            return;
        }
        let user = user.get_or_insert_with(|| User::new(&context.program, index + 1));
        let cut = context.instant(last.1 + graceful_stop);
        tokio::select! {
            () = work(&context, user, (index, total), &mut iterations, chain) => {}
            () = context.timer.wait_until(cut) => {}
        }
        // A user who leaves hangs up.
        user.connections.close();
    }
}

/// Works through stretches of time that lie so close together that an iteration begun in one may end in the next.
async fn work(
    context: &Rc<Context>,
    user: &mut User,
    (index, total): (u64, u64),
    iterations: &mut u64,
    chain: &[Stretch],
) {
    for (number, (from, to)) in chain.iter().enumerate() {
        let (from, to) = (context.instant(*from), context.instant(*to));
        // Who is still busy when its next stretch begins is not late.
        let mut scheduled = number == 0 || Instant::now() < from;
        context.wait_to_start(from).await;
        let _present = Present::new(context);
        while Instant::now() < to && !context.stopping() {
            let unique = index + total * *iterations;
            let Some(scenario) = context.program.choice.pick(unique) else { return };
            *iterations += 1;
            let task = Task { index: unique, intended: from, scheduled, scenario, stage: None };
            scheduled = false;
            iterate(context, user, task).await;
        }
    }
}

/// Splits stretches where the gap between them is longer than an iteration may last on.
fn chains(intervals: &[Stretch], gap: Duration) -> impl Iterator<Item = &[Stretch]> {
    intervals.chunk_by(move |one, next| next.0 <= one.1 + gap)
}
