// SPDX-License-Identifier: Apache-2.0
//! From a request to its answer at the right time.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::Map;
use tokio::sync::Semaphore;

use super::{
    config::{ConcurrencyLimit, Freeze, Overflow, TargetConfig},
    freeze,
    numbers::Numbers,
    peers::Peers,
    route::{Answer, Route, is_due},
    scope::RequestScope,
    stats::Stats,
    timer::Timer,
    work::Work,
};

/// Longest request body that is read.
const LONGEST_BODY: usize = 16 << 20;

/// The service behind all connections.
#[derive(Debug)]
pub(super) struct Service {
    /// Routes; the last one fits everything.
    routes: Vec<Route>,
    freezes: Vec<Freeze>,
    limit: Option<(Semaphore, Overflow)>,
    error_status: StatusCode,
    numbers: Numbers,
    timer: Timer,
    work: Work,
    pub(super) stats: Stats,
    pub(super) peers: Peers,
    started: Instant,
    draining: AtomicBool,
    /// Whether connections are dropped when the service stops.
    pub(super) drops: bool,
    reset_rate: f64,
    answered: AtomicU64,
}

/// The connection is dropped instead of an answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("scripted end of the connection")]
pub(super) struct Dropped;

impl Service {
    pub(super) fn new(config: &TargetConfig) -> Result<Self, String> {
        config.check()?;
        let configured = config.routes.iter().enumerate();
        let compile = |(index, route)| Route::compile(route, config, index, &format!("routes[{index}]"));
        let mut routes = configured.map(compile).collect::<Result<Vec<_>, _>>()?;
        routes.push(Route::compile(&config.default_route, config, routes.len(), "defaultRoute")?);
        let mut names: Vec<String> = routes.iter().map(|route| route.name.clone()).collect();
        if let Some(last) = names.last_mut() {
            *last = "default".into();
        }
        let peers = Peers::new(config.contention, config.coherency);
        let limit = config
            .concurrency_limit
            .map(|ConcurrencyLimit { max, overflow }| (Semaphore::new(max), overflow));
        Ok(Self {
            routes,
            freezes: config.freezes.clone(),
            limit,
            error_status: StatusCode::from_u16(config.error_status)
                .map_err(|error| format!("errorStatus: {error}"))?,
            numbers: Numbers::new(config.seed),
            timer: Timer::start().map_err(|error| format!("can't start the timer thread: {error}"))?,
            work: Work::new(),
            stats: Stats::new(names, peers.metrics()),
            peers,
            started: Instant::now(),
            draining: AtomicBool::new(false),
            drops: config.drop_on_stop,
            reset_rate: config.reset_rate,
            answered: AtomicU64::new(0),
        })
    }

    /// From now on not ready, and connections are closed after their next answer.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Answers a request, or drops its connection.
    pub(super) async fn handle(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped> {
        let received = Instant::now();
        let mut response = match self.own(request.uri().path()) {
            Some(response) => response,
            None => {
                let response = self.scripted(request, received).await;
                if self.reset_rate > 0.0
                    && is_due(self.reset_rate, self.answered.fetch_add(1, Ordering::Relaxed))
                {
                    return Err(Dropped);
                }
                response
            }
        };
        // Tells clients to come back elsewhere, instead of closing under a request on its way.
        if self.draining.load(Ordering::Relaxed) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }

    /// Endpoints that no script touches.
    fn own(&self, path: &str) -> Option<Response<Full<Bytes>>> {
        Some(match path {
            "/healthz" => plain(StatusCode::OK, "text/plain", "ok"),
            "/readyz" if self.draining.load(Ordering::Relaxed) => {
                plain(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "draining")
            }
            "/readyz" => plain(StatusCode::OK, "text/plain", "ok"),
            "/metrics" => {
                let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                plain(StatusCode::OK, format, self.stats.prometheus())
            }
            "/__stats" => plain(StatusCode::OK, "application/json", self.stats.json()),
            _ => return None,
        })
    }

    async fn scripted(&self, request: Request<Incoming>, received: Instant) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let (index, names) = self.route(&parts);
        let route = &self.routes[index];
        let in_flight = self.stats.received(index);
        let Ok(body) = Limited::new(body, LONGEST_BODY).collect().await else {
            in_flight.answered(413, received.elapsed());
            return plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                "application/json",
                r#"{"error":"body can't be read or is longer than 16 MiB"}"#,
            );
        };
        let (_permit, begin) = match &self.limit {
            None => (None, received),
            Some((semaphore, Overflow::Queue)) => match semaphore.try_acquire() {
                Ok(permit) => (Some(permit), received),
                Err(_) => (semaphore.acquire().await.ok(), Instant::now()),
            },
            Some((semaphore, Overflow::Reject)) => match semaphore.try_acquire() {
                Ok(permit) => (Some(permit), received),
                Err(_) => {
                    in_flight.answered(503, received.elapsed());
                    return plain(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "application/json",
                        r#"{"error":"too many requests in work"}"#,
                    );
                }
            },
        };
        let latency = self.peers.stretched(route.latency.draw());
        self.work.keep(route.memory);
        self.work.burn(route.cpu).await;
        let answer = if route.fails() {
            Answer {
                status: self.error_status,
                headers: vec![(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))],
                body: Bytes::from_static(br#"{"error":"scripted failure"}"#),
            }
        } else if route.is_fixed() {
            route.answer(&mut RequestScope { values: Default::default(), numbers: &self.numbers }, &parts)
        } else {
            route.answer(&mut RequestScope::new(names, &parts, &body.to_bytes(), &self.numbers), &parts)
        };
        self.timer.until(begin + latency).await;
        let ready = self.started.elapsed();
        let leaves = freeze::leaves_at(&self.freezes, ready);
        if leaves > ready {
            self.timer.until(self.started + leaves).await;
        }
        in_flight.answered(answer.status.as_u16(), received.elapsed());
        respond(answer)
    }

    fn route(&self, parts: &http::request::Parts) -> (usize, Map<String, serde_json::Value>) {
        let last = self.routes.len() - 1;
        let mut fitting = self.routes[..last].iter().enumerate();
        let found =
            fitting.find_map(|(index, route)| Some((index, route.matches(&parts.method, parts.uri.path())?)));
        found.unwrap_or((last, Map::new()))
    }
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    response.headers_mut().extend(answer.headers);
    response
}

fn plain(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(media_type))];
    respond(Answer { status, headers, body: body.into() })
}

/// Longest time that requests in work get to finish once the service stops.
pub(super) const FINISH: Duration = Duration::from_secs(30);
