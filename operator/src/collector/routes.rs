// SPDX-License-Identifier: Apache-2.0
//! The collector over HTTP: from request to state machine and back.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::map_response_with_state,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::{runtime::Handle, task::spawn_blocking};
use tracing::{debug, warn};
use upsurge_core::{
    intake::Batch,
    protocol::{
        DeltaBatch, DeltaReply, Form, Hello, HelloCommand, HelloReply, Introduction, LEADER_HEADER,
        MAX_BODY_BYTES, RunPlan, SERVED_VERSIONS, is_served,
    },
};

use super::{
    admission::{Admitted, Closed, Read, Unread, read},
    authentication::{Denied, Identity},
    binding,
    cell::{Cell, now},
    exposed,
    line::Line,
    receive::{Received, receive},
    session::Refusal,
    sessions::{Fate, Sessions},
    storing::NotGiven,
    version,
    view::RunKey,
};

/// Most bytes of a hello: as many as the variables that `before` captures, and some.
const MAX_HELLO_BYTES: usize = 1024 * 1024;
/// Most bytes of histograms that are read where they come in, in less time than it takes to hand them to another thread.
const SOON_READ: usize = 16 * 1024;
/// How long the answer to a runner's last delta waits for the checkpoint, so that the runner can end at once.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Why a request is answered with an error.
enum Answer {
    NotServing,
    Busy,
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

impl From<Closed> for Answer {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::NotServing => Self::NotServing,
            Closed::NoName => Self::Body(StatusCode::BAD_REQUEST, "there is no run of such a name".into()),
            Closed::Busy => Self::Busy,
            Closed::Denied(denied) => Self::Denied(denied),
            Closed::Fate(run, fate) => Self::Fate(run, fate),
        }
    }
}

impl From<NotGiven> for Answer {
    fn from(not_given: NotGiven) -> Self {
        match not_given {
            NotGiven::Closed(closed) => closed.into(),
            NotGiven::None(status, words) => Self::Body(status, words),
        }
    }
}

impl From<Unread> for Answer {
    fn from((status, message): Unread) -> Self {
        Self::Body(status, message)
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
            Self::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, "too many requests at the same time: try again".into())
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
        .route("/v1/runs/{namespace}/{run}/record", get(record))
        .layer(map_response_with_state(sessions.clone(), lead_on))
        .with_state(sessions)
}

/// Who can't be served here is not to stay: the next try is to go elsewhere, by a new connection to whoever the Service
/// chooses, and to the leader where it is known. Where this operator leads and has no room at the moment, the next try is
/// for here too: were hundreds to connect anew, there would be even less.
async fn lead_on(State(sessions): State<Sessions>, mut response: Response) -> Response {
    if response.status() == StatusCode::SERVICE_UNAVAILABLE && !sessions.is_serving() {
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let leader = sessions.leader().get();
        if let Some(leader) = leader.and_then(|leader| HeaderValue::try_from(leader.to_string()).ok()) {
            headers.insert(LEADER_HEADER, leader);
        }
    }
    response
}

async fn record(
    State(sessions): State<Sessions>,
    Path((namespace, run)): Path<(String, String)>,
    line: Line,
    headers: HeaderMap,
) -> Result<Response, Answer> {
    let record = sessions.stored(&RunKey { namespace, name: run }, &headers, &line).await?;
    Ok(([(header::CONTENT_TYPE, "application/gzip")], record).into_response())
}

