// SPDX-License-Identifier: Apache-2.0
//! HTTP/2: many requests at a time over one connection.
//!
//! A task of the core reads and writes the frames of a connection; requests hand their frames over to it and
//! wait for theirs. Nothing crosses threads. A request that is given up resets its stream and leaves the
//! connection in order.

mod listening;

use std::{
    cell::Cell,
    future::poll_fn,
    pin::pin,
    rc::Rc,
    time::{Duration, Instant},
};

use ::h2::{
    Reason, RecvStream, SendStream,
    client::{Builder, SendRequest},
};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri, header, uri::Authority};
use tokio::task::spawn_local;

use self::listening::Listening;
use super::{
    message::{Incoming, Keep, Message},
    meter::Traffic,
    origin::Origin,
    payload::Payload,
    timings::Timings,
    transport::{Transport, Tried},
};

/// How much a server may send ahead, on a stream and on a whole connection: enough for bodies to flow.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// Most that is asked to be sent at once.
const MOST_RESERVED: usize = 16 << 20;
/// Headers that HTTP/2 has no place for (RFC 9113 §8.2.2).
const OF_CONNECTION: [header::HeaderName; 6] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::HOST,
    header::HeaderName::from_static("keep-alive"),
    header::HeaderName::from_static("proxy-connection"),
];

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum H2Error {
    /// What the protocol, the server or the socket says.
    #[error("{0}")]
    Protocol(#[from] ::h2::Error),
    /// The connection takes no more requests: this one did not get as far as the server.
    #[error("the request was not sent: {0}")]
    NotSent(#[source] ::h2::Error),
    /// The server answers with HTTP/1.
    #[error("the server does not speak HTTP/2: it answers with HTTP/1 (spec.http.version: HTTP2)")]
    NotHttp2,
    /// The request can't be expressed.
    #[error("{0}")]
    Invalid(#[from] http::Error),
    /// The body is larger than is wanted.
    #[error("the body is larger than {limit} bytes, the most that this request takes (maxResponseSize)")]
    TooLarge {
        /// Most bytes.
        limit: u64,
    },
}

/// A connection that streams are opened on.
#[derive(Clone, Debug)]
pub(crate) struct H2Connection {
    sender: SendRequest<Bytes>,
    state: Rc<State>,
}

#[derive(Debug)]
struct State {
    /// What went over the connection and was not taken yet.
    traffic: Rc<Traffic>,
    ended: Cell<bool>,
    least_first_byte: Cell<Option<Duration>>,
    is_http_1: Rc<Cell<bool>>,
}

impl H2Connection {
    /// Begins to speak HTTP/2 over a transport, whose bytes are counted in `traffic`.
    pub(crate) async fn new(transport: Transport, traffic: Rc<Traffic>) -> Result<Self, H2Error> {
        let is_http_1 = Rc::<Cell<bool>>::default();
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        let (sender, connection) =
            builder.handshake(Listening::new(transport, Rc::clone(&is_http_1))).await?;
        let state =
            Rc::new(State { traffic, ended: Cell::default(), least_first_byte: Cell::default(), is_http_1 });
        let known = Rc::clone(&state);
        spawn_local(async move {
            if let Err(error) = connection.await {
                // Who waits for a response is told too.
                tracing::debug!(%error, "HTTP/2 connection ended");
            }
            known.ended.set(true);
        });
        Ok(Self { sender, state })
    }

    /// Whether streams can still be opened, as far as is known.
    pub(crate) fn is_usable(&self) -> bool {
        !self.state.ended.get()
    }

    /// Most streams that the server allows at a time.
    pub(crate) fn most_streams(&self) -> usize {
        self.sender.current_max_send_streams().max(1)
    }

    /// Bytes that went over the connection since the last call.
    pub(crate) fn take_traffic(&self) -> (u64, u64) {
        self.state.traffic.take()
    }

    /// What became of the last exchange.
    pub(crate) fn tried(&self, reused: bool, timings: &Timings) -> Tried {
        // Frames of others, and those that end the connection, say nothing of this request.
        let heard = timings.answered.is_some();
        Tried { reused, heard, least_first_byte: self.state.least_first_byte.get() }
    }

    /// Sends a request and reads its response to the end.
    pub(crate) async fn exchange(
        &self,
        origin: &Origin,
        message: Message<'_>,
        keep: Keep<'_>,
        timings: &mut Timings,
    ) -> Result<Incoming, H2Error> {
        let result = self.attempt(origin, message, keep, timings).await;
        if result.is_err() && self.state.is_http_1.get() {
            self.state.ended.set(true);
            return Err(H2Error::NotHttp2);
        }
        match &result {
            Ok(_) => {
                let (waited, least) = (timings.waiting(), &self.state.least_first_byte);
                least.set(Some(least.get().map_or(waited, |least| least.min(waited))));
            }
            // The task that reads may not know yet.
            Err(H2Error::Protocol(error)) if error.is_io() || error.is_go_away() => {
                self.state.ended.set(true)
            }
            Err(H2Error::NotSent(_)) => self.state.ended.set(true),
            Err(_) => {}
        }
        result
    }

    async fn attempt(
        &self,
        origin: &Origin,
        message: Message<'_>,
        keep: Keep<'_>,
        timings: &mut Timings,
    ) -> Result<Incoming, H2Error> {
        let request = request(origin, message)?;
        let mut sender = self.sender.clone().ready().await.map_err(H2Error::NotSent)?;
        let (response, stream) = sender.send_request(request, message.body.is_empty())?;
        let mut response = pin!(response);
        let mut early = None;
        let mut upload = (!message.body.is_empty()).then(|| Box::pin(send_body(stream, message.body)));
        if let Some(sending) = &mut upload {
            tokio::select! {
                biased;
                // A server that does not want the rest has answered (RFC 9113 §8.1), or the stream is broken: that is
                // what waiting for its answer tells.
                _ = sending => timings.sent = Some(Instant::now()),
                answer = &mut response => early = Some(answer),
            }
        } else {
            timings.sent = Some(Instant::now());
        }
        let upload = upload.filter(|_| early.is_some());
        let response = match early {
            Some(answer) => answer?,
            None => response.await?,
        };
        let now = Instant::now();
        (timings.answered, timings.ended) = (Some(now), now);
        timings.sent = timings.sent.or(Some(now));
        let (head, body) = response.into_parts();
        let keep = keep.of(head.status, &head.headers);
        let mut reading = pin!(read(body, announced(&head.headers), keep));
        let body = match upload {
            None => reading.await?,
            // The answer has begun, and its end may need the rest of the request.
            Some(sending) => tokio::select! {
                biased;
                body = &mut reading => body?,
                _ = sending => reading.await?,
            },
        };
        timings.ended = Instant::now();
        Ok(Incoming { status: head.status, headers: head.headers.into(), body })
    }
}

async fn send_body(mut stream: SendStream<Bytes>, body: &Payload) -> Result<(), ::h2::Error> {
    let mut sent = 0;
    while sent < body.len() {
        stream.reserve_capacity((body.len() - sent).min(MOST_RESERVED));
        let granted = poll_fn(|context| stream.poll_capacity(context)).await;
        let granted = granted.unwrap_or_else(|| Err(Reason::CANCEL.into()))?;
        // All of it: what is granted once is not told of again.
        let until = sent + granted;
        while sent < until.min(body.len()) {
            let part = body.part(sent, until - sent);
            sent += part.len();
            stream.send_data(part, sent == body.len())?;
        }
    }
    Ok(())
}

async fn read(mut body: RecvStream, announced: Option<u64>, keep: Keep<'_>) -> Result<Vec<u8>, H2Error> {
    let mut kept = Vec::new();
    let mut received = 0_u64;
    let is_whole = |received| announced.is_none_or(|length| length == received);
    while let Some(part) = body.data().await {
        let part = match part {
            Ok(part) => part,
            // The response is complete, and the rest of the request is not wanted (RFC 9113 §8.1).
            Err(error)
                if error.is_remote() && error.reason() == Some(Reason::NO_ERROR) && is_whole(received) =>
            {
                break;
            }
            Err(error) => return Err(error.into()),
        };
        received += part.len() as u64;
        let limit = keep.limit();
        if received > limit {
            return Err(H2Error::TooLarge { limit });
        }
        if keep.body.is_some() {
            kept.extend_from_slice(&part);
        }
        body.flow_control().release_capacity(part.len())?;
    }
    Ok(kept)
}

fn request(origin: &Origin, message: Message<'_>) -> Result<Request<()>, http::Error> {
    let host = message.headers.get(header::HOST);
    let authority = match host {
        Some(host) if *host != origin.header => Authority::try_from(host.as_bytes())?,
        _ => origin.authority.clone(),
    };
    let scheme = if origin.tls { http::uri::Scheme::HTTPS } else { http::uri::Scheme::HTTP };
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(scheme);
    parts.authority = Some(authority);
    parts.path_and_query = message.target.path_and_query().cloned();
    let mut request = Request::new(());
    *request.method_mut() = message.method.clone();
    *request.uri_mut() = Uri::from_parts(parts)?;
    *request.version_mut() = http::Version::HTTP_2;
    *request.headers_mut() = headers(message);
    Ok(request)
}

/// How long the response says that its body is.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

fn headers(message: Message<'_>) -> HeaderMap {
    let mut headers = message.headers.clone();
    if headers.get(header::TE).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"trailers")) {
        headers.remove(header::TE);
    }
    OF_CONNECTION.iter().for_each(|name| drop(headers.remove(name)));
    let announced = matches!(*message.method, Method::POST | Method::PUT | Method::PATCH);
    if announced || !message.body.is_empty() {
        headers.insert(header::CONTENT_LENGTH, message.body.len().into());
    }
    headers
}
