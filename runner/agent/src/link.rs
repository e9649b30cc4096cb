// SPDX-License-Identifier: Apache-2.0
//! The link to the collector: JSON over HTTP and TLS, with the pod's token; deltas in a binary form where that is taken.
//!
//! Who is not known by the authorities that the pod was told gets no byte of a request. The name that is checked is always that
//! in the collector's URL, whichever address is dialled.
//!
//! Requests go to the operator's Service, or directly to the replica that another one has named as leader ([`way`]). After
//! a failure, or an answer that ends the connection, the next request takes a new one.

mod way;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use reqwest::{
    RequestBuilder, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, HeaderMap},
    redirect::Policy,
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde::de::DeserializeOwned;
use upsurge_core::protocol::{
    AUTHORITIES_ENV, DeltaBatch, DeltaReply, Form, Hello, HelloReply, LEADER_HEADER,
};
use upsurge_http::tls;
use url::{Host, Url};

use self::way::{Collector, Way};
use super::config::AgentConfig;

/// Longest time for a hello. Short: another one is due soon.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time for deltas, which may be large. Longer than the collector lets them wait for their turn (14 s), or runners
/// that come back at once would leave the line shortly before it, and begin again at its end. Each try counts as heard.
const DELTAS_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest time for the record of a run.
const RECORD_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of one; the collector has none that is larger.
const MOST_RECORD: usize = 32 << 20;
/// Longest time for what was sent to arrive: of a node that is gone no word comes.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(8);

/// The collector, as seen from the agent.
#[derive(Debug)]
pub(super) struct Link {
    tls: rustls::ClientConfig,
    service: Url,
    /// Path of the run.
    path: String,
    token_file: PathBuf,
    state: Mutex<State>,
}

/// What changes from one request to the next.
#[derive(Debug)]
struct State {
    way: Way,
    /// The last one, unless it is not to be used again.
    line: Option<Line>,
}

/// Why the collector gave no answer that helps.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// It is not there, or not ready: to be tried again.
    #[error("collector can't be reached: {0}")]
    Unreachable(String),
    /// It will never take anything from this runner: the load has to end.
    #[error("collector refuses this runner: {status}: {message}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// What it says.
        message: String,
    },
}

