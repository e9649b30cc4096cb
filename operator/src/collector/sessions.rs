//! All sessions of this operator.

use axum::Router;
use futures::Stream;
use kube::Client;

use super::view::{RunKey, SessionConfig, SessionSnapshot};

/// Why a session can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The API server did not answer as it should.
    #[error("checkpoint {namespace}/{name} can't be read: {source}")]
    Read {
        /// Namespace of the checkpoint.
        namespace: String,
        /// Its name.
        name: String,
        /// What the API server said.
        #[source]
        source: Box<kube::Error>,
    },
    /// The checkpoint is not what this operator writes.
    #[error("checkpoint {namespace}/{name} is damaged: {message}; delete the run and start it again")]
    Damaged {
        /// Namespace of the checkpoint.
        namespace: String,
        /// Its name.
        name: String,
        /// What is wrong with it.
        message: String,
    },
}

/// The sessions of all runs under way; clones share them.
#[derive(Clone)]
pub struct Sessions {
    client: Client,
}

impl Sessions {
    /// No sessions yet; runners are told to try again until [`Self::set_serving`].
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Whether this operator leads: only then are runners served, all others answer 503.
    pub fn set_serving(&self, _serving: bool) {}

    /// Opens the session of a run, from its checkpoint if there is one, and starts to watch the target's
    /// autoscaler. Nothing happens if it is open already.
    ///
    /// # Errors
    /// When the checkpoint can't be read; try again.
    pub async fn open(&self, _config: SessionConfig) -> Result<(), SessionError> {
        let _ = &self.client;
        Ok(())
    }

    /// The session's state; `None` if it is not open.
    pub fn snapshot(&self, _run: &RunKey) -> Option<SessionSnapshot> {
        None
    }

    /// Tells the runners of a run to stop; the first reason stays.
    pub fn stop(&self, _run: &RunKey, _reason: &str) {}

    /// Ends a session and frees what it held; its runners are answered 410 from now on. The checkpoint stays, it goes
    /// with the run.
    pub async fn close(&self, _run: &RunKey) {}

    /// Runs whose state changed in a way that a controller should look at: a runner is ready, failed or
    /// ended, the load started, a threshold stops the run. Never lossy: a slow reader is told of every open run.
    pub fn changes(&self) -> impl Stream<Item = RunKey> + Send + use<> {
        futures::stream::empty()
    }

    /// The routes for the collector's port.
    pub fn router(&self) -> Router {
        Router::new()
    }
}
