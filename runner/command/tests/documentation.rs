// SPDX-License-Identifier: Apache-2.0
//! What the documentation shows is accepted.

#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use processes::{Upsurge, start_target};
use serde_json::Value;
use upsurge_target::TargetConfig;

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// YAML blocks of a page of the reference.
fn blocks(page: &str) -> Vec<String> {
    blocks_of(&format!("reference/{page}"))
}

/// YAML blocks of a page.
fn blocks_of(page: &str) -> Vec<String> {
    let blocks = upsurge_testing::pages::blocks(&docs().join(".."), &format!("docs/src/{page}"));
    blocks.into_iter().filter(|block| block.language == "yaml").map(|block| block.text).collect()
}

fn validate(file: &std::path::Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_upsurge")).arg("validate").arg(file).output().unwrap();
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_test_that_a_page_shows_is_valid() {
    let mut shown = 0;
    for section in ["tutorial", "how-to", "reference", "explanation"] {
        for entry in fs::read_dir(docs().join("src").join(section)).unwrap() {
            let page = format!("docs/src/{section}/{}", entry.unwrap().file_name().to_str().unwrap());
            let blocks = upsurge_testing::pages::blocks(&docs().join(".."), &page).into_iter();
            for block in
                blocks.filter(|block| block.language == "yaml" && block.text.contains("kind: LoadTest\n"))
            {
                let file =
                    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("documented-{shown}.yaml"));
                fs::write(&file, &block.text).unwrap();
                let output =
                    Command::new(env!("CARGO_BIN_EXE_upsurge")).arg("validate").arg(&file).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{}: {said}", block.place());
                shown += 1;
            }
        }
    }
    assert!(shown >= 8, "{shown}");
}

#[test]
fn the_example_of_http_is_valid() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("documented-http.yaml");
    fs::write(&file, &blocks("http.md")[0]).unwrap();
    validate(&file);
}

#[test]
fn what_is_shown_of_runner_pods_is_valid() {
    let blocks = blocks_of("how-to/runner-pods.md");
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("documented-runner-pods.yaml");
    fs::write(&file, &blocks[0]).unwrap();
    validate(&file);
    // A part of a test, in the place of what the whole one says there.
    let (before, _) = blocks[0].split_once("  runner:\n").unwrap();
    let part = blocks[1].lines().map(|line| format!("  {line}\n")).collect::<String>();
    fs::write(&file, format!("{before}{part}")).unwrap();
    validate(&file);
}

/// Names in the first column of the tables of a section.
fn documented(section: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(docs().join("src/reference/cli.md")).unwrap();
    let section = text.split(&format!("\n### {section}\n")).nth(1).unwrap().split("\n##").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    rows.flat_map(|names| names.split('`').step_by(2).map(String::from).collect::<Vec<_>>())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn every_field_of_the_result_as_json_is_documented_and_is_there() {
    let target = start_target(None, &[]);
    let ended = Upsurge::command("quick").arg(target.url()).args(["-c", "1", "-n", "4", "--json", "-"]).end();
    let result: Value = serde_json::from_str(&ended.stdout).unwrap();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let expected: BTreeSet<String> = names(&result).union(&names(&result["summary"])).cloned().collect();
    assert_eq!(documented("The result as JSON"), expected);
    assert_eq!(result["summary"]["requests"], 4, "{result}");
    assert_eq!(result["statusCodes"], serde_json::json!({"200": 4}));
    assert_eq!(result["histograms"]["http_req_duration"]["count"], 4, "{result}");
}

/// The long option with which a line of a command's help begins, if it begins with one: `-q, --quiet`.
fn long(line: &str) -> Option<String> {
    let line = line.trim_start();
    let rest = line.get(4..).filter(|rest| line.starts_with('-') && rest.starts_with("--")).unwrap_or(line);
    let name =
        rest.strip_prefix("--")?.split(|one: char| !one.is_ascii_alphanumeric() && one != '-').next()?;
    (!name.is_empty()).then(|| format!("--{name}"))
}

/// All options of a command.
fn options(command: &str) -> BTreeSet<String> {
    let ended = Upsurge::command(command).args(["--help"]).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.stdout.lines().filter_map(long).collect()
}

/// Options that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|one: char| !one.is_ascii_alphanumeric() && one != '-');
    words
        .filter(|word| word.len() > 2 && word.starts_with("--") && !word.starts_with("---"))
        .map(String::from)
        .collect()
}

#[test]
fn every_option_of_a_command_is_in_the_reference_and_no_other() {
    let page = |name: &str| fs::read_to_string(docs().join("src/reference").join(name)).unwrap();
    let reference = page("cli.md");
    let mut documented = named(&reference);
    documented.extend(named(&page("target.md")));
    documented.insert("--help".into());
    for command in
        ["run", "bench", "get", "report", "note", "quick", "validate", "completion", "man", "target"]
    {
        let there = options(command);
        let missing: Vec<&String> = there.difference(&documented).collect();
        assert!(
            missing.is_empty(),
            "upsurge {command} has {missing:?}, which no page of the reference names"
        );
        // What is shown to be typed stands in indented lines of the section.
        let heading = format!("\n## upsurge {command}\n");
        let section = reference.split(&heading).nth(1).unwrap().split("\n## ").next().unwrap();
        let typed: String =
            section.lines().filter(|line| line.starts_with("    ")).collect::<Vec<_>>().join("\n");
        let unknown: Vec<String> = named(&typed).difference(&there).cloned().collect();
        assert!(unknown.is_empty(), "upsurge {command} does not know {unknown:?}");
    }
}

#[test]
fn all_examples_are_valid() {
    let mut files =
        fs::read_dir(docs().join("examples")).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    assert!(!files.is_empty());
    // Files without a test hold what tests need.
    for file in files.iter().filter(|file| fs::read_to_string(file).unwrap().contains("kind: LoadTest\n")) {
        validate(file);
    }
}

#[tokio::test]
async fn the_example_of_the_target_can_be_served() {
    let mut config = TargetConfig::parse(&blocks("target.md")[0]).unwrap();
    config.listen = "127.0.0.1:0".into();
    let server = upsurge_target::start(&config, None).await.unwrap();
    server.stop(std::time::Duration::ZERO).await;
}
