//! The way to the collector: JSON over HTTP, with the pod's token.

use std::{path::PathBuf, time::Duration};

use reqwest::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use upsurge_core::protocol::{DeltaBatch, DeltaReply, Hello, HelloReply};
use upsurge_http::tls;

use super::config::AgentConfig;

/// Longest time for a hello. Short: another one is due soon.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time for deltas, which may be large.
const DELTAS_TIMEOUT: Duration = Duration::from_secs(10);

/// The collector, as seen from the agent.
#[derive(Clone, Debug)]
pub(super) struct Link {
    client: reqwest::Client,
    base: String,
    token_file: PathBuf,
}

/// Why the collector gave no answer that helps.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// It is not there, or not ready: to be tried again.
    #[error("collector can't be reached: {0}")]
    Unreachable(String),
    /// It will never take anything from this runner: the load has to end.
    #[error("collector refuses this runner: {status}: {message}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// What it says.
        message: String,
    },
}

/// Why there is no way to any collector.
#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    /// TLS can't be set up.
    #[error("can't set TLS up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client can't be.
    #[error("can't set up an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

impl Link {
    pub(super) fn new(config: &AgentConfig) -> Result<Self, SetupError> {
        // Roots of our own: the client's default refuses to start where the system has none, as in an
        // image made from scratch.
        let tls = tls::client_config(tls::roots(), false)?;
        // The collector is reached directly, whatever proxy the environment names for other things.
        let client =
            reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().tcp_nodelay(true).build()?;
        let base = format!("{}/v1/runs/{}/{}", config.collector_url, config.namespace, config.run);
        Ok(Self { client, base, token_file: config.token_file.clone() })
    }

    /// Says hello.
    pub(super) async fn hello(&self, hello: &Hello) -> Result<HelloReply, LinkError> {
        self.post("hello", hello, HELLO_TIMEOUT).await
    }

    /// Sends deltas. An answer that says what is missing is an answer like others.
    pub(super) async fn deltas(&self, batch: &DeltaBatch) -> Result<DeltaReply, LinkError> {
        self.post("deltas", batch, DELTAS_TIMEOUT).await
    }

    async fn post<Body: Serialize, Reply: DeserializeOwned>(
        &self,
        path: &str,
        body: &Body,
        timeout: Duration,
    ) -> Result<Reply, LinkError> {
        let unreachable = |error: reqwest::Error| LinkError::Unreachable(chain(&error));
        let token = tokio::fs::read_to_string(&self.token_file).await;
        let token = token.map_err(|error| {
            LinkError::Unreachable(format!("token file {}: {error}", self.token_file.display()))
        })?;
        if token.trim().is_empty() {
            return Err(LinkError::Unreachable(format!("token file {} is empty", self.token_file.display())));
        }
        let request = self.client.post(format!("{}/{path}", self.base)).timeout(timeout);
        let response = request.bearer_auth(token.trim()).json(body).send().await.map_err(unreachable)?;
        match response.status() {
            StatusCode::OK | StatusCode::CONFLICT => response.json().await.map_err(unreachable),
            status @ (StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::GONE) => {
                let message = response.text().await.unwrap_or_default();
                Err(LinkError::Refused { status, message })
            }
            status => Err(LinkError::Unreachable(format!("it answers {status}"))),
        }
    }
}

/// An error with its causes: reqwest's own words hide them.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
