// SPDX-License-Identifier: Apache-2.0
//! A store that speaks as S3 does: one that works, one that hangs, one that is not there, one that has no time, one that refuses.

#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rstest::rstest;
use upsurge_store::{Judge, Settings, Store, StoreError};
use upsurge_testing::HttpServer;

/// More than any record.
const MOST: u64 = 32 << 20;

/// Settings of a store of the test's own.
fn settings(server: &str) -> Settings {
    Settings::new([
        ("AWS_ENDPOINT_URL", server),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_REGION", "us-east-1"),
    ])
}

fn store(server: &str, address: &str) -> Store {
    Store::open(address.parse().unwrap(), &settings(server)).unwrap()
}

/// A server that gives one answer after the other, the last one for ever, and counts requests.
fn answers(answers: Vec<&'static str>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::<AtomicUsize>::default();
    let seen = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let index = seen.fetch_add(1, Ordering::Relaxed);
            let answer = answers.get(index).or(answers.last()).copied().unwrap_or_default();
            // A client that has gone is none of ours.
            let _ = answer_one(stream, answer);
        }
    });
    (url, count)
}

/// Reads a request, and gives an answer.
fn answer_one(stream: TcpStream, answer: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    reader.by_ref().take(length).read_to_end(&mut Vec::new())?;
    reader.into_inner().write_all(answer.as_bytes())
}

const OK: &str = "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const BUSY: &str = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const FORBIDDEN: &str =
    "HTTP/1.1 403 Forbidden\r\nContent-Length: 27\r\nConnection: close\r\n\r\n<Code>AccessDenied</Code>\r\n";
const FULL: &str = "HTTP/1.1 507 Full\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const MOVED: &str = "HTTP/1.1 307 Moved\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

#[test]
fn an_object_is_put_replaced_and_got_as_it_was() {
    let Some(server) = HttpServer::s3("runs") else { return };
    let store = store(&server.url(), "s3://runs/shop/spike 1.record");
    store.look().unwrap();
    assert!(matches!(store.get(MOST), Err(StoreError::Missing { .. })));
    let first: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    store.put(first.clone()).unwrap();
    assert!(store.get(MOST).unwrap() == first);
    store.put(b"second".to_vec()).unwrap();
    store.look().unwrap();
    assert_eq!(store.get(6).unwrap(), b"second");
    assert!(matches!(store.get(5), Err(StoreError::Large { most: 5, .. })));
}

#[test]
fn a_bucket_that_is_not_there_is_told() {
    let Some(server) = HttpServer::s3("runs") else { return };
    let error = store(&server.url(), "s3://others/spike.record").put(vec![1]).unwrap_err();
    assert_eq!(error.to_string(), "s3://others/spike.record is not there, or its bucket is not");
}

#[test]
fn it_may_be_asked_from_within_a_runtime() {
    let (url, _) = answers(vec![OK]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { store(&url, "s3://runs/a").put(vec![1]) }).unwrap();
}

#[test]
fn a_store_that_has_no_time_is_asked_again() {
    let (url, count) = answers(vec![BUSY, BUSY, OK]);
    store(&url, "s3://runs/a").put(vec![1; 1000]).unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 3);
}

#[rstest]
#[case::no_right(FORBIDDEN, "the store does not allow it: ", "AccessDenied")]
#[case::elsewhere(MOVED, "the store refuses: ", "307")]
fn a_store_that_refuses_is_asked_once(#[case] answer: &'static str, #[case] words: &str, #[case] why: &str) {
    let (url, count) = answers(vec![answer]);
    let error = store(&url, "s3://runs/a").put(vec![1]).unwrap_err().to_string();
    assert!(error.contains(words) && error.contains(why) && !error.contains("hunter2"), "{error}");
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn nothing_of_the_token_of_a_session_is_told() {
    const EXPIRED: &str = "HTTP/1.1 400 Bad Request\r\nContent-Length: 75\r\nConnection: close\r\n\r\n\
        <Error><Code>ExpiredToken</Code><Token-0>hunter2 and more</Token-0></Error>";
    let (url, _) = answers(vec![EXPIRED]);
    let error = store(&url, "s3://runs/a").put(vec![1]).unwrap_err().to_string();
    assert!(error.contains("ExpiredToken") && !error.contains("hunter2"), "{error}");
}

#[test]
fn an_object_that_is_larger_than_a_store_says_is_not_taken() {
    const MORE: &str = "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nLast-Modified: Tue, 01 Dec 2026 00:00:00 GMT\r\nContent-Length: 3\r\n\
        Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let (url, _) = answers(vec![MORE]);
    assert!(matches!(store(&url, "s3://runs/a").get(3), Err(StoreError::Large { most: 3, .. })));
}

#[test]
fn an_answer_without_an_end_is_not_read_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // An answer to nothing is one to no request.
        let asked = stream.read(&mut [0; 4096]).unwrap();
        assert!(asked > 0);
        let begin = "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(begin.as_bytes()).unwrap();
        let chunk = [b"100000\r\n".as_slice(), &[b'a'; 1 << 20], b"\r\n"].concat();
        // More would be a fault, and not the end of the machine's memory.
        (0..1_000).take_while(|_| stream.write_all(&chunk).is_ok()).count()
    });
    let error = store(&url, "s3://runs/a").put(vec![1]).unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    let sent = server.join().unwrap();
    assert!((64..200).contains(&sent), "{sent} MiB");
}

