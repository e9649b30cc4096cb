// SPDX-License-Identifier: Apache-2.0
//! Who is let in at the collector's port, over real connections; the API server behind it is played.

use std::time::Instant;

use axum::http::StatusCode;
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpSocket,
};
use tokio_rustls::{TlsConnector, client::TlsStream as ClientStream};
use upsurge_core::protocol::{AUTHORITIES_ENV, RunnerEnd};

use super::*;
use crate::{
    collector::{
        RunKey,
        routes::tests::{Asked, hello, serving_job, token},
    },
    tls::{Served, served::tests as shown},
};

const NAME: &str = "upsurge-collector.tools.svc";
const PATIENCE: Duration = Duration::from_secs(30);

/// A collector that serves a run whose Job tells its runner the authorities, or does not.
struct Collector {
    sessions: Sessions,
    served: Served,
    authority: String,
    address: SocketAddr,
}

impl Collector {
    async fn new(tells: bool) -> Self {
        Self::within(BOUNDS, tells).await
    }

    async fn within(bounds: Bounds, tells: bool) -> Self {
        let variables = if tells { json!([{"name": AUTHORITIES_ENV, "value": "…"}]) } else { json!([]) };
        let template = json!({"spec": {"containers": [{"name": "runner", "env": variables}]}});
        let sessions = serving_job(&Asked::default(), json!({"template": template})).await;
        let (served, authority) = shown::served(NAME);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (config, stop) = (served.config().unwrap(), std::future::pending());
        drop(tokio::spawn(serve_within(bounds, listener, config, sessions.clone(), stop)));
        Self { sessions, served, authority, address }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Connects from another machine, so to speak.
    async fn connect_from(&self, address: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// How the run's only runner ended, as far as the collector knows.
    fn end(&self) -> Option<RunnerEnd> {
        let run = RunKey::new("shop", "checkout-1");
        futures::executor::block_on(self.sessions.snapshot(&run)).unwrap().runners[0].end.clone()
    }
}

/// Shakes hands as a runner does that knows an authority.
async fn greeted(
    stream: TcpStream,
    authority: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> io::Result<ClientStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(NAME).unwrap(), stream).await
}

/// Asks over a connection, and gives status and body of the answer.
async fn asked(stream: impl AsyncRead + AsyncWrite + Unpin, what: &str, body: &Value) -> (u16, Value) {
    let (mut stream, body, token) = (stream, body.to_string(), token("checkout-1-0"));
    let request = format!(
        "POST /v1/runs/shop/checkout-1/{what} HTTP/1.1\r\nhost: {NAME}\r\nauthorization: Bearer {token}\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.into())))
}

fn deltas() -> Value {
    json!({"version": 2, "runner": 0, "pod": "checkout-1-0", "start": 0, "startedAt": 0, "deltas": []})
}

#[tokio::test]
async fn a_runner_that_knows_the_authority_is_served_and_one_that_knows_another_turns_away() {
    let collector = Collector::new(true).await;
    let stream = greeted(collector.connect().await, &collector.authority, &[&TLS13]).await.unwrap();
    let (status, reply) = asked(stream, "hello", &hello(0, "checkout-1-0")).await;
    assert_eq!((status, &reply["plan"]["run"]), (200, &json!("checkout-1")), "{reply}");
    let (_, other) = shown::served(NAME);
    let refused = greeted(collector.connect().await, &other, &[&TLS13]).await.unwrap_err();
    assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
}

#[tokio::test]
async fn runners_of_a_job_from_before_there_was_tls_are_served_without() {
    let collector = Collector::new(false).await;
    let (status, reply) = asked(collector.connect().await, "hello", &hello(0, "checkout-1-0")).await;
    assert_eq!((status, &reply["plan"]["run"]), (200, &json!("checkout-1")), "{reply}");
    assert_eq!((reply["command"].clone(), collector.end()), (json!("wait"), None));
}

#[tokio::test]
async fn a_runner_that_was_told_authorities_and_speaks_without_tls_gets_no_plan_and_ends_its_run() {
    for what in ["hello", "deltas"] {
        let collector = Collector::new(true).await;
        let body = if what == "hello" { hello(0, "checkout-1-0") } else { deltas() };
        let (status, reply) = asked(collector.connect().await, what, &body).await;
        assert_eq!((status, reply.get("plan")), (200, None), "{reply}");
        let reason = reply["command"]["stop"]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("without TLS") && reason.contains("spec.runner.image"), "{reason}");
        match collector.end() {
            Some(RunnerEnd::Failed { reason: category, message }) => {
                assert_eq!((category.as_str(), message), ("ProtocolMismatch", reason));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_stranger_without_tls_changes_nothing() {
    let collector = Collector::new(true).await;
    let mut stream = collector.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with(&format!("HTTP/1.1 {}", StatusCode::NOT_FOUND)), "{answer}");
    assert_eq!(collector.end(), None);
}

#[tokio::test]
async fn versions_of_tls_before_the_last_are_refused() {
    let collector = Collector::new(true).await;
    let refused = greeted(collector.connect().await, &collector.authority, &[&TLS12]).await.unwrap_err();
    assert!(refused.to_string().contains("ProtocolVersion"), "{refused}");
    // A client of version 1.1 in its own words: versions, random, no session, one cipher, no compression.
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    let mut stream = collector.connect().await;
    stream.write_all(&record).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer.first(), Some(&21), "an alert: {answer:?}");
    assert_eq!(answer.get(5), Some(&2), "a fatal one: {answer:?}");
}

#[tokio::test]
async fn who_says_nothing_or_not_enough_keeps_nobody_out_and_is_sent_away() {
    let collector = Collector::new(true).await;
    let begun = Instant::now();
    let mut silent = Vec::new();
    for number in 0..200 {
        let mut stream = collector.connect().await;
        if number % 2 == 0 {
            stream.write_all(&[HANDSHAKE]).await.unwrap();
        }
        silent.push(stream);
    }
    // More than have a place: some of them are closed at once.
    let mut byte = [0];
    let mut is_closed = async |stream: &mut TcpStream| {
        matches!(timeout(Duration::from_millis(5), stream.read(&mut byte)).await, Ok(Ok(0) | Err(_)))
    };
    let mut closed = 0;
    while closed == 0 {
        assert!(begun.elapsed() < LONGEST_GREETING, "all of them were let in");
        for stream in &mut silent {
            closed += usize::from(is_closed(stream).await);
        }
    }
    let stream = collector.connect_from("127.0.0.2").await;
    let stream = greeted(stream, &collector.authority, &[&TLS13]).await.unwrap();
    assert_eq!(asked(stream, "hello", &hello(0, "checkout-1-0")).await.0, 200);
    assert!(begun.elapsed() < LONGEST_GREETING, "the machine was too slow for this to show anything");
    for mut stream in silent {
        let read = timeout(PATIENCE, stream.read(&mut byte)).await.expect("it was kept");
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
    let stream = greeted(collector.connect().await, &collector.authority, &[&TLS13]).await.unwrap();
    assert_eq!(asked(stream, "hello", &hello(0, "checkout-1-0")).await.0, 200);
}

#[tokio::test]
async fn a_new_certificate_is_shown_at_once_and_connections_stay() {
    let collector = Collector::new(true).await;
    let before = greeted(collector.connect().await, &collector.authority, &[&TLS13]).await.unwrap();
    let authority = shown::show(&collector.served, NAME);
    let refused = greeted(collector.connect().await, &collector.authority, &[&TLS13]).await;
    assert!(refused.is_err(), "the old certificate is still shown");
    let after = greeted(collector.connect().await, &authority, &[&TLS13]).await.unwrap();
    for stream in [before, after] {
        assert_eq!(asked(stream, "hello", &hello(0, "checkout-1-0")).await.0, 200);
    }
}

#[tokio::test]
async fn as_long_as_there_is_nothing_to_show_nobody_is_greeted() {
    let collector = Collector::new(true).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let nothing = Served::new(crate::metrics::Metrics::default());
    let serving =
        serve(listener, nothing.config().unwrap(), collector.sessions.clone(), std::future::pending());
    drop(tokio::spawn(serving));
    let stream = TcpStream::connect(address).await.unwrap();
    assert!(greeted(stream, &collector.authority, &[&TLS13]).await.is_err());
}

#[tokio::test]
async fn a_connection_keeps_its_place_until_it_is_closed() {
    let (served, authority) = shown::served(NAME);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let two = Bounds { connections: Limits { all: 10, of_one: 2 }, ..BOUNDS };
    let mut door = Door::open(listener, served.config().unwrap(), two).unwrap();
    let connect = async || TcpStream::connect(address).await.unwrap();
    let mut plain = connect().await;
    plain.write_all(b"P").await.unwrap();
    let (first, (_, line)) = door.accept().await;
    assert_eq!(line.transport(), Transport::Plain);
    line.let_in();
    let _encrypted = greeted(connect().await, &authority, &[&TLS13]).await.unwrap();
    let (_second, (_, line)) = door.accept().await;
    assert_eq!(line.transport(), Transport::Tls);
    line.let_in();
    let mut third = connect().await;
    let read = timeout(PATIENCE, third.read(&mut [0])).await.expect("it was let in");
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    drop(first);
    greeted(connect().await, &authority, &[&TLS13]).await.unwrap();
}

/// A head that never ends, sent in small pieces until the other side closes; how long that took.
async fn drip(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Duration {
    let begun = Instant::now();
    let head = format!("POST /v1/runs/shop/checkout-1/hello HTTP/1.1\r\nhost: {NAME}\r\nx-filler: ");
    let mut pieces = head.into_bytes().into_iter().chain(std::iter::repeat(b'a'));
    let mut answer = [0; 256];
    while begun.elapsed() < PATIENCE {
        let sent = stream.write_all(&[pieces.next().unwrap()]).await;
        let read = timeout(Duration::from_millis(20), stream.read(&mut answer)).await;
        if sent.is_err() || matches!(read, Ok(Ok(0) | Err(_))) {
            return begun.elapsed();
        }
    }
    panic!("it was kept for {PATIENCE:?}");
}

#[tokio::test]
async fn who_drips_bytes_and_is_never_let_in_loses_the_connection_and_runners_keep_theirs() {
    let proof = Duration::from_secs(1);
    let collector = Collector::within(Bounds { proof, ..BOUNDS }, false).await;
    let mut runner = greeted(collector.connect().await, &collector.authority, &[&TLS13]).await.unwrap();
    assert_eq!(say_hello(&mut runner).await, 200);
    let encrypted = greeted(collector.connect().await, &collector.authority, &[&TLS13]).await.unwrap();
    let (encrypted, plain, refused) = tokio::join!(drip(encrypted), drip(collector.connect().await), async {
        // Requests that are answered, and of somebody who is not let in.
        let (mut stream, begun) = (collector.connect().await, Instant::now());
        while begun.elapsed() < PATIENCE {
            let request = format!("GET / HTTP/1.1\r\nhost: {NAME}\r\n\r\n");
            let sent = stream.write_all(request.as_bytes()).await;
            let read = timeout(Duration::from_millis(50), stream.read(&mut [0; 1024])).await;
            if sent.is_err() || matches!(read, Ok(Ok(0) | Err(_))) {
                return begun.elapsed();
            }
        }
        panic!("it was kept for {PATIENCE:?}");
    });
    for kept in [encrypted, plain, refused] {
        assert!(kept >= proof / 2, "{kept:?}");
    }
    // Longer than a stranger may stay, with nothing said meanwhile.
    assert_eq!(say_hello(&mut runner).await, 200, "a runner's connection is kept");
}

/// Says hello over a connection that is to be kept; the status of the answer.
async fn say_hello(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> u16 {
    let (body, token) = (hello(0, "checkout-1-0").to_string(), token("checkout-1-0"));
    let request = format!(
        "POST /v1/runs/shop/checkout-1/hello HTTP/1.1\r\nhost: {NAME}\r\nauthorization: Bearer {token}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    loop {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await.unwrap().unwrap();
        assert!(read > 0, "closed without an answer");
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if length.is_some_and(|length: usize| body.len() >= length) {
            return head.split(' ').nth(1).unwrap().parse().unwrap();
        }
    }
}

#[tokio::test]
async fn strangers_that_hold_all_places_make_room_for_a_runner_at_once() {
    // However long they might stay otherwise.
    let bounds =
        Bounds { connections: Limits { all: 16, of_one: 8 }, proof: Duration::from_secs(3_600), ..BOUNDS };
    let collector = Collector::within(bounds, false).await;
    let mut strangers = Vec::new();
    for number in 0..16 {
        let mut stream = collector.connect_from(if number < 8 { "127.0.0.2" } else { "127.0.0.3" }).await;
        stream.write_all(b"P").await.unwrap();
        strangers.push(stream);
    }
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < PATIENCE, "no runner gets in");
        let Ok(mut stream) = greeted(collector.connect().await, &collector.authority, &[&TLS13]).await else {
            continue;
        };
        assert_eq!(say_hello(&mut stream).await, 200);
        return;
    }
}

#[tokio::test]
async fn a_runner_that_opens_ever_more_connections_keeps_only_the_last_ones() {
    let collector = Collector::new(false).await;
    let mut streams = Vec::new();
    for _ in 0..6 {
        let mut stream = collector.connect().await;
        assert_eq!(say_hello(&mut stream).await, 200);
        streams.push(stream);
    }
    for stream in &mut streams[..2] {
        let read = timeout(PATIENCE, stream.read(&mut [0])).await.expect("it was kept");
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
    for stream in &mut streams[2..] {
        assert_eq!(say_hello(stream).await, 200);
    }
}
