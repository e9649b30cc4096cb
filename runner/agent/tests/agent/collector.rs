// SPDX-License-Identifier: Apache-2.0
//! A collector that plays the operator's side, and remembers what it was told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use upsurge_core::{
    intake::{Batch, Intake},
    metrics::{Metrics, Selector},
    plan::Turn,
    protocol::{
        AfterOutcome, BeforeOutcome, CheckAnswer, Delta, DeltaBatch, DeltaCommand, DeltaReply, Form, Hello,
        HelloCommand, HelloReply, LEADER_HEADER, Readiness, RunPlan, RunnerEnd, SERVED_VERSIONS, Versions,
    },
    series::SeriesAnswer,
    validate::validate,
};

use crate::server::{self, Answer, Arrived, Options, Server};

/// What a collector remembers, and how it is to behave.
#[derive(Default)]
pub struct Seen {
    /// What is given to runners that ask for it.
    pub plan: Option<RunPlan>,
    pub start: Option<i64>,
    /// The plans of the epochs, of a run that has several; `plan` is not looked at then.
    pub epochs: Vec<RunPlan>,
    /// T0 of each of them.
    pub starts: BTreeMap<u32, i64>,
    pub hellos: Vec<Hello>,
    pub batches: Vec<DeltaBatch>,
    /// Deltas by number; sent again they must be the same.
    pub deltas: BTreeMap<u64, Delta>,
    pub acknowledged: u64,
    /// Clock of this operator less the real one.
    pub clock_offset: i64,
    pub run_before: bool,
    pub never_start: bool,
    /// Answers for deltas, by number of the message; then 200.
    pub statuses: Vec<u16>,
    pub messages: usize,
    /// Forgets what is not durable once so many were seen.
    pub restart_after: Option<u64>,
    pub acknowledge: bool,
    pub stop: Option<String>,
    /// Whether the load of all runners has ended once this one's has.
    pub run_after: bool,
    /// The counters that it is told with that.
    pub counters: Option<serde_json::Map<String, serde_json::Value>>,
    /// Versions that it says it serves, other than the usual ones.
    pub serves: Option<Versions>,
    /// Number of its session, which grows with each restart; none if it has none, like the first operators.
    pub session: Option<u64>,
    /// How often runners are to report.
    pub interval_ms: Option<u64>,
    /// Whether it takes deltas in the binary form.
    pub binary: bool,
    /// Most deltas that came in a message, and how many of them were merged.
    pub most_deltas: usize,
    pub merged: usize,
    /// Where the load turns back.
    pub turn: Option<Turn>,
    /// Begin and end of the load, once the server of the test is to be asked.
    pub ask_prometheus: Option<(i64, i64)>,
}

pub struct Collector {
    pub server: Server,
    pub seen: Arc<Mutex<Seen>>,
}

/// The part of one replica of the operator.
#[derive(Clone)]
pub enum Role {
    Leads,
    /// Says that another one leads, at this address if it knows.
    StandsBy(Option<String>),
    /// Takes requests and never answers, as when its node was lost.
    Silent,
    /// It leads, and turns everybody away for the moment.
    HasNoRoom,
}

/// One more replica of an operator, which keeps its connections open unless the client does not.
pub struct Replica {
    pub server: Server,
    role: Arc<Mutex<Role>>,
}

impl Replica {
    pub fn becomes(&self, role: Role) {
        *self.role.lock().unwrap() = role;
    }

    pub fn address(&self) -> String {
        self.server.address.to_string()
    }

    /// On how many connections requests came.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }
}

impl Collector {
    pub fn start(seen: Seen) -> Self {
        Self::with(Options::default(), seen)
    }

    /// One that serves as the options say.
    pub fn with(options: Options, seen: Seen) -> Self {
        let seen = Arc::new(Mutex::new(Seen { acknowledge: true, ..seen }));
        let state = Arc::clone(&seen);
        let server = Server::with(options, move |arrived| {
            let state = Arc::clone(&state);
            async move { state.lock().unwrap().answer(&arrived) }
        });
        Self { server, seen }
    }

