// SPDX-License-Identifier: Apache-2.0
//! The closed model with a number of iterations: shared between users, or of each.

use std::{
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio::task::spawn_local;
use upsurge_core::{
    plan::schedule::{Part, Share},
    plan::{LoadPlan, Work},
};

use super::{
    context::Context,
    once,
    user::User,
    work::{After, Present, StageOf, Task, iterate},
};

/// What is left of the iterations that the users of a runner share, over all its cores.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    taken: AtomicU64,
    cores_done: AtomicU64,
}

/// Which iterations a user does.
#[derive(Clone)]
enum Supply {
    /// One at a time from what all share.
    Shared { pool: Arc<Shared>, iterations: Share, size: u64 },
    /// Its own.
    Own { each: u64, users: u64 },
}

/// Lets the users of a part do their iterations; returns when all are done or the time is over.
pub(crate) async fn run(context: Rc<Context>, load: usize, part: Part, pool: Arc<Shared>) {
    let Some(plan) = context.loads().get(load) else { return };
    let (users, supply) = match plan.work {
        Work::SharedIterations { users, iterations } => {
            let Some(share) = part.of_runner(users) else { return };
            let (pool, size) = (Arc::clone(&pool), share.size(iterations));
            (users, Supply::Shared { pool, iterations: share, size })
        }
        Work::IterationsPerUser { users, iterations } => (users, Supply::Own { each: iterations, users }),
        _ => return,
    };
    let Some(share) = part.of(users, 1) else { return };
    let lives = (0..share.size(users))
        .map(|number| spawn_local(live(Rc::clone(&context), load, share.nth(number), supply.clone())));
    let lives: Vec<_> = lives.collect();
    for life in lives {
        if let Err(error) = life.await {
            tracing::error!(%error, "a user ended abnormally");
        }
    }
    if let Supply::Shared { pool, size, .. } = supply {
        let done = pool.cores_done.fetch_add(1, Ordering::AcqRel) + 1;
        if done == part.busy_cores(users, 1) {
            // Who finds nothing left has tried to take one more.
            drop_rest(&context, load, size.saturating_sub(pool.taken.load(Ordering::Acquire)));
        }
    }
}

async fn live(context: Rc<Context>, load: usize, index: u64, supply: Supply) {
    let Some(plan) = context.loads().get(load) else { return };
    context.wait_for(plan.start()).await;
    if context.stopping() {
        return;
    }
    let mut user = User::new(&context.program, plan.first_user + index + 1);
    let mut done = 0;
    let end = plan.end() + plan.graceful_stop;
    {
        let life = pin!(async {
            work(&context, &mut user, (load, plan), index, &supply, &mut done).await;
            once::stop(&context, &mut user, StageOf::Load(load)).await;
        });
        context.cut_off(end, plan.graceful_stop, life).await;
    }
    if let Supply::Own { each, .. } = supply {
        drop_rest(&context, load, each.saturating_sub(done));
    }
}

async fn work(
    context: &Rc<Context>,
    user: &mut User,
    (load, plan): (usize, &LoadPlan),
    index: u64,
    supply: &Supply,
    done: &mut u64,
) {
    let start = context.instant(plan.start());
    let _present = Present::new(context);
    let mut after = After::Schedule { queued: None };
    let mut now = Instant::now();
    while now < context.instant(plan.end()) && !context.stopping() {
        let number = match supply {
            Supply::Shared { pool, iterations, size } => {
                let taken = pool.taken.fetch_add(1, Ordering::AcqRel);
                if taken >= *size {
                    return;
                }
                iterations.nth(taken)
            }
            Supply::Own { each, .. } if *done >= *each => return,
            Supply::Own { users, .. } => index + users * *done,
        };
        let Some((unique, scenario)) = context.choose(load, number) else { return };
        *done += 1;
        let task = Task { index: unique, intended: start, after, scenario, stage: StageOf::Load(load) };
        now = iterate(context, user, task, now).await;
        (after, now) = user.keep_pace(context, now, plan.end()).await;
    }
}

/// Counts iterations that nobody began before the time was over as dropped, unless the load was stopped.
fn drop_rest(context: &Context, load: usize, count: u64) {
    let Some(plan) = context.loads().get(load) else { return };
    if count == 0 || context.stopping() {
        return;
    }
    let stage = plan.stage_at(plan.end());
    let choice = &context.program.choice;
    let numbers = plan.scenario.map_or_else(|| choice.spread(count), |scenario| vec![(scenario, count)]);
    for (scenario, count) in numbers {
        context.drop_iterations(stage, scenario, count);
    }
}
