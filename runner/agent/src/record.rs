// SPDX-License-Identifier: Apache-2.0
//! Getting the record of a finished run from the collector, by a pod that is to put it elsewhere. It proves who it is as runners do.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{
    config::AgentConfig,
    link::{Link, LinkError},
};

/// How long a collector that can't be reached is asked again. After that the pod ends, and its Job makes another one later.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a record can't be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no event loop.
    #[error("can't start an event loop: {0}")]
    Runtime(#[from] io::Error),
    /// There is no way to any collector.
    #[error("{0}")]
    Setup(String),
    /// It has no record, or does not give it.
    #[error("{0}")]
    Refused(String),
}

/// Gets the record of the run that the environment names. Waits for it.
///
/// # Errors
/// When the collector refuses it, or can't be reached for a minute.
pub fn fetch_record(config: &AgentConfig) -> Result<Vec<u8>, FetchError> {
    // Fails when another part of the program was first, with the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fetched = runtime.block_on(fetch(config));
    runtime.shutdown_background();
    fetched
}

async fn fetch(config: &AgentConfig) -> Result<Vec<u8>, FetchError> {
    let link = Link::new(config).map_err(|error| FetchError::Setup(error.to_string()))?;
    let began = Instant::now();
    loop {
        match link.record().await {
            Ok(record) => return Ok(record),
            Err(LinkError::Unreachable(_)) if began.elapsed() < PATIENCE => sleep(PAUSE).await,
            Err(error @ LinkError::Unreachable(_)) => return Err(FetchError::Refused(error.to_string())),
            Err(LinkError::Refused { status, message }) => {
                return Err(FetchError::Refused(format!(
                    "the collector gives no record: {status}: {message}"
                )));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        env, fs,
        io::{BufRead as _, BufReader, Write as _},
        net::TcpListener,
        process,
        sync::mpsc,
        thread,
    };

    use super::*;

    /// What the environment says of a collector that gives these answers, one for each connection; and what it is asked.
    fn answering(name: &str, answers: Vec<&'static str>) -> (AgentConfig, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, asked) = mpsc::channel();
        thread::spawn(move || {
            for (answer, stream) in answers.into_iter().zip(listener.incoming()) {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                sender.send(head.join("\n").to_ascii_lowercase()).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let token = env::temp_dir().join(format!("upsurge-token-{name}-{}", process::id()));
        fs::write(&token, "geheim\n").unwrap();
        let variables = [
            ("UPSURGE_COLLECTOR_URL", url.as_str()),
            ("UPSURGE_NAMESPACE", "shop"),
            ("UPSURGE_RUN", "spike-1"),
            ("UPSURGE_POD", "spike-1-store-x"),
            ("UPSURGE_TOKEN_FILE", token.to_str().unwrap()),
            ("JOB_COMPLETION_INDEX", "0"),
        ];
        let variables: BTreeMap<String, String> =
            variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        (AgentConfig::from_variables(&variables).unwrap(), asked)
    }

    #[test]
    fn a_collector_that_is_not_ready_is_asked_again() {
        let busy = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let record = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 6\r\n\r\nrecord";
        let (config, asked) = answering("again", vec![busy, record]);
        assert_eq!(fetch_record(&config).unwrap(), b"record");
        for request in [asked.recv().unwrap(), asked.recv().unwrap()] {
            assert!(request.starts_with("get /v1/runs/shop/spike-1/record http/1.1"), "{request}");
            assert!(request.contains("authorization: bearer geheim"), "{request}");
        }
    }

    #[test]
    fn a_run_without_a_record_is_told_in_the_words_of_the_collector() {
        let none = "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 4\r\n\r\nnone";
        let (config, _asked) = answering("none", vec![none]);
        let error = fetch_record(&config).unwrap_err().to_string();
        assert_eq!(error, "the collector gives no record: 404 Not Found: none");
    }
}
