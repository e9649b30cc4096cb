//! `upsurge quick` as its users have it: the real binary, against the real target, on loopback.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use processes::{Ended, Upsurge, scratch, start_target};
use serde_json::Value;

/// Whether the generator kept up is the machine's affair; the counts are the same.
fn assert_ran(ended: &Ended) {
    let limited = ended.code == 3 && ended.stdout.contains("GeneratorLimited");
    assert!(ended.code == 0 || limited, "{ended:?}");
}

#[test]
fn a_rate_is_kept_and_told_with_the_targets_own_counts() {
    let target = start_target(Some("errorRate: 0.1"), &["--latency", "2ms"]);
    let json = scratch("quick.json", "");
    let ended = Upsurge::command("quick")
        .arg(format!("{}/items/{{{{ iteration }}}}?a=b", target.url()))
        .args(["--rate", "100", "-d", "2s", "--summary"])
        .arg(&json)
        .end();
    assert_ran(&ended);
    let stats = target.stats();
    assert_eq!(stats["received"], 200, "{stats}");
    for words in
        ["requests  200, ", "succeeded 180, 90%", "failed    20, 10%", "p99.9", "from intended start"]
    {
        assert!(ended.stdout.contains(words), "{words:?} in {}", ended.stdout);
    }
    let summary: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(summary["metrics"]["http_reqs"]["values"]["count"], 200.0);
}

#[test]
fn a_number_of_requests_is_made_by_that_many_users() {
    let target = start_target(Some("errorRate: 0.2"), &["--latency", "5ms"]);
    let ended = Upsurge::command("quick").arg(target.url()).args(["-c", "8", "-n", "150"]).end();
    assert_ran(&ended);
    assert_eq!(target.stats()["received"], 150);
    for words in ["requests  150, ", "succeeded 120, 80%", "status codes\n  [200] 120\n  [503] 30\n"] {
        assert!(ended.stdout.contains(words), "{words:?} in {}", ended.stdout);
    }
    let ended = Upsurge::command("quick").arg(target.url()).end();
    assert!(ended.stdout.contains("requests  200, "), "by default: {ended:?}");
    let ended = Upsurge::command("quick").arg(target.url()).args(["-n", "40", "--rate", "80"]).end();
    assert!(ended.stdout.contains("requests  40, "), "at a rate: {ended:?}");
    assert_eq!(target.stats()["received"], 390);
}

#[test]
fn connections_are_used_again_unless_that_is_not_wanted() {
    let target = start_target(None, &[]);
    // Each look at the counts has a connection of its own.
    let connections = || target.stats()["connections"].as_u64().unwrap();
    let mut made = Vec::new();
    for arguments in [&[][..], &["--disable-keepalive"]] {
        let before = connections();
        let ended = Upsurge::command("quick")
            .arg(target.url())
            .args(["-c", "2", "-n", "100"])
            .args(arguments.iter().copied())
            .end();
        assert_ran(&ended);
        made.push(connections() - before);
    }
    assert!(made[0] < 20 && made[1] >= 100, "{made:?}");
}

#[test]
fn users_go_on_for_the_time_given() {
    let target = start_target(None, &["--latency", "10ms"]);
    let ended = Upsurge::command("quick")
        .arg(target.address())
        .args(["-c", "4", "-z", "1s", "--json", "--threads", "2"])
        .end();
    assert_ran(&ended);
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        summary["metrics"]["http_reqs"]["values"]["count"].as_f64(),
        target.stats()["received"].as_f64()
    );
    assert_eq!(summary["metrics"]["vus"]["values"]["max"], 4.0, "{summary}");
}

/// Answers every request with 200 on a connection of its own, and keeps what it read.
fn listen() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let requests = Arc::<Mutex<Vec<String>>>::default();
    let ours = Arc::clone(&requests);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut text, mut part) = (String::new(), [0; 4096]);
            while !text.ends_with("a body") {
                match stream.read(&mut part) {
                    Ok(0) | Err(_) => break,
                    Ok(length) => text.push_str(&String::from_utf8_lossy(&part[..length])),
                }
            }
            // A connection without a request is the look whether somebody is there.
            if !text.is_empty() {
                ours.lock().unwrap().push(text);
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        }
    });
    (address, requests)
}

#[test]
fn method_headers_and_body_reach_the_target_as_given() {
    let (address, requests) = listen();
    let body = scratch("body.txt", "a body");
    let ended = Upsurge::command("quick")
        .arg(format!("http://me:you@{address}/echo"))
        .args(["-c", "1", "-d", "1s", "-m", "put", "-H", "X-Key: one: two", "-T", "text/csv", "-D"])
        .arg(&body)
        .args(["--threshold", "http_req_failed rate == 0"])
        .end();
    assert_ran(&ended);
    assert!(ended.stdout.contains(&format!("PUT http://{address}/echo")), "{ended:?}");
    assert!(ended.stdout.contains("✓ http_req_failed rate == 0: 0%"), "{ended:?}");
    let requests = requests.lock().unwrap();
    let request = requests.first().unwrap().to_lowercase();
    for words in [
        "put /echo http/1.1",
        "x-key: one: two",
        "content-type: text/csv",
        "authorization: basic bwu6ew91",
        "a body",
    ] {
        assert!(request.contains(words), "{words:?} in {request:?}");
    }
}

#[test]
fn a_limit_that_is_not_kept_fails() {
    let target = start_target(None, &["--latency", "20ms"]);
    let ended = Upsurge::command("quick")
        .arg(target.url())
        .args(["-c", "2", "-d", "1s", "--threshold", "http_req_duration p(95) < 1ms"])
        .end();
    assert!(ended.code == 1 || ended.stdout.contains("(GeneratorLimited)"), "{ended:?}");
    assert!(ended.stdout.contains("✗ http_req_duration p(95) < 1ms: "), "{ended:?}");
}

#[test]
fn arguments_that_make_no_test_are_named() {
    for (arguments, words) in [
        (&["-H", "nonsense"][..], "--header \"nonsense\" is no header"),
        (&["--threshold", "http_reqs"], "--threshold \"http_reqs\" is no limit"),
        (&["--threshold", "http_reqs nonsense > 1"], "nonsense"),
        (&["-D", "/nowhere/body"], "can't read the body from /nowhere/body"),
        (&["--rate", "0"], "never rises above 0"),
    ] {
        let ended = Upsurge::command("quick").arg("http://127.0.0.1:9").args(arguments.iter().copied()).end();
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stderr.contains(words), "{words:?} in {}", ended.stderr);
    }
}
