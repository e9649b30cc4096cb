// SPDX-License-Identifier: Apache-2.0
//! Completions and manual pages, by the real binary and read by the real bash and groff.

#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use std::{fs, path::Path, process::Command};

use processes::{Upsurge, scratch};
use rstest::rstest;

#[rstest]
#[case::command(&["upsurge", "val"], "validate")]
#[case::argument(&["upsurge", "run", "--summ"], "--summary")]
#[case::shell(&["upsurge", "completion", "fi"], "fish")]
fn bash_completes_commands_arguments_and_values(#[case] words: &[&str], #[case] expected: &str) {
    let ended = Upsurge::command("completion").args(["bash"]).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let script = scratch(&format!("complete-{}.bash", words.len() + expected.len()), &ended.stdout);
    let call = format!(
        "source '{}'; COMP_WORDS=({}); COMP_CWORD={}; _upsurge upsurge '{}' '{}'; echo \"${{COMPREPLY[@]}}\"",
        script.display(),
        words.join(" "),
        words.len() - 1,
        words[words.len() - 1],
        words[words.len() - 2],
    );
    let output = Command::new("bash").args(["--norc", "-c", &call]).output().unwrap();
    let offered = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(offered.split_whitespace().any(|word| word == expected), "{offered:?} {errors}");
}

#[rstest]
#[case::zsh("zsh", "#compdef upsurge")]
#[case::fish("fish", "complete -c upsurge")]
fn other_shells_get_a_script_in_their_own_language(#[case] shell: &str, #[case] words: &str) {
    let ended = Upsurge::command("completion").args([shell]).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains(words) && ended.stdout.contains("quick"), "{}", ended.stdout);
}

#[test]
fn an_unknown_shell_is_refused_with_those_that_there_are() {
    let ended = Upsurge::command("completion").args(["bsh"]).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("zsh") && ended.stderr.contains("'bash'"), "{ended:?}");
}

#[test]
fn every_command_has_a_manual_page() {
    let directory = scratch("pages", "").with_extension("d");
    let ended = Upsurge::command("man").arg(&directory).end();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended:?}");
    let commands = [
        "run",
        "bench",
        "quick",
        "validate",
        "get",
        "report",
        "note",
        "target",
        "completion",
        "man",
        "agent",
    ];
    for page in commands.map(|command| format!("upsurge-{command}.1")).into_iter().chain(["upsurge.1".into()])
    {
        let path = directory.join(&page);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(".TH ") && text.contains(".SH NAME"), "{page}: {text}");
        assert_readable(&path);
    }
    let run = fs::read_to_string(directory.join("upsurge-run.1")).unwrap();
    for words in [r"\-\-json", r"\-\-target", "Exit codes: 0 passed, 1 failed"] {
        assert!(run.contains(words), "{words:?} in {run}");
    }
}

/// By groff, where it is installed: it warns of what it does not know.
fn assert_readable(page: &Path) {
    let Ok(output) = Command::new("groff").args(["-man", "-Tutf8", "-ww"]).arg(page).output() else { return };
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && warnings.is_empty(), "{}: {warnings}", page.display());
}

#[test]
fn a_place_that_cant_be_written_to_is_named() {
    let ended = Upsurge::command("man").arg("/dev/null/pages").end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("can't write to /dev/null/pages: "), "{ended:?}");
}

#[test]
fn help_fits_the_screen_and_shows_examples() {
    let ended = Upsurge::command("--help").end();
    for words in ["Load tests and autoscaling validation", "upsurge validate manifests/"] {
        assert!(ended.stdout.contains(words), "{words:?} in {ended:?}");
    }
    for command in ["--help", "run", "bench", "quick", "validate", "get", "report", "note", "target"] {
        let ended = Upsurge::command(command).args(["--help"]).env("COLUMNS", "80").end();
        let wide: Vec<&str> = ended.stdout.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{command}: {wide:#?}");
    }
}
