//! The open model: iterations start when they are due, whatever became of those before.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{sync::Notify, task::spawn_local};
use upsurge_core::schedule::{Arrivals, Share};

use super::{
    context::{Context, count},
    user::User,
    work::{Present, Task, iterate},
};

/// What was due longer ago than this when the engine came up is dropped instead of being done late.
const LATE_START_LIMIT: Duration = Duration::from_millis(250);
/// A core keeps at least so many users in turn, each with its own connection: behind a Service that
/// chooses a pod per connection, a single one would lead all load to one pod.
const FEWEST_IN_TURN: u64 = 8;
/// Iterations started in a row before the event loop gets its turn.
const LONGEST_BURST: u32 = 32;

/// Starts the iterations of a share; returns when all have ended.
pub(crate) async fn run(context: Rc<Context>, share: Share) {
    let schedule = Arrivals::new(&context.timeline);
    let users = Rc::new(Pool::new(&context, share));
    let total = share.size(schedule.total());
    let mut next = drop_missed(&context, share, &schedule);
    let mut burst = 0;
    while next < total {
        let index = share.nth(next);
        let Some(due) = schedule.time_of(index) else { break };
        let intended = context.instant(due);
        if Instant::now() < intended {
            burst = 0;
            context.wait_to_start(intended).await;
        } else if burst == LONGEST_BURST {
            burst = 0;
            tokio::task::yield_now().await;
        }
        if context.stopping() {
            break;
        }
        burst += 1;
        next += 1;
        start(&context, &users, index, due);
    }
    // The load lasts as long as planned, so that rates are those of the plan, also if the last iteration is
    // over before the last stage is.
    context.wait_to_start(context.instant(context.timeline.duration())).await;
    users.wait_until_idle().await;
}

fn start(context: &Rc<Context>, users: &Rc<Pool>, index: u64, due: Duration) {
    let Some(scenario) = context.program.choice.pick(index) else { return };
    let stage = context.timeline.stage_at(due);
    let Some(mut user) = users.take() else {
        drop_iteration(context, stage, scenario);
        return;
    };
    let task = Task { index, intended: context.instant(due), scheduled: true, scenario, stage: Some(stage) };
    let (context, users) = (Rc::clone(context), Rc::clone(users));
    spawn_local(async move {
        let present = Present::new(&context);
        user.choose_values(&context.program);
        iterate(&context, &mut user, task).await;
        drop(present);
        users.give_back(user);
    });
}

/// Counts what was due long before now as dropped; gives the number of the first iteration to do.
fn drop_missed(context: &Context, share: Share, schedule: &Arrivals) -> u64 {
    let late = Instant::now().saturating_duration_since(context.start);
    if late <= LATE_START_LIMIT {
        return 0;
    }
    let missed = share.size(schedule.due_before(late - LATE_START_LIMIT));
    for number in 0..missed {
        let index = share.nth(number);
        let due = schedule.time_of(index).unwrap_or_default();
        if let Some(scenario) = context.program.choice.pick(index) {
            drop_iteration(context, context.timeline.stage_at(due), scenario);
        }
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

fn drop_iteration(context: &Context, stage: usize, scenario: usize) {
    context.recorder.borrow_mut().dropped(stage, scenario);
    count(&context.counts.dropped, 1);
}

/// The users of a core: made when they are needed, up to a limit, and taking turns.
struct Pool {
    context: Rc<Context>,
    share: Share,
    limit: u64,
    made: Cell<u64>,
    free: RefCell<VecDeque<User>>,
    returned: Notify,
}

impl Pool {
    fn new(context: &Rc<Context>, share: Share) -> Self {
        let limit = share.size(context.timeline.max_users.into()).max(1);
        Self {
            context: Rc::clone(context),
            share,
            limit,
            made: Cell::new(0),
            free: RefCell::default(),
            returned: Notify::new(),
        }
    }

    /// The user that has been free for longest, or a new one; `None` when all are busy.
    fn take(&self) -> Option<User> {
        let made = self.made.get();
        let mut free = self.free.borrow_mut();
        if (free.is_empty() || made < FEWEST_IN_TURN) && made < self.limit {
            self.made.set(made + 1);
            self.context.users_max.set(made + 1);
            return Some(User::new(&self.context.program, self.share.nth(made) + 1));
        }
        free.pop_front()
    }

    fn give_back(&self, user: User) {
        self.free.borrow_mut().push_back(user);
        self.returned.notify_one();
    }

    async fn wait_until_idle(&self) {
        while (self.free.borrow().len() as u64) < self.made.get() {
            self.returned.notified().await;
        }
    }
}
