// SPDX-License-Identifier: Apache-2.0
//! A run of several epochs, played with two runners, and once more for each instant at which the operator may be killed: the
//! same epochs are run, each once, and the answer is the same.

use std::{collections::BTreeMap, sync::Arc};

use upsurge_core::{
    epochs::{Done, Epochs, Next},
    validate::validate,
};
use upsurge_crds::v1alpha1::{EpochOutcome, EpochResult};

use super::*;
use crate::collector::{
    session::{EpochFigures, Finished},
    view::SessionConfig,
};

/// What the target carries.
const CAPACITY: f64 = 130.0;

fn config() -> SessionConfig {
    let mut whole = RunPlan { more: true, ..plan(2, false) };
    whole.test.load = serde_json::from_value(json!({"capacity": {
        "find": "MaxRate", "from": 10, "to": 400, "within": 25, "repeats": 2, "measure": "10s"}}))
    .unwrap();
    whole.test.thresholds =
        serde_json::from_value(json!([{"metric": "http_req_failed", "condition": "rate < 1%"}])).unwrap();
    let valid = Arc::new(validate(&whole.test).unwrap());
    let whole = Arc::new(whole);
    SessionConfig {
        plan: whole.clone(),
        valid,
        whole: Some(whole),
        job: "checkout-1".into(),
        checkpoint: "checkout-1-checkpoint".into(),
        labels: Default::default(),
        owner: Default::default(),
        is_under_way: false,
    }
}

/// What a runner is about to do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Doing {
    /// It asks for the plan of an epoch.
    Asking(u32),
    /// It is ready for it.
    Ready(u32),
    /// It has carried it out, by this T0.
    Telling(u32, i64),
    /// It was told that there are no more.
    Over,
}

/// What each of two runners began, in order: level and T0.
type Begun = [Vec<(String, i64)>; 2];

struct World {
    config: SessionConfig,
    epochs: Epochs,
    checkpoint: Durable,
    session: Session,
    now: i64,
    runners: [(Doing, u64); 2],
    begun: Begun,
    instants: usize,
    killed_at: Option<usize>,
}

impl World {
    fn new(killed_at: Option<usize>) -> Self {
        let config = config();
        let epochs = Epochs::of(&config.plan.test.load).unwrap();
        let session = Session::new(&config.at(&[]).unwrap().plan, None);
        Self {
            config,
            epochs,
            checkpoint: session.state().clone(),
            session,
            now: SECOND,
            runners: [(Doing::Asking(1), 0); 2],
            begun: Default::default(),
            instants: 0,
            killed_at,
        }
    }

    /// The operator may be killed here. Another one begins with what the checkpoint holds.
    fn dies(&mut self) -> bool {
        self.instants += 1;
        if self.killed_at != Some(self.instants) {
            return false;
        }
        // As it is read back.
        let bytes = pack(&self.checkpoint, None).unwrap();
        let kept = unpack(&bytes).unwrap().0;
        self.session = Session::new(&self.config.at(&kept.history).unwrap().plan, Some(kept));
        self.checkpoint = self.session.state().clone();
        true
    }

    fn write(&mut self) {
        let (mark, state) = (self.session.begin(), self.session.state().clone());
        if self.dies() {
            return;
        }
        self.checkpoint = state;
        if !self.dies() {
            self.session.saved(&mark, self.now);
        }
    }

    fn level(&self) -> f64 {
        self.epochs.under_way(&self.session.state().history).level.unwrap()
    }

