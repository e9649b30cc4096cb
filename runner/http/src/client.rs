// SPDX-License-Identifier: Apache-2.0
//! Sends a request over a user's own connections, or shared ones, and measures each phase of it.

use std::{
    mem,
    pin::pin,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use http::Method;
use upsurge_core::http::Rules;

use super::{
    connect::Connector,
    connection::Connection,
    deadline::Deadline,
    error::TransportError,
    message::{Incoming, Keep, Message},
    meter::Traffic,
    origin::Origin,
    pool::{Grant, Pool},
    setup::Setup,
    setup_error::SetupError,
    timings::Timings,
    transport::Tried,
};

/// The HTTP client of one core.
pub struct Client {
    connector: Connector,
    /// Connections that users share, if they do.
    pool: Option<Pool>,
    rules: Rules,
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
        Ok(Self { connector: Connector::new(setup)?, pool, rules: setup.settings.rules })
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
        let mut began = timings.begun;
        loop {
            let (result, tried) = match connections.find(outgoing.origin, timings.begun) {
                Some(place) => {
                    let Some(connection) = connections.idle.get_mut(place) else { continue };
                    let traffic = &connections.traffic;
                    // Having a connection takes no time.
                    timings.started.get_or_insert(began);
                    let result = connection.exchange(outgoing.message, outgoing.keep, traffic, timings).await;
                    let tried = connection.tried(true, timings);
                    if !connection.is_intact(&result) {
                        connections.idle.swap_remove(place);
                    }
                    (result, tried)
                }
                None => {
                    // Connecting is rare, and its state is large: in memory of its own it does not weigh on each user.
                    let connect =
                        Box::pin(self.connector.connect(outgoing.origin, &connections.traffic, timings));
                    let mut connection = connect.await?;
                    began = Instant::now();
                    timings.started.get_or_insert(began);
                    connection.count_request();
                    let traffic = &connections.traffic;
                    let result = connection.exchange(outgoing.message, outgoing.keep, traffic, timings).await;
                    let tried = connection.tried(false, timings);
                    if connection.is_intact(&result) {
                        connections.idle.push(connection);
                    }
                    (result, tried)
                }
            };
            match result {
                Err(error)
                    if self.may_resend(&error, outgoing.message.method, tried, began, timings.resent) =>
                {
                    tracing::debug!(%error, "sending the request again");
                    timings.resent += 1;
                    began = Instant::now();
                }
                result => return result,
            }
        }
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
        loop {
            // The pool is there as long as the client.
            let grant = pool.acquire(outgoing.origin).await.ok_or(TransportError::Timeout)?;
            let (mut lease, reused) = match grant {
                Grant::Use(lease) => (lease, true),
                Grant::Open(permit) => {
                    let connection = self.connector.connect(outgoing.origin, traffic, timings).await?;
                    (permit.occupy(connection), false)
                }
            };
            let began = Instant::now();
            timings.started.get_or_insert(began);
            let (message, keep) = (outgoing.message, outgoing.keep);
            let result = match lease.whole() {
                Some(connection) => {
                    connection.charge_to(traffic);
                    connection.exchange(message, keep, traffic, timings).await
                }
                None => lease.exchange(outgoing.origin, message, keep, traffic, timings).await,
            };
            match result {
                Ok(response) => {
                    lease.finish();
                    return Ok(response);
                }
                Err(error) => {
                    let tried = lease.tried(reused, timings);
                    if !self.may_resend(&error, message.method, tried, began, timings.resent) {
                        return Err(error);
                    }
                    tracing::debug!(%error, "sending the request again");
                    timings.resent += 1;
                }
            }
        }
    }

    /// The rules in which tools differ.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether a request is sent again after an error. On proof that nobody looked at it, always. Else when all speaks
    /// for the race that every keep-alive client has, and which is no fault of the server: it closed the connection
    /// while the request was on its way. A server that worked on it and then dropped it has failed.
    fn may_resend(
        &self,
        error: &TransportError,
        method: &Method,
        tried: Tried,
        began: Instant,
        resent: u32,
    ) -> bool {
        let rules = &self.rules.resend;
        if resent >= rules.most {
            return false;
        }
        (rules.unprocessed && error.is_unprocessed())
            // Sending it twice has the same effect as once (RFC 9110 §9.2.2).
            || (tried.reused && !tried.heard && error.is_connection_loss() && method.is_idempotent())
                && rules.stale.is_some_and(|stale| stale.covers(began.elapsed(), tried.least_first_byte))
    }
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
