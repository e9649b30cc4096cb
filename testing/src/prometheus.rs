// SPDX-License-Identifier: Apache-2.0
//! A Prometheus server of a test's own.
//!
//! Taken from the `PATH`. Where there is none, tests say so and pass, unless `UPSURGE_REQUIRE_PROMETHEUS=1` asks for
//! it, as `make unit` does, which installs one.

use std::{
    env,
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tempfile::TempDir;

/// Longest time for it to get ready.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// Longest time for an answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// Starts, in case that somebody else takes the port that was free a moment ago.
const ATTEMPTS: usize = 3;

/// A server that is ready; it ends with the test.
#[derive(Debug)]
pub struct Prometheus {
    process: Child,
    directory: TempDir,
    address: String,
}

impl Prometheus {
    /// One that takes remote writes at `/api/v1/write`, with native histograms. `None` where none is installed and none is
    /// required.
    pub fn receiving() -> Option<Self> {
        Self::receiving_with(&["--enable-feature=native-histograms"])
    }

    /// One that takes remote writes without native histograms, as most do before 3.8. `None` where none is installed and
    /// none is required.
    pub fn receiving_no_histograms() -> Option<Self> {
        Self::receiving_with(&[])
    }

    fn receiving_with(features: &[&str]) -> Option<Self> {
        let flags = [&["--web.enable-remote-write-receiver"], features].concat();
        Self::start(&flags, |_| "scrape_configs: []\n".into())
    }

    /// One that scrapes itself each second. `None` where none is installed and none is required.
    pub fn scraping_itself() -> Option<Self> {
        Self::start(&[], |address| {
            format!(
                "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: self\n  static_configs:\n  - targets: \
                 ['{address}']\n"
            )
        })
    }

    /// Where it answers, as `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Labels and values of all series that a query gives.
    pub fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
        let answer = self.get(&format!("/api/v1/query?query={query}")).expect("an answer to the query");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let result = answer["data"]["result"].as_array().unwrap();
        let value = |series: &Value| series["value"][1].as_str().unwrap().parse().unwrap();
        result.iter().map(|series| (series["metric"].clone(), value(series))).collect()
    }

    /// The value of the one series that a query gives.
    pub fn value(&self, query: &str) -> f64 {
        match &self.query(query)[..] {
            [(_, value)] => *value,
            other => panic!("{query} gave {other:?}"),
        }
    }

    fn start(flags: &[&str], config: impl Fn(&str) -> String) -> Option<Self> {
        let Some(binary) = installed() else {
            let required = env::var("UPSURGE_REQUIRE_PROMETHEUS").is_ok_and(|value| value == "1");
            assert!(!required, "there is no `prometheus` on the PATH: tools/build prometheus");
            println!("skipped: there is no `prometheus` on the PATH");
            return None;
        };
        let mut logs = Vec::new();
        for _ in 0..ATTEMPTS {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let address = format!("127.0.0.1:{port}");
            let mut prometheus = Self::launch(&binary, flags, &config(&address), address);
            match prometheus.wait_until_ready() {
                Ok(()) => return Some(prometheus),
                Err(why) => logs.push(format!("{why}:\n{}", prometheus.log())),
            }
        }
        panic!("Prometheus did not start: {}", logs.join("\n"))
    }

    fn launch(binary: &PathBuf, flags: &[&str], config: &str, address: String) -> Self {
        let directory = TempDir::with_prefix("upsurge-prometheus-").unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("prometheus.yml"), config).unwrap();
        let process = Command::new(binary)
            .arg(format!("--config.file={}", path("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", path("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(path("log")).unwrap())
            .spawn()
            .unwrap();
        Self { process, directory, address }
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let begin = Instant::now();
        while self.get("/-/ready").is_none() {
            if let Some(status) = self.process.try_wait().unwrap() {
                return Err(format!("it ended with {status}"));
            }
            if begin.elapsed() >= START_DEADLINE {
                return Err(format!("it is not ready after {} s", START_DEADLINE.as_secs()));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The body of a good answer.
    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(ANSWER_DEADLINE)).ok()?;
        // HTTP/1.0: no chunks, and the end of the connection is the end of the answer.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        (head.split(' ').nth(1)? == "200").then(|| body.to_owned())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Nothing of it is wanted any more, so there is nothing to shut down in good order.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join("prometheus")).find(|file| file.is_file())
}
