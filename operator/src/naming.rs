// SPDX-License-Identifier: Apache-2.0
//! Names and labels of the objects that the operator makes: the same ones each time, and never longer than allowed.
//!
//! A name that had to be shortened carries a digest of the whole, so that two long names stay different.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use upsurge_crds::names::labels;

/// Longest name of a run made by the operator: it is also a label's value.
const LONGEST_RUN: usize = 63;
/// Longest base name of a run's objects. A Job's pods are reached by `NAME-INDEX`, which must fit a DNS
/// label of 63; checkpoints add `-checkpoint`.
const LONGEST_BASE: usize = 50;
/// Longest value of a label.
const LONGEST_LABEL: usize = 63;

/// The first `length` hexadecimal digits of a text's SHA-256.
pub fn hash(text: &str, length: usize) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    let mut hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    hex.truncate(length);
    hex
}

/// Name of the run that a generation of a test makes; with `rerun`, of the one that a new value of the rerun
/// annotation makes after so many others: the value may be one that was there before.
pub fn run(test: &str, generation: i64, rerun: Option<(&str, i64)>) -> String {
    let suffix = match rerun {
        Some((value, 0)) => format!("-g{generation}-{}", hash(value, 8)),
        Some((value, earlier)) => format!("-g{generation}-{}", hash(&format!("{earlier} {value}"), 8)),
        None => format!("-g{generation}"),
    };
    bounded(test, &suffix, LONGEST_RUN)
}

/// Name of the run for a scheduled time: the same whoever makes it, and however often that is tried.
pub fn scheduled_run(test: &str, time: Timestamp) -> String {
    bounded(test, &format!("-s{}", time.as_second() / 60), LONGEST_RUN)
}

/// Name of the run that a rollout starts after so many others: a revision may be one that was there before.
pub fn rollout_run(test: &str, revision: &str, earlier: i64) -> String {
    bounded(test, &format!("-r{}", hash(&format!("{earlier} {revision}"), 8)), LONGEST_RUN)
}

/// Base name of the objects that belong to a run; the UID makes it differ from that of an earlier run of the name.
pub fn base(run: &str, uid: &str) -> String {
    let suffix = format!("-{}", hash(uid, 8));
    // A Job's name is part of host names, which have no dots.
    cut(&run.replace('.', "-"), LONGEST_BASE - suffix.len()) + &suffix
}

/// Name of the checkpoint.
pub fn checkpoint(base: &str) -> String {
    format!("{base}-checkpoint")
}

/// Name of the service account of the runner pods.
pub fn service_account(base: &str) -> String {
    format!("{base}-runner")
}

/// Name of the Job that puts the record of a run into a store, and of the service account of its pods.
pub fn store(base: &str) -> String {
    format!("{base}-store")
}

/// A name as the value of a label.
pub fn label(name: &str) -> String {
    bounded(name, "", LONGEST_LABEL)
}

/// Labels of a run of a test.
pub fn run_labels(test: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (labels::TEST.into(), label(test)),
        (labels::MANAGED_BY.into(), labels::MANAGED_BY_VALUE.into()),
    ])
}

fn bounded(name: &str, suffix: &str, longest: usize) -> String {
    if name.len() + suffix.len() <= longest {
        return format!("{name}{suffix}");
    }
    let suffix = format!("-{}{suffix}", hash(name, 8));
    cut(name, longest.saturating_sub(suffix.len())) + &suffix
}

/// The beginning of a name, not ending in a character that a name may not have before a hyphen.
fn cut(name: &str, length: usize) -> String {
    name.chars().take(length).collect::<String>().trim_end_matches(['-', '.', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_stay_readable() {
        assert_eq!(run("checkout", 3, None), "checkout-g3");
        let rerun = run("checkout", 3, Some(("1700000000", 0)));
        assert!(rerun.starts_with("checkout-g3-") && rerun.len() == "checkout-g3-".len() + 8, "{rerun}");
        for other in [("1700000001", 0), ("1700000000", 1), ("1700000000", 2)] {
            assert_ne!(rerun, run("checkout", 3, Some(other)));
        }
        assert_eq!(label("checkout-g3"), "checkout-g3");
    }

    #[test]
    fn a_scheduled_time_and_a_rollout_have_names_of_their_own() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let name = scheduled_run("checkout", at("2026-11-30T03:00:00Z"));
        assert_eq!(name, "checkout-s29933460");
        assert_ne!(name, scheduled_run("checkout", at("2026-11-30T03:01:00Z")));
        let rollout = rollout_run("checkout", "store-a", 0);
        assert!(rollout.starts_with("checkout-r") && rollout == rollout_run("checkout", "store-a", 0));
        assert_ne!(rollout, rollout_run("checkout", "store-a", 2), "after a rollback");
    }

    #[test]
    fn long_names_are_bounded_and_stay_different() {
        let (one, two) = (format!("{}a", "x".repeat(250)), format!("{}b", "x".repeat(250)));
        for name in [&one, &two] {
            assert!(run(name, i64::MAX, Some(("again", i64::MAX))).len() <= 63);
            assert!(scheduled_run(name, Timestamp::MAX).len() <= 63);
            assert!(rollout_run(name, &two, i64::MAX).len() <= 63);
            assert!(label(name).len() <= 63);
            let base = base(name, "uid");
            assert!(format!("{base}-999").len() <= 63 && checkpoint(&base).len() <= 63, "{base}");
            assert!(format!("{}-abcde", store(&base)).len() <= 63, "{base}");
        }
        assert_ne!(run(&one, 1, None), run(&two, 1, None));
        assert_ne!(label(&one), label(&two));
    }

    #[test]
    fn the_base_name_differs_by_uid_and_has_no_dots() {
        assert_ne!(base("checkout-g1", "a"), base("checkout-g1", "b"));
        assert_eq!(base("checkout-g1", "a"), base("checkout-g1", "a"));
        assert!(!base("check.out-g1", "a").contains('.'));
        assert_ne!(base(&format!("{}.", "x".repeat(40)), "a").chars().rev().nth(9), Some('-'));
    }
}