    /// A replica of this collector's operator, beside its own server.
    pub fn replica(&self, role: Role) -> Replica {
        self.replica_with(Options::default(), role)
    }

    /// One that serves as the options say.
    pub fn replica_with(&self, options: Options, role: Role) -> Replica {
        let role = Arc::new(Mutex::new(role));
        let (state, part) = (Arc::clone(&self.seen), Arc::clone(&role));
        let server = Server::with(options, move |arrived| {
            let (state, role) = (Arc::clone(&state), part.lock().unwrap().clone());
            async move {
                match role {
                    Role::Leads => state.lock().unwrap().answer(&arrived),
                    Role::StandsBy(None) => {
                        server::with_headers(503, &[("connection", "close")], "another operator leads")
                    }
                    Role::HasNoRoom => server::status(503),
                    Role::StandsBy(Some(leader)) => {
                        server::with_headers(503, &[(LEADER_HEADER, &leader)], "another operator leads")
                    }
                    Role::Silent => std::future::pending().await,
                }
            }
        });
        Replica { server, role }
    }

    pub fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::default();
        self.seen.lock().unwrap().deltas.values().for_each(|delta| metrics.merge(&delta.metrics));
        metrics
    }

    pub fn requests(&self) -> f64 {
        self.metrics().count("http_reqs", &Selector::default())
    }

    pub fn end(&self) -> Option<RunnerEnd> {
        self.seen.lock().unwrap().deltas.values().find_map(|delta| delta.done.clone())
    }
}

impl Seen {
    pub fn ended(&self) -> bool {
        self.deltas.values().any(|delta| delta.done.is_some())
    }

    /// What became of `after`.
    pub fn after(&self) -> Option<AfterOutcome> {
        self.deltas.values().find_map(|delta| delta.after.clone())
    }

    /// What the server of the test said to its series.
    pub fn series(&self) -> Vec<SeriesAnswer> {
        self.deltas.values().flat_map(|delta| delta.series.clone()).collect()
    }

    /// What it said to its checks.
    pub fn checks(&self) -> Option<Vec<CheckAnswer>> {
        self.deltas.values().find_map(|delta| delta.checks.clone())
    }

    fn answer(&mut self, arrived: &Arrived) -> Answer {
        assert_eq!(arrived.headers["authorization"], "Bearer t0ken");
        match arrived.target.as_str() {
            "/v1/runs/shop/spike-1/hello" => self.hello(serde_json::from_slice(&arrived.body).unwrap()),
            "/v1/runs/shop/spike-1/deltas" => {
                let form = arrived.headers.get("content-type").and_then(|form| form.to_str().ok());
                self.take(Form::of(form), &arrived.body)
            }
            other => panic!("{other}"),
        }
    }

    fn plan_of(&self, epoch: u32) -> Option<RunPlan> {
        match self.epochs.is_empty() {
            true => self.plan.clone(),
            false => self.epochs.get(epoch as usize - 1).cloned(),
        }
    }

    fn now(&self) -> i64 {
        Timestamp::now().as_nanosecond() as i64 + self.clock_offset
    }

    fn hello(&mut self, hello: Hello) -> Answer {
        let received_at = self.now();
        let failed = matches!(hello.readiness, Readiness::Failed { .. });
        let ready = hello.readiness == Readiness::Ready;
        let before = hello.before.clone();
        let (epoch, several) = (hello.epoch, !self.epochs.is_empty());
        let plan = self.plan_of(epoch).filter(|_| hello.wants_plan).map(Box::new);
        self.hellos.push(hello);
        let command = if failed {
            HelloCommand::Stop { reason: "a runner failed".into() }
        } else if let Some(reason) = &self.stop {
            HelloCommand::Stop { reason: reason.clone() }
        } else if several && self.plan_of(epoch).is_none() {
            HelloCommand::Over
        } else if !ready || self.never_start {
            HelloCommand::Wait
        } else if self.run_before && before.is_none() {
            HelloCommand::RunBefore
        } else {
            let first = received_at + 600_000_000;
            let at = match several {
                true => *self.starts.entry(epoch).or_insert(first),
                false => *self.start.get_or_insert(first),
            };
            let variables = match before {
                Some(BeforeOutcome { result: Ok(variables) }) => variables,
                _ => serde_json::Map::new(),
            };
            HelloCommand::Start { at, variables }
        };
        let serves = self.serves.unwrap_or(SERVED_VERSIONS);
        let reply = HelloReply {
            serves,
            received_at,
            sent_at: self.now(),
            command,
            session: self.session,
            binary: self.binary,
            plan,
        };
        server::json(serde_json::to_vec(&reply).unwrap())
    }

