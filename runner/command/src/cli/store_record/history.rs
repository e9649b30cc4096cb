// SPDX-License-Identifier: Apache-2.0
//! Which records of a test go from a volume when a new one has come. What can't be read as a record is somebody else's, and stays.

use std::{
    cmp::Reverse,
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use upsurge_core::protocol::RECORD_SUFFIX;
use upsurge_crds::v1alpha1::{KeptRecords, RecordHistory, Verdict};
use upsurge_record::disk;

use super::super::say;

/// A record in a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    path: PathBuf,
    has_passed: bool,
    ended: Timestamp,
}

/// Takes away the records beside the one that was written which are not to stay. Says what can't be taken away.
pub(super) fn clear(written: &Path, history: &RecordHistory, kept: &[String], now: Timestamp) {
    let Some(folder) = written.parent() else { return };
    let told = |path: &Path, error: &io::Error| {
        say::line(format_args!("{}: older records were not looked through: {error}", path.display()));
    };
    let mut stored = match stored(folder) {
        Ok(stored) => stored,
        Err(error) => return told(folder, &error),
    };
    // By name, not by what is in it: a file is called as its run.
    let stays = |path: &Path| path == written || kept.iter().any(|run| path == folder.join(named(run)));
    for path in surplus(&mut stored, history, stays, now) {
        match fs::remove_file(path) {
            // Another pod was faster.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => told(path, &error),
            Ok(()) => {}
        }
    }
}

/// What the record of a run is called.
fn named(run: &str) -> String {
    format!("{run}{RECORD_SUFFIX}")
}

/// The records in a folder.
fn stored(folder: &Path) -> io::Result<Vec<Stored>> {
    let mut stored = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let is_named_so = entry.file_name().to_str().is_some_and(|name| name.ends_with(RECORD_SUFFIX));
        if !is_named_so || !entry.file_type()?.is_file() {
            continue;
        }
        let record = disk::read(&path).and_then(|bytes| disk::decode(&bytes));
        if let Ok(record) = record {
            let has_passed = record.outcome.verdict == Verdict::Passed;
            stored.push(Stored { path, has_passed, ended: record.run.end_time });
        }
    }
    Ok(stored)
}

/// The records that go: of each outcome those beyond the newest so many, and those that are too old. Those that stay in any case count.
fn surplus<'a>(
    stored: &'a mut [Stored],
    history: &RecordHistory,
    stays: impl Fn(&Path) -> bool,
    now: Timestamp,
) -> Vec<&'a Path> {
    stored.sort_by_key(|record| Reverse(record.ended));
    let stored: &'a [Stored] = stored;
    let age = |record: &Stored| Duration::try_from(now.duration_since(record.ended)).unwrap_or_default();
    let mut gone = Vec::new();
    for (has_passed, limits) in [(true, &history.passed), (false, &history.not_passed)] {
        let KeptRecords { count, max_age } = limits;
        let most = count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(1));
        let of_outcome = stored.iter().filter(|record| record.has_passed == has_passed);
        let too_many = |place: usize| place >= most;
        let too_old = |record: &Stored| max_age.is_some_and(|longest| age(record) >= longest.0);
        let surplus = of_outcome.enumerate().filter(|(place, record)| too_many(*place) || too_old(record));
        gone.extend(surplus.map(|(_, record)| record.path.as_path()).filter(|path| !stays(path)));
    }
    gone
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// Records of those names, each a minute older than the one before; `+` marks those of runs that passed.
    fn records(names: &[&str]) -> Vec<Stored> {
        let record = |(age, name): (usize, &&str)| Stored {
            path: PathBuf::from(named(name.trim_end_matches('+'))),
            has_passed: name.ends_with('+'),
            ended: at(-60 * i64::try_from(age).unwrap()),
        };
        names.iter().enumerate().map(record).collect()
    }

    fn gone(history: Value, kept: &[&str]) -> Vec<String> {
        let history: RecordHistory = serde_json::from_value(history).unwrap();
        let mut stored = records(&["a+", "b", "c+", "d", "e+", "f"]);
        let stays = |path: &Path| kept.iter().any(|run| path == Path::new(&named(run)));
        let gone = surplus(&mut stored, &history, stays, at(0));
        gone.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn records_go_by_outcome_count_and_age_and_some_never() {
        assert!(gone(json!({}), &[]).is_empty());
        assert_eq!(gone(json!({"passed": {"count": 2}}), &[]), ["e"]);
        assert_eq!(gone(json!({"notPassed": {"count": 1}}), &[]), ["d", "f"]);
        assert_eq!(
            gone(json!({"passed": {"maxAge": "2m"}, "notPassed": {"count": 2}}), &[]),
            ["c", "e", "f"]
        );
        assert_eq!(
            gone(json!({"passed": {"maxAge": "2m"}, "notPassed": {"count": 1}}), &["c", "f"]),
            ["e", "d"]
        );
    }
}
