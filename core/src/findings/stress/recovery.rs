// SPDX-License-Identifier: Apache-2.0
//! When thresholds are met again after the load fell, second by second.
//!
//! A load of few requests leaves seconds in which nothing ends; that a target hangs looks the same, so only short times are bridged: they
//! are like the second after them.

use std::time::Duration;

use crate::{
    plan::{HELD, Stage},
    thresholds::Seconds,
};

/// Longest time without any result that is bridged.
const SILENCE: Duration = Duration::from_secs(5);

/// How a target recovered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Recovery {
    /// Time from the begin of the stage until thresholds were met for as long as they have to be; absent if that was never.
    pub(super) after: Option<Duration>,
    /// Time of the stage before that of which nothing is known.
    pub(super) unknown: Duration,
}

/// How a target recovered in a stage.
pub(super) fn of(seconds: &Seconds, stage: &Stage) -> Recovery {
    let mut recovery = Recovery::default();
    // Up to here it is known, or known to be unknown; and since when thresholds are met.
    let (mut last, mut since) = (stage.start, None);
    let known = seconds.stretches().iter().filter_map(|stretch| Some((stretch, stretch.met?)));
    for (stretch, met) in known {
        let [from, to] = [stretch.from, stretch.to].map(|second| Duration::from_secs(second.into()));
        let (from, to) = (from.max(stage.start), to.min(stage.end()));
        if to <= from {
            continue;
        }
        let mut begin = last;
        if from.saturating_sub(last) > SILENCE {
            recovery.unknown += from - last;
            (begin, since) = (from, None);
        }
        last = to;
        if !met {
            since = None;
            continue;
        }
        let since = *since.get_or_insert(begin);
        if to - since >= HELD {
            recovery.after = Some(since.saturating_sub(stage.start));
            return recovery;
        }
    }
    let rest = stage.end().saturating_sub(last);
    if rest > SILENCE {
        recovery.unknown += rest;
    }
    recovery
}