    /// What runners send is taken as it is.
    fn take(&mut self, form: Form, body: &[u8]) -> Answer {
        assert_eq!(form == Form::Binary, self.binary, "the form that was asked for");
        let Batch { version, runner, pod, epoch, start, started_at, session, deltas } =
            Batch::read(form, body).unwrap();
        let test = &self.plan_of(epoch).unwrap().test;
        let intake = Intake::of(test, &validate(test).unwrap());
        let taken = deltas.into_iter().map(|delta| {
            let taken = intake.take(delta).unwrap();
            assert_eq!(taken.foreign, None);
            taken.delta
        });
        let deltas = taken.collect();
        self.deltas(DeltaBatch { version, runner, pod, epoch, start, started_at, session, deltas })
    }

    fn deltas(&mut self, batch: DeltaBatch) -> Answer {
        self.messages += 1;
        match self.statuses.get(self.messages - 1).copied().unwrap_or(200) {
            200 => {}
            code => return server::status(code),
        }
        self.most_deltas = self.most_deltas.max(batch.deltas.len());
        let is_meant = batch.session == self.session;
        for delta in batch.deltas.iter().filter(|_| is_meant) {
            let next = self.deltas.keys().last().map_or(1, |last| last + 1);
            if self.session.is_some() {
                if delta.number >= next {
                    assert_eq!(
                        delta.first_number(),
                        next,
                        "a part of it was taken already, or one is missing"
                    );
                    self.merged += usize::from(delta.first.is_some());
                    self.deltas.insert(delta.number, delta.clone());
                }
                continue;
            }
            match self.deltas.get(&delta.number) {
                Some(known) => assert_eq!(known, delta, "a delta changed after it was sent"),
                None => {
                    assert_eq!(delta.number, next, "a delta is missing");
                    self.deltas.insert(delta.number, delta.clone());
                }
            }
        }
        self.batches.push(batch);
        let mut received = self.deltas.keys().last().copied().unwrap_or_default();
        if self.restart_after.is_some_and(|after| received >= after) {
            // Another operator, with what was durable.
            self.restart_after = None;
            self.session = self.session.map(|session| session + 1);
            let durable = self.acknowledged;
            self.deltas.retain(|number, _| *number <= durable);
            received = durable;
        } else if self.acknowledge && (self.session.is_none() || self.ended()) {
            // One behind, as a checkpoint is; the last one comes when there is nothing new.
            let done = self.ended();
            self.acknowledged = if done { received } else { received.saturating_sub(1) };
        }
        let command = match &self.stop {
            // Told again, as long as the outcome has not come.
            _ if self.run_after && self.ended() && self.after().is_none() => DeltaCommand::RunAfter,
            Some(reason) => DeltaCommand::Stop { reason: reason.clone() },
            None => match self.ask_prometheus {
                Some((start, end)) if self.ended() && self.checks().is_none() => {
                    DeltaCommand::AskPrometheus { start, end }
                }
                _ => DeltaCommand::Continue,
            },
        };
        let (session, cut, interval_ms) = (self.session, self.acknowledged, self.interval_ms);
        let counters = self.counters.clone();
        let reply = DeltaReply {
            acknowledged: self.acknowledged,
            received,
            command,
            session,
            cut,
            counters,
            interval_ms,
            turn: self.turn,
        };
        server::json(serde_json::to_vec(&reply).unwrap())
    }
}
