// SPDX-License-Identifier: Apache-2.0
//! What starts a test besides a change of its spec: a schedule, and things that happen in the cluster.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::TimeSpan;

/// When a test is run again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Times in the form of cron: minute, hour, day of the month, month and day of the week, as in a CronJob; also
    /// `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`. Example: `0 3 * * *`, daily at 03:00.
    #[schemars(length(min = 1, max = 100))]
    pub cron: String,

    /// Time zone in which the times are meant, by its name in the IANA database. Where clocks are set forward, a time that
    /// does not exist that day is taken at the first moment after it; where they are set back, a time that exists twice is
    /// taken once, the first time. An expression with `*` in minute or hour goes on evenly through both. Default: `UTC`.
    /// Example: `Europe/Berlin`.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,

    /// What happens at a time at which a run of the test is still under way. `Forbid`: the new run waits until that one
    /// has ended, no longer than `startingDeadline`. `Replace`: a run that the schedule has made is aborted; one that was
    /// made for another reason is waited for. `Allow`: the new run is made beside it; whether their loads meet is said by
    /// `target.sharing`. Default: `Forbid`.
    #[serde(default)]
    pub concurrency_policy: ConcurrencyPolicy,

    /// Longest time after a scheduled time in which the run may still be made, if the operator was down or another run
    /// was waited for. After that the time is passed over. However many times were missed, at most one run is made for
    /// them. Default: any. Example: `10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_deadline: Option<TimeSpan>,
}

/// Whether scheduled runs may be under way at the same time as others of the test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    /// Beside others.
    Allow,
    /// After others.
    #[default]
    Forbid,
    /// Instead of others that the schedule has made.
    Replace,
}

/// Something that starts a run when it happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartTrigger {
    /// What it is. `Rollout`: another revision of a workload of the target, a Deployment or StatefulSet, has become ready, and
    /// the other workloads are ready too; a rollback is one too. Not taken for one: a revision that became ready while a run
    /// of this test was under way, while the test was suspended, or that the operator made itself, and the one that is there
    /// when the trigger is first seen.
    #[serde(rename = "type")]
    pub type_: TriggerType,

    /// Time for which all replicas of the new revision must have been ready before the run is made. Default: `30s`.
    /// Example: `2m`.
    #[serde(default = "thirty_seconds")]
    pub settle: TimeSpan,
}

/// What can start a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TriggerType {
    /// Another revision of the target has become ready.
    Rollout,
}

fn utc() -> String {
    "UTC".into()
}

fn thirty_seconds() -> TimeSpan {
    TimeSpan::from_secs(30)
}
