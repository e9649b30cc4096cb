// SPDX-License-Identifier: Apache-2.0
//! Starts the real binary, and talks to the target that it serves.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;

/// Longest time that anything in these tests may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// A file of the test run's own.
pub fn scratch(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(std::process::id().to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Waits for something to become true.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < DEADLINE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a signal to a process that these tests started.
pub fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(process.to_string()).status().unwrap();
    assert!(sent.success());
}

/// A call of the command.
pub struct Upsurge(Command);

impl Upsurge {
    pub fn command(name: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_upsurge"));
        command.arg(name).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command)
    }

    /// A call by a shell, whose script gets program and arguments.
    pub fn in_shell(script: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_upsurge")]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command)
    }

    pub fn run(file: &Path) -> Self {
        Self::command("run").arg(file)
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    pub fn args<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.0.args(arguments);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// A call from that directory.
    pub fn within(mut self, directory: &Path) -> Self {
        self.0.current_dir(directory);
        self
    }

    pub fn start(mut self) -> Running {
        let mut child = self.0.spawn().unwrap();
        let (stdout, out) = gather(child.stdout.take().unwrap());
        let (stderr, err) = gather(child.stderr.take().unwrap());
        Running { child, stdout, stderr, readers: vec![out, err] }
    }

    pub fn end(self) -> Ended {
        self.start().end()
    }
}

type Text = Arc<Mutex<String>>;

fn gather(stream: impl Read + Send + 'static) -> (Text, JoinHandle<()>) {
    let text = Text::default();
    let ours = Arc::clone(&text);
    let reader = thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut text = ours.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
    });
    (text, reader)
}

/// A call that goes on.
pub struct Running {
    child: Child,
    stdout: Text,
    stderr: Text,
    readers: Vec<JoinHandle<()>>,
}

/// A call that has ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn stdout(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    pub fn wait_for_stderr(&self, words: &str) {
        wait_until(&format!("{words:?} is printed"), || self.stderr.lock().unwrap().contains(words));
    }

    pub fn end(mut self) -> Ended {
        let mut status = None;
        wait_until("the command has ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        let code = status.unwrap().code().unwrap_or(-1);
        Ended { code, stdout: self.stdout(), stderr: self.stderr.lock().unwrap().clone() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Of a test that failed; one that has ended can't be killed any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A target that serves.
pub struct Target {
    pub process: Running,
    url: String,
}

/// Starts a target at a free port.
pub fn start_target(script: Option<&str>, arguments: &[&str]) -> Target {
    let mut command = Upsurge::command("target");
    if let Some(script) = script {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        command = command.arg(scratch(&format!("target-{number}.yaml"), script));
    }
    let process = command.args(["--listen", "127.0.0.1:0"]).args(arguments.iter().copied()).start();
    let listening = || process.stdout().strip_prefix("listening at ").map(|url| url.trim().to_owned());
    wait_until("the target listens", || listening().is_some());
    let url = listening().unwrap();
    Target { process, url }
}

/// An answer: status and body.
pub type Answer = (u16, String);

impl Target {
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        self.url.split_once("//").unwrap().1
    }

    pub fn stats(&self) -> Value {
        serde_json::from_str(&self.get("/__stats").1).unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "").unwrap()
    }

    /// One request on a connection of its own, plain HTTP.
    pub fn send(&self, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(self.address())?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: target\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
        Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), body.into()))
    }
}
