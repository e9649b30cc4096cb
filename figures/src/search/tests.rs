// SPDX-License-Identifier: Apache-2.0

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn search(find: Find, ladder: Ladder, repeats: u32) -> Search {
    Search { find, ladder, repeats }
}

fn outcome(passes: bool) -> Outcome {
    if passes { Outcome::Pass } else { Outcome::Fail { limit: "p(95) < 200ms".into() } }
}

/// Runs a search to its end against a target that tells of step and level what comes out; the probes in order.
fn run(search: &Search, mut target: impl FnMut(usize, f64) -> Outcome) -> (Found, Vec<Probe>) {
    let mut history = Vec::new();
    loop {
        match decide(search, &history) {
            Decision::Done(found) => return (found, history),
            Decision::Next { step, level } => history.push(Probe { step, outcome: target(step, level) }),
        }
        assert!(
            history.len() <= search.ladder.levels().len() * (search.repeats.max(1) + TRIES) as usize,
            "it doesn't end"
        );
    }
}

/// The step that a search of all levels finds.
fn full_search(find: Find, passes: &[bool]) -> Option<usize> {
    match find {
        Find::MaxRate => passes.iter().position(|passes| !passes).unwrap_or(passes.len()).checked_sub(1),
        Find::MinReplicas => passes.iter().position(|passes| *passes),
    }
}

#[rstest]
#[case(37.0)]
#[case(10.0)]
#[case(211.0)]
#[case(640.0)]
#[case(999.0)]
fn a_capacity_is_found_within_five_percent_in_twelve_levels_and_never_overloaded(#[case] capacity: f64) {
    let search = search(Find::MaxRate, Ladder::by_percent(10.0, 1_000.0, 5.0).unwrap(), 1);
    let (found, probes) = run(&search, |_, level| outcome(level <= capacity));
    let (level, failed) = (found.level.unwrap(), found.failed.unwrap());
    assert!(level <= capacity && capacity < failed && failed <= level * 1.0501, "{found:?}");
    assert!(probes.len() <= 12, "{probes:?}");
    assert_eq!((found.limit.as_deref(), found.inconclusive), (Some("p(95) < 200ms"), false));
    assert!(probes.iter().all(|probe| search.ladder.levels()[probe.step] <= 2.0 * capacity.max(10.0)));
}

#[test]
fn the_ends_of_the_ladder_are_answers_too() {
    let ladder = || Ladder::by_step(1.0, 8.0, 1.0).unwrap();
    let ends = |find, passes| {
        let (found, _) = run(&search(find, ladder(), 3), |_, _| outcome(passes));
        (found.level, found.failed)
    };
    assert_eq!(ends(Find::MaxRate, true), (Some(8.0), None));
    assert_eq!(ends(Find::MaxRate, false), (None, Some(1.0)));
    assert_eq!(ends(Find::MinReplicas, true), (Some(1.0), None));
    assert_eq!(ends(Find::MinReplicas, false), (None, Some(8.0)));
}

#[test]
fn a_generator_that_is_the_limit_leaves_what_was_shown() {
    let search = search(Find::MaxRate, Ladder::by_step(1.0, 16.0, 1.0).unwrap(), 1);
    let weak = |level| match level > 5.0 {
        true => Outcome::Inconclusive { reason: "the generator was the limit".into() },
        false => Outcome::Pass,
    };
    let (found, probes) = run(&search, |_, level| weak(level));
    assert_eq!((found.level, found.failed, found.inconclusive), (Some(5.0), Some(6.0), true));
    assert_eq!(found.limit.as_deref(), Some("the generator was the limit"));
    assert!(probes.iter().filter(|probe| probe.step == 5).count() == TRIES as usize, "{probes:?}");
    // Once is no reason to give a level up.
    let mut first = true;
    let (found, _) = run(&search, |_, level| match std::mem::take(&mut first) {
        true => weak(9.0),
        false => outcome(level <= 9.0),
    });
    assert_eq!((found.level, found.inconclusive), (Some(9.0), false));
}

