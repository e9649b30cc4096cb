// SPDX-License-Identifier: Apache-2.0
//! What an agent reports: a load engine, or something that stands in for it where only the reporting is of interest.

use std::time::Duration;

use futures::{FutureExt as _, future::LocalBoxFuture};
use upsurge_core::plan::Skip;
use upsurge_engine::{Engine, EngineConfig, EngineError, Interval};

/// What an agent reports.
pub trait Generator {
    /// Waits until all is done, or was stopped.
    fn wait(&self) -> LocalBoxFuture<'_, ()>;
    /// Takes what came since the last call.
    fn collect(&self) -> Interval;
    /// Why it ended the run by itself, if it did.
    fn aborted(&self) -> Option<String>;
    /// How late it was to start; `None` before it has started.
    fn start_lag(&self) -> Option<Duration>;
    /// Stops at once.
    fn stop(&self);
    /// Leaves a stretch of the load out. What stands in for an engine has none.
    fn turn(&self, _: Skip) {}
}

impl Generator for Engine {
    fn wait(&self) -> LocalBoxFuture<'_, ()> {
        Self::wait(self).boxed_local()
    }

    fn collect(&self) -> Interval {
        Self::collect(self)
    }

    fn aborted(&self) -> Option<String> {
        Self::aborted(self)
    }

    fn start_lag(&self) -> Option<Duration> {
        Self::start_lag(self)
    }

    fn stop(&self) {
        Self::stop(self, false);
    }

    fn turn(&self, skip: Skip) {
        Self::turn(self, skip);
    }
}

/// Starts what is reported, for the share of the load that it is told.
pub type Begin<'a> = dyn Fn(EngineConfig) -> Result<Box<dyn Generator>, EngineError> + 'a;

/// Starts a load engine.
pub(super) fn engine(config: EngineConfig) -> Result<Box<dyn Generator>, EngineError> {
    Ok(Box::new(Engine::start(config)?))
}
