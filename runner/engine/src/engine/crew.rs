// SPDX-License-Identifier: Apache-2.0
//! The users of one core who do the iterations of an open model, and the iterations that wait for one.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use futures::{StreamExt, future, stream};
use tokio::{
    sync::Notify,
    task::{JoinHandle, spawn_local},
};
use upsurge_core::{
    plan::Pool,
    plan::schedule::{Part, Share},
};
use upsurge_crds::v1alpha1::WhenBusy;

use super::{
    context::Context,
    once,
    user::User,
    work::{After, Present, StageOf, Task, iterate},
};

/// A core keeps at least so many users in turn, each with its own connection: behind a Service that
/// chooses a pod per connection, a single one would lead all load to one pod.
const FEWEST_IN_TURN: u64 = 8;
/// Fewest users per core: with fewer, a core could be out of users while another one has some.
const FEWEST_PER_CORE: u64 = 8;
/// Users of a core that end at the same time, so that their end is no burst of its own.
const LEAVING_AT_ONCE: usize = 16;

/// An iteration that is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    /// Its global index.
    pub(crate) index: u64,
    /// Its intended start, from the start of the load.
    pub(crate) at: Duration,
}

/// The users of one load on one core.
pub(crate) struct Crew {
    context: Rc<Context>,
    load: usize,
    share: Share,
    /// What becomes of iterations without a user.
    when_busy: WhenBusy,
    in_turn: u64,
    most: u64,
    queue: u64,
    /// Users that may be asked, made or not.
    existing: Cell<u64>,
    made: Cell<u64>,
    busy: Cell<u64>,
    /// The numbers of members without an iteration, who has been free for longest first.
    free: RefCell<VecDeque<usize>>,
    /// What waits for a user, and since when.
    waiting: RefCell<VecDeque<(Due, Instant)>>,
    /// All members that were made, by their number.
    members: RefCell<Vec<Member>>,
    returned: Notify,
}

/// Also when the whole load is cut at once: what waited was due, and nobody was free for it. Counted nowhere, it would
/// look as if the generator had not kept up.
impl Drop for Crew {
    fn drop(&mut self) {
        self.drop_waiting();
    }
}

/// A user and its task, which does one iteration after another. A task of its own for each iteration would cost as much as a
/// good part of a request.
struct Member {
    desk: Rc<Desk>,
    task: JoinHandle<User>,
}

/// Where a member finds what it is to do next.
#[derive(Default)]
struct Desk {
    order: Cell<Option<Order>>,
    waker: RefCell<Option<Waker>>,
}

enum Order {
    Do(Due),
    Leave,
}

impl Desk {
    fn put(&self, order: Order) {
        self.order.set(Some(order));
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    async fn next(&self) -> Order {
        poll_fn(|context| match self.order.take() {
            Some(order) => Poll::Ready(order),
            None => {
                let mut waker = self.waker.borrow_mut();
                match &mut *waker {
                    Some(known) => known.clone_from(context.waker()),
                    None => *waker = Some(context.waker().clone()),
                }
                Poll::Pending
            }
        })
        .await
    }
}

/// The share of a part in a load whose users are such a pool.
pub(crate) fn share(part: Part, pool: &Pool) -> Option<Share> {
    part.of(spread(pool), FEWEST_PER_CORE)
}

/// How many cores are of use for a runner's share of such a pool.
pub(crate) fn useful_cores(runner: Share, pool: &Pool) -> u64 {
    let users = spread(pool);
    runner.narrowed(users).map_or(1, |runner| Part::cores(runner.size(users), FEWEST_PER_CORE))
}

/// The users that must suffice for each core to have some.
fn spread(pool: &Pool) -> u64 {
    if pool.ready > 0 { pool.ready } else { pool.most }
}

impl Crew {
    pub(crate) fn new(context: &Rc<Context>, load: usize, share: Share, pool: &Pool) -> Rc<Self> {
        Rc::new(Self {
            context: Rc::clone(context),
            load,
            share,
            when_busy: pool.when_busy,
            in_turn: share.size(pool.in_turn).max(FEWEST_IN_TURN),
            most: share.size(pool.most).max(1),
            queue: share.size(pool.queue),
            existing: Cell::new(share.size(pool.ready)),
            made: Cell::new(0),
            busy: Cell::new(0),
            free: RefCell::default(),
            waiting: RefCell::default(),
            members: RefCell::default(),
            returned: Notify::new(),
        })
    }

