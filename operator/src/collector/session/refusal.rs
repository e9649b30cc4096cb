//! What a runner may not say, and why: told to it, and logged.

use upsurge_core::protocol::DeltaReply;

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
    /// Deltas are missing.
    #[error("a delta is missing after {}", .0.received)]
    Gap(DeltaReply),
}
