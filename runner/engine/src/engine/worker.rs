// SPDX-License-Identifier: Apache-2.0
//! The thread of one core.
//!
//! Its life: set up, tell that it is ready, carry out the load while answering collections, let go of
//! everything under way, and answer collections until the engine is dropped.

use std::{
    io,
    rc::Rc,
    sync::{Arc, atomic::Ordering, mpsc},
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Builder, LocalOptions, LocalRuntime},
    sync::{mpsc::UnboundedReceiver, watch},
    task::spawn_local,
};
use upsurge_core::{
    plan::schedule::Part,
    plan::{self, Skip, Work},
    validate::Valid,
};
use upsurge_http::{client::Client, setup::Setup};

use super::{
    arrivals,
    context::{Context, Counts},
    counted::{self, Shared},
    crew,
    feeders::Feeders,
    halt::Halt,
    trace::Traced,
    users,
};
use crate::{program::Program, recorder::Recorder};

/// Threads for name resolution, per core.
const RESOLVER_THREADS: usize = 4;

/// Time that loads have, after their last iterations had to end, to count what became of them.
const LETTING_GO: Duration = Duration::from_secs(2);

/// What a core is to do.
pub(crate) struct Job {
    pub(crate) program: Arc<Program>,
    pub(crate) valid: Arc<Valid>,
    pub(crate) part: Part,
    /// Of each load, what the cores share of its iterations.
    pub(crate) shared: Vec<Arc<Shared>>,
    pub(crate) start: Instant,
    pub(crate) setup: Arc<Setup>,
    /// Its part of the connections that users share.
    pub(crate) connections: u64,
    pub(crate) counts: Arc<Counts>,
    pub(crate) halt: Arc<Halt>,
    pub(crate) feeders: Arc<Feeders>,
    pub(crate) trace: Option<mpsc::Sender<Traced>>,
    /// Whether the load may turn back.
    pub(crate) may_turn: bool,
}

/// What the engine says to a core.
pub(crate) enum Command {
    /// Hand over the recorder and go on with this empty one.
    Collect(Box<Recorder>),
    /// Let no iteration start any more; with `false` cut those under way too.
    Stop { graceful: bool },
    /// Leave this out of the plan.
    Turn(Skip),
}

/// What a core hands over.
pub(crate) struct Collected {
    /// What it recorded.
    pub(crate) recorder: Box<Recorder>,
    /// Users at work: number, minimum and maximum.
    pub(crate) users: [u64; 3],
    /// Users that exist: the same.
    pub(crate) users_max: [u64; 3],
}

/// The core's ends of the channels.
pub(crate) struct Line {
    pub(crate) commands: UnboundedReceiver<Command>,
    pub(crate) collected: mpsc::Sender<Collected>,
    /// How many cores are done.
    pub(crate) done: Arc<watch::Sender<usize>>,
}

/// Starts the thread; what comes out of `ready` tells whether it is up.
pub(crate) fn spawn(
    name: String,
    job: Job,
    line: Line,
    ready: mpsc::Sender<io::Result<()>>,
) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name).spawn(move || live(job, line, &ready))
}