    /// Lets somebody do an iteration now; without anybody free, does what is to be done then.
    pub(crate) fn start(self: &Rc<Self>, due: Due) {
        if let Some(member) = self.take() {
            self.send(member, due);
            return;
        }
        let grown = self.existing.get() < self.most && self.grow();
        match self.when_busy {
            // The new user is for later ones, as in k6.
            WhenBusy::Drop => self.drop_one(due),
            WhenBusy::Grow | WhenBusy::Queue if grown => match self.take() {
                Some(member) => self.send(member, due),
                None => self.drop_one(due),
            },
            WhenBusy::Queue if (self.waiting.borrow().len() as u64) < self.queue => {
                self.waiting.borrow_mut().push_back((due, Instant::now()));
            }
            WhenBusy::Grow | WhenBusy::Queue => self.drop_one(due),
        }
    }

    /// Counts an iteration as dropped.
    pub(crate) fn drop_one(&self, due: Due) {
        let Some(plan) = self.context.loads().get(self.load) else { return };
        if let Some((_, scenario)) = self.context.choose(self.load, due.index) {
            self.context.drop_iterations(plan.stage_at(due.at), scenario, 1);
        }
    }

    /// Waits until all have finished and nobody waits.
    pub(crate) async fn wait_until_idle(&self) {
        while self.busy.get() > 0 {
            self.returned.notified().await;
        }
    }

    /// Lets all users end what they began for good, some at a time.
    pub(crate) async fn dismiss(&self) {
        let leaving = self.members.take().into_iter().map(|member| async move {
            member.desk.put(Order::Leave);
            // One that was cut off, or broke, has nothing to end any more.
            let Ok(mut user) = member.task.await else { return };
            if !user.stays.is_empty() {
                once::stop(&self.context, &mut user, StageOf::Load(self.load)).await;
            }
        });
        stream::iter(leaving).buffer_unordered(LEAVING_AT_ONCE).for_each(|()| future::ready(())).await;
    }

    /// Cuts off what is under way; what still waits is dropped.
    pub(crate) fn cut(&self) {
        self.members.borrow().iter().for_each(|member| member.task.abort());
        self.drop_waiting();
    }

    fn drop_waiting(&self) {
        self.waiting.take().into_iter().for_each(|(due, _)| self.drop_one(due));
    }

    fn grow(&self) -> bool {
        self.existing.set(self.existing.get() + 1);
        self.context.users_max.set(self.context.users_max.get() + 1);
        true
    }

    /// The member that has been free for longest, or a new one; `None` when all are busy.
    fn take(self: &Rc<Self>) -> Option<usize> {
        let made = self.made.get();
        let mut free = self.free.borrow_mut();
        if (free.is_empty() || made < self.in_turn) && made < self.existing.get() {
            self.made.set(made + 1);
            let first = self.context.loads().get(self.load).map_or(0, |plan| plan.first_user);
            let user = User::new(&self.context.program, first + self.share.nth(made) + 1);
            let (number, desk) = (made as usize, Rc::<Desk>::default());
            let task = spawn_local(Rc::clone(self).serve(number, user, Rc::clone(&desk)));
            self.members.borrow_mut().push(Member { desk, task });
            return Some(number);
        }
        free.pop_front()
    }

    fn send(&self, number: usize, due: Due) {
        if let Some(member) = self.members.borrow().get(number) {
            self.busy.set(self.busy.get() + 1);
            member.desk.put(Order::Do(due));
        }
    }

    /// The life of a member.
    async fn serve(self: Rc<Self>, number: usize, mut user: User, desk: Rc<Desk>) -> User {
        while let Order::Do(due) = desk.next().await {
            self.work(&mut user, due).await;
            self.busy.set(self.busy.get() - 1);
            self.free.borrow_mut().push_back(number);
            self.returned.notify_one();
        }
        user
    }

    /// Does an iteration, and after it those that wait for somebody.
    async fn work(&self, user: &mut User, mut due: Due) {
        let context = &self.context;
        let _present = Present::new(context);
        // Where iterations may wait, those that need not count as well.
        let mut queued = (self.when_busy == WhenBusy::Queue).then_some(Duration::ZERO);
        while let Some((unique, scenario)) = context.choose(self.load, due.index) {
            let task = Task {
                index: unique,
                intended: context.instant(due.at),
                after: After::Schedule { queued },
                scenario,
                stage: StageOf::Known(context.stage_at(self.load, context.instant(due.at))),
            };
            user.choose_values(&context.program);
            iterate(context, user, task, Instant::now()).await;
            let next = if context.stopping() { None } else { self.waiting.borrow_mut().pop_front() };
            match next {
                Some((next, since)) => (due, queued) = (next, Some(since.elapsed())),
                None => break,
            }
        }
    }
}
