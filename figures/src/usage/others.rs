// SPDX-License-Identifier: Apache-2.0
//! The pods that there is no room for: counted, with their highest shares and the ends of their containers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Load,
    pod::{PodTrack, is_oom},
    share::Shares,
    sight::Sight,
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
    /// Whether they were measured, of those that are ready, and of those that were not.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sights: BTreeMap<String, Sight>,
    /// Whether there were more of these than there is room for.
    is_crowded: bool,
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

    /// What is known of how far each was measured.
    pub(super) fn sights(&self) -> impl Iterator<Item = (&str, &Sight)> {
        self.sights.iter().map(|(name, sight)| (name.as_str(), sight))
    }

    /// Whether nobody knows of some of them how far they were measured.
    pub(super) fn is_crowded(&self) -> bool {
        self.is_crowded
    }

    /// One of them gets a track of its own, with what is known of how far it was measured.
    pub(super) fn release(&mut self, name: &str) -> Sight {
        self.sights.remove(name).unwrap_or_default()
    }

    /// Takes a sample of one of them, under a load that began then.
    pub(super) fn measure(&mut self, usage: &PodUsage, from: Timestamp) {
        self.note(&usage.pod);
        self.sight(&usage.pod, |sight| sight.measure(usage.at, from));
        self.shares.measure(usage);
    }

    /// Takes a step in the life of one of them.
    pub(super) fn live(&mut self, name: &str, life: &Life, at: Timestamp, counts: bool, load: Load) {
        self.sight(name, |sight| sight.live(life, at, load));
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
                let is_measured = self.names.contains(name);
                self.sight(name, |sight| sight.ended_unmeasured |= !is_measured);
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
        self.sight(name, |sight| sight.clone_from(&pod.sight));
        self.shares.merge(&pod.track.shares);
        self.restarts = self.restarts.saturating_add(pod.restarts());
        self.oom_kills = self.oom_kills.saturating_add(pod.oom_kills);
    }

    pub(super) fn bytes(&self) -> usize {
        let names = self.names.iter().chain(&self.terminating);
        let sights = self.sights.keys().map(|name| size_of::<(String, Sight)>() + name.len());
        let ends = self.ends.iter().map(|end| size_of_val(end) + end.1.len() + end.2.len());
        size_of::<Self>()
            + names.map(|name| size_of::<String>() + name.len()).sum::<usize>()
            + sights.sum::<usize>()
            + ends.sum::<usize>()
    }

    /// Changes what is known of how far one of them was measured, and keeps it if that is anything.
    fn sight(&mut self, name: &str, change: impl FnOnce(&mut Sight)) {
        let known = self.sights.remove(name);
        let mut sight = known.unwrap_or_default();
        change(&mut sight);
        if sight.is_void() {
            return;
        }
        if self.sights.len() < MOST_NAMES {
            self.sights.insert(name.into(), sight);
        } else {
            self.is_crowded = true;
        }
    }

    fn note(&mut self, name: &str) {
        if self.names.len() < MOST_NAMES {
            self.names.insert(name.into());
        }
    }
}