#[rstest]
#[case::too_low([true, false, false], (None, Some(10.0)))]
#[case::high_enough([true, false, true], (Some(10.0), Some(12.0)))]
fn a_lowest_level_that_wavers_is_decided_before_the_search_ends(
    #[case] lowest: [bool; 3],
    #[case] ends: (Option<f64>, Option<f64>),
) {
    let search = search(Find::MaxRate, Ladder::by_step(10.0, 20.0, 2.0).unwrap(), 3);
    let mut tries = lowest.into_iter();
    let (found, probes) = run(&search, |step, _| outcome(step == 0 && tries.next().unwrap()));
    assert_eq!((found.level, found.failed), ends, "{probes:?}");
    assert_eq!(probes.iter().filter(|probe| probe.step == 0).count(), 3, "{probes:?}");
}

#[test]
fn of_a_level_that_fails_only_why_it_fails_is_told() {
    let search = search(Find::MaxRate, Ladder::by_step(1.0, 2.0, 1.0).unwrap(), 3);
    let mut tries = 0;
    let (found, probes) = run(&search, |step, _| {
        tries += usize::from(step == 1);
        match (step, tries) {
            (0, _) => Outcome::Pass,
            (_, 1) => outcome(false),
            _ => Outcome::Inconclusive { reason: "the generator was the limit".into() },
        }
    });
    assert_eq!((found.level, found.failed, found.inconclusive), (Some(1.0), Some(2.0), false));
    assert_eq!((tries, found.limit.as_deref()), (4, Some("p(95) < 200ms")), "{probes:?}");
}

#[test]
fn a_step_that_another_ladder_had_does_not_count() {
    let search = search(Find::MaxRate, Ladder::by_step(1.0, 3.0, 1.0).unwrap(), 1);
    let stray = Probe { step: 7, outcome: Outcome::Pass };
    assert_eq!(decide(&search, &[stray]), Decision::Next { step: 0, level: 1.0 });
}

#[rstest]
#[case::nothing(0.0, 5.0, 5.0)]
#[case::backwards(5.0, 4.0, 5.0)]
#[case::no_number(f64::NAN, 4.0, 5.0)]
#[case::no_precision(1.0, 4.0, 0.0)]
#[case::too_fine(1.0, 1e6, 1e-3)]
#[case::for_ever(1.0, 4.0, 1e-300)]
fn ladders_that_cannot_be_are_refused(#[case] from: f64, #[case] to: f64, #[case] percent: f64) {
    assert!(Ladder::by_percent(from, to, percent).is_err());
}

#[test]
fn ladders_end_where_they_are_meant_to() {
    assert_eq!(Ladder::by_step(2.0, 7.0, 2.0).unwrap().levels(), [2.0, 4.0, 6.0, 7.0]);
    assert_eq!(Ladder::by_percent(100.0, 120.0, 10.0).unwrap().levels(), [100.0, 110.0, 120.0]);
    assert_eq!(Ladder::by_percent(5.0, 5.0, 10.0).unwrap().levels(), [5.0]);
}

fn finds() -> impl Strategy<Value = Find> {
    prop_oneof![Just(Find::MaxRate), Just(Find::MinReplicas)]
}

