//! What the documentation shows is accepted.

#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

use std::{fs, path::PathBuf, process::Command};

use upsurge_target::TargetConfig;

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// YAML blocks of a page.
fn blocks(page: &str) -> Vec<String> {
    let text = fs::read_to_string(docs().join("src/reference").join(page)).unwrap();
    text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

fn validate(file: &std::path::Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_upsurge")).arg("validate").arg(file).output().unwrap();
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_example_of_the_scenario_language_is_valid() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("documented-scenario.yaml");
    fs::write(&file, &blocks("scenario-language.md")[0]).unwrap();
    validate(&file);
}

#[test]
fn the_example_of_http_is_valid() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("documented-http.yaml");
    fs::write(&file, &blocks("http.md")[0]).unwrap();
    validate(&file);
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
