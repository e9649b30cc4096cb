//! Sends a request over a user's own connections, or shared ones, and measures each phase of it.

use std::{
    mem,
    pin::pin,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use http::Method;

use super::{
    connect::Connector,
    connection::Connection,
    deadline::Deadline,
    error::TransportError,
    message::{Incoming, Keep, Message},
    meter::Traffic,
    origin::Origin,
    pool::{Grant, Pool},
    setup::{Setup, SetupError},
    timings::Timings,
};

/// How often a request is sent again that meets connections which are just being closed.
const MOST_REPETITIONS: usize = 3;

/// The HTTP client of one core.
pub struct Client {
    connector: Connector,
    /// Connections that users share, if they do.
    pool: Option<Pool>,
}

/// The connections of one user, and what went over them.
#[derive(Debug, Default)]
pub struct Connections {
    /// Those that are open.
    idle: Vec<Connection>,
    deadline: Deadline,
    /// Bytes of all of them.
    pub traffic: Rc<Traffic>,
}

/// A request as the client needs it.
pub struct Outgoing<'a> {
    /// Where to.
    pub origin: &'a Arc<Origin>,
    /// What is sent.
    pub message: Message<'a>,
    /// Longest time for all of it.
    pub timeout: Duration,
    /// What of the response is wanted.
    pub keep: Keep<'a>,
}

impl Client {
    /// A client with its own caches; `connections` is this core's part of those that users share.
    pub fn new(setup: &Arc<Setup>, connections: u64) -> Result<Self, SetupError> {
        let shared = setup.settings.connections.shared;
        let most = usize::try_from(connections).unwrap_or(usize::MAX);
        let pool = shared.map(|shared| Pool::new(most, shared.max_streams));
        Ok(Self { connector: Connector::new(setup)?, pool })
    }

    /// Sends a request and reads the whole response; notes when what of it happened.
    pub async fn send(
        &self,
        connections: &mut Connections,
        outgoing: &Outgoing<'_>,
        timings: &mut Timings,
    ) -> Result<Incoming, TransportError> {
        *timings = Timings::begin();
        let begun = timings.begun;
        let mut deadline = mem::take(&mut connections.deadline);
        let result = {
            let exchange = pin!(self.exchange(connections, outgoing, timings));
            deadline.limit(begun, outgoing.timeout, exchange).await
        };
        connections.deadline = deadline;
        let result = result.unwrap_or(Err(TransportError::Timeout));
        if result.is_err() {
            timings.ended = Instant::now();
            // What was cut off can't be used again.
            connections.idle.retain(Connection::is_reusable);
        }
        if timings.sent.is_none() {
            // Failed or cut off while sending or waiting: what was written last is the best knowledge.
            timings.sent = timings.started.and(connections.traffic.last_write()).max(timings.started);
        }
        result
    }

    async fn exchange(
        &self,
        connections: &mut Connections,
        outgoing: &Outgoing<'_>,
        timings: &mut Timings,
    ) -> Result<Incoming, TransportError> {
        if let Some(pool) = &self.pool {
            return Box::pin(self.share(pool, connections, outgoing, timings)).await;
        }
        if let Some(place) = connections.find(outgoing.origin, timings.begun)
            && let Some(connection) = connections.idle.get_mut(place)
        {
            let traffic = &connections.traffic;
            let before = traffic.received();
            // Having a connection takes no time.
            timings.started = Some(timings.begun);
            match connection.exchange(outgoing.message, outgoing.keep, traffic, timings).await {
                // The server closed the connection while the request was under way to it: the race
                // that every keep-alive client has, and no fault of the server.
                Err(error) if may_repeat(&error, outgoing.message.method, timings, traffic, before) => {
                    tracing::debug!(%error, "connection was stale, trying a new one");
                    timings.started = None;
                    connections.idle.swap_remove(place);
                }
                result => {
                    if !connection.is_intact(&result) {
                        connections.idle.swap_remove(place);
                    }
                    return result;
                }
            }
        }
        // Connecting is rare, and its state is large: in memory of its own it does not weigh on each user.
        let connect = Box::pin(self.connector.connect(outgoing.origin, &connections.traffic, timings));
        let mut connection = connect.await?;
        timings.started = Some(Instant::now());
        connection.count_request();
        let result =
            connection.exchange(outgoing.message, outgoing.keep, &connections.traffic, timings).await;
        if connection.is_intact(&result) {
            connections.idle.push(connection);
        }
        result
    }

    /// Sends a request over a connection that others use too.
    async fn share(
        &self,
        pool: &Pool,
        connections: &mut Connections,
        outgoing: &Outgoing<'_>,
        timings: &mut Timings,
    ) -> Result<Incoming, TransportError> {
        let traffic = &connections.traffic;
        let mut repetitions = 0;
        loop {
            // The pool is there as long as the client.
            let grant = pool.acquire(outgoing.origin).await.ok_or(TransportError::Timeout)?;
            let (mut lease, known) = match grant {
                Grant::Use(lease) => (lease, true),
                Grant::Open(permit) => {
                    let connection = self.connector.connect(outgoing.origin, traffic, timings).await?;
                    (permit.occupy(connection), false)
                }
            };
            timings.started = Some(Instant::now());
            let before = traffic.received();
            let (message, keep) = (outgoing.message, outgoing.keep);
            let result = match lease.whole() {
                Some(connection) => {
                    connection.charge_to(traffic);
                    connection.exchange(message, keep, traffic, timings).await
                }
                None => lease.exchange(outgoing.origin, message, keep, traffic, timings).await,
            };
            match result {
                Err(error)
                    if known
                        && repetitions < MOST_REPETITIONS
                        && may_repeat(&error, message.method, timings, traffic, before) =>
                {
                    repetitions += 1;
                    tracing::debug!(%error, "connection was stale, trying another one");
                    timings.started = None;
                }
                Ok(response) => {
                    lease.finish();
                    return Ok(response);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether a request is sent again after an error on a connection that was used before: when nothing came
/// back, and sending it twice has the same effect as once (RFC 9110 §9.2.2).
fn may_repeat(
    error: &TransportError,
    method: &Method,
    timings: &Timings,
    traffic: &Traffic,
    received_before: u64,
) -> bool {
    let nothing_came = match error {
        // Frames of others, and those that end the connection, say nothing of this request.
        TransportError::H2(_) => timings.answered.is_none(),
        _ => traffic.received() == received_before,
    };
    nothing_came && error.is_connection_loss() && method.is_idempotent()
}

impl Connections {
    /// The place of an open connection to an origin that is young enough. It stays there while it is in use: nobody
    /// else sends anything for this user then.
    fn find(&mut self, origin: &Arc<Origin>, now: Instant) -> Option<usize> {
        let leads_there =
            |connection: &Connection| Arc::ptr_eq(&connection.origin, origin) || connection.origin == *origin;
        let place = self.idle.iter().position(leads_there)?;
        let connection = self.idle.get_mut(place)?;
        if connection.is_fresh(now) && connection.is_usable() {
            connection.count_request();
            return Some(place);
        }
        self.idle.swap_remove(place);
        None
    }

    /// Closes all.
    pub fn close(&mut self) {
        self.idle.clear();
    }
}
