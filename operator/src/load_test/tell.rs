// SPDX-License-Identifier: Apache-2.0
//! Events and lines of the log about what was started, and what was not.

use jiff::Timestamp;
use kube::Resource as _;
use tracing::info;
use upsurge_crds::LoadTest;

use super::decide::{Decided, Start, Trigger};
use crate::{
    audit::{self, Act},
    context::Context,
};

/// A run was made, and others were aborted for it.
pub async fn start(context: &Context, test: &LoadTest, start: &Start, decided: &Decided, run: &str) {
    let trigger = start.trigger.as_str();
    let (act, detail) = match start.trigger {
        Trigger::SpecChanged => (Act::Start, trigger.to_owned()),
        Trigger::Rerun => (Act::Rerun, trigger.to_owned()),
        Trigger::Rollout => {
            let revision = decided.rollout.ready.as_deref().unwrap_or_default();
            (Act::Rollout, format!("revision {revision} of the target is ready"))
        }
        Trigger::Schedule => {
            let time = decided.schedule.due.map(|time| time.to_string()).unwrap_or_default();
            (Act::Schedule, format!("scheduled for {time}"))
        }
    };
    for replaced in &start.replaces {
        let detail = format!("aborted: {run} takes its place");
        audit::of_test(&context.events, test, Act::Replace, Some(replaced), &detail).await;
    }
    audit::of_test(&context.events, test, act, Some(run), &detail).await;
    info!(run, trigger, "created run");
    let note = format!("created run {run} ({trigger})");
    context.events.normal(&test.object_ref(&()), "RunCreated", "CreateRun", &note).await;
}

/// A scheduled time was passed over.
pub async fn missed(context: &Context, test: &LoadTest, time: Timestamp) {
    let note =
        format!("no run was made for {time}: spec.schedule.startingDeadline was over before it could be");
    info!(%time, "passed over a scheduled time");
    context.events.warning(&test.object_ref(&()), "MissedSchedule", "Schedule", &note).await;
}