/// Why there is no way to any collector.
#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    /// TLS can't be set up.
    #[error("can't set TLS up: {0}")]
    Tls(#[from] rustls::Error),
    /// The address of the collector is none.
    #[error("the collector's URL {0:?} can't be used: {1}")]
    Url(String, #[source] url::ParseError),
    /// The authorities are none.
    #[error("the authorities in {AUTHORITIES_ENV}, by which the collector is checked, can't be used: {0}")]
    Authorities(String),
    /// The HTTP client can't be.
    #[error("can't set up an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

impl Link {
    pub(super) fn new(config: &AgentConfig) -> Result<Self, SetupError> {
        let service = Url::parse(&config.collector_url)
            .map_err(|error| SetupError::Url(config.collector_url.clone(), error))?;
        let (service, tls) = match &config.collector_authorities {
            Some(authorities) => {
                (encrypted(service), tls::client_config(&Arc::new(roots(authorities)?), false)?)
            }
            // A pod that an operator without TLS made. Roots of our own: the client's default refuses to start where
            // the system has none, as in an image made from scratch.
            None => (service, tls::client_config(tls::roots(), false)?),
        };
        let path = format!("v1/runs/{}/{}", config.namespace, config.run);
        let way = Way::default();
        let line = Line::to(&service, Collector::OfService, way.patience(), &tls)?;
        let state = Mutex::new(State { way, line: Some(line) });
        Ok(Self { tls, service, path, token_file: config.token_file.clone(), state })
    }

    /// Says hello.
    pub(super) async fn hello(&self, hello: &Hello) -> Result<HelloReply, LinkError> {
        let body = serde_json::to_vec(hello).map_err(|error| LinkError::Unreachable(error.to_string()))?;
        self.post("hello", Form::Json, body, HELLO_TIMEOUT).await
    }

    /// Sends deltas. An answer that says what is missing is an answer like others.
    pub(super) async fn deltas(&self, batch: &DeltaBatch, form: Form) -> Result<DeltaReply, LinkError> {
        let body = batch.write(form).map_err(|error| LinkError::Unreachable(error.to_string()))?;
        self.post("deltas", form, body, DELTAS_TIMEOUT).await
    }

    /// Gets the record that the run has left.
    pub(super) async fn record(&self) -> Result<Vec<u8>, LinkError> {
        let mut response = self.answer("record", RECORD_TIMEOUT, reqwest::Client::get).await?;
        let mut record = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.broken(&error))? {
            if record.len() + part.len() > MOST_RECORD {
                let message = format!("the record has more than {MOST_RECORD} bytes");
                return Err(LinkError::Refused { status: response.status(), message });
            }
            record.extend_from_slice(&part);
        }
        self.lock().way.answered();
        Ok(record)
    }

    async fn post<Reply: DeserializeOwned>(
        &self,
        what: &str,
        form: Form,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Reply, LinkError> {
        let request = |client: &reqwest::Client, url: String| {
            client.post(url).header(CONTENT_TYPE, form.content_type()).body(body.clone())
        };
        let response = self.answer(what, timeout, request).await?;
        let reply = response.json().await.map_err(|error| self.broken(&error))?;
        self.lock().way.answered();
        Ok(reply)
    }

    /// Asks whoever is believed to lead, and once more where that one leads.
    async fn answer(
        &self,
        what: &str,
        timeout: Duration,
        request: impl Fn(&reqwest::Client, String) -> RequestBuilder,
    ) -> Result<Response, LinkError> {
        let token = tokio::fs::read_to_string(&self.token_file).await;
        let token = token.map_err(|error| {
            LinkError::Unreachable(format!("token file {}: {error}", self.token_file.display()))
        })?;
        if token.trim().is_empty() {
            return Err(LinkError::Unreachable(format!("token file {} is empty", self.token_file.display())));
        }
        let mut is_led = false;
        loop {
            let line = self.line()?;
            let request = request(&line.client, format!("{}{}/{what}", line.base, self.path));
            let request = request.timeout(timeout).bearer_auth(token.trim());
            let response = request.send().await.map_err(|error| self.broken(&error))?;
            match response.status() {
                StatusCode::OK | StatusCode::CONFLICT => return Ok(response),
                status @ (StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::NOT_FOUND
                | StatusCode::GONE
                // Words that it can't understand, or that are too many: sent again they are the same.
                | StatusCode::BAD_REQUEST
                | StatusCode::PAYLOAD_TOO_LARGE) => {
                    let message = response.text().await.unwrap_or_default();
                    return Err(LinkError::Refused { status, message });
                }
                status => {
                    if !is_sent_away(response.headers()) {
                        // It has no room at the moment; a new connection would only cost it more.
                        let words = response.text().await.unwrap_or_default();
                        return Err(LinkError::Unreachable(format!("it answers {status}: {words}")));
                    }
                    let leader = response.headers().get(LEADER_HEADER).and_then(|value| value.to_str().ok());
                    let leader = self.led(line.collector, leader);
                    if !leader || std::mem::replace(&mut is_led, true) {
                        let words = response.text().await.unwrap_or_default();
                        return Err(LinkError::Unreachable(format!("it answers {status}: {words}")));
                    }
                }
            }
        }
    }

    /// The line to whom the next request goes to.
    fn line(&self) -> Result<Line, LinkError> {
        let mut state = self.lock();
        let collector = state.way.next(Instant::now());
        match &state.line {
            Some(line) if line.collector == collector => Ok(line.clone()),
            _ => {
                let line = Line::to(&self.service, collector, state.way.patience(), &self.tls);
                let line = line.map_err(|error| LinkError::Unreachable(error.to_string()))?;
                Ok(state.line.insert(line).clone())
            }
        }
    }

    /// Who was asked does not lead. True if the one that it names is worth a try. Either way the next request takes a new
    /// connection: the old one would lead to the same replica for ever.
    fn led(&self, asked: Collector, leader: Option<&str>) -> bool {
        let mut state = self.lock();
        state.line = None;
        let followed = state.way.led(asked, leader.and_then(way::address), Instant::now());
        tracing::info!(?asked, leader, followed, "the collector does not lead");
        followed
    }

    /// No answer came: the peer may be gone without a word, so that the connection is not used again.
    fn broken(&self, error: &reqwest::Error) -> LinkError {
        let mut state = self.lock();
        state.line = None;
        state.way.failed();
        LinkError::Unreachable(chain(error))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an answer says that the next request should go elsewhere.
fn is_sent_away(headers: &HeaderMap) -> bool {
    let closes = headers.get(CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
    closes || headers.contains_key(LEADER_HEADER)
}

/// The same place, spoken to by TLS.
fn encrypted(mut service: Url) -> Url {
    let port = service.port_or_known_default();
    // Both can only fail for URLs that nothing can be posted to.
    let _ = service.set_scheme("https");
    let _ = service.set_port(port);
    service
}

fn roots(authorities: &str) -> Result<RootCertStore, SetupError> {
    let wrong = |why: String| SetupError::Authorities(why);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(wrong("there is no certificate in PEM".into())),
        false => Ok(roots),
    }
}

/// A client with connections to one collector.
#[derive(Clone, Debug)]
struct Line {
    collector: Collector,
    client: reqwest::Client,
    /// Base of the URLs, with a slash at its end.
    base: Url,
}

impl Line {
    /// Only where the connection goes is changed for a leader. The name stays that of the Service wherever it is one, as
    /// that is what a certificate is made for. A connection may take as long as the patience lasts, its handshake included.
    fn to(
        service: &Url,
        collector: Collector,
        patience: Duration,
        tls: &rustls::ClientConfig,
    ) -> Result<Self, SetupError> {
        // The collector is reached directly, whatever proxy the environment names for other things.
        let mut client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(patience)
            .tcp_user_timeout(DELIVERY_TIMEOUT)
            .tcp_nodelay(true);
        let mut base = service.clone();
        if let Ok(mut segments) = base.path_segments_mut() {
            segments.pop_if_empty().push("");
        }
        if let Collector::At(leader) = collector {
            match service.host() {
                Some(Host::Domain(name)) => client = client.resolve(name, leader),
                _ => drop(base.set_ip_host(leader.ip())),
            }
            // Of the two ports the one in the URL counts.
            let _ = base.set_port(Some(leader.port()));
        }
        Ok(Self { collector, client: client.build()?, base })
    }
}

/// An error with its causes: reqwest's own words hide them.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_authorities_the_port_stays_and_the_scheme_does_not() {
        for (given, expected) in [
            ("http://collector.svc:8080/", "https://collector.svc:8080/"),
            ("http://collector.svc/", "https://collector.svc:80/"),
            ("http://[fd00::7]:8080/base", "https://[fd00::7]:8080/base"),
            ("https://collector.svc/", "https://collector.svc/"),
        ] {
            assert_eq!(encrypted(given.parse().unwrap()).as_str(), expected);
        }
    }

    #[test]
    fn whoever_has_no_room_is_asked_again_over_the_same_connection() {
        let headers = |all: &[(&'static str, &'static str)]| {
            all.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
        };
        assert!(!is_sent_away(&headers(&[("content-length", "3")])));
        assert!(is_sent_away(&headers(&[("connection", "Close")])));
        assert!(is_sent_away(&headers(&[(LEADER_HEADER, "10.0.0.7:8080")])));
    }

    #[test]
    fn authorities_that_are_none_are_an_error_and_never_no_check() {
        let certificate =
            |text: &str| format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        for text in ["", "nonsense", &certificate("AAAA"), &certificate("=")] {
            let error = roots(text).unwrap_err().to_string();
            assert!(error.contains("UPSURGE_COLLECTOR_CA"), "{error}");
        }
    }
}
