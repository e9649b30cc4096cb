// SPDX-License-Identifier: Apache-2.0
//! README and tutorial, as a newcomer follows them: each command that needs no cluster is run as the page has it, and must
//! print what the page shows, figures aside. Those that need one are run by `e2e/tests/docs.rs`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use processes::start_target;
use rstest::rstest;
use upsurge_testing::pages::{Block, Example, blocks, difference, examples};

/// Where the pages have the target.
const ADDRESS: &str = "127.0.0.1:8080";
/// All pages of which everything is run.
const RUN: [&str; 2] = ["README.md", "docs/src/tutorial/first-load-test.md"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Where a block of commands can be run.
#[derive(Debug, PartialEq)]
enum Place {
    Here,
    Cluster,
}

fn place(block: &Block) -> Place {
    let needs =
        |program: &str| block.text.lines().any(|line| line.split(['|', ' ']).any(|word| word == program));
    match (needs("upsurge"), needs("kubectl") || needs("helm")) {
        (true, false) => Place::Here,
        (false, true) => Place::Cluster,
        _ => {
            panic!("{}: a block has commands of upsurge or such that need a cluster, not both", block.place())
        }
    }
}

/// A folder that looks like the checkout to the commands of a page, with our `upsurge` first on the path.
fn checkout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    symlink(root().join("docs"), folder.path().join("docs")).unwrap();
    symlink(env!("CARGO_BIN_EXE_upsurge"), folder.path().join("upsurge")).unwrap();
    folder
}

fn print(folder: &Path, commands: &str) -> String {
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let script = format!("exec 2>&1\n{commands}");
    let output =
        Command::new("bash").args(["-c", &script]).current_dir(folder).env("PATH", path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn compare(example: &Example, printed: &str) {
    if let Some(output) = &example.output
        && let Some(difference) = difference(&output.text, printed)
    {
        panic!("{}: {difference}", output.place());
    }
}

#[rstest]
#[case::readme(RUN[0])]
#[case::tutorial(RUN[1])]
fn commands_print_what_the_page_shows(#[case] page: &str) {
    let folder = checkout();
    let (mut target, mut run) = (None, 0);
    for example in examples(&root(), page).iter().filter(|example| place(&example.commands) == Place::Here) {
        let commands = example.commands.text.as_str();
        if let Some(arguments) = commands.strip_prefix("upsurge target") {
            // Like a reader's, it goes on, at a port that is free.
            let arguments: Vec<&str> = arguments.split_whitespace().collect();
            let started = start_target(None, &arguments);
            compare(example, &started.process.stdout());
            target = Some(started);
        } else {
            let address = target.as_ref().map_or(ADDRESS, |target| target.address());
            compare(example, &print(folder.path(), &commands.replace(ADDRESS, address)));
        }
        run += 1;
    }
    assert!(run >= 3, "only {run} examples");
}

#[rstest]
#[case::readme(RUN[0])]
#[case::tutorial(RUN[1])]
fn what_is_not_run_says_why_and_what_is_shown_belongs_to_a_command(#[case] page: &str) {
    let all = blocks(&root(), page);
    let examples = examples(&root(), page);
    for (at, block) in all.iter().enumerate() {
        let output = |other: &Example| other.output.as_ref() == Some(block);
        match block.language.as_str() {
            "sh" if block.note("not run").is_some_and(|reason| reason.len() > 20) => {}
            // Panics where it is neither.
            "sh" => {
                place(block);
            }
            "yaml" => {
                assert!(block.note("file").is_some(), "{}: of which file is this a copy?", block.place())
            }
            "text" => {
                assert!(at == 0 || examples.iter().any(output), "{}: whose output is this?", block.place())
            }
            other => panic!("{}: nothing checks a block of {other:?}", block.place()),
        }
    }
}

#[test]
fn copies_are_equal_to_the_files_that_they_show() {
    let mut copies = 0;
    for page in pages() {
        for block in blocks(&root(), &page) {
            let Some(file) = block.note("file") else { continue };
            let text =
                fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!(block.text, text, "{} is not {file}", block.place());
            copies += 1;
        }
    }
    assert!(copies >= 3, "{copies}");
}

#[test]
fn no_page_has_an_include_that_github_would_show_as_it_is() {
    for page in pages() {
        let text = fs::read_to_string(root().join(&page)).unwrap();
        assert!(!text.contains("{{#"), "{page}");
    }
}

/// README and all pages of the book.
fn pages() -> Vec<String> {
    let mut found = vec!["README.md".to_owned()];
    let mut folders = vec![root().join("docs/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "md") {
                found.push(entry.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}
