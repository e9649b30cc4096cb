// SPDX-License-Identifier: Apache-2.0
//! Servers that mean no good, on a loopback address: whatever they do, there is an answer for each check in bounded
//! time, and it tells nothing of what they said.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rstest::rstest;
use serde_json::json;
use upsurge_core::{
    http::{Reach, ReachRules},
    plan::Plan,
};
use upsurge_crds::v1alpha1::PrometheusCheck;
use upsurge_prometheus::{AskError, Client, DEADLINE, Server, ask};

/// A server that does the same to everyone who comes, and counts them.
struct Hostile {
    address: SocketAddr,
    seen: Arc<AtomicUsize>,
}

impl Hostile {
    fn start(act: impl Fn(&mut TcpStream, &str) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (act, counter) = (Arc::new(act), Arc::clone(&seen));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(mut stream), act) = (stream, Arc::clone(&act)) else { return };
                counter.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    let mut request = vec![0; 64 * 1024];
                    let length = stream.read(&mut request).unwrap_or(0);
                    act(&mut stream, &String::from_utf8_lossy(&request[..length]));
                });
            }
        });
        Self { address, seen }
    }

    fn saying(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::start(move |stream, _| drop(stream.write_all(text.as_bytes())))
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn checks(count: usize) -> Vec<PrometheusCheck> {
    let one = |index| json!({"name": format!("check {index}"), "query": "up", "condition": "> 0"});
    (0..count).map(|index| serde_json::from_value(one(index)).unwrap()).collect()
}

async fn asked(server: Server, count: usize) -> Vec<Result<Vec<f64>, AskError>> {
    let load = json!({"unit": "Users", "constant": {"level": 1, "duration": "1s"}});
    let timeline = Plan::compile(&serde_json::from_value(load).unwrap(), &[]).unwrap().timeline;
    let now = Timestamp::now();
    ask(&Client::new(&server).unwrap(), &checks(count), &timeline, now, now).await
}

async fn error(url: String) -> AskError {
    asked(Server { url, ..Server::default() }, 1).await.remove(0).unwrap_err()
}

fn reach(hosts: Option<&[&str]>, blocked: &[&str]) -> Arc<Reach> {
    let list = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let rules = ReachRules { hosts: hosts.map(list), networks: None, blocked: list(blocked) };
    Arc::new(rules.compile().unwrap())
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let secret = Hostile::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let redirect = Hostile::saying(format!(
        "HTTP/1.1 307 X\r\nlocation: {}/token\r\ncontent-length: 0\r\n\r\n",
        secret.url()
    ));
    assert_eq!(error(redirect.url()).await, AskError::Redirect(307));
    assert_eq!(secret.seen.load(Ordering::SeqCst), 0);
}

#[rstest]
#[case::announced("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n")]
#[case::not_announced("HTTP/1.1 200 OK\r\n\r\n")]
#[case::of_an_error("HTTP/1.1 500 X\r\n\r\n")]
#[tokio::test]
async fn an_endless_body_is_cut_off(#[case] head: &'static str) {
    let server = Hostile::start(move |stream, _| {
        let block = [b'1'; 64 * 1024];
        let _ = stream.write_all(head.as_bytes());
        while stream.write_all(&block).is_ok() {}
    });
    let begun = Instant::now();
    assert_eq!(error(server.url()).await, AskError::TooLarge(1 << 20));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_slow_drip_ends_with_the_deadline_of_all_checks() {
    let server = Hostile::start(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    });
    let begun = Instant::now();
    let answers = asked(Server { url: server.url(), ..Server::default() }, 50).await;
    assert_eq!(answers.len(), 50);
    assert!(begun.elapsed() < DEADLINE + Duration::from_secs(5), "{:?}", begun.elapsed());
    let late =
        |answer: &Result<_, AskError>| matches!(answer, Err(AskError::Timeout(_) | AskError::Deadline(_)));
    assert!(answers.iter().all(late), "{answers:?}");
    // Not one after the other for ever.
    assert!(server.seen.load(Ordering::SeqCst) < 50);
}

#[rstest]
#[case::page("HTTP/1.1 200 OK\r\n\r\n<h1>secret</h1>", AskError::Foreign)]
#[case::unauthorized(
    "HTTP/1.1 401 secret\r\nwww-authenticate: Basic realm=secret\r\n\r\nsecret",
    AskError::Unauthorized(401)
)]
#[case::not_found("HTTP/1.1 404 secret\r\n\r\nsecret", AskError::Status(404))]
#[case::no_http("SSH-2.0-secret\r\n", AskError::Connection)]
#[case::nothing("", AskError::Connection)]
#[case::cut_off("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nsecret", AskError::Connection)]
#[tokio::test]
async fn what_else_answers_there_is_told_by_its_status_only(
    #[case] answer: &'static str,
    #[case] expected: AskError,
) {
    let server = Hostile::saying(answer);
    let error = error(server.url()).await;
    assert_eq!(error, expected);
    assert!(!error.to_string().contains("secret"));
}

