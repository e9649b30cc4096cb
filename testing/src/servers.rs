// SPDX-License-Identifier: Apache-2.0
//! HTTP servers that many people run, each started for one test: go-httpbin, which answers as it is asked to, nginx
//! with a configuration of the test's own, and gofakes3, a store of objects in memory.
//!
//! Taken from the `PATH`. Where one is missing, tests say so and pass, unless `UPSURGE_REQUIRE_SERVERS=1` asks for it, as
//! `make unit` does, which installs them.

use std::{
    env,
    fs::{self, File},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Longest time for one to get ready.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// Starts, in case that somebody else takes the port that was free a moment ago.
const ATTEMPTS: usize = 3;

/// A server that is ready; it ends with the test.
#[derive(Debug)]
pub struct HttpServer {
    process: Child,
    directory: TempDir,
    address: SocketAddr,
}

impl HttpServer {
    /// go-httpbin. `None` where it is neither installed nor required.
    pub fn httpbin() -> Option<Self> {
        let binary = find("go-httpbin")?;
        Some(Self::start(|_, address| {
            let mut command = Command::new(&binary);
            command.args(["-host", "127.0.0.1", "-port", &address.port().to_string()]);
            command
        }))
    }

    /// gofakes3: it speaks as S3 does, takes any credentials, and has one bucket. `None` where it is neither installed nor
    /// required.
    pub fn s3(bucket: &str) -> Option<Self> {
        Self::s3_at(Ipv4Addr::LOCALHOST.into(), bucket)
    }

    /// The same at an address of this machine.
    pub fn s3_at(host: IpAddr, bucket: &str) -> Option<Self> {
        let binary = find("gofakes3")?;
        Some(Self::start_at(host, |_, address| {
            let mut command = Command::new(&binary);
            command.args(["-host", &address.to_string(), "-backend", "memory", "-initialbucket", bucket]);
            command
        }))
    }

    /// nginx with one server, which has these directives, and files beside its configuration. `{directory}` in a
    /// directive is where these are, and `listen` is given by the options behind the address. `None` where it is
    /// neither installed nor required.
    pub fn nginx(listen: &str, directives: &str, files: &[(&str, &[u8])]) -> Option<Self> {
        let binary = find("nginx")?;
        Some(Self::start(|directory, address| {
            let place = directory.display();
            let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|name| format!("{name}_temp_path {place}/{name};\n"))
                .concat();
            let directives = directives.replace("{directory}", &place.to_string());
            let config = format!(
                "daemon off; master_process off; pid {place}/pid; error_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n\
                 {temporary}server {{\nlisten {address} {listen};\n{directives}\n}}\n}}\n"
            );
            fs::write(directory.join("nginx.conf"), config).unwrap();
            files.iter().for_each(|(name, content)| fs::write(directory.join(name), content).unwrap());
            let mut command = Command::new(&binary);
            command.arg("-p").arg(directory).args(["-e", "stderr", "-c"]).arg(directory.join("nginx.conf"));
            command
        }))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it answers, as `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn start(command: impl Fn(&Path, SocketAddr) -> Command) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), command)
    }

    fn start_at(host: IpAddr, command: impl Fn(&Path, SocketAddr) -> Command) -> Self {
        let mut logs = Vec::new();
        for _ in 0..ATTEMPTS {
            let address = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap();
            let directory = TempDir::with_prefix("upsurge-server-").unwrap();
            let log = directory.path().join("log");
            let process = command(directory.path(), address)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(File::create(&log).unwrap())
                .spawn()
                .unwrap();
            let mut server = Self { process, directory, address };
            match server.wait_until_ready() {
                Ok(()) => return server,
                Err(why) => {
                    let log = server.directory.path().join("log");
                    logs.push(format!("{why}:\n{}", fs::read_to_string(log).unwrap_or_default()));
                }
            }
        }
        panic!("a server did not start: {}", logs.join("\n"))
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let begin = Instant::now();
        while TcpStream::connect(self.address).is_err() {
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
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        // Nothing of it is wanted any more, so there is nothing to shut down in good order.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file());
    let required = env::var("UPSURGE_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
    assert!(found.is_some() || !required, "there is no `{name}` on the PATH: tools/build servers");
    if found.is_none() {
        println!("skipped: there is no `{name}` on the PATH");
    }
    found
}
