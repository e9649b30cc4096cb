// SPDX-License-Identifier: Apache-2.0
//! A pod: its CPU and memory, and when its containers were started and ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Load, sight::Sight, track::Track};
use crate::observation::{Life, PodUsage};

/// Why a container ends for lack of memory.
const OOM_KILLED: &str = "OOMKilled";
/// Most ends that are told one by one, the newest.
const MOST_ENDS: usize = 5;
/// Most starts that are known, the newest.
const MOST_STARTS: usize = 64;

/// A pod that has a track of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodTrack {
    /// CPU and memory.
    pub track: Track,
    /// Ends of containers under the load that nobody asked for, the newest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ends: Vec<End>,
    /// How many of all such ends were for lack of memory.
    pub oom_kills: u32,
    /// When its containers were started, all of them running.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) starts: Vec<Timestamp>,
    /// How many starts there were in all.
    lives: u32,
    /// Ends that were told.
    told: u32,
    /// Kubernetes' own count before the first and at the last of them, as far as known: at most so many before.
    counts: Option<(u32, u32)>,
    /// How many ends there were before the first that counts, at most; absent if nobody saw it come.
    ended_before: Option<u32>,
    /// When the last of these was seen.
    seen_before: Option<Timestamp>,
    /// Whether it was measured while it was ready.
    pub(super) sight: Sight,
    is_terminating: bool,
    /// Whether it is not there any more.
    pub(super) is_gone: bool,
}

/// An end of a container that nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// When it ended.
    pub at: Timestamp,
    /// Why, for example `OOMKilled`.
    pub reason: String,
    /// Its exit code.
    pub exit_code: i32,
}

impl PodTrack {
    /// How often its containers ended under the load without being asked to, and so were started again. Of several ends between
    /// two looks only the last one is told; Kubernetes' own count knows of the others. At least so often: the count may not have the
    /// last end yet.
    pub fn restarts(&self) -> u32 {
        self.told.max(self.counts.map_or(0, |(first, last)| last.saturating_sub(first)))
    }

    /// Takes a sample; false if it was taken before.
    pub(super) fn measure(&mut self, usage: &PodUsage, from: Timestamp) -> bool {
        self.is_gone = false;
        self.sight.measure(usage.at, from);
        // By its own time: a sample comes some seconds after the start of the next container.
        let later = self.starts.iter().rev().take_while(|start| **start > usage.at).count();
        let life = self.lives.saturating_sub(u32::try_from(later).unwrap_or(0));
        self.track.add(usage, from, life)
    }

    /// Takes a step of its life, which was `seen` then and `counts` if it was under the load.
    pub(super) fn live(&mut self, life: &Life, at: Timestamp, seen: Timestamp, counts: bool, load: Load) {
        self.sight.live(life, at, load);
        match life {
            Life::Created => {
                self.is_gone = false;
                self.is_terminating = false;
                self.ended_before = Some(0);
            }
            Life::Started => {
                if self.seen_before.take() == Some(seen) {
                    // In the very look that told of its end it was running again, so that the count had that end already.
                    self.ended_before = self.ended_before.map(|ends| ends.saturating_sub(1));
                }
                if self.starts.last() != Some(&at) {
                    self.starts.push(at);
                    self.lives = self.lives.saturating_add(1);
                }
                if self.starts.len() > MOST_STARTS {
                    self.starts.remove(0);
                }
            }
            Life::Terminating => self.is_terminating = true,
            Life::Ended { restarts, .. } if !counts && !self.is_terminating && self.counts.is_none() => {
                // Kubernetes counts an end when it starts the container again.
                self.ended_before = Some(restarts.saturating_add(1));
                self.seen_before = Some(seen);
            }
            Life::Ended { reason, exit_code, restarts } if counts && !self.is_terminating => {
                let end = End { at, reason: reason.clone(), exit_code: *exit_code };
                // Whoever goes on after a gap tells the last end again, if nobody kept that it was told.
                if self.ends.contains(&end) {
                    return;
                }
                self.told = self.told.saturating_add(1);
                let before = self.ended_before.map_or(*restarts, |ends| ends.min(*restarts));
                self.counts = Some((self.counts.map_or(before, |(first, _)| first), *restarts));
                self.oom_kills += u32::from(is_oom(reason));
                self.sight.ended_unmeasured |= self.track.samples() == 0;
                self.ends.push(end);
                if self.ends.len() > MOST_ENDS {
                    self.ends.remove(0);
                }
            }
            Life::Gone => self.is_gone = true,
            _ => {}
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let ends = self.ends.iter().map(|end| size_of::<End>() + end.reason.len());
        size_of::<Self>()
            + self.track.bytes()
            + ends.sum::<usize>()
            + self.starts.len() * size_of::<Timestamp>()
    }
}

/// Whether an end was for lack of memory.
pub(super) fn is_oom(reason: &str) -> bool {
    reason == OOM_KILLED
}
