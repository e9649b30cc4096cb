// SPDX-License-Identifier: Apache-2.0
//! `run: NAME`: blocks of steps stand where they are run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use upsurge_core::{
    scenario::Step,
    validate::{Valid, read_spec, validate},
};

fn test(blocks: Value, steps: Value) -> Value {
    json!({
        "target": {"baseURL": "http://checkout:8080"},
        "blocks": blocks,
        "scenarios": [{"name": "pay", "steps": steps}],
        "load": {"constant": {"level": 1, "duration": "1m"}}
    })
}

fn compile(raw: &Value) -> Result<Valid, Vec<String>> {
    let compiled = read_spec(raw).and_then(|spec| validate(&spec));
    compiled.map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn request(name: &str) -> Value {
    json!({"request": {"name": name, "url": "/"}})
}

#[test]
fn the_steps_of_a_block_are_done_where_it_is_run() {
    let raw = test(
        json!([
            {"name": "log in", "steps": [
                {"request": {"name": "log in", "url": "/login", "capture": [{"name": "token", "jsonPath": "$.token"}]}},
                {"run": "breathe"}
            ]},
            {"name": "breathe", "steps": [{"think": {"min": "1s"}}]}
        ]),
        json!([
            {"run": "log in"},
            {"request": {"name": "pay", "url": "/pay/{{ token }}"}},
            {"parallel": {"steps": [{"run": "log in"}, request("other")]}},
            {"if": {"condition": "token != ''", "then": [{"run": "breathe"}]}}
        ]),
    );
    let valid = compile(&raw).unwrap();
    let scenario = &valid.scenarios.scenarios[0];
    let names: Vec<&str> = scenario.requests().map(|request| request.name.as_str()).collect();
    assert_eq!(names, ["log in", "pay", "log in", "other"]);
    let mut pauses = 0;
    scenario.visit(&mut |step| pauses += usize::from(matches!(step, Step::Think(_))));
    assert_eq!(pauses, 3);
    let Step::Parallel { branches, .. } = &scenario.steps[2] else { panic!("no branches") };
    assert_eq!(branches.len(), 2, "a block is one branch");
}

#[test]
fn a_block_that_runs_itself_is_refused_with_the_way_round() {
    let raw = test(
        json!([
            {"name": "a", "steps": [{"group": {"name": "g", "steps": [{"run": "b"}]}}]},
            {"name": "b", "steps": [{"run": "a"}]}
        ]),
        json!([{"run": "a"}]),
    );
    let errors = compile(&raw).map(|_| ()).unwrap_err();
    assert_eq!(errors, ["spec.blocks[1].steps[0].run: a block must not run itself: a → b → a"]);
}

#[test]
fn what_is_wrong_in_a_block_is_named_there_and_once() {
    let raw = test(
        json!([
            {"name": "a", "steps": [{"request": {"url": "/{{ nope }}"}}]},
            {"name": "a", "steps": [request("b")]}
        ]),
        json!([{"run": "a"}, {"run": "a"}, {"run": "c"}]),
    );
    let errors = compile(&raw).map(|_| ()).unwrap_err();
    assert_eq!(errors.len(), 3, "{errors:#?}");
    for start in [
        "spec.blocks[1].name: another block is named \"a\" too",
        "spec.blocks[0].steps[0].request.url: unknown variable \"nope\"",
        "spec.scenarios[0].steps[2].run: no block is named \"c\"; there are a, a",
    ] {
        assert!(errors.iter().any(|error| error.starts_with(start)), "{start}: {errors:#?}");
    }
}

#[test]
fn blocks_that_grow_without_measure_are_refused_at_once() {
    // Each runs the next one ten times: 10^19 steps.
    let blocks: Vec<Value> = (0..20)
        .map(|index| {
            let steps = match index {
                19 => json!([request("last")]),
                _ => vec![json!({"run": format!("b{}", index + 1)}); 10].into(),
            };
            json!({"name": format!("b{index}"), "steps": steps})
        })
        .collect();
    let began = Instant::now();
    let errors = compile(&test(blocks.into(), json!([{"run": "b0"}]))).map(|_| ()).unwrap_err();
    assert!(errors.iter().any(|error| error.contains("more than 10000 steps")), "{errors:#?}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn files_of_blocks_are_mounted_too() {
    let body = json!({"request": {"url": "/", "file": {"configMapKeyRef": {"name": "bodies", "key": "a"}}}});
    let raw = test(json!([{"name": "a", "steps": [body]}]), json!([{"run": "a"}]));
    let references = upsurge_core::files::references(&read_spec(&raw).unwrap());
    assert_eq!(references.len(), 1);
    assert_eq!(references[0].field, "spec.blocks[0].steps[0].request.file.configMapKeyRef");
}