#[tokio::test]
async fn nobody_there_is_said_in_words() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(error(format!("http://127.0.0.1:{port}")).await, AskError::Refused);
    assert_eq!(error("http://no-such-host.invalid".into()).await, AskError::Unresolved);
}

#[tokio::test]
async fn headers_and_a_path_before_the_api_are_sent() {
    let server = Hostile::start(|stream, request| {
        let lower = request.to_ascii_lowercase();
        let right = lower.starts_with("post /team/api/v1/query_range http/1.1")
            && lower.contains("authorization: bearer t0ken\r\n");
        let body = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"7"]]}]}}"#;
        let code = if right { 200 } else { 400 };
        let _ = write!(stream, "HTTP/1.1 {code} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    });
    let headers = vec![("Authorization".to_owned(), "Bearer t0ken\n".to_owned())];
    let url = format!("{}/team/", server.url());
    let answers = asked(Server { url, headers, ..Server::default() }, 2).await;
    assert_eq!(answers, [Ok(vec![7.0]), Ok(vec![7.0])]);
}

#[rstest]
#[case::plain("127.0.0.1")]
#[case::decimal("2130706433")]
#[case::short("127.1")]
#[case::hexadecimal("0x7f.1")]
#[case::octal("0177.0.0.1")]
#[case::mapped("[::ffff:127.0.0.1]")]
#[case::unspecified("0.0.0.0")]
#[case::name("localhost")]
#[tokio::test]
async fn a_blocked_address_is_not_connected_to_in_any_form(#[case] host: &str) {
    let server = Hostile::saying("HTTP/1.1 200 OK\r\n\r\nsecret");
    let url = format!("http://{host}:{}", server.address.port());
    let reach = reach(None, &["127.0.0.0/8", "::1"]);
    let error = asked(Server { url, reach, ..Server::default() }, 1).await.remove(0).unwrap_err();
    assert!(matches!(error, AskError::Forbidden(_)), "{error:?}");
    assert_eq!(server.seen.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_not_asked_for() {
    let server =
        Server { url: "http://localhost:1".into(), reach: reach(Some(&["shop"]), &[]), ..Server::default() };
    let error = asked(server, 1).await.remove(0).unwrap_err();
    assert!(matches!(error, AskError::Forbidden(_)), "{error:?}");
}

#[rstest]
#[case("ftp://x", &[])]
#[case("no url", &[])]
#[case("http://x", &[("a b", "c")])]
#[case("http://x", &[("a", "b\r\nc: d")])]
fn what_can_not_be_asked_is_refused(#[case] url: &str, #[case] headers: &[(&str, &str)]) {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let error = Client::new(&Server { url: url.into(), headers, ..Server::default() }).unwrap_err();
    assert!(!error.to_string().contains("c: d"), "values of headers are secret: {error}");
}
