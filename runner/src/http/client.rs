//! Sends a request over a user's own connections and measures each phase of it.

use std::{
    cell::Cell,
    io,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::Full;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{
    connection::{Connection, Transport},
    error::TransportError,
    meter::{Meter, Traffic},
    origin::Origin,
    resolver::Resolver,
    timings::Timings,
};

/// Age at which a connection is replaced, between two requests. A Kubernetes Service chooses a pod per
/// connection, not per request: with connections that live for ever, replicas that an autoscaler adds
/// would get no load.
pub(crate) const CONNECTION_MAX_AGE: Duration = Duration::from_secs(10);
/// Up to this much is added to [`CONNECTION_MAX_AGE`], so that users don't reconnect in step.
pub(crate) const CONNECTION_AGE_JITTER: Duration = Duration::from_secs(5);
/// Largest body that is kept for captures and checks; larger ones are an error, so that an endless
/// response can't exhaust the runner's memory.
pub(crate) const LARGEST_KEPT_BODY: usize = 64 << 20;

/// The HTTP client of one core.
pub(crate) struct Client {
    tls: TlsConnector,
    resolver: Resolver,
    random: Cell<u64>,
}

/// The connections of one user, and what went over them.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    idle: Vec<Connection>,
    /// Bytes of all of them.
    pub(crate) traffic: Rc<Traffic>,
}

