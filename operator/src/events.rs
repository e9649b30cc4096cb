// SPDX-License-Identifier: Apache-2.0
//! Kubernetes events: what happened to a test or run, in the order in which it happened.
//!
//! Events are for people. Nothing reads them back, and an event that can't be written stops nothing.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tracing::warn;
use upsurge_crds::names::REPORTER;

/// Longest note in bytes that the API server takes.
const LONGEST_NOTE: usize = 1_024;

/// Writes events.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
}

impl Events {
    /// Events that name this operator as their reporter.
    pub fn new(client: Client, instance: String) -> Self {
        let reporter = Reporter { controller: REPORTER.into(), instance: Some(instance) };
        Self { recorder: Recorder::new(client, reporter) }
    }

    /// Something went its way.
    pub async fn normal(&self, about: &ObjectReference, reason: &str, action: &str, note: &str) {
        self.publish(about, EventType::Normal, reason, action, note).await;
    }

    /// Something needs a look.
    pub async fn warning(&self, about: &ObjectReference, reason: &str, action: &str, note: &str) {
        self.publish(about, EventType::Warning, reason, action, note).await;
    }

    async fn publish(
        &self,
        about: &ObjectReference,
        type_: EventType,
        reason: &str,
        action: &str,
        note: &str,
    ) {
        let event = Event {
            type_,
            reason: reason.into(),
            note: Some(shortened(note)),
            action: action.into(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, about).await {
            warn!(%error, reason, object = about.name, "failed to write event");
        }
    }
}

fn shortened(note: &str) -> String {
    if note.len() <= LONGEST_NOTE {
        return note.into();
    }
    let end = note.floor_char_boundary(LONGEST_NOTE - '…'.len_utf8());
    format!("{}…", &note[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_notes_are_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        let long = shortened(&"ä".repeat(1_000));
        assert!(long.len() <= LONGEST_NOTE && long.ends_with("ä…"), "{} bytes", long.len());
    }
}