async fn hello(
    State(sessions): State<Sessions>,
    Path((namespace, run)): Path<(String, String)>,
    line: Line,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Answer> {
    let received_at = now();
    let admitted = sessions.admit(&RunKey { namespace, name: run }, &headers, &line).await?;
    let body = read(sessions.room(), &admitted, &headers, body, MAX_HELLO_BYTES).await?;
    if let Some(reason) = exposed::objection(&admitted, line.transport()) {
        break_off(&admitted, &reason).await?;
        return Ok(Json(reply(received_at, HelloCommand::Stop { reason }, None)).into_response());
    }
    let Admitted { who, index, cell, .. } = &admitted;
    let hello = match serde_json::from_slice::<Hello>(body.bytes()) {
        Ok(hello) if is_served(&cell.config.plan, hello.version) => hello,
        heard => match version::not_served(Form::Json, body.bytes(), &cell.config.plan) {
            Some((said, reason)) => {
                binding::check(cell, who, *index, said.runner, &said.pod)?;
                break_off(&admitted, &reason).await?;
                let command = HelloCommand::Stop { reason };
                return Ok(Json(reply(received_at, command, None)).into_response());
            }
            None => heard.map_err(|error| not_understood(&error))?,
        },
    };
    binding::check(cell, who, *index, hello.runner, &hello.pod)?;
    let (looked, rested) = (cell.has_looked(), cell.rested(*index).await);
    let answer = cell.speak(*index, |session| {
        if looked {
            session.looked();
        }
        if let Some(rested) = rested {
            session.rests(rested, received_at);
        }
        session.hello(&hello, &who.pod, received_at).map(|command| (command, session.number()))
    });
    let (command, number) = answer.await?;
    debug!(run = %cell.key, runner = index, ?command, "hello");
    // Who has done this epoch waits for the next one.
    let is_meant = hello.wants_plan && hello.epoch <= cell.config.plan.epoch;
    let plan = is_meant.then(|| Box::new((*cell.config.plan).clone()));
    Ok(Json(HelloReply { session: Some(number), ..reply(received_at, command, plan) }).into_response())
}

fn reply(received_at: i64, command: HelloCommand, plan: Option<Box<RunPlan>>) -> HelloReply {
    HelloReply {
        serves: SERVED_VERSIONS,
        received_at,
        sent_at: now(),
        command,
        session: None,
        binary: true,
        plan,
    }
}

async fn deltas(
    State(sessions): State<Sessions>,
    Path((namespace, run)): Path<(String, String)>,
    line: Line,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Answer> {
    let admitted = sessions.admit(&RunKey { namespace, name: run }, &headers, &line).await?;
    let body = read(sessions.room(), &admitted, &headers, body, MAX_BODY_BYTES).await?;
    if let Some(reason) = exposed::objection(&admitted, line.transport()) {
        return Ok(Json(break_off(&admitted, &reason).await?).into_response());
    }
    let form = Form::of(headers.get(header::CONTENT_TYPE).and_then(|form| form.to_str().ok()));
    // Reading many histograms takes a while, and so do small ones that are compressed: not on a thread that serves others.
    let is_soon_read = matches!(form, Form::Binary) && body.bytes().len() <= SOON_READ;
    let heard = hear(admitted.cell.clone(), admitted.who.clone(), admitted.index, form, body);
    let heard = if is_soon_read {
        heard.await
    } else {
        let runtime = Handle::current();
        let broken = |error| Answer::Body(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}: try again"));
        spawn_blocking(move || runtime.block_on(heard)).await.map_err(broken)?
    };
    let received = match heard? {
        Heard::Deltas(received) => received,
        Heard::NotServed(said, reason) => {
            let Admitted { who, index, cell, .. } = &admitted;
            binding::check(cell, who, *index, said.runner, &said.pod)?;
            return Ok(Json(break_off(&admitted, &reason).await?).into_response());
        }
    };
    let mut reply = received.reply;
    if received.is_last {
        let Admitted { who, index, cell, .. } = &admitted;
        cell.acknowledged(*index, reply.received, LAST_WORD).await;
        let nothing = DeltaBatch { deltas: Vec::new(), ..received.head };
        reply = cell.speak(*index, |session| session.deltas(&nothing, &who.pod, now())).await?;
    }
    Ok(Json(reply).into_response())
}

/// Reads and takes what a runner sent. The body ends with it: whoever waits for a checkpoint after that is not to keep its room from
/// others.
async fn hear(cell: Arc<Cell>, who: Identity, index: u32, form: Form, body: Read) -> Result<Heard, Answer> {
    let batch = match Batch::read(form, body.bytes()) {
        Ok(batch) if is_served(&cell.config.plan, batch.version) => batch,
        heard => match version::not_served(form, body.bytes(), &cell.config.plan) {
            Some((said, reason)) => return Ok(Heard::NotServed(said, reason)),
            None => heard.map_err(|objection| not_understood(&objection))?,
        },
    };
    binding::check(&cell, &who, index, batch.runner, &batch.pod)?;
    Ok(Heard::Deltas(receive(&cell, &who.pod, &batch).await?))
}

/// What a runner sent instead of a hello.
enum Heard {
    /// Deltas, which were taken.
    Deltas(Received),
    /// Words of a version that is not served, and what to say about it.
    NotServed(Introduction, String),
}

/// Breaks off a run one of whose runners speaks in a way that is not served.
async fn break_off(admitted: &Admitted, reason: &str) -> Result<DeltaReply, Answer> {
    let Admitted { who, index, cell, .. } = admitted;
    warn!(run = %cell.key, runner = index, reason, "runner is not understood");
    Ok(cell.speak(*index, |session| session.not_understood(*index, &who.pod, reason, now())).await?)
}

fn not_understood(error: &dyn std::fmt::Display) -> Answer {
    Answer::Body(StatusCode::BAD_REQUEST, format!("the body can't be understood: {error}"))
}

#[cfg(test)]
mod standby_tests;
#[cfg(test)]
pub(super) mod tests;