/// A request as the client needs it.
pub(crate) struct Outgoing<'a> {
    /// Where to.
    pub(crate) origin: &'a Arc<Origin>,
    /// Makes the message; called again if it has to be sent a second time.
    pub(crate) message: &'a dyn Fn() -> Request<Full<Bytes>>,
    /// Longest time for all of it.
    pub(crate) timeout: Duration,
    /// Whether the body of the response is wanted.
    pub(crate) keep_body: bool,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body, if it was wanted.
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// A client with its own caches.
    pub(crate) fn new(tls: Arc<ClientConfig>) -> Self {
        Self {
            tls: TlsConnector::from(tls),
            resolver: Resolver::default(),
            random: Cell::new(fastrand::u64(..) | 1),
        }
    }

    /// Sends a request and reads the whole response.
    pub(crate) async fn send(
        &self,
        connections: &mut Connections,
        outgoing: &Outgoing<'_>,
    ) -> (Timings, Result<Incoming, TransportError>) {
        let mut timings = Timings::begin();
        let exchange = self.exchange(connections, outgoing, &mut timings);
        let result = match tokio::time::timeout(outgoing.timeout, exchange).await {
            Ok(result) => result,
            Err(_) => Err(TransportError::Timeout),
        };
        timings.ended = Instant::now();
        if timings.sent.is_none() {
            // Failed or cut off while sending or waiting: what was written last is the best knowledge.
            timings.sent = timings.started.and(connections.traffic.last_write()).max(timings.started);
        }
        (timings, result)
    }

    async fn exchange(
        &self,
        connections: &mut Connections,
        outgoing: &Outgoing<'_>,
        timings: &mut Timings,
    ) -> Result<Incoming, TransportError> {
        if let Some(mut connection) = connections.take(outgoing.origin).await {
            let received = connections.traffic.received();
            let message = (outgoing.message)();
            let repeatable = is_repeatable(message.method());
            match attempt(connections, &mut connection, message, outgoing.keep_body, timings).await {
                // The server closed the connection while the request was under way to it: the race
                // that every keep-alive client has, and no fault of the server.
                Err(TransportError::Http(error))
                    if repeatable && !error.is_parse() && connections.traffic.received() == received =>
                {
                    tracing::debug!(%error, "connection was stale, trying a new one");
                    timings.started = None;
                }
                result => return connections.keep(connection, result),
            }
        }
        let mut connection = self.connect(outgoing.origin, Rc::clone(&connections.traffic), timings).await?;
        let result = attempt(connections, &mut connection, (outgoing.message)(), outgoing.keep_body, timings);
        let result = result.await;
        connections.keep(connection, result)
    }

    async fn connect(
        &self,
        origin: &Arc<Origin>,
        traffic: Rc<Traffic>,
        timings: &mut Timings,
    ) -> Result<Connection, TransportError> {
        let addresses = self
            .resolver
            .resolve(&origin.host, origin.port)
            .await
            .map_err(|source| TransportError::Dns { host: origin.host.clone(), source })?;
        let begin = Instant::now();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no addresses");
        let mut connected = None;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    connected = Some(stream);
                    break;
                }
                Err(error) => last = error,
            }
        }
        timings.connecting = begin.elapsed();
        let stream = connected.ok_or(TransportError::Connect(last))?;
        stream.set_nodelay(true).map_err(TransportError::Connect)?;
        let stream = Meter::new(stream, traffic);
        let transport = if origin.tls {
            let name = ServerName::try_from(origin.host.clone())
                .map_err(|error| TransportError::Invalid(format!("{}: {error}", origin.host)))?;
            let begin = Instant::now();
            let handshake = self.tls.connect(name, stream).await;
            timings.handshaking = begin.elapsed();
            Transport::Tls(Box::new(handshake.map_err(TransportError::Tls)?))
        } else {
            Transport::Plain(stream)
        };
        let expires = Instant::now() + CONNECTION_MAX_AGE + CONNECTION_AGE_JITTER.mul_f64(self.fraction());
        Connection::new(transport, Arc::clone(origin), expires).await.map_err(TransportError::Http)
    }

    /// A random number from 0 to 1 (xorshift64).
    fn fraction(&self) -> f64 {
        let mut state = self.random.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.random.set(state);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

async fn attempt(
    connections: &Connections,
    connection: &mut Connection,
    message: Request<Full<Bytes>>,
    keep_body: bool,
    timings: &mut Timings,
) -> Result<Incoming, TransportError> {
    let started = Instant::now();
    timings.started = Some(started);
    let response = connection.send(message).await.map_err(TransportError::Http)?;
    let answered = Instant::now();
    timings.answered = Some(answered);
    timings.sent = connections.traffic.last_write().map(|written| written.clamp(started, answered));
    let (head, body) = response.into_parts();
    let mut kept = Vec::new();
    connection
        .read(body, |part: &[u8]| -> Result<(), ReadError> {
            if keep_body {
                if kept.len() + part.len() > LARGEST_KEPT_BODY {
                    return Err(ReadError::TooLarge);
                }
                kept.extend_from_slice(part);
            }
            Ok(())
        })
        .await
        .map_err(|error| match error {
            ReadError::Http(error) => TransportError::Http(error),
            ReadError::TooLarge => TransportError::TooLarge { limit: LARGEST_KEPT_BODY },
        })?;
    Ok(Incoming { status: head.status, headers: head.headers, body: kept })
}

enum ReadError {
    Http(hyper::Error),
    TooLarge,
}

impl From<hyper::Error> for ReadError {
    fn from(error: hyper::Error) -> Self {
        Self::Http(error)
    }
}

/// Whether sending a request twice has the same effect as once (RFC 9110 §9.2.2).
fn is_repeatable(method: &Method) -> bool {
    method.is_idempotent()
}

impl Connections {
    /// An open connection to an origin that is young enough.
    async fn take(&mut self, origin: &Arc<Origin>) -> Option<Connection> {
        let at = self
            .idle
            .iter()
            .position(|connection| Arc::ptr_eq(&connection.origin, origin) || connection.origin == *origin)?;
        let mut connection = self.idle.swap_remove(at);
        let usable = connection.expires > Instant::now() && connection.ready().await.is_ok();
        usable.then_some(connection)
    }

    /// Puts a connection back, if it can be used again.
    fn keep(
        &mut self,
        connection: Connection,
        result: Result<Incoming, TransportError>,
    ) -> Result<Incoming, TransportError> {
        if result.is_ok() && !connection.ended() {
            self.idle.push(connection);
        }
        result
    }

    /// Closes all.
    pub(crate) fn close(&mut self) {
        self.idle.clear();
    }
}
