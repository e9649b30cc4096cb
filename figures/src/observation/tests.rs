// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{log::LOOKS, *};

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_900_000_000_000 + milliseconds).unwrap()
}

fn pod(name: &str, life: Life) -> What {
    What::Pod { pod: name.into(), life }
}

fn listed(source: Source) -> What {
    What::Listed { source }
}

fn every_kind() -> Vec<What> {
    let message = || "no room".to_owned();
    let lives = [
        Life::Created,
        Life::Unschedulable { message: message() },
        Life::SCHEDULED,
        Life::ImagePullFailed { message: message() },
        Life::Started,
        Life::Ready,
        Life::NotReady,
        Life::Serving,
        Life::NotServing,
        Life::Terminating,
        Life::Scheduled { node: Some("worker-1".into()) },
        Life::Ended { reason: "OOMKilled".into(), exit_code: 137, restarts: 2 },
        Life::Stopped,
        Life::Gone,
    ];
    let reading = Reading { metric: "cpu".into(), current: Some(180.0), target: 80.0, ceiling: Some(200.0) };
    let mut all = vec![
        What::Load { level: 2.5 },
        What::Thresholds { met: false },
        What::Autoscaler(Autoscaler {
            kind: "HorizontalPodAutoscaler".into(),
            name: "checkout".into(),
            min: 1,
            max: 10,
            up_window: 0,
            down_window: 300,
            up_policies: vec![serde_json::json!({"type": "Pods", "value": 4, "periodSeconds": 15})],
            down_policies: Some(vec![
                serde_json::json!({"type": "Percent", "value": 50, "periodSeconds": 60}),
            ]),
            up_select: Some("Max".into()),
            down_select: Some("Disabled".into()),
        }),
        What::AutoscalerGone,
        What::Scaling(Scaling { desired: 4, current: 1, last_scale: Some(at(0)), readings: vec![reading] }),
        What::Condition(Condition {
            condition: "ScalingActive".into(),
            status: "False".into(),
            reason: "FailedGetResourceMetric".into(),
            message: message(),
        }),
        What::Asked { replicas: 4 },
        What::Existing { replicas: 3 },
        What::Revision { revision: "7c1f".into() },
        What::Rollout { under_way: true },
        What::QuotaExceeded { message: message() },
        What::Lost { source: Source::Pods, message: message() },
        listed(Source::Endpoints),
    ];
    all.extend(lives.map(|life| pod("checkout-1", life)));
    all
}

#[test]
fn each_kind_of_event_survives_being_a_line() {
    let events: Vec<Event> = every_kind()
        .into_iter()
        .enumerate()
        .map(|(index, what)| {
            let seen = at(index as i64 * 17);
            if index % 2 == 0 { Event::live(seen, what).stamped(at(0)) } else { Event::found(seen, what) }
        })
        .collect();
    let text: String = events.iter().map(|event| to_line(event).unwrap() + "\n").collect();
    assert_eq!(text.lines().count(), events.len());
    assert_eq!(read_lines(&text).unwrap(), events);
    let mut log = Log::default();
    events.iter().for_each(|event| log.push(event.clone()));
    assert_eq!(serde_json::from_value::<Log>(serde_json::to_value(&log).unwrap()).unwrap(), log);
}

#[test]
fn a_source_that_has_told_nothing_new_for_long_says_nothing_of_clocks() {
    let lost = What::Lost { source: Source::Usage, message: "nothing new".into() };
    assert_eq!(Clock::of(&[Event::live(at(90_000), lost).stamped(at(0))]), Clock::default());
}

