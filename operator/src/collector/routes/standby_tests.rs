// SPDX-License-Identifier: Apache-2.0
//! What those are answered who come to a replica that can't serve them: over a real connection, as it is the connection that
//! must not stay.

use std::{net::SocketAddr, time::Duration};

use kube::{Client, Config};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::*;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A collector without an API server behind it.
async fn collector() -> (Sessions, SocketAddr) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = Config::new("http://127.0.0.1:1".parse().unwrap());
    let sessions = Sessions::new(Client::try_from(config).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = router(sessions.clone());
    drop(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));
    (sessions, address)
}

/// Asks over a connection that is to be kept open, and gives the head of the answer and whether the connection was closed.
async fn asked(address: SocketAddr) -> (String, bool) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        "POST /v1/runs/shop/spike-1/hello HTTP/1.1\r\nhost: collector\r\ncontent-length: 2\r\n\r\n{}";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await.unwrap().unwrap();
        assert!(read > 0, "closed without an answer");
    }
    // Another request, which is answered only if the connection is kept.
    let _ = stream.write_all(request.as_bytes()).await;
    let head = answer.len();
    let mut rest = Vec::new();
    while let Ok(Ok(read)) = timeout(PATIENCE, stream.read_buf(&mut rest)).await {
        if read == 0 || rest.windows(5).any(|window| window == b"HTTP/") {
            break;
        }
    }
    let again = rest.windows(5).any(|window| window == b"HTTP/");
    (String::from_utf8_lossy(&answer[..head]).to_lowercase(), !again)
}

#[tokio::test]
async fn a_standby_sends_runners_away_and_to_the_leader_once_it_knows_it() {
    let (sessions, address) = collector().await;
    let (answer, closed) = asked(address).await;
    assert!(answer.starts_with("http/1.1 503") && closed, "{answer}");
    assert!(answer.contains("connection: close") && !answer.contains(LEADER_HEADER), "{answer}");
    for leader in ["10.0.0.7:8080", "[fd00::7]:8080"] {
        sessions.leader().set(leader.parse().ok());
        let (answer, closed) = asked(address).await;
        assert!(answer.starts_with("http/1.1 503") && closed, "{answer}");
        assert!(answer.contains(&format!("{LEADER_HEADER}: {leader}\r\n")), "{answer}");
    }
}

#[tokio::test]
async fn a_leader_keeps_its_connections_until_it_has_lost_the_lease() {
    let (sessions, address) = collector().await;
    sessions.set_serving(true);
    let (answer, closed) = asked(address).await;
    assert!(answer.starts_with("http/1.1 401") && !closed, "without a token: {answer}");
    sessions.set_serving(false);
    let (answer, closed) = asked(address).await;
    assert!(answer.starts_with("http/1.1 503") && closed, "{answer}");
}