    fn speaks(&mut self, index: u32) {
        let place = index as usize;
        let (doing, number) = self.runners[place];
        let said = |epoch, wants_plan| {
            let readiness = if wants_plan { Readiness::Preparing } else { Readiness::Ready };
            Hello { epoch, wants_plan, readiness, ..hello(index) }
        };
        self.runners[place] = match doing {
            Doing::Asking(epoch) => match says(&mut self.session, &said(epoch, true), self.now) {
                HelloCommand::Over => (Doing::Over, number),
                HelloCommand::Wait if epoch <= self.session.epoch() => (Doing::Ready(epoch), number),
                command => {
                    assert_eq!(command, HelloCommand::Wait);
                    (doing, number)
                }
            },
            Doing::Ready(epoch) => {
                assert_eq!(epoch, self.session.epoch(), "the run went on without runner {index}");
                match says(&mut self.session, &said(epoch, false), self.now) {
                    HelloCommand::Start { at, .. } => {
                        self.begun[place].push((self.level().to_string(), at));
                        (Doing::Telling(epoch, at), number + 1)
                    }
                    command => {
                        assert_eq!(command, HelloCommand::Wait);
                        (doing, number)
                    }
                }
            }
            Doing::Telling(epoch, at) => {
                let mut last = DeltaBatch { epoch, ..batch(index, at, &[number]) };
                last.deltas[0].done = Some(RunnerEnd::Completed);
                let reply = self.session.deltas(&last, &pod(index), self.now).unwrap();
                match reply.acknowledged >= number {
                    true => (Doing::Asking(epoch + 1), number),
                    false => (doing, number),
                }
            }
            Doing::Over => (doing, number),
        };
    }

    /// What the controllers do.
    fn looks(&mut self) {
        if !self.session.all_done() || self.session.t0().is_none() || self.session.is_over() {
            return;
        }
        let epoch = self.epochs.under_way(self.session.history());
        let passed = epoch.level.unwrap() <= CAPACITY;
        let result = EpochResult {
            outcome: Some(if passed { EpochOutcome::Passed } else { EpochOutcome::Failed }),
            limit: (!passed).then(|| "http_req_failed rate < 1%".into()),
            ..epoch.under_way(None).unwrap()
        };
        let figures = EpochFigures { level: result.level.clone(), ..EpochFigures::default() };
        if self.dies() {
            return;
        }
        let finished = Finished { result, figures };
        let Some(following) = self.session.finish(finished.clone(), &self.epochs) else { return };
        if self.dies() {
            return;
        }
        let plan = self.config.at(&following.history).unwrap().plan;
        let next = Session::new(&plan, Some(following));
        self.checkpoint = next.state().clone();
        // Durable, and nobody was told.
        if !self.dies() {
            self.session = next;
        }
        // Said once more, it is of an epoch that is over.
        assert_eq!(self.session.finish(finished, &self.epochs), None);
    }
}

/// Plays a run; what the runners began, the history, and at how many instants the operator may have been killed.
fn played(killed_at: Option<usize>) -> (Begun, Vec<EpochResult>, usize) {
    let mut world = World::new(killed_at);
    for _ in 0..5_000 {
        if world.runners.iter().all(|(doing, _)| *doing == Doing::Over) {
            let history = world.session.state().history.clone();
            return (world.begun, history, world.instants);
        }
        world.now += SECOND / 20;
        for index in 0..2 {
            world.speaks(index);
            world.dies();
        }
        if world.session.is_urgent() {
            world.write();
        }
        world.looks();
    }
    panic!("it does not end when killed at {killed_at:?}: {:?}", world.runners);
}

#[test]
fn killed_at_any_instant_a_run_goes_on_with_the_same_epochs_and_repeats_none() {
    let (begun, history, instants) = played(None);
    let levels = |begun: &[(String, i64)]| begun.iter().map(|(level, _)| level.clone()).collect::<Vec<_>>();
    assert_eq!(levels(&begun[0]), history.iter().map(|epoch| epoch.level.clone()).collect::<Vec<_>>());
    assert!(history.len() > 6 && instants > 50, "{history:?}");
    let epochs = Epochs::of(&config().plan.test.load).unwrap();
    let Next::Done(Done::Capacity(found)) = epochs.decide(&history) else { panic!("it is not over") };
    assert!(found.level.unwrap() <= CAPACITY && CAPACITY < found.failed.unwrap());
    for killed_at in 1..=instants {
        let (again, same, _) = played(Some(killed_at));
        assert_eq!(same, history, "killed at {killed_at}");
        for begun in &again {
            assert_eq!(levels(begun), levels(&again[0]), "killed at {killed_at}");
        }
        assert_eq!(levels(&again[0]), levels(&begun[0]), "killed at {killed_at}");
        let starts: BTreeMap<usize, i64> = again[0].iter().map(|(_, at)| *at).enumerate().collect();
        let others: BTreeMap<usize, i64> = again[1].iter().map(|(_, at)| *at).enumerate().collect();
        assert_eq!(starts, others, "both start by one instant, killed at {killed_at}");
    }
}

