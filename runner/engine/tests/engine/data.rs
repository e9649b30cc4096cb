// SPDX-License-Identifier: Apache-2.0
//! Rows of data, as the users of one or several runners take them.

use std::{collections::BTreeMap, sync::Arc};

use rstest::rstest;
use serde_json::{Value, json};
use upsurge_core::{
    files::{FileId, FileKind, references},
    plan::schedule::Share,
};
use upsurge_engine::{self as engine, EngineConfig, run_after};
use upsurge_system::files::{Files, Places};

use crate::{
    load::{config, run, spec},
    server::Server,
};

fn csv(rows: usize) -> String {
    (0..rows).fold("id,name\n".to_owned(), |text, row| text + &format!("{row},n{row}\n"))
}

fn test(server: &Server, iterations: u32, users: u32, data: Value) -> Value {
    let load =
        json!({"executors": [{"name": "e", "sharedIterations": {"vus": users, "iterations": iterations}}]});
    let mut test = spec(&server.url(), load, json!([{"request": {"name": "r", "url": "/{{ rows.id }}"}}]));
    test["data"] = json!([data]);
    test
}

fn counted(server: &Server) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    server.targets().into_iter().for_each(|target| *counts.entry(target).or_default() += 1);
    counts
}

#[test]
fn every_row_is_taken_once_per_pass_over_all_cores() {
    let server = Server::simple();
    let data = json!({"name": "rows", "csv": {"source": {"text": csv(10)}}});
    let outcome = run(config(test(&server, 30, 4, data)));
    let counts = counted(&server);
    assert_eq!((counts.len(), outcome.count("iterations")), (10, 30));
    assert!(counts.values().all(|count| *count == 3), "{counts:?}");
}

#[test]
fn empty_lines_are_no_rows() {
    // Row 31 of the series in docs/src/reference/http-cases.md.
    let server = Server::simple();
    let text = "id,name\n1,a\n\n2,b\n\n\n";
    run(config(test(&server, 4, 1, json!({"name": "rows", "csv": {"source": {"text": text}}}))));
    assert_eq!(counted(&server), BTreeMap::from([("/1".to_owned(), 2), ("/2".to_owned(), 2)]));
}

#[test]
fn random_rows_come_in_no_order_and_as_often_as_chance_has_it() {
    let server = Server::simple();
    let data = json!({"name": "rows", "csv": {"source": {"text": csv(4)}}, "order": "Random"});
    run(config(test(&server, 400, 1, data)));
    let counts = counted(&server);
    // A hundred each, give or take six deviations.
    assert!(counts.len() == 4 && counts.values().all(|count| (48..=152).contains(count)), "{counts:?}");
    // Of two that follow each other one in four pairs is alike; in turn there would be none.
    let targets = server.targets();
    let alike = targets.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!((48..=152).contains(&alike), "{alike}");
}

#[test]
fn unique_rows_are_shared_out_over_runners_and_end_the_load() {
    let server = Server::simple();
    let data = json!({"name": "rows", "csv": {"source": {"text": csv(21)}}, "order": "Unique"});
    let mut iterations = 0;
    for runner in 0..2 {
        let mut config = config(test(&server, 1_000, 4, data.clone()));
        config.share = Share::new(runner, 2);
        iterations += run(config).count("iterations");
    }
    let counts = counted(&server);
    assert_eq!((counts.len(), iterations), (21, 21));
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
}

#[test]
fn the_end_of_rows_ends_all_loads_on_all_cores() {
    let server = Server::simple();
    let data = json!({"name": "rows", "csv": {"source": {"text": csv(3)}}, "order": "Unique"});
    let mut test = test(&server, 1, 1, data);
    let rows = json!([{"request": {"name": "r", "url": "/{{ rows.id }}"}}]);
    let other = json!([{"request": {"name": "o", "url": "/other"}}, {"think": {"min": "10ms"}}]);
    test["scenarios"] = json!([{"name": "rows", "steps": rows}, {"name": "other", "steps": other}]);
    test["load"] = json!({"executors": [
        {"name": "rows", "exec": "rows", "constantVUs": {"vus": 1, "duration": "10m"}},
        {"name": "other", "exec": "other", "constantVUs": {"vus": 4, "duration": "10m"}},
    ]});
    // Within the time that any test has.
    run(config(test));
    assert_eq!(counted(&server).len(), 4, "three rows, and what has no data");
}

