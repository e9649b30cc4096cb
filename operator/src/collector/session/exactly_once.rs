// SPDX-License-Identifier: Apache-2.0
//! Whatever is lost, comes twice or late, and whenever the operator dies: what runners recorded is
//! counted exactly once.

use std::time::Duration;

use proptest::prelude::*;
use upsurge_core::{
    metrics::{Metrics, Selector, SeriesKey, Sink, Tags, Trend, names},
    protocol::{Delta, GeneratorDelta, PROTOCOL_VERSION},
    slices::Slicing,
};

use super::{
    super::{
        checkpoint::{pack, unpack},
        prepared::Preparing,
        totals::Totals,
    },
    tests::{plan, pod},
    *,
};

const RUNNERS: u32 = 3;
const T0: i64 = 42;

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// A runner records something.
    Record { runner: usize, requests: u16, microseconds: u64 },
    /// A runner sends what is not acknowledged; request or reply may get lost.
    Send { runner: usize, request_lost: bool, reply_lost: bool },
    /// A request that was sent some time ago arrives once more.
    Echo { which: usize },
    /// The operator begins to write a checkpoint.
    Write,
    /// The checkpoint under way is durable.
    Written,
    /// The operator is killed. The checkpoint under way may have reached the API server all the same.
    Kill { written: bool },
}

fn event() -> impl Strategy<Value = Event> {
    let runner = 0..RUNNERS as usize;
    prop_oneof![
        6 => (runner.clone(), 0..50u16, 1..5_000_000u64)
            .prop_map(|(runner, requests, microseconds)| Event::Record { runner, requests, microseconds }),
        6 => (runner, any::<bool>(), any::<bool>())
            .prop_map(|(runner, one, two)| Event::Send { runner, request_lost: one && two, reply_lost: one ^ two }),
        2 => (0..64usize).prop_map(|which| Event::Echo { which }),
        3 => Just(Event::Write),
        3 => Just(Event::Written),
        2 => any::<bool>().prop_map(|written| Event::Kill { written }),
    ]
}

/// A runner as the protocol asks it to be: keeps every delta until it is acknowledged, merged with others where no
/// checkpoint can end between them. One of the first version merges none, and names no session.
struct Runner {
    merges: bool,
    slicing: Slicing,
    recorded: u64,
    kept: Vec<Delta>,
    session: Option<u64>,
    attempted: u64,
    received: u64,
}

impl Runner {
    fn new(merges: bool) -> Self {
        let slicing = Slicing::of(&plan(1, false).test);
        Self { merges, slicing, recorded: 0, kept: Vec::new(), session: None, attempted: 0, received: 0 }
    }

    fn record(&mut self, metrics: Metrics, done: bool) -> Delta {
        self.recorded += 1;
        let generator = GeneratorDelta {
            cpu_seconds: 0.25,
            periods: 10,
            throttled_periods: 1,
            ..GeneratorDelta::default()
        };
        let from_ms = self.recorded * 1_000;
        let done = done.then_some(RunnerEnd::Completed);
        let mut delta = Delta {
            number: self.recorded,
            from_ms,
            to_ms: from_ms + 1_000,
            metrics,
            generator,
            done,
            ..Delta::default()
        };
        let at = std::time::Duration::from_millis(from_ms);
        delta.losses.record(at, at, upsurge_core::losses::LossKind::Reset);
        match self.kept.last_mut().filter(|last| self.merges && last.number > self.attempted) {
            Some(last) => self.slicing.merge(last, delta.clone()),
            None => self.kept.push(delta.clone()),
        }
        delta
    }

    fn batch(&mut self, runner: u32) -> DeltaBatch {
        let missing = || self.kept.iter().filter(|delta| delta.number > self.received);
        // What was sent and not answered is sent again by itself.
        let all = !self.merges || !missing().any(|delta| delta.number <= self.attempted);
        let deltas: Vec<Delta> =
            missing().filter(|delta| all || delta.number <= self.attempted).cloned().collect();
        self.attempted = deltas.last().map_or(self.attempted, |last| self.attempted.max(last.number));
        DeltaBatch {
            version: PROTOCOL_VERSION,
            runner,
            pod: pod(runner).name,
            epoch: 1,
            start: T0,
            started_at: T0,
            session: self.session,
            deltas,
        }
    }

    fn replied(&mut self, reply: &DeltaReply) {
        if self.merges && self.session != reply.session {
            self.session = reply.session;
            self.attempted = reply.received;
        }
        self.kept.retain(|delta| delta.number > reply.acknowledged);
        self.received = reply.received;
        if self.merges {
            let part = |number: u64, attempted: u64| match number {
                _ if number <= reply.cut => Some(0),
                _ if number <= reply.received => Some(1),
                _ if number > attempted => Some(2),
                _ => None,
            };
            let mut merged: Vec<Delta> = Vec::new();
            for delta in self.kept.drain(..) {
                let of_delta = part(delta.number, self.attempted);
                match merged
                    .last_mut()
                    .filter(|last| of_delta.is_some() && part(last.number, self.attempted) == of_delta)
                {
                    Some(last) => self.slicing.merge(last, delta),
                    None => merged.push(delta),
                }
            }
            self.kept = merged;
        }
    }
}

/// Operator, API server, network and runners.
struct World {
    plan: RunPlan,
    session: Session,
    stored: Option<Vec<u8>>,
    writing: Option<(Mark, Vec<u8>)>,
    runners: Vec<Runner>,
    wire: Vec<DeltaBatch>,
    truth: Totals,
}