#[test]
fn nobody_hears_that_it_is_over_before_that_is_durable() {
    let (mut world, length) = (World::new(None), played(None).1.len());
    while world.session.history().len() + 1 < length {
        world.now += SECOND / 20;
        (0..2).for_each(|index| world.speaks(index));
        if world.session.is_urgent() {
            world.write();
        }
        world.looks();
    }
    // The last one: its end is known and not written yet.
    while !world.session.awaits_epoch() {
        world.now += SECOND / 20;
        (0..2).for_each(|index| world.speaks(index));
        if world.session.is_urgent() {
            world.write();
        }
        world.looks();
    }
    let next = Hello { epoch: world.session.epoch() + 1, wants_plan: true, ..hello(0) };
    assert_eq!(says(&mut world.session, &next, world.now), HelloCommand::Wait);
    assert!(world.session.is_urgent());
    world.write();
    assert_eq!(says(&mut world.session, &next, world.now), HelloCommand::Over);
}

#[test]
fn what_comes_late_of_an_epoch_that_is_over_counts_for_nothing() {
    let mut world = World::new(None);
    while world.session.epoch() < 2 {
        world.now += SECOND / 20;
        (0..2).for_each(|index| world.speaks(index));
        if world.session.is_urgent() {
            world.write();
        }
        world.looks();
    }
    let (number, t0) = (world.runners[0].1, world.begun[0][0].1);
    let reply = world.session.deltas(&batch(0, t0, &[number]), &pod(0), world.now).unwrap();
    assert_eq!(
        (reply.acknowledged, world.session.t0()),
        (number, None),
        "it has no part in the start of the next one"
    );
    // What a runner does after the load may come then, if the run was stopped.
    world.session.stop("aborted");
    let next = Hello { epoch: 2, wants_plan: true, ..hello(0) };
    assert!(matches!(says(&mut world.session, &next, world.now), HelloCommand::Stop { .. }));
    let mut words = batch(0, t0, &[number + 1]);
    words.deltas[0].after = Some(AfterOutcome { result: Ok(()), verified: None });
    world.session.deltas(&words, &pod(0), world.now).unwrap();
    assert_eq!(world.session.state().after, Some(AfterOutcome { result: Ok(()), verified: None }));
    let ahead = DeltaBatch { epoch: 3, ..batch(0, t0, &[number + 2]) };
    let refused = world.session.deltas(&ahead, &pod(0), world.now).unwrap_err();
    assert!(matches!(refused, Refusal::OtherEpoch { theirs: 3, ours: 2, .. }), "{refused}");
}

#[test]
fn what_a_terminated_runner_did_after_its_load_is_known_in_the_next_epoch() {
    let mut world = World::new(None);
    while !world.session.all_done() {
        world.now += SECOND / 20;
        (0..2).for_each(|index| world.speaks(index));
        if world.session.is_urgent() {
            world.write();
        }
    }
    let done = Some(AfterOutcome { result: Ok(()), verified: None });
    let mut words = batch(0, world.begun[0][0].1, &[world.runners[0].1 + 1]);
    words.deltas[0].after = done.clone();
    world.session.deltas(&words, &pod(0), world.now).unwrap();
    world.looks();
    assert_eq!((world.session.epoch(), &world.session.state().after), (2, &done));
}

