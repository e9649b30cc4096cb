// SPDX-License-Identifier: Apache-2.0
//! What comes next for a record that is to go to a store, and what is said of it. Pure.

use std::time::Duration;

use jiff::Timestamp;
use upsurge_crds::{names::reasons, v1alpha1::TimeSpan};

use crate::load_test_run::pods::{JobState, RunnerPod};

/// A Job that is made late, as its operator was away, gets this time all the same.
const SHORTEST: Duration = Duration::from_secs(120);
/// Most characters of a pod's words.
const LONGEST_WORDS: usize = 300;
/// Before the reason why it is tried again.
const TRIED_AGAIN: &str = ", and is tried again: ";
/// Why a Job has ended that has taken too long.
const TOO_LONG: &str = "DeadlineExceeded";

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// There is no Job; whether there is a record, or why not.
    NotBegun(Result<(), String>),
    /// Somebody else's Job has the name of it.
    Foreign(String),
    /// The Job goes on; what stands in its way, if anything does.
    UnderWay(Option<String>),
    /// The record is in its place.
    Done,
    /// The Job has given up.
    Failed {
        /// Whether it had taken too long.
        is_too_long: bool,
        /// What its last pod said.
        why: Option<String>,
    },
}

/// What is known of it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Where the record goes.
    pub(super) place: String,
    /// The time.
    pub(super) now: Timestamp,
    /// Until when it is tried.
    pub(super) until: Timestamp,
    /// How long that is.
    pub(super) deadline: TimeSpan,
    /// How far it is.
    pub(super) work: Work,
    /// Whether it has begun before.
    pub(super) was_begun: bool,
    /// What stood in its way, when that was said last.
    pub(super) trouble: Option<String>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Make the Job, which has this time.
    Begin(Duration),
    /// Say how it stands.
    Tell(Told),
}

/// What is said of it: the condition of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether the record is in its place.
    pub is_stored: bool,
    /// In a word.
    pub reason: &'static str,
    /// In a sentence.
    pub message: String,
}

impl Told {
    /// Whether nothing more will come of it.
    pub fn is_settled(&self) -> bool {
        self.is_stored || self.reason == reasons::RECORD_STORE_GIVEN_UP
    }
}

impl Work {
    /// How a Job stands; `forbidden` says why it can't make pods.
    pub(super) fn of(job: &JobState, pods: &[RunnerPod], forbidden: Option<String>) -> Self {
        let last = pods.iter().filter(|pod| pod.end.is_some()).max_by_key(|pod| ended(pod));
        let said = last.and_then(|pod| pod.end.as_ref()).filter(|end| !end.is_success());
        let said = said.map(|end| if end.message.is_empty() { &end.reason } else { &end.message });
        let said = said.map(|said| words(said)).filter(|said| !said.is_empty());
        match &job.failure {
            Some((reason, message)) => {
                let is_too_long = reason == TOO_LONG;
                let why = said.or_else(|| (!is_too_long).then(|| words(message)));
                Self::Failed { is_too_long, why }
            }
            None if job.finished => Self::Done,
            None => {
                let held_up = pods.iter().find_map(RunnerPod::held_up).map(|why| words(&why));
                let forbidden = forbidden.map(|why| format!("its pod can't be created: {}", words(&why)));
                Self::UnderWay(held_up.or(said).or(forbidden))
            }
        }
    }
}

fn ended(pod: &RunnerPod) -> Option<Timestamp> {
    pod.end.as_ref().and_then(|end| end.at)
}

/// What comes next.
pub(super) fn next(seen: &Seen) -> Next {
    let told = match &seen.work {
        Work::NotBegun(Err(why)) => given_up(seen, why),
        Work::NotBegun(Ok(())) if seen.was_begun && seen.now >= seen.until => unknown(seen),
        Work::NotBegun(Ok(())) => {
            let left = Duration::try_from(seen.until.duration_since(seen.now)).unwrap_or_default();
            return Next::Begin(left.max(SHORTEST));
        }
        Work::Foreign(job) => given_up(
            seen,
            &format!("Job {job}, which has the name of the one to be made, is somebody else's"),
        ),
        Work::UnderWay(why) => match why.as_ref().or(seen.trouble.as_ref()) {
            Some(why) => tried_again(seen, why),
            None => begun(seen),
        },
        Work::Done => Told {
            is_stored: true,
            reason: reasons::RECORD_STORED,
            message: format!("the record is in {}", seen.place),
        },
        Work::Failed { is_too_long, why } => {
            let why = why.as_deref().or(seen.trouble.as_deref());
            let why =
                if *is_too_long { overdue(seen, why) } else { why.unwrap_or("its Job failed").to_owned() };
            given_up(seen, &why)
        }
    };
    Next::Tell(told)
}