// Who finds no row cuts off what others have begun, so that their last requests may not be seen by the server: of two
// users one, and of arrivals that are 50 ms apart all but the first if the machine is slow.
#[rstest]
#[case::counted(json!({"executors": [{"name": "e", "sharedIterations": {"vus": 1, "iterations": 100}}]}), 5)]
#[case::closed(json!({"unit": "Users", "constant": {"level": 2, "duration": "10m"}}), 4)]
#[case::open(json!({"unit": "IterationsPerSecond", "constant": {"level": 20, "duration": "10m"}}), 1)]
fn the_end_of_rows_can_fail_the_run(#[case] load: Value, #[case] certain: usize) {
    let server = Server::simple();
    let data =
        json!({"name": "rows", "csv": {"source": {"text": csv(5)}}, "order": "Unique", "onEnd": "Fail"});
    let mut test = test(&server, 100, 1, data);
    test["load"] = load;
    let engine = engine::Engine::start(EngineConfig { threads: 1, ..config(test) }).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let ended = runtime
        .block_on(async { tokio::time::timeout(std::time::Duration::from_secs(60), engine.wait()).await });
    assert!(ended.is_ok());
    assert_eq!(engine.aborted().unwrap(), "data \"rows\" has no more rows");
    let counts = counted(&server);
    assert!((certain..=5).contains(&counts.len()) && counts.values().all(|count| *count == 1), "{counts:?}");
}

#[test]
fn a_user_may_keep_its_row() {
    let server = Server::simple();
    let data = json!({"name": "rows", "csv": {"source": {"text": csv(3)}}, "scope": "User"});
    let load = json!({"executors": [{"name": "e", "perVUIterations": {"vus": 3, "iterations": 4}}]});
    let mut test = test(&server, 1, 1, data);
    test["load"] = load;
    run(config(test));
    let counts = counted(&server);
    assert_eq!(counts, [("/0".into(), 4), ("/1".into(), 4), ("/2".into(), 4)].into());
}