impl World {
    fn new() -> Self {
        let plan = plan(RUNNERS, false);
        let mut world = Self {
            session: Session::new(&plan, None),
            plan,
            stored: None,
            writing: None,
            // The last one is of the first version.
            runners: (0..RUNNERS).map(|runner| Runner::new(runner + 1 < RUNNERS)).collect(),
            wire: Vec::new(),
            truth: Totals::default(),
        };
        world.open();
        for runner in world.runners.iter_mut().filter(|runner| runner.merges) {
            runner.session = Some(world.session.number());
        }
        world
    }

    /// An operator begins with what is stored; from here on what the one before it has under way is refused.
    fn open(&mut self) {
        let restored = self.stored.as_deref().map(|bytes| unpack(bytes).unwrap().0);
        self.session = Session::new(&self.plan, restored);
        self.stored = Some(pack(self.session.state(), None).unwrap());
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Record { runner, requests, microseconds } => {
                self.record(*runner, recorded(*requests, *microseconds), false);
            }
            Event::Send { runner, request_lost, reply_lost } => {
                self.send(*runner, *request_lost, *reply_lost)
            }
            Event::Echo { which } => {
                if let Some(batch) = self.wire.get(which % self.wire.len().max(1)).cloned() {
                    drop(self.session.deltas(&batch, &pod(batch.runner), 0));
                }
            }
            Event::Write => {
                // One at a time; the same is written again until it is durable.
                if self.writing.is_none() {
                    let mark = self.session.begin();
                    let bytes = pack(self.session.state(), None).unwrap();
                    self.writing = Some((mark, bytes));
                }
            }
            Event::Written => {
                if let Some((mark, bytes)) = self.writing.take() {
                    self.stored = Some(bytes);
                    self.session.saved(&mark, 0);
                }
            }
            Event::Kill { written } => {
                if let Some((_, bytes)) = self.writing.take().filter(|_| *written) {
                    self.stored = Some(bytes);
                }
                self.open();
            }
        }
    }

    fn record(&mut self, runner: usize, metrics: Metrics, done: bool) {
        let delta = self.runners[runner].record(metrics, done);
        let prepared = Preparing::default().prepare(delta).unwrap();
        self.truth.add(runner as u32, &prepared, &Folding, &Windowed::default());
    }

    fn send(&mut self, runner: usize, request_lost: bool, reply_lost: bool) {
        let batch = self.runners[runner].batch(runner as u32);
        self.wire.push(batch.clone());
        if request_lost {
            return;
        }
        let reply = match self.session.deltas(&batch, &pod(runner as u32), 0) {
            Ok(reply) | Err(Refusal::Gap(reply)) => reply,
            Err(refusal) => panic!("{refusal}"),
        };
        if !reply_lost {
            self.runners[runner].replied(&reply);
        }
    }

    /// Every runner ends, and all that is still kept gets through.
    fn finish(&mut self) {
        for runner in 0..RUNNERS as usize {
            self.record(runner, Metrics::default(), true);
        }
        for _ in 0..8 {
            (0..RUNNERS as usize).for_each(|runner| self.send(runner, false, false));
            self.happen(&Event::Write);
            self.happen(&Event::Written);
        }
    }
}

fn recorded(requests: u16, microseconds: u64) -> Metrics {
    let key = |metric: &str, stage: &str| SeriesKey {
        metric: metric.into(),
        tags: Tags { stage: Some(stage.into()), ..Tags::default() },
    };
    let stage = if microseconds.is_multiple_of(2) { "ramp-up" } else { "hold" };
    let mut durations = Trend::default();
    (0..requests)
        .for_each(|request| durations.record(Duration::from_micros(microseconds + u64::from(request) * 97)));
    let total = u64::from(requests);
    let mut metrics = Metrics::default();
    metrics.add(key(names::HTTP_REQS, stage), &Sink::Counter(f64::from(requests)));
    metrics.add(key(names::HTTP_REQ_DURATION, stage), &Sink::Trend(durations));
    metrics.add(key(names::HTTP_REQ_FAILED, stage), &Sink::Rate { passes: total / 3, total });
    metrics
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_runners_recorded_is_counted_exactly_once(events in prop::collection::vec(event(), 0..100)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
            // Never more than the truth, at any moment.
            let requests = |totals: &Totals| totals.metrics.count(names::HTTP_REQS, &Selector::default());
            prop_assert!(requests(&world.session.state().totals) <= requests(&world.truth));
            // And what a runner keeps does not grow with the time that it takes.
            for runner in world.runners.iter().filter(|runner| runner.merges) {
                prop_assert!(runner.kept.len() <= 4, "{} deltas are kept", runner.kept.len());
            }
        }
        world.finish();
        let totals = &world.session.state().totals;
        prop_assert!(world.session.all_done() && !world.session.is_dirty());
        prop_assert!(world.runners.iter().all(|runner| runner.kept.is_empty()), "all is acknowledged");
        prop_assert_eq!(&totals.metrics, &world.truth.metrics);
        prop_assert_eq!(&totals.generator, &world.truth.generator);
        prop_assert_eq!(&totals.losses, &world.truth.losses);
        prop_assert_eq!(totals.elapsed_ms, world.truth.elapsed_ms);
        let counted = |totals: &Totals| totals.points.list().iter().map(|point| point.requests).sum::<u64>();
        prop_assert_eq!(counted(totals), counted(&world.truth));
        let stored = unpack(world.stored.as_deref().unwrap()).unwrap().0;
        prop_assert_eq!(&stored, world.session.state());
    }
}