/// The Job is at work.
pub(super) fn begun(seen: &Seen) -> Told {
    Told {
        is_stored: false,
        reason: reasons::RECORD_STORING,
        message: format!("the record is being put into {}", seen.place),
    }
}

/// The Job can't be made, for this reason.
pub(super) fn refused(seen: &Seen, why: &str) -> Told {
    let why = words(why);
    if seen.now >= seen.until { given_up(seen, &overdue(seen, Some(&why))) } else { tried_again(seen, &why) }
}

/// What stands in the way, by what was said of it.
pub(super) fn trouble(message: &str) -> Option<String> {
    message.split_once(TRIED_AGAIN).map(|(_, why)| why.to_owned())
}

fn tried_again(seen: &Seen, why: &str) -> Told {
    Told {
        is_stored: false,
        reason: reasons::RECORD_NOT_STORED,
        message: format!("the record can't be put into {}{TRIED_AGAIN}{why}", seen.place),
    }
}

fn given_up(seen: &Seen, why: &str) -> Told {
    Told {
        is_stored: false,
        reason: reasons::RECORD_STORE_GIVEN_UP,
        message: format!(
            "the record was not put into {}, and nobody tries again: {why}; what the namespace keeps of it can be had by \
             upsurge get RUN --record",
            seen.place
        ),
    }
}

/// A Job was made, and is not there any more: somebody has deleted it, or it was over for an hour while no operator was at work.
fn unknown(seen: &Seen) -> Told {
    let why = overdue(seen, seen.trouble.as_deref());
    Told {
        is_stored: false,
        reason: reasons::RECORD_STORE_GIVEN_UP,
        message: format!(
            "nobody knows whether the record is in {}, as its Job is gone, and nobody tries again: {why}; what the namespace \
             keeps of it can be had by upsurge get RUN --record",
            seen.place
        ),
    }
}

fn overdue(seen: &Seen, why: Option<&str>) -> String {
    let passed = format!("spec.record.deadline of {} has passed", seen.deadline);
    why.map_or_else(|| passed.clone(), |why| format!("{passed}: {why}"))
}

