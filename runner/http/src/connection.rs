// SPDX-License-Identifier: Apache-2.0
//! One connection: a socket, perhaps TLS on it, and HTTP on top.

use std::{
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    error::TransportError,
    h1::H1Connection,
    h2::H2Connection,
    message::{Incoming, Keep, Message},
    meter::Traffic,
    origin::Origin,
    proxy::Proxy,
    timings::Timings,
    transport::{Transport, Tried},
};

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Where it leads.
    pub(crate) origin: Arc<Origin>,
    /// When it is to be replaced.
    pub(crate) expires: Option<Instant>,
    /// How many requests may still be sent over it; the largest number stands for any.
    pub(crate) requests_left: u32,
    /// The proxy at its end, which wants whole URLs.
    pub(crate) proxy: Option<Arc<Proxy>>,
    /// What is spoken over it.
    pub(crate) protocol: Protocol,
    /// Least time to the first byte over it, for HTTP/1.
    least_first_byte: Option<Duration>,
}

/// The version of HTTP that is spoken over a connection.
#[derive(Debug)]
pub(crate) enum Protocol {
    /// HTTP/1.1.
    H1(H1Connection<Transport>),
    /// HTTP/2.
    H2(H2Connection),
}

impl Connection {
    /// A connection that nothing was sent over yet.
    pub(crate) fn new(
        origin: Arc<Origin>,
        protocol: Protocol,
        proxy: Option<Arc<Proxy>>,
        expires: Option<Instant>,
        requests_left: u32,
    ) -> Self {
        Self { origin, expires, requests_left, proxy, protocol, least_first_byte: None }
    }

    /// What became of the last exchange.
    pub(crate) fn tried(&self, reused: bool, timings: &Timings) -> Tried {
        match &self.protocol {
            Protocol::H1(connection) => {
                Tried { reused, heard: connection.heard(), least_first_byte: self.least_first_byte }
            }
            Protocol::H2(connection) => connection.tried(reused, timings),
        }
    }

    /// Whether it is young enough for another request.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        self.requests_left > 0 && self.expires.is_none_or(|expires| expires > now)
    }

    /// Whether it can take a request; a connection that the server has closed, or on which it sent something unasked,
    /// can't.
    pub(crate) fn is_usable(&mut self) -> bool {
        match &mut self.protocol {
            Protocol::H1(connection) => connection.is_reusable() && connection.transport_mut().is_quiet(),
            Protocol::H2(connection) => connection.is_usable(),
        }
    }

    /// Whether it may be kept for another request, as far as is known without looking at the socket.
    pub(crate) fn is_reusable(&self) -> bool {
        self.requests_left > 0
            && match &self.protocol {
                Protocol::H1(connection) => connection.is_reusable(),
                Protocol::H2(connection) => connection.is_usable(),
            }
    }

    /// Whether it can be used again after an exchange with that result.
    pub(crate) fn is_intact<T>(&self, result: &Result<T, TransportError>) -> bool {
        // An HTTP/2 connection outlives the failure of a stream.
        (result.is_ok() || matches!(self.protocol, Protocol::H2(_))) && self.is_reusable()
    }

    /// Counts a request that is about to be sent.
    pub(crate) fn count_request(&mut self) {
        if self.requests_left != u32::MAX {
            self.requests_left = self.requests_left.saturating_sub(1);
        }
    }

    /// Counts what goes over it in `traffic` from now on; an HTTP/2 connection goes on counting by itself.
    pub(crate) fn charge_to(&mut self, traffic: &Rc<Traffic>) {
        if let Protocol::H1(connection) = &mut self.protocol {
            connection.transport_mut().charge_to(traffic);
        }
    }

    /// Sends a request and reads the whole response; notes when its head was there and when its end.
    pub(crate) async fn exchange(
        &mut self,
        message: Message<'_>,
        keep: Keep<'_>,
        traffic: &Traffic,
        timings: &mut Timings,
    ) -> Result<Incoming, TransportError> {
        match &mut self.protocol {
            Protocol::H1(connection) => {
                let result = match &self.proxy {
                    None => connection.exchange(message, keep, timings).await.map_err(TransportError::H1),
                    Some(proxy) => {
                        let (origin, timings) = (&self.origin, &mut *timings);
                        let forward = async move {
                            let (target, headers) = proxy.forwarded(origin, message)?;
                            let message = Message { target: &target, headers: &headers, ..message };
                            connection.exchange(message, keep, timings).await.map_err(TransportError::H1)
                        };
                        // In memory of its own it does not weigh on users without a proxy.
                        Box::pin(forward).await
                    }
                };
                if let (Some(started), Some(answered)) = (timings.started, timings.answered) {
                    timings.sent = traffic.last_write().map(|written| written.clamp(started, answered));
                    let waited = timings.waiting();
                    self.least_first_byte =
                        Some(self.least_first_byte.map_or(waited, |least| least.min(waited)));
                }
                result
            }
            Protocol::H2(connection) => {
                let result = Box::pin(connection.exchange(&self.origin, message, keep, timings)).await;
                traffic.add(connection.take_traffic());
                Ok(result?)
            }
        }
    }
}
