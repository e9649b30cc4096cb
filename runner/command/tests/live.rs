// SPDX-License-Identifier: Apache-2.0
//! The live view, on a terminal of the test's own (a pseudo-terminal of the kernel).

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use std::{
    fs::File,
    io::Read,
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use processes::{signal, start_target, wait_until};
use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// A process on a terminal, and all that it has written there.
struct OnTerminal {
    child: Child,
    terminal: OwnedFd,
    written: Arc<Mutex<String>>,
}

impl OnTerminal {
    fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let ours = open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        resize(&terminal, 80);
        let mut command = Command::new(env!("CARGO_BIN_EXE_upsurge"));
        command.args(arguments).stdin(Stdio::null());
        command.stdout(ours.try_clone().unwrap()).stderr(ours);
        // The surroundings of the tests are not the test's.
        command.env("TERM", "xterm-256color").env_remove("CI").env_remove("NO_COLOR");
        let child = command.envs(variables.iter().copied()).spawn().unwrap();
        let written = Arc::<Mutex<String>>::default();
        let (mut reader, text) = (File::from(terminal.try_clone().unwrap()), Arc::clone(&written));
        thread::spawn(move || {
            let mut part = [0; 4096];
            let mut rest = Vec::new();
            // Ends with an error, as the terminal goes when nobody has it open any more.
            while let Ok(length @ 1..) = reader.read(&mut part) {
                rest.extend_from_slice(&part[..length]);
                let whole = rest.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
                let whole: Vec<u8> = rest.drain(..whole).collect();
                text.lock().unwrap().push_str(&String::from_utf8(whole).unwrap());
            }
        });
        Self { child, terminal, written }
    }

    fn written(&self) -> String {
        self.written.lock().unwrap().clone()
    }

    fn wait_for(&self, words: &str) {
        wait_until(&format!("{words:?} is on the screen"), || self.written().contains(words));
    }

    fn end(&mut self) -> i32 {
        let mut status = None;
        wait_until("the command has ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code().unwrap()
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // Of a test that failed; one that has ended can't be killed any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(terminal: &OwnedFd, columns: u16) {
    tcsetwinsize(terminal, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}

#[test]
fn the_view_is_drawn_in_place_follows_the_terminal_and_leaves_it_as_it_was() {
    let target = start_target(None, &["--latency", "5ms"]);
    let mut running =
        OnTerminal::start(&["quick", target.url(), "--rate", "100", "-d", "60s", "--threads", "1"], &[]);
    running.wait_for("0s of 1m, 1m left");
    running.wait_for("asked 100 iterations/s");
    running.wait_for("lag p99 \x1b[1m–");
    // Eight lines up, and what stood there is gone.
    running.wait_for("\r\x1b[8A\x1b[J");
    for words in ["now  ", "since start  p50", "received "] {
        running.wait_for(words);
    }
    resize(&running.terminal, 20);
    // Narrower, the lines are cut, and at first those are taken away that were wrapped.
    running.wait_for("…");
    signal(running.child.id(), "INT");
    assert_eq!(running.end(), 130);
    running.wait_for("Aborted: interrupted after");
    let written = running.written();
    let up = |text: &str| {
        let moves =
            text.split("\r\x1b[").skip(1).filter_map(|rest| rest.split_once('A')?.0.parse::<usize>().ok());
        moves.collect::<Vec<_>>()
    };
    assert!(
        up(&written).iter().any(|rows| *rows > 8),
        "lines that were wrapped are taken away too: {written:?}"
    );
    assert!(!written.contains("\x1b[?25l"), "the cursor stays: {written:?}");
    assert!(!written.contains("\x1b[?1049h"), "so does what was there before: {written:?}");
    let last = written.rsplit("interrupted: letting").next().unwrap();
    assert!(!last.contains("requests/s"), "the view is gone in the end: {last:?}");
}

#[test]
fn the_result_has_colours_on_a_terminal() {
    let target = start_target(Some("errorRate: 1"), &[]);
    let limit = "http_req_failed rate < 1%";
    let quick = ["quick", target.url(), "-c", "1", "-n", "20", "--threads", "1", "--threshold", limit];
    let mut running = OnTerminal::start(&quick, &[]);
    assert!(matches!(running.end(), 1 | 3), "{}", running.written());
    for words in
        ["\x1b[31mfailed    20, 100%\x1b[0m", "\x1b[31m✗\x1b[0m http_req_failed", "\x1b[1mthresholds\x1b[0m"]
    {
        running.wait_for(words);
    }
    assert!(running.written().contains("\x1b[31m  [503] 20\x1b[0m"), "{}", running.written());
}

#[test]
fn where_control_codes_are_not_wanted_there_are_none() {
    let target = start_target(None, &[]);
    for (arguments, variables) in [
        (&["--plain"][..], &[][..]),
        (&[], &[("CI", "true")]),
        (&[], &[("NO_COLOR", "1")]),
        (&[], &[("TERM", "dumb")]),
    ] {
        let quick = ["quick", target.url(), "-c", "1", "-n", "20", "--threads", "1"];
        let mut running = OnTerminal::start(&[&quick, arguments].concat(), variables);
        // Whether the generator kept up is the machine's affair.
        assert!(matches!(running.end(), 0 | 3), "{}", running.written());
        running.wait_for("generator: ");
        assert!(!running.written().contains('\x1b'), "{variables:?}: {:?}", running.written());
    }
}
