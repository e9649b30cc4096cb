// SPDX-License-Identifier: Apache-2.0
//! What a runner may not say, and why: told to it, and logged.

use upsurge_core::{intake::Objection, protocol::DeltaReply};

/// Why a runner is not listened to.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is no such runner.
    #[error("there is no runner {runner}: the run has {runners}, from 0")]
    Index {
        /// Index that was claimed.
        runner: u32,
        /// Number of runners.
        runners: usize,
    },
    /// Another pod already speaks for the runner and has begun its share.
    #[error("pod {pod} has begun the share of runner {runner} already; it is not done twice")]
    Taken {
        /// Index that was claimed.
        runner: u32,
        /// The pod that holds it.
        pod: String,
    },
    /// The runner started by a T0 that is not the run's.
    #[error("runner {runner} started at {theirs} ns, but the run starts at {ours} ns")]
    OtherStart {
        /// Index of the runner.
        runner: u32,
        /// T0 of the runner.
        theirs: i64,
        /// T0 of the run.
        ours: i64,
    },
    /// The runner tells of an epoch that nobody has begun.
    #[error("runner {runner} tells of epoch {theirs}, but the run is at epoch {ours}")]
    OtherEpoch {
        /// Index of the runner.
        runner: u32,
        /// Epoch of the runner.
        theirs: u32,
        /// Epoch of the run.
        ours: u32,
    },
    /// What it says is nothing that a runner says.
    #[error("runner {runner} is refused: {objection}")]
    Content {
        /// Index of the runner.
        runner: u32,
        /// What is wrong.
        objection: Objection,
    },
    /// A time is before one that was reported already.
    #[error(
        "runner {runner} has reported {reported} ms already, and comes with a delta that ends at {to_ms} ms"
    )]
    Backwards {
        /// Index of the runner.
        runner: u32,
        /// End of the last interval.
        reported: u64,
        /// End of this one.
        to_ms: u64,
    },
    /// A delta that was merged holds some that were taken already, and some that were not.
    #[error(
        "runner {runner} comes with a delta of {first} to {number}, of which {received} were taken already"
    )]
    Overlap {
        /// Index of the runner.
        runner: u32,
        /// Number of the first one in it.
        first: u64,
        /// Number of the last one in it.
        number: u64,
        /// Number of the last one that was taken.
        received: u64,
    },
    /// T0 is one that no operator chose.
    #[error("runner {runner} started at {theirs} ns, which is no time of this run")]
    NoStart {
        /// Index of the runner.
        runner: u32,
        /// T0 of the runner.
        theirs: i64,
    },
    /// The figures of the run would take too much memory.
    #[error(
        "the figures of the run would take more than {} KiB of memory, which is all that the operator has for them: use fewer \
         thresholds on parts, series or tags",
        .most >> 10
    )]
    Heavy {
        /// Most that they may take.
        most: usize,
    },
    /// Deltas are missing.
    #[error("a delta is missing after {}", .0.received)]
    Gap(DeltaReply),
}