#[test]
fn a_line_says_its_version_and_both_times() {
    let started = Event::live(at(250), pod("checkout-1", Life::Started)).stamped(at(0));
    assert_eq!(
        to_line(&started).unwrap(),
        r#"{"v":1,"seen":"2030-03-17T17:46:40.25Z","stamped":"2030-03-17T17:46:40Z","type":"pod","pod":"checkout-1","step":"started"}"#
    );
    let newer = to_line(&started).unwrap().replace(r#""v":1"#, r#""v":2"#);
    let refused = read_lines(&format!("\n{newer}")).unwrap_err().to_string();
    assert_eq!(refused, "line 2 has version 2, and this program knows version 1: use a newer one");
    assert!(
        read_lines("{}").unwrap_err().to_string().starts_with("line 1 is not an event: missing field `v`")
    );
}

/// What is known after these events, all seen at one instant.
fn after(events: &[What]) -> Tracker {
    let mut tracker = Tracker::default();
    events.iter().for_each(|what| tracker.see(&Event::found(at(0), what.clone())));
    tracker
}

#[test]
fn nothing_is_known_before_it_is_listed_nor_while_it_is_lost() {
    let mut tracker = after(&[
        What::Asked { replicas: 2 },
        What::Existing { replicas: 2 },
        pod("a", Life::Ready),
        What::Load { level: 50.0 },
        What::Scaling(Scaling { desired: 2, ..Scaling::default() }),
    ]);
    assert_eq!(tracker.levels(), Levels::default());
    for source in [Source::Runners, Source::Autoscaler, Source::Workload, Source::Pods] {
        tracker.see(&Event::live(at(1), listed(source)));
    }
    let known = Levels {
        load: Some(50.0),
        desired: Some(2),
        asked: Some(2),
        existing: Some(2),
        ready: Some(1),
        ..Levels::default()
    };
    assert_eq!(tracker.levels(), known, "whether it serves hangs on EndpointSlices");
    let lost = What::Lost { source: Source::Pods, message: "connection reset".into() };
    tracker.see(&Event::live(at(2), lost));
    assert_eq!(tracker.levels(), Levels { ready: None, ..known });
    tracker.see(&Event::live(at(3), What::AutoscalerGone));
    assert_eq!(tracker.levels(), Levels { ready: None, desired: None, ..known });
}

#[test]
fn pods_behind_a_service_serve_once_their_endpoint_is_ready() {
    let mut tracker = after(&[
        pod("a", Life::Ready),
        pod("b", Life::Ready),
        listed(Source::Pods),
        listed(Source::Endpoints),
    ]);
    let mut serving = |life| {
        tracker.see(&Event::live(at(0), life));
        (tracker.levels().ready, tracker.levels().serving)
    };
    assert_eq!(serving(pod("c", Life::Created)), (Some(2), Some(2)), "no Service selects them");
    assert_eq!(serving(pod("a", Life::Serving)), (Some(2), Some(1)));
    assert_eq!(serving(pod("b", Life::NotServing)), (Some(2), Some(1)));
    assert_eq!(serving(pod("b", Life::Serving)), (Some(2), Some(2)));
    assert_eq!(
        serving(pod("a", Life::Terminating)),
        (Some(1), Some(1)),
        "an endpoint may lag behind its pod"
    );
    assert_eq!(serving(pod("b", Life::NotReady)), (Some(0), Some(0)));
    assert_eq!(serving(pod("b", Life::Gone)), (Some(0), Some(0)));
}

#[test]
fn what_keeps_a_pod_from_starting_is_over_once_it_starts() {
    let message = || "0/3 nodes".to_owned();
    let mut tracker = after(&[pod("a", Life::Unschedulable { message: message() }), listed(Source::Pods)]);
    let state = |tracker: &Tracker| tracker.pods().next().map(|(_, pod)| pod.clone()).unwrap();
    assert_eq!(state(&tracker).unschedulable, Some(message()));
    tracker.see(&Event::live(at(1), pod("a", Life::SCHEDULED)));
    tracker.see(&Event::live(at(2), pod("a", Life::ImagePullFailed { message: message() })));
    assert_eq!((state(&tracker).unschedulable, state(&tracker).image_pull), (None, Some(message())));
    tracker.see(&Event::live(at(3), pod("a", Life::Started)));
    assert_eq!((state(&tracker).image_pull, state(&tracker).started), (None, Some(at(3))));
    tracker.see(&Event::live(at(4), What::Asked { replicas: 2 }));
    tracker.see(&Event::live(at(5), What::QuotaExceeded { message: message() }));
    assert_eq!(tracker.quota(), Some("0/3 nodes"));
    tracker.see(&Event::live(at(6), What::Existing { replicas: 2 }));
    assert_eq!(tracker.quota(), None);
}

#[test]
fn a_pod_that_comes_again_under_its_name_has_another_life() {
    let lives_of = |found| {
        let event = |seen: i64, life| Event { found, ..Event::live(at(seen), pod("db-0", life)) };
        let oom = Life::Ended { reason: "OOMKilled".into(), exit_code: 137, restarts: 1 };
        lives(&[event(0, Life::Created), event(10, oom), event(20, Life::Gone), event(30, Life::Created)])
    };
    let both = lives_of(false);
    assert_eq!(both.iter().map(|life| life.created).collect::<Vec<_>>(), [Some(at(0)), Some(at(30))]);
    assert_eq!((both[0].restarts, both[0].oom_kills, both[0].gone), (1, 1, Some(at(20))));
    assert_eq!(lives_of(true)[0].created, None, "found, and without a stamp: nobody knows");
}

#[test]
fn a_life_tells_its_node_and_how_it_ended() {
    let event = |seen: i64, life| Event::live(at(seen), pod("a", life));
    let steps = [
        event(0, Life::Created),
        event(1, Life::Scheduled { node: Some("worker-1".into()) }),
        event(20, Life::Terminating),
        event(23, Life::Stopped),
        event(24, Life::Gone),
    ];
    let [life] = &lives(&steps)[..] else { panic!("one pod") };
    assert_eq!(life.node.as_deref(), Some("worker-1"));
    assert_eq!((life.terminating, life.stopped, life.gone), (Some(at(20)), Some(at(23)), Some(at(24))));
    assert_eq!(life.seen_going, Some(at(20)));
    // One that went while nobody looked: when, is not known, but by when.
    let [life] = &lives(&[Event::found(at(9), pod("b", Life::Gone))])[..] else { panic!("one pod") };
    assert_eq!((life.gone, life.seen_going), (None, Some(at(9))));
    // Written by an observer that told no nodes.
    let old: Event =
        serde_json::from_str(r#"{"seen":"2030-01-01T00:00:00Z","type":"pod","pod":"a","step":"scheduled"}"#)
            .unwrap();
    assert_eq!(old.what, pod("a", Life::SCHEDULED));
}

#[test]
fn what_others_write_is_bounded() {
    let mut log = Log::default();
    let readings = vec![Reading::default(); 100];
    log.push(Event::live(at(0), What::Scaling(Scaling { readings, ..Scaling::default() })));
    // Each of these characters has two bytes.
    log.push(Event::live(at(1), What::QuotaExceeded { message: "é".repeat(1_000) }));
    let [scaling, quota] = log.events() else { panic!("{log:?}") };
    assert!(matches!(&scaling.what, What::Scaling(scaling) if scaling.readings.len() == 16));
    assert!(matches!(&quota.what, What::QuotaExceeded { message } if message.len() == LONGEST_TEXT));
}

#[test]
fn a_full_log_of_pods_keeps_as_many_as_there_is_room_for() {
    let mut log = Log::default();
    for index in 0..6_000 {
        log.push(Event::live(at(index), pod(&format!("checkout-{index}"), Life::Ready)));
    }
    assert_eq!((log.events().len(), log.left_out()[&Class::Pods].events), (2_400, 3_600));
    let mut written = serde_json::to_value(&log).unwrap();
    written.as_object_mut().unwrap().remove("counts").unwrap();
    let mut read: Log = serde_json::from_value(written).unwrap();
    read.push(Event::live(at(6_000), pod("checkout", Life::Ready)));
    assert_eq!(read.events().len(), 2_400, "as one before counts were written");
}

/// How often events are looked at while 100 pods come to a full log.
fn looks(room: i64) -> u64 {
    let mut log = Log::default();
    let mut push = |index: i64| {
        let ready = Event::live(at(index), pod(&format!("checkout-{index}"), Life::Ready));
        log.push_within(ready, |_| room as usize);
    };
    (0..room).for_each(&mut push);
    let before = LOOKS.get();
    (room..room + 100).for_each(&mut push);
    LOOKS.get() - before
}

#[test]
fn a_full_log_takes_pods_as_fast_as_they_come() {
    let (few, many) = (looks(200), looks(800));
    // A comparison of each with each would be 16 times as many.
    assert!(few > 0 && many < 5 * few, "{few} looks with room for 200, {many} for 800");
}

/// A flood of events: milliseconds since the one before, and what.
fn floods() -> impl Strategy<Value = Vec<(i64, What)>> {
    let names = (0..40_u32).prop_map(|index| format!("checkout-{index}"));
    let steps = prop_oneof![
        Just(Life::Created),
        Just(Life::Ready),
        Just(Life::NotReady),
        Just(Life::Serving),
        Just(Life::Terminating),
        Just(Life::Gone),
    ];
    let sources = || prop_oneof![Just(Source::Pods), Just(Source::Endpoints), Just(Source::Workload)];
    let condition = |reason: u32| Condition {
        condition: "ScalingLimited".into(),
        reason: reason.to_string(),
        ..Condition::default()
    };
    let what = prop_oneof![
        4 => (names, steps).prop_map(|(pod, life)| What::Pod { pod, life }),
        3 => (0..9_u32).prop_map(|replicas| What::Asked { replicas }),
        2 => (0..9_u32).prop_map(|replicas| What::Existing { replicas }),
        2 => (0..9_u32).prop_map(|desired| What::Scaling(Scaling { desired, ..Scaling::default() })),
        2 => (0..9_u32).prop_map(|level| What::Load { level: f64::from(level) }),
        1 => (0..9_u32).prop_map(move |reason| What::Condition(condition(reason))),
        1 => (1..9_u32).prop_map(|max| What::Autoscaler(Autoscaler { max, ..Autoscaler::default() })),
        1 => sources().prop_map(|source| What::Lost { source, message: String::new() }),
        2 => sources().prop_map(|source| What::Listed { source }),
    ];
    prop::collection::vec((0..2_000_i64, what), 1..60)
}

/// What holds at an instant.
fn holds(steps: &[(Timestamp, Levels)], instant: Timestamp) -> Levels {
    let place = steps.partition_point(|(from, _)| *from <= instant);
    place.checked_sub(1).map(|index| steps[index].1).unwrap_or_default()
}

fn agrees<T: PartialEq + std::fmt::Debug>(told: Option<T>, truth: Option<T>) -> Result<(), TestCaseError> {
    prop_assert!(told.is_none() || told == truth, "told {told:?}, was {truth:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn however_much_a_log_leaves_out_what_it_tells_is_true(flood in floods(), rounds in 1..40_usize) {
        let all = [Source::Runners, Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints];
        let (mut log, mut truth, mut tracker) = (Log::default(), Vec::new(), Tracker::default());
        let room = |class: Class| class.room() / 50 + 12;
        let mut now = at(0);
        let begin = all.map(|source| (0, listed(source)));
        for (pause, what) in begin.iter().chain(std::iter::repeat_n(&flood, rounds).flatten()) {
            now = now.checked_add(SignedDuration::from_millis(*pause)).unwrap();
            let event = Event::live(now, what.clone());
            tracker.see(&event);
            // Of several events at one instant the last one counts.
            truth.pop_if(|(before, _)| *before == now);
            truth.push((now, tracker.levels()));
            log.push_within(event, room);
        }
        let mut counts = BTreeMap::<Class, usize>::new();
        log.events().iter().for_each(|event| *counts.entry(Class::of(&event.what)).or_default() += 1);
        prop_assert!(counts.iter().all(|(class, count)| *count <= room(*class)), "{counts:?}");
        let whole = log.events().len() == flood.len() * rounds + begin.len();
        let steps = levels(&log);
        for (instant, truth) in truth.iter().step_by(1 + rounds / 10) {
            let told = holds(&steps, *instant);
            agrees(told.load, truth.load)?;
            agrees(told.desired, truth.desired)?;
            agrees(told.asked, truth.asked)?;
            agrees(told.existing, truth.existing)?;
            agrees(told.ready, truth.ready)?;
            agrees(told.serving, truth.serving)?;
            agrees(told.bounds, truth.bounds)?;
            if whole {
                prop_assert_eq!(told, *truth);
            }
        }
    }

    #[test]
    fn instants_from_stamps_are_right_to_a_second(
        ahead in -100_000..100_000_i64,
        nodes_ahead in -100_000..100_000_i64,
        pods in prop::collection::vec((0..600_000_i64, 1..400_i64, any::<bool>()), 20..60),
    ) {
        // Stamps are rounded down on clocks that differ from ours; what is found was seen at the end.
        let second = |time: i64| at(time.div_euclid(1_000) * 1_000);
        let mut events = Vec::new();
        for (index, (time, delay, found)) in pods.iter().enumerate() {
            for (life, ahead) in [(Life::Created, ahead), (Life::Ready, nodes_ahead)] {
                let what = pod(&index.to_string(), life);
                let event = match *found && index > 5 {
                    true => Event::found(at(700_000), what),
                    false => Event::live(at(time + delay), what),
                };
                events.push((*time, event.stamped(second(time - ahead))));
            }
        }
        let clock = Clock::of(&events.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>());
        // The clocks are known as well as the most fortunate stamp tells them.
        let slack = |stamper: Stamper| {
            let live = events.iter().filter(|(_, event)| !event.found && Stamper::of(&event.what) == stamper);
            let ahead = if stamper == Stamper::Node { nodes_ahead } else { ahead };
            live.map(|(_, event)| (event.seen - event.stamped.unwrap()).total(jiff::Unit::Millisecond).unwrap() as i64 - ahead)
                .min().unwrap()
        };
        for (time, event) in &events {
            let error = clock.happened(event).unwrap().duration_since(at(*time)).as_millis().abs();
            let slack = i128::from(slack(Stamper::of(&event.what)));
            prop_assert!(error <= 500 + slack, "{error} ms off, clock known to {slack} ms");
        }
    }
}
