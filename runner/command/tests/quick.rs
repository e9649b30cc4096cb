// SPDX-License-Identifier: Apache-2.0
//! `upsurge quick` as its users have it: the real binary, against the real target, on loopback.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

#[allow(dead_code)]
#[path = "../../engine/tests/support/proxy.rs"]
mod proxy;
#[allow(dead_code)]
#[path = "../../engine/tests/support/server.rs"]
mod server;

use std::time::{Duration, Instant};

use processes::{Ended, Upsurge, scratch, start_target};
use proxy::Proxy;
use rstest::rstest;
use serde_json::Value;
use server::{Options, Server, json, with_headers};

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
        ["requests  200, ", "succeeded 180, 90%", "failed    20, 10%", "received  ", "sent      ", "p99.9"]
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
        .args(["-c", "4", "-z", "1s", "--json", "-", "--threads", "2"])
        .end();
    assert_ran(&ended);
    let result: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(result["summary"]["requests"], target.stats()["received"], "{result}");
    assert_eq!(result["metrics"]["vus"]["values"]["max"], 4.0, "{result}");
}

#[test]
fn method_headers_and_body_reach_the_target_as_given() {
    let server = Server::simple();
    let body = scratch("body.txt", "a body");
    let ended = Upsurge::command("quick")
        .arg(format!("http://me:you@{}/echo", server.address))
        .args(["-c", "1", "-n", "1", "-m", "put", "-H", "X-Key: one: two", "-T", "text/csv", "-D"])
        .arg(&body)
        .args(["--threshold", "http_req_failed rate == 0"])
        .end();
    assert_ran(&ended);
    assert!(ended.stdout.contains(&format!("PUT {}/echo", server.url())), "{ended:?}");
    assert!(ended.stdout.contains("✓ http_req_failed rate == 0: 0%"), "{ended:?}");
    let [request] = &*server.arrived() else { panic!("{:?}", server.targets()) };
    assert_eq!((request.method.as_str(), &*request.target, &*request.body), ("PUT", "/echo", &b"a body"[..]));
    for (name, value) in
        [("x-key", "one: two"), ("content-type", "text/csv"), ("authorization", "Basic bWU6eW91")]
    {
        assert_eq!(request.headers[name], value);
    }
}

#[test]
fn a_body_with_templates_is_posted_with_the_login_of_the_option() {
    let server = Server::simple();
    let ended = Upsurge::command("quick")
        .arg(format!("http://not:used@{}", server.address))
        .args(["-c", "1", "-n", "2", "-b", "n={{ iteration }}", "-a", "me:you"])
        .end();
    assert_ran(&ended);
    let seen: Vec<_> = server.arrived().into_iter().map(|one| (one.method.to_string(), one.body)).collect();
    assert_eq!(seen, [("POST".into(), "n=0".into()), ("POST".into(), "n=1".into())]);
    assert!(server.arrived().iter().all(|one| one.headers["authorization"] == "Basic bWU6eW91"));
}

#[test]
fn requests_go_through_the_proxy() {
    let proxy = Proxy::start(None);
    let ended = Upsurge::command("quick")
        .args(["http://shop.invalid/items", "-c", "1", "-n", "3", "-x"])
        .arg(format!("http://{}", proxy.address))
        .end();
    assert!(ended.stdout.contains("failed    3, 100%"), "it wants to know who asks: {ended:?}");
    let heads = proxy.heads();
    assert!(
        heads.len() == 3 && heads.iter().all(|head| head.starts_with("GET http://shop.invalid/items ")),
        "{heads:?}"
    );
}

#[rstest]
#[case::none(&["--redirects", "0"], &["/0"])]
#[case::some(&["--redirects", "2"], &["/0", "/1", "/2"])]
#[case::by_default(&[], &["/0", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9", "/10"])]
fn redirects_are_followed_as_often_as_wanted(#[case] option: &[&str], #[case] expected: &[&str]) {
    let server = Server::start(|arrived| async move {
        let next = arrived.target.trim_start_matches('/').parse::<u32>().unwrap() + 1;
        with_headers(302, &[("location", &format!("/{next}"))], "")
    });
    Upsurge::command("quick")
        .arg(format!("{}/0", server.url()))
        .args(["-c", "1", "-n", "1"])
        .args(option.iter().copied())
        .end();
    assert_eq!(server.targets(), expected);
}

#[test]
fn http2_is_spoken_without_tls_if_wanted() {
    let options = Options { http2: true, ..Options::default() };
    let server = Server::with(options, |_| async { json("{}") });
    let ended = Upsurge::command("quick").arg(server.url()).args(["-c", "2", "-n", "10", "--http2"]).end();
    assert_ran(&ended);
    assert!(ended.stdout.contains("succeeded 10, 100%"), "{ended:?}");
    assert_eq!(server.arrived().len(), 10);
}

