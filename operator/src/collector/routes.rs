//! The collector over HTTP: from request to state machine and back.

use std::time::Duration;

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::de::DeserializeOwned;
use tracing::{debug, warn};
use upsurge_core::protocol::{DeltaBatch, Hello, HelloReply, MAX_BODY_BYTES};

use super::{
    authentication::Denied,
    binding,
    cell::now,
    session::Refusal,
    sessions::{Fate, Sessions},
    view::RunKey,
};

/// Most bytes of a hello: as many as the variables that `before` captures, and some.
const MAX_HELLO_BYTES: usize = 1024 * 1024;
/// How long the answer to a runner's last delta waits for the checkpoint, so that the runner can end at once.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Why a request is answered with an error.
enum Answer {
    NotServing,
    Denied(Denied),
    Fate(RunKey, Fate),
    Body(StatusCode, String),
    Refused(Refusal),
}

impl From<Denied> for Answer {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::NotServing => {
                (StatusCode::SERVICE_UNAVAILABLE, "this operator does not lead: try again".into())
            }
            Self::Denied(denied) => {
                warn!(%denied, "runner is not listened to");
                (denied.status(), denied.to_string())
            }
            Self::Fate(run, Fate::NotOpen) => {
                (StatusCode::SERVICE_UNAVAILABLE, format!("run {run} is not open yet: try again"))
            }
            Self::Fate(run, Fate::Gone) => (StatusCode::GONE, format!("run {run} is over: stop the load")),
            Self::Body(status, message) => (status, message),
            Self::Refused(Refusal::Gap(reply)) => {
                return (StatusCode::CONFLICT, Json(reply)).into_response();
            }
            Self::Refused(refusal) => {
                warn!(%refusal, "runner is not listened to");
                (StatusCode::FORBIDDEN, refusal.to_string())
            }
        };
        (status, message).into_response()
    }
}

/// The routes.
pub fn router(sessions: Sessions) -> Router {
    Router::new()
        .route("/v1/runs/{namespace}/{run}/hello", post(hello))
        .route("/v1/runs/{namespace}/{run}/deltas", post(deltas))
        .with_state(sessions)
}

async fn hello(
    State(sessions): State<Sessions>,
    Path((namespace, run)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Answer> {
    let received_at = now();
    let (who, cell) = sessions.admit(&RunKey { namespace, name: run }, &headers).await?;
    let hello: Hello = read(body, MAX_HELLO_BYTES).await?;
    binding::check(sessions.client(), &cell, &who, hello.runner, &hello.pod).await?;
    let command = cell.speak(hello.runner, |session| session.hello(&hello, &who.pod, received_at))?;
    debug!(run = %cell.key, runner = hello.runner, ?command, "hello");
    Ok(Json(HelloReply { received_at, sent_at: now(), command }).into_response())
}

async fn deltas(
    State(sessions): State<Sessions>,
    Path((namespace, run)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Answer> {
    let (who, cell) = sessions.admit(&RunKey { namespace, name: run }, &headers).await?;
    let batch: DeltaBatch = read(body, MAX_BODY_BYTES).await?;
    binding::check(sessions.client(), &cell, &who, batch.runner, &batch.pod).await?;
    let mut reply = cell.speak(batch.runner, |session| session.deltas(&batch, &who.pod, now()))?;
    if batch
        .deltas
        .iter()
        .any(|delta| delta.done.is_some() || delta.after.is_some() || delta.checks.is_some())
    {
        cell.acknowledged(batch.runner, reply.received, LAST_WORD).await;
        let nothing = DeltaBatch { deltas: Vec::new(), ..batch };
        reply = cell.speak(nothing.runner, |session| session.deltas(&nothing, &who.pod, now()))?;
    }
    Ok(Json(reply).into_response())
}

/// Reads a body, only now that it is known who sends it.
async fn read<T: DeserializeOwned>(body: Body, most: usize) -> Result<T, Answer> {
    let bytes = to_bytes(body, most).await.map_err(|error| {
        let message = format!("the body can't be read, or has more than {most} bytes: {error}");
        Answer::Body(StatusCode::PAYLOAD_TOO_LARGE, message)
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Answer::Body(StatusCode::BAD_REQUEST, format!("the body can't be understood: {error}"))
    })
}

impl Sessions {
    /// Lets in who has proved to be a pod, to a session that is open.
    async fn admit(
        &self,
        run: &RunKey,
        headers: &HeaderMap,
    ) -> Result<(super::authentication::Identity, std::sync::Arc<super::cell::Cell>), Answer> {
        if !self.is_serving() {
            return Err(Answer::NotServing);
        }
        let who = self.authenticator().identify(headers).await?;
        match self.cell(run) {
            Some(cell) => Ok((who, cell)),
            None if who.namespace != run.namespace => {
                let message = format!("a pod of namespace {} can't speak for run {run}", who.namespace);
                Err(Denied::Forbidden(message).into())
            }
            None => Err(Answer::Fate(run.clone(), self.fate(run).await?)),
        }
    }
}