/// A session of the second epoch of a search that waits for a quiet target for so long: the first one began at 100 s, and lasted for 15 s.
fn resting(timeout: &str, restless: Option<&str>) -> (RunPlan, Session) {
    let mut config = config();
    let whole = Arc::make_mut(config.whole.as_mut().unwrap());
    whole.test.autoscaling =
        Some(serde_json::from_value(json!({"waitForIdle": {"timeout": timeout}})).unwrap());
    whole.test.target.workloads = serde_json::from_value(json!([{"name": "checkout"}])).unwrap();
    whole.test.load.capacity.as_mut().unwrap().warm_up = serde_json::from_value(json!("5s")).unwrap();
    let first: EpochResult = serde_json::from_value(
        json!({"number": 1, "level": "10", "outcome": "Passed", "startTime": "1970-01-01T00:01:40.000000Z"}),
    )
    .unwrap();
    let plan = (*config.at(std::slice::from_ref(&first)).unwrap().plan).clone();
    let restored = Durable { history: vec![first], restless: restless.map(Into::into), ..Durable::default() };
    let mut session = Session::new(&plan, Some(restored));
    session.looked();
    (plan, session)
}

/// Both runners say that they are ready for it.
fn ready(session: &mut Session, second: i64) {
    [0, 1]
        .iter()
        .for_each(|runner| drop(says(session, &Hello { epoch: 2, ..hello(*runner) }, second * SECOND)));
}

fn has_chosen(session: &Session) -> bool {
    matches!(session.start, Start::Chosen { .. })
}

#[test]
fn the_next_probe_waits_until_the_target_has_come_to_rest() {
    let (_, mut session) = resting("1m", None);
    assert_eq!(session.awaits_rest(), None, "runners are not ready yet");
    ready(&mut session, 120);
    let before = session.awaits_rest();
    let before = before.map(|before| [before.began, before.answered].map(|at| at.as_second()));
    // The load lasted for 15 s, and an autoscaler may take longer to answer it than the test waits.
    assert!(before == Some([100, 175]) && !has_chosen(&session));
    session.rests(Err("checkout has 2 ready replicas".into()), 125 * SECOND);
    ready(&mut session, 125);
    assert!(!has_chosen(&session));
    let told = session.waits_for().unwrap();
    assert_eq!(told, "waiting at most 1m for a quiet target: checkout has 2 ready replicas");
    session.rests(Ok(()), 130 * SECOND);
    ready(&mut session, 130);
    assert!(has_chosen(&session));
    assert_eq!((session.waits_for(), &session.state().restless), (None, &None));
}

#[test]
fn an_autoscaler_gets_the_time_that_it_may_take_to_answer_and_not_all_that_there_is() {
    let (_, mut session) = resting("10m", None);
    ready(&mut session, 120);
    assert_eq!(session.awaits_rest().map(|before| before.answered.as_second()), Some(100 + 15 + 100));
}

#[test]
fn a_target_that_does_not_come_to_rest_is_waited_for_as_long_as_the_test_says_whoever_waits() {
    let (plan, mut session) = resting("1m", None);
    ready(&mut session, 120);
    let why = || Err("checkout has 2 ready replicas".to_owned());
    session.rests(why(), 174 * SECOND);
    // Another operator goes on with the wait, and does not begin it anew.
    let mut next = restarted(&session, &plan);
    next.looked();
    ready(&mut next, 174);
    next.rests(why(), 174 * SECOND);
    ready(&mut next, 174);
    assert!(!has_chosen(&next));
    next.rests(why(), 175 * SECOND);
    ready(&mut next, 175);
    assert!(has_chosen(&next));
    let said = "spec.autoscaling.waitForIdle.timeout of 1m has passed: checkout has 2 ready replicas";
    assert_eq!(next.state().restless.as_deref(), Some(said));
    assert_eq!(restarted(&next, &plan).state().restless.as_deref(), Some(said));
}

#[test]
fn nobody_waits_before_the_first_probe_or_once_more() {
    let (_, mut session) = resting("1m", Some("it had not come to rest"));
    ready(&mut session, 120);
    assert!(has_chosen(&session), "the operator before has given up");
    let mut first = Session::new(&config().at(&[]).unwrap().plan, None);
    [0, 1].iter().for_each(|runner| drop(says(&mut first, &hello(*runner), SECOND)));
    assert!(has_chosen(&first));
}
