// SPDX-License-Identifier: Apache-2.0
//! The same bytes, split at random places, through hyper's client and through ours: the same response,
//! the same kind of failure, and the same opinion about whether the connection can be used again.

mod differential;
mod limits;
mod script;

use std::{
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use tokio::io::{AsyncRead, ReadBuf};

use self::script::Script;
use super::{H1Connection, H1Error};
use crate::{
    message::{Incoming, Keep, Message},
    payload::Payload,
    timings::Timings,
};

/// What became of an exchange.
#[derive(Debug, PartialEq)]
enum Outcome {
    Response { status: u16, headers: Vec<(String, Vec<u8>)>, body: Vec<u8>, reusable: bool },
    Malformed,
    Lost,
}

/// A request.
struct Sent {
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl Sent {
    fn new(method: Method, body: Vec<u8>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("user-agent", "test".parse().unwrap());
        headers.insert("host", "example.com".parse().unwrap());
        Self { method, headers, body: body.into() }
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Sends over a script; gives the response, or what went wrong, and the connection.
async fn exchange(
    sent: &Sent,
    keep: Keep<'_>,
    script: Script,
) -> (Result<Incoming, H1Error>, Timings, H1Connection<Script>) {
    let target: Uri = "/path?query=1".parse().unwrap();
    let body = Payload::Whole(sent.body.clone());
    let message = Message { method: &sent.method, target: &target, headers: &sent.headers, body: &body };
    let mut connection = H1Connection::new(script, Rc::default());
    let mut timings = Timings::begin();
    let result = connection.exchange(message, keep, &mut timings).await;
    (result, timings, connection)
}

const WHOLE: Keep<'_> = Keep { headers: &[], body: Some(usize::MAX), discarded: u64::MAX, followed: &[] };

/// What a connection looks at before it is used again.
fn is_quiet(transport: &mut (impl AsyncRead + Unpin)) -> bool {
    let (mut context, mut byte) = (Context::from_waker(Waker::noop()), [0; 1]);
    Pin::new(transport).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
}

async fn ours(sent: &Sent, script: Script) -> (Outcome, Vec<u8>) {
    let names = script.names();
    let keep = Keep { headers: &names, ..WHOLE };
    let (result, timings, mut connection) = exchange(sent, keep, script).await;
    let outcome = match result {
        Ok(response) => {
            let answered = timings.answered.expect("a response has a head");
            assert!(timings.begun <= answered && answered <= timings.ended);
            // What comes unasked is there after a while.
            let mut reusable = connection.is_reusable();
            for _ in 0..50 {
                reusable = reusable && is_quiet(&mut connection.transport);
                tokio::task::yield_now().await;
            }
            Outcome::Response {
                status: response.status.as_u16(),
                headers: listed(&response.headers),
                body: response.body,
                reusable,
            }
        }
        Err(error) if error.is_malformed() => Outcome::Malformed,
        Err(_) => Outcome::Lost,
    };
    (outcome, connection.transport.written())
}

async fn hypers(sent: &Sent, script: Script) -> (Outcome, Vec<u8>) {
    use http_body_util::{BodyExt as _, Full};
    let written = script.log();
    let io = hyper_util::rt::TokioIo::new(script);
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .handshake(io)
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let mut request = http::Request::new(Full::new(sent.body.clone()));
    *request.method_mut() = sent.method.clone();
    *request.uri_mut() = "/path?query=1".parse().unwrap();
    *request.headers_mut() = sent.headers.clone();
    let result = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok::<_, hyper::Error>((head, body.collect().await?.to_bytes()))
    };
    let outcome = match result.await {
        Ok((head, body)) => {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            let reusable = poll_fn(|context| std::task::Poll::Ready(sender.poll_ready(context))).await;
            Outcome::Response {
                status: head.status.as_u16(),
                headers: listed(&head.headers),
                body: body.to_vec(),
                reusable: matches!(reusable, std::task::Poll::Ready(Ok(()))) && !driver.is_finished(),
            }
        }
        Err(error) => kind(&error),
    };
    driver.abort();
    (outcome, written.borrow())
}

fn kind(error: &hyper::Error) -> Outcome {
    use std::{error::Error as _, io};
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    match cause {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => Outcome::Malformed,
        Some(_) => Outcome::Lost,
        None if error.is_parse() => Outcome::Malformed,
        None => Outcome::Lost,
    }
}

fn listed(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}