#[test]
fn json_and_generated_rows_keep_their_types_and_seeds() {
    let rows = |seed: u64| {
        let server = Server::simple();
        let mut test = test(
            &server,
            4,
            1,
            json!({"name": "rows", "json": {
            "source": {"text": r#"{"all": [{"id": 1, "tags": ["a", "b"]}, {"id": 2, "tags": ["c"]}]}"#}, "path": "$.all[*]"}}),
        );
        test["data"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "made", "generated": {"rows": 2, "seed": seed,
            "fields": {"n": "{{ row }}", "random": "{{ randomInt(1, 1000000000) }}"}}}));
        test["scenarios"][0]["steps"] = json!([{"loop": {"over": "rows.tags", "steps": [
            {"request": {"name": "r", "url": "/{{ rows.id }}/{{ loopElement }}/{{ made.n }}/{{ made.random }}"}}]}}]);
        run(config(test));
        server.targets()
    };
    let first = rows(7);
    let starts: Vec<String> =
        first.iter().map(|target| target.rsplit_once('/').unwrap().0.to_owned()).collect();
    assert_eq!(starts, ["/1/a/1", "/1/b/1", "/2/c/2", "/1/a/1", "/1/b/1", "/2/c/2"]);
    assert_eq!(first, rows(7));
    assert_ne!(first, rows(8));
}

#[test]
fn rows_are_used_by_columns_and_as_a_whole() {
    for (url, expected) in [
        ("/{{ rows.id }}/{{ rows.name }}{{ rows.missing }}", ["/1/a", "/2/"]),
        ("/{{ rows.id }}/{{ length(rows) }}", ["/1/2", "/2/1"]),
    ] {
        let server = Server::simple();
        let file = r#"[{"id": 1, "name": "a"}, {"id": 2}]"#;
        let data = json!({"name": "rows", "json": {"source": {"text": file}}});
        let mut test = test(&server, 2, 1, data);
        test["scenarios"][0]["steps"] =
            json!([{"if": {"condition": "rows.id < 3", "then": [{"request": {"name": "r", "url": url}}]}}]);
        run(config(test));
        assert_eq!(server.targets(), expected);
    }
}

#[test]
fn a_variable_may_take_the_place_of_a_row() {
    let server = Server::simple();
    let mut test = test(&server, 2, 1, json!({"name": "rows", "csv": {"source": {"text": csv(2)}}}));
    test["scenarios"][0]["steps"] = json!([
        {"request": {"name": "r", "url": "/{{ rows.id }}"}},
        {"set": [{"name": "rows", "value": {"id": "own"}}]},
        {"if": {"condition": "rows.id == 'own'", "then": [{"request": {"name": "r", "url": "/{{ rows.id }}"}}]}},
    ]);
    run(config(test));
    assert_eq!(server.targets(), ["/0", "/own", "/1", "/own"]);
}

#[test]
fn files_of_data_are_in_utf_8_and_a_mark_is_no_part_of_them() {
    let server = Server::simple();
    let with = |kind: &str, bytes: &[u8]| {
        let source = json!({"source": {"configMapKeyRef": {"name": "files", "key": "rows"}}});
        let mut config = config(test(&server, 1, 1, json!({"name": "rows", kind: source})));
        let id = FileId { kind: FileKind::ConfigMap, name: "files".into(), key: "rows".into() };
        let objects = BTreeMap::from([(id, bytes::Bytes::copy_from_slice(bytes))]);
        let places = Places { objects, directory: None };
        config.files = Arc::new(Files::load(&references(&config.test), &places).unwrap());
        config
    };
    run(with("csv", b"\xef\xbb\xbfid,name\n1,caf\xc3\xa9\n"));
    run(with("json", b"\xef\xbb\xbf[{\"id\": 2}]"));
    // All digits as far as 64 bits go, and floating point beyond (RFC 8259, section 6).
    run(with("json", b"[{\"id\": 18446744073709551615}]"));
    run(with("json", b"[{\"id\": 18446744073709551616}]"));
    run(with("json", b"[{\"id\": \"12345678901234567890123\"}]"));
    let large = ["/18446744073709551615", "/1.8446744073709552e19", "/12345678901234567890123"];
    let seen: Vec<String> = server.targets().iter().map(|target| target.replace("e+", "e")).collect();
    assert_eq!(seen[..2], ["/1", "/2"]);
    assert_eq!(seen[2..], large);
    let wrong = |kind: &str, bytes: &[u8]| {
        let config = with(kind, bytes);
        engine::check(&config.valid, &config.test, &config.secrets, &config.files).unwrap_err().to_string()
    };
    let latin1 = wrong("csv", b"id,name\n1,Ada\n2,caf\xe9\n");
    assert!(
        latin1.starts_with("spec.data[0]: line 3 is not in UTF-8") && latin1.contains("iconv"),
        "{latin1}"
    );
    assert!(wrong("json", b"[{\"id\": \"\xe9\"}]").contains("line 1 is not in UTF-8"));
    for utf16 in [b"\xff\xfei\0d\0\n\0", b"\xfe\xff\0i\0d\0\n"] {
        assert!(wrong("csv", utf16).contains("the file is in UTF-16"));
    }
}

#[test]
fn wrong_rows_are_found_before_the_load() {
    let server = Server::simple();
    let wrong = |text: &str| {
        let config = config(test(&server, 1, 1, json!({"name": "rows", "csv": {"source": {"text": text}}})));
        engine::check(&config.valid, &config.test, &config.secrets, &config.files).unwrap_err().to_string()
    };
    assert!(wrong("name\na\n").starts_with("spec.data[0]: there is no column \"id\""));
    assert!(wrong("id,name\n1,2\n3\n").contains("line: 3"), "{}", wrong("id,name\n1,2\n3\n"));
    assert_eq!(wrong("id\n"), "spec.data[0]: there are no rows");
    assert!(wrong("id,name, id\n1,2,3\n").starts_with("spec.data[0]: there are two columns \"id\""));
}

#[test]
fn the_steps_after_the_load_know_what_those_before_captured() {
    let server = Server::simple();
    let mut test = spec(
        &server.url(),
        json!({"constant": {"level": 1, "duration": "1s"}}),
        json!([{"request": {"url": "/"}}]),
    );
    test["before"] = json!([{"set": [{"name": "id", "value": 7}]}]);
    test["after"] = json!([{"request": {"method": "DELETE", "url": "/{{ id }}"}}, {"fail": {"message": "no", "if": "id == 8"}}]);
    let config = config(test);
    let after = |id: u32| {
        let variables = json!({"id": id}).as_object().unwrap().clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let files = Arc::clone(&config.files);
        runtime.block_on(run_after(&config.valid, &config.test, &config.secrets, &files, &variables))
    };
    assert_eq!(after(7), Ok(()));
    assert_eq!(after(8).unwrap_err(), "spec.after: fail: no");
    assert_eq!(server.targets(), ["/7", "/8"]);
}
