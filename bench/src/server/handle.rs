// SPDX-License-Identifier: Apache-2.0
//! The server, from the outside: a process of its own, so that its CPU time is nobody else's.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::measure::{Core, confined};

/// A running server; it ends with this value.
#[derive(Debug)]
pub struct Server {
    process: Child,
    port: u16,
}

/// What it counted.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Taken {
    /// Requests, refused ones included.
    pub requests: u64,
    /// Requests that it had no answer for.
    pub refused: u64,
    /// When requests of `/paced` arrived, in nanoseconds of its own clock.
    pub arrivals: Vec<u64>,
}

impl Server {
    /// Starts it on the last core.
    ///
    /// # Errors
    /// When it doesn't start.
    pub fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve");
        let mut process = confined(&command, Core::Server)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("can't start the server")?;
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let port = line.trim().parse().with_context(|| format!("the server said {line:?}, not its port"))?;
        Ok(Self { process, port })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it counted since it was last asked.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub fn take(&self) -> Result<Taken> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).context("the server is gone")?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET /control/take HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let Some((_, body)) = answer.split_once("\r\n\r\n") else { bail!("the server answered {answer:?}") };
        Ok(serde_json::from_str(body)?)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
