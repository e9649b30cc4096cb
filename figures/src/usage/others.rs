// SPDX-License-Identifier: Apache-2.0
//! The pods that there is no room for: counted, with their highest shares and the ends of their containers.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    pod::{PodTrack, is_oom},
    share::Shares,
};
use crate::observation::{Life, PodUsage};

/// Most names that are known; of more pods nobody knows which are which.
const MOST_NAMES: usize = 500;
/// Most ends of containers of which it is known that they were counted, the newest.
const MOST_ENDS: usize = 500;

/// Pods that have no track of their own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Others {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    names: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    terminating: BTreeSet<String>,
    /// Ends that were counted: when, of which pod, why and with which exit code.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    ends: BTreeSet<(Timestamp, String, String, i32)>,
    shares: Shares,
    restarts: u32,
    oom_kills: u32,
}

impl Others {
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn holds(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    pub(super) fn shares(&self) -> &Shares {
        &self.shares
    }

    pub(super) fn restarts(&self) -> u32 {
        self.restarts
    }

    pub(super) fn oom_kills(&self) -> u32 {
        self.oom_kills
    }

    /// Takes a sample of one of them.
    pub(super) fn measure(&mut self, usage: &PodUsage) {
        self.note(&usage.pod);
        self.shares.measure(usage);
    }

    /// Takes a step in the life of one of them.
    pub(super) fn live(&mut self, name: &str, life: &Life, at: Timestamp, counts: bool) {
        match life {
            Life::Terminating if self.terminating.len() < MOST_NAMES => {
                self.terminating.insert(name.into());
            }
            Life::Ended { reason, exit_code, .. } if counts && !self.terminating.contains(name) => {
                if !self.ends.insert((at, name.into(), reason.clone(), *exit_code)) {
                    return;
                }
                if self.ends.len() > MOST_ENDS {
                    self.ends.pop_first();
                }
                self.restarts = self.restarts.saturating_add(1);
                self.oom_kills += u32::from(is_oom(reason));
            }
            Life::Gone => drop(self.terminating.remove(name)),
            _ => {}
        }
    }

    /// A pod is let go that had a track.
    pub(super) fn take(&mut self, name: &str, pod: &PodTrack) {
        if pod.track.samples() > 0 {
            self.note(name);
        }
        self.shares.merge(&pod.track.shares);
        self.restarts = self.restarts.saturating_add(pod.restarts());
        self.oom_kills = self.oom_kills.saturating_add(pod.oom_kills);
    }

    pub(super) fn bytes(&self) -> usize {
        let names = self.names.iter().chain(&self.terminating);
        let ends = self.ends.iter().map(|end| size_of_val(end) + end.1.len() + end.2.len());
        size_of::<Self>()
            + names.map(|name| size_of::<String>() + name.len()).sum::<usize>()
            + ends.sum::<usize>()
    }

    fn note(&mut self, name: &str) {
        if self.names.len() < MOST_NAMES {
            self.names.insert(name.into());
        }
    }
}
