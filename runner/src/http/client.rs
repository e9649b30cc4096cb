//! Sends a request over a user's own connections and measures each phase of it.

use std::{
    cell::Cell,
    io, mem,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use http::Method;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{
    connection::{Connection, Protocol, Transport},
    deadline::Deadline,
    error::TransportError,
    h1::{Buffers, H1Connection},
    message::{Incoming, Keep, Message},
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
/// The HTTP client of one core.
pub(crate) struct Client {
    tls: TlsConnector,
    resolver: Resolver,
    buffers: Rc<Buffers>,
    random: Cell<u64>,
}

/// The connections of one user, and what went over them.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    idle: Vec<Connection>,
    deadline: Deadline,
    /// Bytes of all of them.
    pub(crate) traffic: Rc<Traffic>,
}

/// A request as the client needs it.
pub(crate) struct Outgoing<'a> {
    /// Where to.
    pub(crate) origin: &'a Arc<Origin>,
    /// What is sent.
    pub(crate) message: Message<'a>,
    /// Longest time for all of it.
    pub(crate) timeout: Duration,
    /// What of the response is wanted.
    pub(crate) keep: Keep<'a>,
}

impl Client {
    /// A client with its own caches.
    pub(crate) fn new(tls: Arc<ClientConfig>) -> Self {
        Self {
            tls: TlsConnector::from(tls),
            resolver: Resolver::default(),
            buffers: Rc::default(),
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
        let begun = timings.begun;
        let mut deadline = mem::take(&mut connections.deadline);
        let exchange = self.exchange(connections, outgoing, &mut timings);
        let result = deadline.limit(begun, outgoing.timeout, exchange).await;
        connections.deadline = deadline;
        let result = result.unwrap_or(Err(TransportError::Timeout));
        if result.is_err() {
            timings.ended = Instant::now();
        }
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
        if let Some(mut connection) = connections.take(outgoing.origin, timings.begun) {
            let received = connections.traffic.received();
            // Having a connection takes no time.
            timings.started = Some(timings.begun);
            match attempt(connections, &mut connection, outgoing, timings).await {
                // The server closed the connection while the request was under way to it: the race
                // that every keep-alive client has, and no fault of the server.
                Err(error)
                    if error.is_connection_loss()
                        && is_repeatable(outgoing.message.method)
                        && connections.traffic.received() == received =>
                {
                    tracing::debug!(%error, "connection was stale, trying a new one");
                    timings.started = None;
                }
                result => return connections.keep(connection, result),
            }
        }
        let connect = self.connect(outgoing.origin, Rc::clone(&connections.traffic), timings);
        // Connecting is rare, and its state is large: in memory of its own it does not weigh on each user.
        let mut connection = Box::pin(connect).await?;
        timings.started = Some(Instant::now());
        let result = attempt(connections, &mut connection, outgoing, timings).await;
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
        let protocol = Protocol::H1(H1Connection::new(transport, Rc::clone(&self.buffers)));
        Ok(Connection { origin: Arc::clone(origin), expires, protocol })
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
    outgoing: &Outgoing<'_>,
    timings: &mut Timings,
) -> Result<Incoming, TransportError> {
    let result = connection.exchange(outgoing.message, outgoing.keep, timings).await;
    if let (Some(started), Some(answered)) = (timings.started, timings.answered) {
        timings.sent = connections.traffic.last_write().map(|written| written.clamp(started, answered));
    }
    result
}

/// Whether sending a request twice has the same effect as once (RFC 9110 §9.2.2).
fn is_repeatable(method: &Method) -> bool {
    method.is_idempotent()
}

impl Connections {
    /// An open connection to an origin that is young enough.
    fn take(&mut self, origin: &Arc<Origin>, now: Instant) -> Option<Connection> {
        let at = self
            .idle
            .iter()
            .position(|connection| Arc::ptr_eq(&connection.origin, origin) || connection.origin == *origin)?;
        let mut connection = self.idle.swap_remove(at);
        (connection.expires > now && connection.is_usable()).then_some(connection)
    }

    /// Puts a connection back, if it can be used again.
    fn keep(
        &mut self,
        connection: Connection,
        result: Result<Incoming, TransportError>,
    ) -> Result<Incoming, TransportError> {
        if result.is_ok() && connection.is_reusable() {
            self.idle.push(connection);
        }
        result
    }

    /// Closes all.
    pub(crate) fn close(&mut self) {
        self.idle.clear();
    }
}
