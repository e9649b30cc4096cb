// SPDX-License-Identifier: Apache-2.0
//! HTTP/1.1 from the side of the client, as lean as a load generator needs it.
//!
//! A request is rendered into a buffer and handed to the system in one write; a response is read into a
//! buffer and parsed there, and its body goes by without a copy unless somebody wants it. Both buffers
//! belong to the core, not to the connection: each use of them is over before anything is waited for,
//! and an exchange leaves nothing unread behind, so an open connection costs little more than its
//! socket. There is no task and no channel in between: whoever sends also reads.

mod body;
mod chunked;
mod error;
mod exchange;
mod head;
mod request;
#[cfg(test)]
mod tests;

use std::{cell::RefCell, future::poll_fn, rc::Rc};

use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use self::{error::H1Error, head::read as read_head};
use super::{
    message::{Incoming, Keep, Message},
    timings::Timings,
};

/// Most bytes that are read at once.
const READ_SIZE: usize = 64 << 10;

/// The buffers of a core.
#[derive(Debug)]
pub(crate) struct Buffers {
    read: RefCell<Box<[u8]>>,
    write: RefCell<Vec<u8>>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self { read: RefCell::new(vec![0; READ_SIZE].into()), write: RefCell::default() }
    }
}

/// An HTTP/1 connection between two exchanges.
#[derive(Debug)]
pub(crate) struct H1Connection<T> {
    transport: T,
    buffers: Rc<Buffers>,
    reusable: bool,
    /// Whether a byte of an answer came in the last exchange.
    heard: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin> H1Connection<T> {
    /// Speaks HTTP/1 over a transport.
    pub(crate) fn new(transport: T, buffers: Rc<Buffers>) -> Self {
        Self { transport, buffers, reusable: true, heard: false }
    }

    /// Whether the last exchange left the connection in a state in which another one can follow.
    pub(crate) fn is_reusable(&self) -> bool {
        self.reusable
    }

    /// Whether a byte of an answer came in the last exchange.
    pub(crate) fn heard(&self) -> bool {
        self.heard
    }

    /// The transport.
    pub(crate) fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Sends a request and reads its response to the end, noting when the head was there and when all was.
    /// After an error, or if this is dropped before its end, the connection is of no use any more.
    pub(crate) async fn exchange(
        &mut self,
        message: Message<'_>,
        keep: Keep<'_>,
        timings: &mut Timings,
    ) -> Result<Incoming, H1Error> {
        let mut exchange = exchange::Exchange::new(self, message, keep, timings);
        poll_fn(|context| exchange.poll(context)).await
    }
}