#[test]
fn a_request_that_takes_too_long_has_failed() {
    let target = start_target(None, &["--latency", "10s"]);
    let started = Instant::now();
    let ended = Upsurge::command("quick").arg(target.url()).args(["-c", "2", "-n", "4", "-t", "100ms"]).end();
    assert!(started.elapsed() < Duration::from_secs(8), "{ended:?}");
    assert!(ended.stdout.contains("failed    4, 100%"), "{ended:?}");
    assert_eq!(target.stats()["received"], 4);
}

#[rstest]
#[case::verified(&[], "failed    4, 100%")]
#[case::insecure(&["-k"], "succeeded 4, 100%")]
fn certificates_of_unknown_authorities_are_taken_if_wanted(#[case] option: &[&str], #[case] words: &str) {
    let server = Server::tls();
    let ended = Upsurge::command("quick")
        .arg(format!("https://localhost:{}", server.address.port()))
        .args(["-c", "1", "-n", "4"])
        .args(option.iter().copied())
        .end();
    assert!(ended.stdout.contains(words), "{ended:?}");
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
        (&["-H", "X-A: 1", "-H", "Bearer s3cret"][..], "--header number 2 is not a header"),
        (&["-H", "Host: a", "-H", "host: b"], "--header host is given twice"),
        (&["-a", "s3cret"], "--auth is not USER:PASSWORD"),
        (
            &["-a", "u:s3cret", "-H", "authorization: Bearer s3cret"],
            "--auth and --header Authorization set the same header: drop one of them",
        ),
        (
            &["-T", "text/csv", "-H", "content-type: text/plain"],
            "--content-type and --header Content-Type set the same header",
        ),
        (&["--tag", "a=1", "--tag", "a=2"], "--tag a is given twice, and a figure has one value of a tag"),
        (&["--tag", "testid=7"], "--tag testid is what --testid sets"),
        (
            &["--out", "prometheus=http://127.0.0.1:9", "--tag", "a.b=1", "--tag", "a_b=2"],
            "--tag a_b is given twice",
        ),
        (
            &["--json", "-", "--summary", "/dev/stdout"],
            "--summary and --json write to the same file, /dev/stdout",
        ),
        (
            &["--junit", "/dev/stdout", "--summary", "/dev/stdout"],
            "--summary and --junit write to the same file, /dev/stdout",
        ),
        (&["--summary", "-"], "--summary writes to a file, and - is not one: name a file, or /dev/stdout"),
        (&["--junit", "-"], "name a file"),
        (&["--threshold", "http_reqs"], "--threshold \"http_reqs\" is not a limit"),
        (
            &["--threshold", "http_reqs nonsense > 1"],
            "error: --threshold \"http_reqs nonsense > 1\": \"nonsense > 1\" is not a condition: there is no",
        ),
        (&["--threshold", "http_req_duration p95 < 1s"], "(did you mean p(95)?)"),
        (
            &["--threshold", "http_req_durations p(95) < 1s"],
            "unknown metric \"http_req_durations\"; did you mean http_req_duration?",
        ),
        (
            &["-m", "gte"],
            "error: --method: must be one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS, not \"GTE\"; did you mean GET?",
        ),
        (&["-H", "X Y: 1"], "error: --header X Y: \"X Y\" can't be the name of a header"),
        (&["-b", "{{ nope }}"], "error: --body: unknown variable \"nope\""),
        (&["-x", "ftp://host"], "error: --proxy: "),
        (&["-t", "0s"], "error: --timeout: "),
        (&["--rate", "0"], "error: --rate: "),
        (&["-D", "/nowhere/body"], "can't read the body from /nowhere/body"),
        (&["--rate", "0"], "never rises above 0"),
    ] {
        let ended = Upsurge::command("quick").arg("http://127.0.0.1:9").args(arguments.iter().copied()).end();
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stderr.contains(words), "{words:?} in {}", ended.stderr);
        assert!(!ended.stderr.contains("spec."), "of arguments, not of a spec: {}", ended.stderr);
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    }
}

#[rstest]
#[case::scheme(
    "ftp://127.0.0.1:9",
    "error: URL: \"ftp://127.0.0.1:9\" is not a URL: start with http:// or https:// and a host"
)]
#[case::template("http://127.0.0.1:9/{{ nope }}", "error: URL: unknown variable \"nope\"")]
#[case::out_of_reach("http://127.0.0.1:1", "error: URL http://127.0.0.1:1 can't be reached")]
#[case::unresolved("http://shop.invalid", "of URL http://shop.invalid does not resolve")]
fn a_url_that_cant_be_used_is_called_so(#[case] url: &str, #[case] words: &str) {
    let ended = Upsurge::command("quick").arg(url).args(["-c", "1", "-n", "1"]).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains(words) && !ended.stderr.contains("spec."), "{words:?} in {}", ended.stderr);
}