/// What somebody says, in one line and short. Of several lines the last one is the reason.
fn words(text: &str) -> String {
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    line.chars().filter(|letter| !letter.is_control()).take(LONGEST_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load_test_run::{fixtures::at, pods::PodEnd};

    fn seen(work: Work) -> Seen {
        Seen {
            place: "s3://runs/a.record".into(),
            now: at(60),
            until: at(1_800),
            deadline: TimeSpan::from_secs(1_800),
            work,
            was_begun: false,
            trouble: None,
        }
    }

    fn told(seen: &Seen) -> (&'static str, String) {
        match next(seen) {
            Next::Tell(told) => (told.reason, told.message),
            Next::Begin(_) => panic!("it begins"),
        }
    }

    #[test]
    fn a_job_is_made_once_with_the_time_that_is_left() {
        let ready = || Work::NotBegun(Ok(()));
        assert_eq!(next(&seen(ready())), Next::Begin(Duration::from_secs(1_740)));
        // The operator was away.
        let late = Seen { now: at(5_000), ..seen(ready()) };
        assert_eq!(next(&late), Next::Begin(SHORTEST));
        // Somebody deletes it again and again, or it has ended and gone while the operator was away.
        let again =
            Seen { now: at(5_000), was_begun: true, trouble: Some("no bucket".into()), ..seen(ready()) };
        let (reason, message) = told(&again);
        assert_eq!(reason, reasons::RECORD_STORE_GIVEN_UP);
        assert!(
            message.starts_with("nobody knows whether the record is in s3://runs/a.record, "),
            "{message}"
        );
        assert!(message.contains("spec.record.deadline of 30m has passed: no bucket; "), "{message}");
    }

    #[test]
    fn what_stands_in_the_way_stays_said_until_the_record_is_stored() {
        let (reason, message) = told(&seen(Work::UnderWay(Some("no answer".into()))));
        assert_eq!(reason, reasons::RECORD_NOT_STORED);
        assert_eq!(message, "the record can't be put into s3://runs/a.record, and is tried again: no answer");
        assert_eq!(trouble(&message).as_deref(), Some("no answer"));
        // The next pod is being made.
        let between = Seen { trouble: trouble(&message), ..seen(Work::UnderWay(None)) };
        assert_eq!(told(&between).1, message);
        assert_eq!(told(&seen(Work::UnderWay(None))).0, reasons::RECORD_STORING);
        let done = Seen { trouble: trouble(&message), ..seen(Work::Done) };
        assert_eq!(told(&done), (reasons::RECORD_STORED, "the record is in s3://runs/a.record".into()));
    }

    #[test]
    fn what_nobody_can_store_is_given_up_with_the_reason() {
        let none = seen(Work::NotBegun(Err("the run has left no record".into())));
        assert!(told(&none).1.contains("nobody tries again: the run has left no record; "));
        let late = Seen {
            trouble: Some("secret \"s\" not found".into()),
            ..seen(Work::Failed { is_too_long: true, why: None })
        };
        let (reason, message) = told(&late);
        assert_eq!(reason, reasons::RECORD_STORE_GIVEN_UP);
        assert!(message.contains("deadline of 30m has passed: secret \"s\" not found; "), "{message}");
        assert!(told(&seen(Work::Foreign("mine".into()))).1.contains("Job mine"));
    }

    #[test]
    fn a_job_that_is_refused_is_tried_again_until_the_deadline() {
        let early = refused(&seen(Work::NotBegun(Ok(()))), "quota");
        assert_eq!((early.reason, early.is_settled()), (reasons::RECORD_NOT_STORED, false));
        let late = refused(&Seen { now: at(1_800), ..seen(Work::NotBegun(Ok(()))) }, "quota");
        assert_eq!((late.reason, late.is_settled()), (reasons::RECORD_STORE_GIVEN_UP, true));
    }

    fn failed(message: &str, second: i64) -> RunnerPod {
        let end =
            PodEnd { exit_code: Some(2), message: message.into(), at: Some(at(second)), ..PodEnd::default() };
        RunnerPod { end: Some(end), ..RunnerPod::default() }
    }

    #[test]
    fn the_last_words_of_the_last_pod_count_and_no_more_of_them() {
        let (job, long) =
            (JobState::default(), format!("{{\"level\":\"INFO\"}}\nerror: {}\n", "x".repeat(9_000)));
        let pods = [failed("error: first", 1), failed(&long, 3), failed("error: second", 2)];
        let Work::UnderWay(Some(why)) = Work::of(&job, &pods, None) else { panic!("nothing is said") };
        assert_eq!(why, "x".repeat(LONGEST_WORDS));
        let waiting = Some(("CreateContainerConfigError".into(), "secret \"s\" not found".into()));
        let waits = RunnerPod { waiting, ..RunnerPod::default() };
        let Work::UnderWay(Some(why)) = Work::of(&job, &[failed("error: first", 1), waits], None) else {
            panic!("nothing is said")
        };
        assert_eq!(why, "CreateContainerConfigError: secret \"s\" not found");
        assert_eq!(Work::of(&job, &[], None), Work::UnderWay(None));
        let finished = JobState { finished: true, ..JobState::default() };
        assert_eq!(Work::of(&finished, &[], None), Work::Done);
        let too_long =
            Some((TOO_LONG.to_owned(), "Job was active longer than specified deadline".to_owned()));
        let late = JobState { failure: too_long, ..JobState::default() };
        assert_eq!(Work::of(&late, &[], None), Work::Failed { is_too_long: true, why: None });
    }
}
