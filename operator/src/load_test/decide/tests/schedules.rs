// SPDX-License-Identifier: Apache-2.0
//! Runs that a schedule makes: played by a clock of our own, look by look.

use jiff::SignedDuration;

use super::*;

/// A test and its runs, as they go on from look to look.
struct Played {
    test: LoadTest,
    runs: Vec<LoadTestRun>,
    now: Timestamp,
    missed: Vec<String>,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Played {
    /// A test that was run for its spec, as its operator sees it for the first time since there is this schedule.
    fn new(schedule: serde_json::Value, now: &str) -> Self {
        let mut test = after(super::test(1, 5), &super::test(1, 5), None);
        test.spec.schedule = Some(serde_json::from_value(schedule).unwrap());
        let mut played = Self { test, runs: Vec::new(), now: at(now), missed: Vec::new() };
        assert_eq!(played.look(), Decision::Nothing);
        played
    }

    fn decided(&self) -> Decided {
        super::super::decide(&self.test, &Facts { runs: &self.runs, revision: None, now: self.now })
    }

    /// Decides, does it, and notes it.
    fn look(&mut self) -> Decision {
        let decided = self.decided();
        if let Decision::Start(start) = &decided.decision {
            for run in self.runs.iter_mut().filter(|run| start.replaces.contains(&run.name_any())) {
                run.spec.abort = true;
            }
            let mut run = build::run(&self.test, start, &decided);
            run.metadata.creation_timestamp = Some(Time(self.now));
            if !self.runs.iter().any(|known| known.name_any() == start.name) {
                self.runs.push(run);
            }
        }
        self.missed.extend(decided.schedule.missed.map(|time| time.to_string()));
        self.test.status = Some(status(&self.test, &decided, &self.runs, self.now));
        decided.decision
    }

    /// The same at another time.
    fn look_at(&mut self, now: &str) -> Decision {
        self.now = at(now);
        self.look()
    }

    /// Looks whenever it was asked for, until then; gives the times of the runs, all of which end at once.
    fn live_until(&mut self, end: &str) -> Vec<String> {
        let mut started = Vec::new();
        while let Some(wait) = self.decided().wait(self.now) {
            self.now += SignedDuration::try_from(wait.max(Duration::from_secs(1))).unwrap();
            if self.now > at(end) {
                break;
            }
            if matches!(self.look(), Decision::Start(_)) {
                started.push(self.now.to_string());
                self.end_all();
            }
        }
        started
    }

    fn end_all(&mut self) {
        let ended = LoadTestRunStatus {
            phase: Some(Phase::Finished),
            verdict: Some(Verdict::Passed),
            completion_time: Some(Time(self.now)),
            ..LoadTestRunStatus::default()
        };
        self.runs.iter_mut().for_each(|run| run.status = Some(ended.clone()));
    }

    fn times(&self) -> [Option<String>; 2] {
        let status = self.test.status.clone().unwrap_or_default();
        [status.last_schedule_time, status.next_schedule_time].map(|time| time.map(|time| time.0.to_string()))
    }

    fn answered(&self) -> Vec<&str> {
        self.runs.iter().map(|run| run.annotations()[annotations::SCHEDULED_TIME].as_str()).collect()
    }
}

fn hourly(more: serde_json::Value) -> serde_json::Value {
    let mut schedule = json!({"cron": "0 * * * *"});
    schedule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    schedule
}

fn some(text: &str) -> Option<String> {
    Some(text.into())
}

#[test]
fn a_scheduled_time_makes_one_run_that_says_why_it_is_there() {
    let mut played = Played::new(hourly(json!({})), "2026-11-30T02:10:00Z");
    assert_eq!(played.times(), [None, some("2026-11-30T03:00:00Z")]);
    assert_eq!(played.look_at("2026-11-30T02:59:59Z"), Decision::Nothing);
    let decision = played.look_at("2026-11-30T03:00:00Z");
    assert_eq!(started(&decision), Some(("checkout-s29933460", Trigger::Schedule)));
    assert_eq!(played.times(), [some("2026-11-30T03:00:00Z"), some("2026-11-30T04:00:00Z")]);
    assert_eq!(played.test.status.as_ref().unwrap().last_trigger.as_deref(), Some("Schedule"));
    assert_eq!(played.answered(), ["2026-11-30T03:00:00Z"]);
    assert_eq!(played.look(), Decision::Nothing);
}

// In Berlin, 2027-03-28 has no 02:30, and 2026-10-25 has it twice.
#[rstest]
#[case::spring("2027-03-26T12:00:00Z", "2027-03-29T12:00:00Z",
    &["2027-03-27T01:30:00Z", "2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"])]
