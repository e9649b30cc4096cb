// SPDX-License-Identifier: Apache-2.0
//! From one session of a run to the next: when one is opened, and from epoch to epoch. Either way it is made durable before it
//! is the one that runners speak to.

use std::sync::{Arc, PoisonError};

use tokio::task::AbortHandle;
use tracing::{info, warn};
use upsurge_core::epochs::Epochs;
use upsurge_crds::v1alpha1::Workload;

use super::{SessionError, Sessions, Shared};
use crate::{
    collector::{
        cell::Cell,
        session::{Finished, Session},
        store::Store,
        view::{RunKey, SessionConfig},
        writer::{self, FenceError},
    },
    recording::{self, SharedRecord},
};

/// What observes the target, on its way from one session to the next. It ends with whoever gives up on the way: a handle
/// that is dropped ends nothing.
#[derive(Default)]
pub(super) struct Observing(Option<AbortHandle>);

impl Drop for Observing {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

impl Sessions {
    /// An epoch of a run is finished: the next one begins, or it is known that none does. Said once more, nothing happens. If it
    /// fails, the session is closed; opened again, it is where its checkpoint is.
    ///
    /// # Errors
    /// When it can't be made durable; decide anew.
    pub async fn finish_epoch(&self, run: &RunKey, finished: Finished) -> Result<(), SessionError> {
        let opening = self.alone(run);
        let _alone = opening.lock().await;
        let Some(cell) = self.cell(run) else { return Ok(()) };
        let Some(Ok(epochs)) = cell.config.whole.as_ref().map(|whole| Epochs::of(&whole.test.load)) else {
            return Ok(());
        };
        let (number, following) = {
            let mut session = cell.lock().await;
            (session.number(), session.finish(finished, &epochs))
        };
        let Some(following) = following else {
            cell.dirty.notify_one();
            return Ok(());
        };
        let (namespace, name) = (run.namespace.clone(), cell.config.checkpoint.clone());
        let damaged = |message: String| SessionError::Damaged {
            namespace: namespace.clone(),
            name: name.clone(),
            message,
        };
        let config = cell.config.at(&following.history).map_err(damaged)?;
        let (record, observer) = (cell.record.clone(), Observing(cell.take_observer()));
        self.close(run).await;
        let mut store = Store::new(self.client().clone(), &config);
        let load = async {
            let kept = store.load().await;
            let kept = kept.map_err(|source| SessionError::Load {
                namespace: namespace.clone(),
                name: name.clone(),
                source,
            })?;
            writer::unpacked(kept).await.map_err(|error| damaged(error.to_string()))
        };
        let entered = match load.await {
            Ok(Some((kept, ..))) if kept.session == number => {
                let session = Session::new(&config.plan, Some(following));
                info!(run = %run, epoch = session.epoch(), "next epoch");
                self.enter(config, session, record, store, observer).await
            }
            Ok(_) => {
                warn!(run = %run, "another operator wrote the checkpoint; going on from what it holds");
                return Ok(());
            }
            Err(error) => Err(error),
        };
        if entered.is_ok() {
            self.cell(run).iter().for_each(|cell| cell.announce());
        }
        entered
    }

    /// Lets one at a time work on the session of a run: two would write over each other. Others don't wait for it.
    pub(super) fn alone(&self, run: &RunKey) -> Arc<tokio::sync::Mutex<()>> {
        let mut opening = self.shared.opening.lock().unwrap_or_else(PoisonError::into_inner);
        opening.retain(|_, alone| Arc::strong_count(alone) > 1);
        opening.entry(run.clone()).or_default().clone()
    }

    /// Makes a session durable, and then the one that the runners of its run speak to. What observes the target goes on, or begins.
    pub(super) async fn enter(
        &self,
        config: SessionConfig,
        session: Session,
        record: SharedRecord,
        mut store: Store,
        mut observer: Observing,
    ) -> Result<(), SessionError> {
        let key = config.key();
        let (namespace, name) = (key.namespace.clone(), config.checkpoint.clone());
        // Also before there are runners: a checkpoint that is missing later is known to be.
        let bytes = writer::fence(&session, &record, &mut store).await.map_err(|error| match error {
            FenceError::Packing(error) => {
                SessionError::Damaged { namespace, name, message: error.to_string() }
            }
            FenceError::Save(source) => SessionError::Save { namespace, name, source },
        })?;
        let Shared { budget, pace, memory, changes, .. } = &*self.shared;
        budget.enter(&key);
        budget.spend(&key, bytes);
        let cell =
            Arc::new(Cell::new(config, session, record, pace.clone(), memory.clone(), changes.clone()));
        cell.keep(tokio::spawn(writer::write(cell.clone(), store, budget.clone())).abort_handle());
        cell.keep(tokio::spawn(writer::evaluate(cell.clone())).abort_handle());
        cell.keep(tokio::spawn(writer::hold_down(cell.clone())).abort_handle());
        let workloads = &cell.config.plan.test.target.workloads;
        let handed_over = observer.0.take();
        let begun = (handed_over.is_none() && !workloads.is_empty()).then(|| {
            let target = |workload: &Workload| recording::target(&key.namespace, workload.reference());
            let targets = workloads.iter().map(target).collect();
            recording::spawn_all(self.client(), targets, &cell.record).abort_handle()
        });
        handed_over.or(begun).into_iter().for_each(|observer| cell.keep_observer(observer));
        self.shared.cells.write().unwrap_or_else(PoisonError::into_inner).insert(key, cell);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Duration};

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn what_observes_the_target_ends_with_whoever_was_to_hand_it_over() {
        let task = tokio::spawn(pending::<()>());
        let observing = Observing(Some(task.abort_handle()));
        drop(async move {
            let _observing = observing;
            pending::<()>().await;
        });
        let ended = timeout(Duration::from_secs(10), task).await.expect("it goes on");
        assert!(ended.unwrap_err().is_cancelled());

        let task = tokio::spawn(async {});
        let mut observing = Observing(Some(task.abort_handle()));
        let handed_over = observing.0.take();
        drop(observing);
        assert!(handed_over.is_some() && task.await.is_ok());
    }
}