proptest! {
    #[test]
    fn a_target_with_one_turn_is_searched_as_by_trying_all_levels(
        find in finds(),
        length in 1..200_usize,
        turn in 0..201_usize,
        repeats in 1..5_u32,
    ) {
        let ladder = Ladder::by_step(1.0, length as f64, 1.0).unwrap();
        let passes: Vec<bool> = (0..length).map(|step| (step < turn) == (find == Find::MaxRate)).collect();
        let search = search(find, ladder, repeats);
        let (found, probes) = run(&search, |step, _| outcome(passes[step]));
        let truth = full_search(find, &passes).map(|step| search.ladder.levels()[step]);
        prop_assert_eq!(found.level, truth);
        prop_assert!(found.unsteady.is_empty() && !found.inconclusive);
        prop_assert_eq!(found.probes as usize, probes.len());
        // Doubling and halving, and the turn once more for each further repeat.
        let bound = 2 * (length.ilog2() as usize + 2) + 2 * (repeats as usize / 2);
        prop_assert!(probes.len() <= bound, "{} of {bound}", probes.len());
    }

    #[test]
    fn whoever_is_killed_between_two_probes_goes_on_with_the_same_one(
        find in finds(),
        passes in prop::collection::vec(any::<bool>(), 1..60),
        repeats in 1..4_u32,
    ) {
        let search = search(find, Ladder::by_step(1.0, passes.len() as f64, 1.0).unwrap(), repeats);
        let (_, probes) = run(&search, |step, _| outcome(passes[step]));
        for (done, next) in probes.iter().enumerate() {
            // As it comes back from the status.
            let text = serde_json::to_string(&(&search, &probes[..done])).unwrap();
            let (search, history): (Search, Vec<Probe>) = serde_json::from_str(&text).unwrap();
            let decided = decide(&search, &history);
            prop_assert!(matches!(decided, Decision::Next { step, .. } if step == next.step), "{decided:?}");
        }
    }

    #[test]
    fn any_target_ends_at_a_turn_and_what_contradicts_is_told(
        find in finds(),
        outcomes in prop::collection::vec(prop::collection::vec(0..8_u8, 8), 1..60),
        repeats in 1..5_u32,
    ) {
        // Each probe of a level has an outcome of its own; one in eight says nothing.
        let search = search(find, Ladder::by_step(1.0, outcomes.len() as f64, 1.0).unwrap(), repeats);
        let mut tries = vec![0_usize; outcomes.len()];
        let (found, probes) = run(&search, |step, _| {
            tries[step] += 1;
            match outcomes[step][tries[step] % 8] {
                0 => Outcome::Inconclusive { reason: "a rollout".into() },
                number => outcome(number % 2 == 0),
            }
        });
        let of = |step: usize, passed: bool| probes.iter().filter(|probe| {
            probe.step == step && if passed { probe.outcome == Outcome::Pass } else { matches!(probe.outcome, Outcome::Fail { .. }) }
        }).count();
        if let Some(level) = found.level {
            let step = level as usize - 1;
            prop_assert!(of(step, true) > of(step, false), "{found:?}");
        }
        if let (Some(failed), false) = (found.failed, found.inconclusive) {
            let step = failed as usize - 1;
            prop_assert!(of(step, false) >= of(step, true) && of(step, false) > 0, "{found:?}");
        }
        if let (Some(level), Some(failed)) = (found.level, found.failed) {
            prop_assert_eq!(if find == Find::MaxRate { failed - level } else { level - failed }, 1.0);
        }
        // Nothing is found only where not even the easiest level passes.
        let easiest = if find == Find::MaxRate { 1.0 } else { outcomes.len() as f64 };
        prop_assert!(found.level.is_some() || found.inconclusive || found.failed == Some(easiest), "{found:?}");
        let noisy: Vec<f64> = (0..outcomes.len())
            .filter(|step| of(*step, true) > 0 && of(*step, false) > 0)
            .map(|step| step as f64 + 1.0)
            .collect();
        let told: Vec<f64> = found.unsteady.iter().filter_map(|unsteady| match unsteady {
            Unsteady::Noisy { level } => Some(*level),
            Unsteady::NotMonotonic { .. } => None,
        }).collect();
        prop_assert_eq!(told, noisy);
        // A harder level passed each time it was probed, and an easier one failed each time.
        let clear = |passed: bool| (0..outcomes.len()).filter(move |step| of(*step, passed) > 0 && of(*step, !passed) == 0);
        let harder = |one: usize, other: usize| if find == Find::MaxRate { one > other } else { one < other };
        let crossed = clear(true).any(|passed| clear(false).any(|failed| harder(passed, failed)));
        let told = found.unsteady.iter().any(|unsteady| matches!(unsteady, Unsteady::NotMonotonic { .. }));
        prop_assert!(told || !crossed, "{found:?}, {probes:?}");
    }
}