#[case::autumn("2026-10-23T12:00:00Z", "2026-10-26T12:00:00Z",
    &["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"])]
fn a_nightly_test_runs_each_night_once_when_clocks_change(
    #[case] from: &str,
    #[case] to: &str,
    #[case] expected: &[&str],
) {
    let mut played = Played::new(json!({"cron": "30 2 * * *", "timeZone": "Europe/Berlin"}), from);
    assert_eq!(played.live_until(to), expected);
}

#[test]
fn after_many_missed_times_there_is_one_run_for_the_latest() {
    let mut played = Played::new(hourly(json!({})), "2026-11-30T02:10:00Z");
    played.look_at("2026-12-04T17:25:00Z");
    assert_eq!(played.answered(), ["2026-12-04T17:00:00Z"]);
    played.end_all();
    assert_eq!(played.look(), Decision::Nothing);
    assert_eq!(played.times(), [some("2026-12-04T17:00:00Z"), some("2026-12-04T18:00:00Z")]);
}

#[rstest]
#[case::in_time("10m", "2026-11-30T03:10:00Z", 1)]
#[case::too_late("10m", "2026-11-30T03:10:01Z", 0)]
#[case::counted_from_the_latest("10m", "2026-11-30T09:05:00Z", 1)]
fn a_time_is_passed_over_after_its_deadline(
    #[case] deadline: &str,
    #[case] now: &str,
    #[case] expected: usize,
) {
    let mut played = Played::new(hourly(json!({"startingDeadline": deadline})), "2026-11-30T02:10:00Z");
    played.look_at(now);
    played.look();
    assert_eq!((played.runs.len(), played.missed.len()), (expected, 1 - expected));
    assert!(played.times()[1].as_deref() > Some(now), "{:?}", played.times());
}

#[test]
fn forbid_waits_for_the_run_under_way() {
    let mut played = Played::new(hourly(json!({"startingDeadline": "90m"})), "2026-11-30T02:10:00Z");
    let decision = played.look_at("2026-11-30T03:00:00Z");
    let (first, _) = started(&decision).unwrap();
    assert_eq!(played.look_at("2026-11-30T04:00:00Z"), Decision::Wait { active: first.into() });
    assert_eq!(played.times()[1], some("2026-11-30T04:00:00Z"), "the one that waits");
    played.now = at("2026-11-30T06:20:00Z");
    played.end_all();
    played.look();
    assert_eq!(played.answered(), ["2026-11-30T03:00:00Z", "2026-11-30T06:00:00Z"]);
}

#[test]
fn replace_aborts_what_the_schedule_made_and_waits_for_others() {
    let mut played = Played::new(hourly(json!({"concurrencyPolicy": "Replace"})), "2026-11-30T02:10:00Z");
    let others = run(&super::test(1, 5), Phase::Running, None);
    played.runs.push(others);
    assert_eq!(played.look_at("2026-11-30T03:00:00Z"), Decision::Wait { active: "checkout-g1".into() });
    played.runs.clear();
    played.look();
    let Decision::Start(second) = played.look_at("2026-11-30T04:00:00Z") else { panic!("no run") };
    assert_eq!(second.replaces, ["checkout-s29933460"]);
    assert_eq!(played.answered(), ["2026-11-30T03:00:00Z", "2026-11-30T04:00:00Z"]);
    assert_eq!(played.runs.iter().map(|run| run.spec.abort).collect::<Vec<_>>(), [true, false]);
    // The first is still about to end when the third comes.
    let Decision::Start(third) = played.look_at("2026-11-30T05:00:00Z") else { panic!("no run") };
    assert_eq!(third.replaces, ["checkout-s29933520"], "nobody is aborted twice");
}