#[test]
fn who_may_put_something_need_not_be_let_look() {
    let (url, _) = answers(vec![FORBIDDEN]);
    store(&url, "s3://runs/a").look().unwrap();
}

#[test]
fn a_store_that_is_full_is_told_within_the_limit() {
    let (url, count) = answers(vec![FULL]);
    let settings = settings(&url).with_limit(Duration::from_secs(2));
    let begin = Instant::now();
    let error = Store::open("s3://runs/a".parse().unwrap(), &settings).unwrap().put(vec![1]).unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. } | StoreError::Late { .. }), "{error}");
    assert!(count.load(Ordering::Relaxed) > 1 && begin.elapsed() < Duration::from_secs(10), "{error}");
}

#[test]
fn a_store_that_hangs_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let settings = settings(&url).with_limit(Duration::from_millis(500));
    let begin = Instant::now();
    let error = Store::open("s3://runs/a".parse().unwrap(), &settings).unwrap().look().unwrap_err();
    assert_eq!(error.to_string(), "s3://runs/a: the store did not do it within 500 ms");
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_store_that_is_not_there_is_told() {
    let address: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = settings(&format!("http://{address}")).with_limit(Duration::from_secs(2));
    let error = Store::open("s3://runs/a".parse().unwrap(), &settings).unwrap().look().unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. } | StoreError::Late { .. }), "{error}");
}

#[test]
fn nothing_is_sent_by_plain_http_unless_that_is_said() {
    let (url, count) = answers(vec![OK]);
    let settings = Settings::new([
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
    ]);
    let error = Store::open("s3://runs/a".parse().unwrap(), &settings).unwrap().put(vec![1]).unwrap_err();
    assert!(error.to_string().contains("AWS_ALLOW_HTTP=true"), "{error}");
    assert_eq!(count.load(Ordering::Relaxed), 0);
}

#[rstest]
#[case::machine(&[], "s3://runs/a", "AWS_ACCESS_KEY_ID")]
#[case::task(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials")], "s3://runs/a", "AWS_ACCESS_KEY_ID")]
#[case::azure(&[("AZURE_STORAGE_ACCOUNT_NAME", "shop")], "az://runs/a", "AZURE_STORAGE_ACCOUNT_KEY")]
#[case::azure_command(&[("AZURE_STORAGE_ACCOUNT_NAME", "shop"), ("AZURE_USE_AZURE_CLI", "true")], "az://runs/a", "AZURE_STORAGE_ACCOUNT_KEY")]
#[case::google(&[], "gs://runs/a", "GOOGLE_SERVICE_ACCOUNT")]
fn no_metadata_address_is_asked_for_credentials(
    #[case] variables: &[(&str, &str)],
    #[case] address: &str,
    #[case] expected: &str,
) {
    // Who has logged in by gcloud has credentials, whatever the variables.
    let home = PathBuf::from(env::var_os("HOME").unwrap_or_default());
    if address.starts_with("gs:") && home.join(".config/gcloud/application_default_credentials.json").exists()
    {
        return;
    }
    let store = Store::open(address.parse().unwrap(), &Settings::new(variables.iter().copied())).unwrap();
    let begin = Instant::now();
    let error = store.put(vec![1]).unwrap_err();
    assert!(
        matches!(error, StoreError::Credentials { .. }) && error.to_string().contains(expected),
        "{error}"
    );
    assert!(error.to_string().contains("UPSURGE_STORE_METADATA=true"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn nobody_sees_credentials_of_a_store() {
    let store = store("http://127.0.0.1:9", "s3://runs/a");
    assert!(!format!("{store:?}").contains("hunter2"), "{store:?}");
}

/// A platform on which nobody may contact the machine itself.
#[derive(Debug)]
struct NoLoopback;

impl Judge for NoLoopback {
    fn host(&self, host: &str) -> Result<(), String> {
        host.parse().map_or(Ok(()), |address| self.address(address))
    }

    fn address(&self, address: IpAddr) -> Result<(), String> {
        if address.is_loopback() { Err(format!("{address} is forbidden")) } else { Ok(()) }
    }
}

#[rstest]
#[case::an_address("127.0.0.1")]
#[case::a_name("localhost")]
fn what_the_platform_forbids_is_not_contacted(#[case] host: &str) {
    let (server, count) = answers(vec![""]);
    let port = server.rsplit(':').next().unwrap();
    let settings = settings(&format!("http://{host}:{port}")).with_limit(Duration::from_secs(2));
    let settings = settings.judged_by(Arc::new(NoLoopback));
    let store = Store::open("s3://runs/a".parse().unwrap(), &settings).unwrap();
    let error = store.put(vec![1]).unwrap_err().to_string();
    assert!(error.contains("is forbidden"), "{error}");
    assert_eq!(count.load(Ordering::Relaxed), 0);
}
