// SPDX-License-Identifier: Apache-2.0
//! Limits on time that are the autoscaler's own.

use upsurge_crds::v1alpha1::ExpectationResult;

use super::*;

/// The record of these tests with other settings. The load rises at 60 s and falls at 180 s.
fn of(events: Vec<Event>, change: impl Fn(&mut Autoscaler)) -> Vec<Event> {
    let mut events = events;
    for event in &mut events {
        if let What::Autoscaler(autoscaler) = &mut event.what {
            change(autoscaler);
        }
    }
    events
}

/// Two replicas, of which the autoscaler makes four at a second, and whose pods serve after three more.
fn late(second: i64) -> Vec<Event> {
    let mut events = recorded();
    events.retain(|event| event.seen < at(0));
    let scaling = What::Scaling(Scaling { desired: 4, current: 4, ..Scaling::default() });
    events.extend([What::Asked { replicas: 4 }, scaling].map(|what| Event::live(at(second), what)));
    events.extend(pods(second, &["c", "d"], &[Life::Created, Life::SCHEDULED]));
    events.extend(pods(second + 1, &["c", "d"], &[Life::Started]));
    events.extend(pods(second + 3, &["c", "d"], &[Life::Ready, Life::Serving]));
    events
}

fn one(name: &str, events: Vec<Event>) -> ExpectationResult {
    let one = judged(json!({name: "Auto"}), events).expectations.remove(0);
    assert_eq!((one.name.as_str(), one.expected.as_str()), (name, "Auto"));
    one
}

#[test]
fn a_time_that_its_own_settings_allow_holds_and_tells_its_limit() {
    let found = one("scaleUpWithin", recorded());
    assert_eq!((found.observed.as_str(), found.passed, found.message), ("60s", true, None));
    // Pods took 20 s.
    let basis = "2m (1m40s to see a change of the load and act on it + 20s until new pods serve)";
    assert_eq!(found.basis.as_deref(), Some(basis));
}

#[rstest]
// 100 s and the pods' 3 s from the rise of the load.
#[case::in_time(160, true)]
#[case::a_second_too_late(161, false)]
fn the_limit_is_exactly_what_it_says(#[case] decided: i64, #[case] is_held: bool) {
    let found = one("scaleUpWithin", late(decided));
    assert_eq!((found.passed, found.undecided), (is_held, false), "{found:?}");
    let basis = "1m43s (1m40s to see a change of the load and act on it + 3s until new pods serve)";
    assert_eq!(found.basis.as_deref(), Some(basis));
    let why = format!("4 replicas were ready only after 104s; its own settings explain no more than {basis}");
    assert_eq!(found.message, (!is_held).then_some(why));
}

/// The same without what tells that these pods are ready.
fn never_ready(events: Vec<Event>, never: &[&str]) -> Vec<Event> {
    let is_told = |event: &Event| match &event.what {
        What::Pod { pod, life: Life::Ready | Life::Serving } => !never.contains(&pod.as_str()),
        _ => true,
    };
    events.into_iter().filter(is_told).collect()
}

#[test]
fn pods_that_nobody_saw_ready_do_not_count_as_no_time() {
    let found = one("scaleUpWithin", never_ready(late(110), &["c", "d"]));
    let why = "nobody saw any of the new pods (2) become ready, so Auto can't tell how long they take: write a time instead";
    assert_eq!((found.passed, found.undecided, found.message.as_deref()), (false, true, Some(why)));
    // Of one it is known.
    let found = one("scaleUpWithin", never_ready(late(110), &["d"]));
    let basis = "1m43s (1m40s to see a change of the load and act on it + 3s until new pods serve; 1 of 2 new pods left out, as \
                 nobody saw them become ready)";
    assert_eq!((found.passed, found.undecided, found.basis.as_deref()), (false, false, Some(basis)));
}

#[test]
fn slower_settings_allow_more() {
    let slow = of(late(170), |autoscaler| {
        autoscaler.up_window = 10;
        autoscaler.up_policies = vec![json!({"type": "Pods", "value": 1, "periodSeconds": 30})];
    });
    let found = one("scaleUpWithin", slow);
    // From two to four in two steps, half a minute apart.
    let basis = "2m23s (10s of its stabilization window + 30s between 2 steps of its policies + 1m40s to see a change of the load and \
                 act on it + 3s until new pods serve)";
    assert_eq!((found.passed, found.observed.as_str(), found.basis.as_deref()), (true, "113s", Some(basis)));
}

#[test]
fn whose_time_is_not_over_yet_is_undecided() {
    let found = one("scaleDownWithin", recorded());
    let basis = "6m40s (5m of its stabilization window + 1m40s to see a change of the load and act on it)";
    // 180 s + 400 s, and the observation ends at 240 s.
    let why = "the observation ended 340s before its time was over";
    assert_eq!((found.passed, found.undecided, found.message.as_deref()), (false, true, Some(why)));
    assert_eq!(found.basis.as_deref(), Some(basis));
}

#[test]
fn what_takes_longer_than_anybody_watches_needs_a_time() {
    let found = one("scaleDownWithin", of(recorded(), |autoscaler| autoscaler.down_window = 3_600));
    // 180 s + 3,700 s; the load ends at 240 s, and 15 minutes later nobody watches.
    let why = "the observation ended 3640s before its time was over; Auto watches for 15 minutes after the load at most, so write a time";
    assert_eq!((found.undecided, found.message.as_deref()), (true, Some(why)));
}

#[test]
fn replicas_that_are_there_for_good_long_after_their_time_miss_it() {
    // Nothing is waited for; 100 s after the fall of the load time is over.
    let events = of(recorded(), |autoscaler| autoscaler.down_window = 0);
    let test = test(json!({"scaleDownWithin": "Auto"}));
    let timeline = Plan::compile(&test.load, &["a"]).unwrap().timeline;
    let record = record_of(events);
    let observed = Observed {
        record: &record,
        timeline: &timeline,
        windows: &Windows::default(),
        start: at(0),
        end: at(290),
        workload: test.target.workload().unwrap(),
        base_url: &test.target.base_url,
    };
    let found = observed.result(&observed.report().unwrap(), None).expectations.remove(0);
    assert_eq!((found.passed, found.undecided), (false, false), "{found:?}");
    assert!(found.message.is_some_and(|why| {
        why.ends_with("no more than 1m40s (1m40s to see a change of the load and act on it)")
    }));
}

#[rstest]
#[case::disabled(
    of(recorded(), |autoscaler| autoscaler.up_select = Some("Disabled".into())),
    "HorizontalPodAutoscaler/checkout never scales up, as its selectPolicy for that is Disabled: leave the expectation out, or write a time"
)]
#[case::none_was_seen(
    recorded().into_iter().filter(|event| !matches!(event.what, What::Autoscaler(_) | What::Scaling(_))).collect(),
    "no autoscaler was seen, whose settings would tell how long it may take"
)]
fn where_settings_allow_no_time_the_expectation_is_undecided_and_says_why(
    #[case] events: Vec<Event>,
    #[case] why: &str,
) {
    let found = one("scaleUpWithin", events);
    assert_eq!((found.passed, found.undecided, found.message.as_deref()), (false, true, Some(why)));
    assert_eq!(found.basis, None);
}