#[test]
fn allow_makes_a_run_beside_others() {
    let mut played = Played::new(hourly(json!({"concurrencyPolicy": "Allow"})), "2026-11-30T02:10:00Z");
    for time in ["2026-11-30T03:00:00Z", "2026-11-30T04:00:00Z"] {
        let decision = played.look_at(time);
        assert!(matches!(&decision, Decision::Start(start) if start.replaces.is_empty()), "{decision:?}");
    }
    assert!(played.runs.len() == 2 && played.runs.iter().all(|run| is_active(run) && !run.spec.abort));
}

#[test]
fn nothing_is_made_up_for_after_suspending() {
    let mut played = Played::new(hourly(json!({})), "2026-11-30T02:10:00Z");
    played.test.spec.suspend = true;
    assert_eq!(played.look_at("2026-11-30T02:30:00Z"), Decision::Suspended { due: false });
    assert_eq!(played.look_at("2026-11-30T03:30:00Z"), Decision::Suspended { due: false });
    assert_eq!((played.times(), played.decided().wait(played.now)), ([None, None], None));
    played.test.spec.suspend = false;
    assert_eq!(played.look_at("2026-11-30T03:40:00Z"), Decision::Nothing);
    assert_eq!(played.times()[1], some("2026-11-30T04:00:00Z"));
}

#[test]
fn a_changed_schedule_counts_from_when_it_is_seen() {
    let mut played = Played::new(json!({"cron": "0 3 * * *"}), "2026-11-30T02:10:00Z");
    played.test.spec.schedule.as_mut().unwrap().cron = "30 2 * * *".into();
    assert_eq!(played.look_at("2026-11-30T03:05:00Z"), Decision::Nothing, "changed while nobody looked");
    assert_eq!(played.times()[1], some("2026-12-01T02:30:00Z"));
    played.test.spec.schedule = None;
    played.look();
    assert_eq!(played.times(), [None, None]);
}

#[test]
fn a_clock_that_is_set_back_repeats_nothing() {
    let mut played = Played::new(hourly(json!({})), "2026-11-30T02:10:00Z");
    played.look_at("2026-11-30T03:00:02Z");
    played.runs.clear();
    assert_eq!(played.look_at("2026-11-30T02:59:58Z"), Decision::Nothing);
    assert_eq!(played.look_at("2026-11-30T03:00:01Z"), Decision::Nothing);
}

#[test]
fn a_run_for_another_reason_answers_the_time_that_is_due() {
    let mut played = Played::new(hourly(json!({})), "2026-11-30T02:10:00Z");
    played.test = annotated(played.test, "again");
    let decision = played.look_at("2026-11-30T03:30:00Z");
    assert_eq!(started(&decision).map(|(_, trigger)| trigger), Some(Trigger::Rerun));
    played.end_all();
    assert_eq!(played.look(), Decision::Nothing);
    assert_eq!(played.times(), [some("2026-11-30T03:00:00Z"), some("2026-11-30T04:00:00Z")]);
}

#[test]
fn a_schedule_that_cannot_be_read_is_refused_though_nothing_is_due() {
    let mut played = Played::new(hourly(json!({})), "2026-11-30T02:10:00Z");
    played.test.spec.schedule.as_mut().unwrap().time_zone = "Berlin".into();
    let Decision::Refuse { message } = played.look() else { panic!("it was not refused") };
    assert!(message.contains("spec.schedule.timeZone") && message.contains("for example"), "{message}");
}

#[test]
fn neither_schedule_nor_triggers_are_a_change_that_makes_a_run() {
    let mut changed = super::test(2, 5);
    changed.spec.schedule = Some(serde_json::from_value(hourly(json!({}))).unwrap());
    changed.spec.triggers = serde_json::from_value(json!([{"type": "Rollout"}])).unwrap();
    assert_eq!(digest(&changed.spec), digest(&super::test(1, 5).spec));
}