fn live(job: Job, mut line: Line, ready: &mpsc::Sender<io::Result<()>>) {
    let (runtime, context) = match set_up(&job) {
        Ok(up) => up,
        Err(error) => {
            // Nobody listens any more when the engine has given up for another core's sake.
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    runtime.block_on(work(&context, &job, &mut line));
    // Drops all that is under way, without waiting for a resolver that may hang.
    runtime.shutdown_background();
    line.done.send_modify(|done| *done += 1);
    while let Some(command) = line.commands.blocking_recv() {
        if let Command::Collect(empty) = command {
            hand_over(&context, empty, &line);
        }
    }
}

fn set_up(job: &Job) -> io::Result<(LocalRuntime, Rc<Context>)> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(RESOLVER_THREADS)
        .build_local(LocalOptions::default())?;
    let context = {
        let _entered = runtime.enter();
        Context::new(
            Arc::clone(&job.program),
            Arc::clone(&job.valid),
            job.start,
            Client::new(&job.setup, job.connections).map_err(io::Error::other)?,
            Arc::clone(&job.counts),
            Arc::clone(&job.halt),
            Arc::clone(&job.feeders),
        )?
        .traced(job.trace.clone())
        .turning(job.may_turn)
    };
    Ok((runtime, Rc::new(context)))
}

async fn work(context: &Rc<Context>, job: &Job, line: &mut Line) {
    let clock = Rc::clone(context);
    let mut clock = spawn_local(async move { clock.timer.run().await });
    let first = Rc::clone(context);
    spawn_local(async move {
        first.timer.wait_until(first.start).await;
        let lag = first.start.elapsed().as_nanos().min(u128::from(u64::MAX - 1)) as u64;
        first.counts.start_lag.store(lag + 1, Ordering::Relaxed);
    });
    let mut load = spawn_local(carry_out(Rc::clone(context), job.part, job.shared.clone()));
    let timeline = &job.valid.timeline;
    let graceful_stop = job.valid.loads.iter().map(|load| load.graceful_stop).max().unwrap_or_default();
    let last = timeline.duration() + timeline.graceful_stop;
    let mut cut = context.instant(last) + LETTING_GO;
    loop {
        tokio::select! {
            biased;
            command = line.commands.recv() => match command {
                Some(Command::Collect(empty)) => hand_over(context, empty, line),
                Some(Command::Stop { graceful: true }) => {
                    context.stop();
                    cut = cut.min(Instant::now() + graceful_stop + LETTING_GO);
                }
                Some(Command::Turn(skip)) => {
                    context.turn(skip);
                    cut = cut.min(context.instant(last) + LETTING_GO);
                }
                Some(Command::Stop { graceful: false }) | None => return,
            },
            ended = &mut clock => {
                tracing::error!(?ended, "the pacing timer broke: the load ends here");
                return;
            }
            ended = &mut load => {
                if let Err(error) = ended {
                    tracing::error!(%error, "the load ended abnormally");
                }
                return;
            }
            () = job.halt.wait() => return,
            () = job.halt.wait_to_stop(), if !context.stopping() => {
                context.stop();
                cut = cut.min(Instant::now() + graceful_stop + LETTING_GO);
            }
            () = tokio::time::sleep_until(cut.into()) => return,
        }
    }
}

/// Carries out all loads side by side.
async fn carry_out(context: Rc<Context>, part: Part, shared: Vec<Arc<Shared>>) {
    let ready = plan::busiest(context.loads()).into_iter().filter_map(|load| {
        let plan = context.loads().get(load)?;
        let share = match &plan.work {
            Work::Arrivals { pool, .. } => crew::share(part, pool),
            _ => part.of(plan.most_users(), 1),
        };
        share.map(|share| share.size(plan.ready_users()))
    });
    context.users_max.set(ready.sum());
    let loads = context.loads().iter().zip(shared).enumerate().map(|(load, (plan, shared))| {
        let context = Rc::clone(&context);
        match plan.work {
            Work::Users { .. } => spawn_local(users::run(context, load, part)),
            Work::Arrivals { .. } => spawn_local(arrivals::run(context, load, part)),
            Work::SharedIterations { .. } | Work::IterationsPerUser { .. } => {
                spawn_local(counted::run(context, load, part, shared))
            }
        }
    });
    let loads: Vec<_> = loads.collect();
    for load in loads {
        if let Err(error) = load.await {
            tracing::error!(%error, "the load ended abnormally");
        }
    }
}

fn hand_over(context: &Context, empty: Box<Recorder>, line: &Line) {
    let recorder = context.recorder.replace(empty);
    let (users, users_max) = (context.users.take(), context.users_max.take());
    // The engine hears it, or is gone.
    let _ = line.collected.send(Collected { recorder, users, users_max });
}