#[test]
fn requests_that_find_no_free_user_are_told_with_the_arguments_that_help() {
    let target = start_target(None, &["--latency", "500ms"]);
    let ended =
        Upsurge::command("quick").arg(target.url()).args(["-c", "1", "--rate", "20", "-d", "2s"]).end();
    assert!(matches!(ended.code, 1 | 3), "{ended:?}");
    assert!(!ended.stdout.contains("spec."), "{ended:?}");
    if ended.code == 1 {
        for words in ["raise --connections", "--threshold \"dropped_iterations count < 10\" sets a limit"] {
            assert!(ended.stdout.contains(words), "{words:?} in {ended:?}");
        }
    }
}

#[test]
fn headers_of_one_name_are_all_sent() {
    let server = Server::simple();
    let ended = Upsurge::command("quick")
        .arg(format!("http://al%69ce:se%20cret@{}", server.address))
        .args([
            "-c",
            "1",
            "-n",
            "1",
            "-H",
            "X-A: 1",
            "-H",
            "x-a: 2",
            "-H",
            "Cookie: a=1",
            "-H",
            "Cookie: b=2",
        ])
        .end();
    assert_ran(&ended);
    let headers = &server.arrived()[0].headers;
    assert_eq!(
        (&headers["x-a"], &headers["cookie"]),
        (&"1, 2".parse().unwrap(), &"a=1; b=2".parse().unwrap())
    );
    // "alice:se cret"
    assert_eq!(headers["authorization"], "Basic YWxpY2U6c2UgY3JldA==");
    assert!(!ended.stdout.contains("se%20cret"), "{ended:?}");
}

#[test]
fn headers_and_logins_end_where_they_should() {
    // Rows 21 and 22 of the series in docs/src/reference/http-cases.md.
    let server = Server::simple();
    let header = "X-A: a;b=1; Date=12:34:56 http://x:1";
    let ended = Upsurge::command("quick")
        .arg(server.url())
        .args(["-c", "1", "-n", "1", "-H", header, "-a", "first.last-x_y@z:p:a;s+s"])
        .end();
    assert_ran(&ended);
    let headers = &server.arrived()[0].headers;
    assert_eq!(headers["x-a"], "a;b=1; Date=12:34:56 http://x:1");
    // The whole text, of which the user ends at the first colon.
    assert_eq!(headers["authorization"], "Basic Zmlyc3QubGFzdC14X3lAejpwOmE7cytz");
}

#[test]
fn files_are_whole_wherever_the_result_goes() {
    let target = start_target(None, &[]);
    for (number, (place, code)) in [
        ("| true", "0"),
        (">&-", "0 or 2"),
        ("> /dev/full", "2"),
        ("2>&- | true", "0"),
        ("2> /dev/full | true", "0"),
    ]
    .into_iter()
    .enumerate()
    {
        let [summary, junit] = ["json", "xml"].map(|kind| scratch(&format!("stream-{number}.{kind}"), ""));
        let script = format!(
            "url=$2; {{ \"$1\" quick \"$url\" -c 1 -n 4 --json - --summary \"$3\" --junit \"$4\" {}; echo \"code $?\" >&3; }} 3>&2 {}",
            place.split('|').next().unwrap(),
            place.find('|').map_or("", |at| &place[at..]),
        );
        let paths = [&summary, &junit].map(|path| path.display().to_string());
        let ended = Upsurge::in_shell(&script, &[target.url(), &paths[0], &paths[1]]).end();
        let codes: Vec<&str> = code.split(" or ").collect();
        assert!(
            codes.iter().any(|code| ended.stderr.contains(&format!("code {code}"))),
            "{place}: {ended:?}"
        );
        assert!(!ended.stderr.contains("panicked"), "{place}: {ended:?}");
        let written = paths.map(|path| std::fs::read_to_string(path).unwrap());
        assert!(written[0].contains("\"http_reqs\"") && written[1].contains("</testsuites>"), "{place}");
    }
}

#[test]
fn two_files_of_one_name_are_refused() {
    let file = scratch("both.txt", "");
    let ended = Upsurge::command("quick")
        .args(["http://127.0.0.1:9", "--summary", file.to_str().unwrap(), "--junit", file.to_str().unwrap()])
        .end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("--summary and --junit write to the same file"), "{ended:?}");
}
