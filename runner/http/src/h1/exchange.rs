// SPDX-License-Identifier: Apache-2.0
//! One exchange: a request out, a response in.
//!
//! All of it happens in [`Exchange::poll`]: write what the system takes, then read what is there. What
//! does not fit, a rest of a request or a part of a head, is set aside in memory of its own; that is rare.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    H1Connection,
    body::Rest,
    error::H1Error,
    head::{self, Head},
};
use crate::{
    message::{Incoming, Keep, Message},
    payload::Payload,
    timings::Timings,
};

/// Up to this size a body is copied behind the head, so that both leave in one piece.
const SMALL_BODY: usize = 16 << 10;
/// Most memory that is set aside for a body before any of it has come.
const TRUSTED_LENGTH: u64 = 1 << 20;

/// An exchange under way.
pub(super) struct Exchange<'a, T> {
    connection: &'a mut H1Connection<T>,
    message: Message<'a>,
    keep: Keep<'a>,
    timings: &'a mut Timings,
    sending: Sending,
    /// Whether the request asks for the connection to be closed.
    closes: bool,
    /// The begin of a head whose end has not come yet.
    partial: Vec<u8>,
    receiving: Option<Receiving>,
}

/// How far the request is sent.
enum Sending {
    Nothing,
    /// What is left of the head, with a small body, and how much of a large body is written.
    Part {
        head: Vec<u8>,
        written: usize,
    },
    /// All is written, but perhaps not out yet.
    Written,
    All,
}

/// A response whose head is there.
struct Receiving {
    response: Incoming,
    rest: Rest,
    keep_alive: bool,
    /// Bytes of the body so far.
    received: u64,
}

impl<'a, T: AsyncRead + AsyncWrite + Unpin> Exchange<'a, T> {
    pub(super) fn new(
        connection: &'a mut H1Connection<T>,
        message: Message<'a>,
        keep: Keep<'a>,
        timings: &'a mut Timings,
    ) -> Self {
        (connection.reusable, connection.heard) = (false, false);
        let (sending, partial) = (Sending::Nothing, Vec::new());
        Self { connection, message, keep, timings, sending, closes: false, partial, receiving: None }
    }

    /// Goes on as far as possible.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Incoming, H1Error>> {
        let unsent = match self.poll_send(context) {
            Poll::Ready(Err(error)) => Some(error),
            Poll::Ready(Ok(())) | Poll::Pending => None,
        };
        let received = self.poll_receive(context);
        match unsent {
            // A server that answers without reading all, and closes: its answer counts, if it came through.
            Some(error) if !matches!(received, Poll::Ready(Ok(_))) => Poll::Ready(Err(error.into())),
            _ => received,
        }
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let transport = &mut self.connection.transport;
        let body = self.message.body;
        let separate = (body.len() > SMALL_BODY).then_some(body);
        if let Sending::Nothing = self.sending {
            let mut buffer = self.connection.buffers.write.borrow_mut();
            buffer.clear();
            self.closes = self.message.render_head(&mut buffer);
            if separate.is_none() {
                body.write_to(&mut buffer);
            }
            let (mut head, mut written) = (buffer.as_slice(), 0);
            self.sending = match write(transport, context, &mut head, separate, &mut written) {
                Poll::Ready(result) => result.map(|()| Sending::Written)?,
                Poll::Pending => Sending::Part { head: head.to_vec(), written },
            };
        } else if let Sending::Part { head, written } = &mut self.sending {
            let mut left = head.as_slice();
            let result = write(transport, context, &mut left, separate, written);
            let done = head.len() - left.len();
            head.drain(..done);
            ready!(result)?;
            self.sending = Sending::Written;
        }
        if let Sending::Written = self.sending {
            ready!(Pin::new(transport).poll_flush(context))?;
            self.sending = Sending::All;
        }
        match self.sending {
            Sending::All => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        }
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<Incoming, H1Error>> {
        let buffers = Rc::clone(&self.connection.buffers);
        let mut memory = buffers.read.borrow_mut();
        loop {
            let mut buffer = ReadBuf::new(&mut memory);
            ready!(Pin::new(&mut self.connection.transport).poll_read(context, &mut buffer))?;
            let done = match buffer.filled() {
                [] => return Poll::Ready(self.closed()),
                bytes => self.receive(bytes)?,
            };
            if let Some(response) = done {
                return Poll::Ready(Ok(response));
            }
        }
    }

    /// Takes in what was read.
    fn receive(&mut self, bytes: &[u8]) -> Result<Option<Incoming>, H1Error> {
        self.connection.heard = true;
        if self.receiving.is_some() {
            let done = self.receive_body(bytes);
            if let Ok(Some(_)) = done {
                self.timings.ended = Instant::now();
            }
            return done;
        }
        let (method, keep) = (self.message.method, self.keep);
        let mut skipped = 0;
        if self.partial.is_empty() {
            match head::parse(bytes, method, keep, &mut skipped)? {
                Some(head) => {
                    let at = skipped + head.length;
                    self.begin_body(head);
                    return self.receive_body(bytes.get(at..).unwrap_or_default());
                }
                None => self.partial.extend_from_slice(bytes.get(skipped..).unwrap_or_default()),
            }
            return Ok(None);
        }
        self.partial.extend_from_slice(bytes);
        let Some(head) = head::parse(&self.partial, method, keep, &mut skipped)? else {
            self.partial.drain(..skipped);
            return Ok(None);
        };
        let at = skipped + head.length;
        self.begin_body(head);
        let partial = std::mem::take(&mut self.partial);
        self.receive_body(partial.get(at..).unwrap_or_default())
    }

    fn begin_body(&mut self, head: Head) {
        let now = Instant::now();
        (self.timings.answered, self.timings.ended) = (Some(now), now);
        self.keep = self.keep.of(head.status, &head.headers);
        let mut body = Vec::new();
        if let (Some(limit), Some(length)) = (self.keep.body, head.rest.length()) {
            let length = usize::try_from(length.min(TRUSTED_LENGTH)).unwrap_or_default();
            body.reserve_exact(length.min(limit));
        }
        let response = Incoming { status: head.status, headers: head.headers, body };
        self.receiving =
            Some(Receiving { response, rest: head.rest, keep_alive: head.keep_alive, received: 0 });
    }

    fn receive_body(&mut self, bytes: &[u8]) -> Result<Option<Incoming>, H1Error> {
        let Some(receiving) = &mut self.receiving else { return Ok(None) };
        let Receiving { response, rest, received, .. } = receiving;
        let (keeps, limit) = (self.keep.body.is_some(), self.keep.limit());
        let taken = rest.take(bytes, |part| {
            *received += part.len() as u64;
            if *received > limit {
                return Err(H1Error::TooLarge { limit });
            }
            if keeps {
                response.body.extend_from_slice(part);
            }
            Ok(())
        })?;
        if !receiving.rest.is_done() {
            return Ok(None);
        }
        // Bytes that belong to no response, and a request that is not out yet, spoil the connection.
        let clean = taken == bytes.len() && matches!(self.sending, Sending::All);
        self.connection.reusable = clean && receiving.keep_alive && !self.closes;
        Ok(self.finish())
    }

    /// The connection has ended.
    fn closed(&mut self) -> Result<Incoming, H1Error> {
        match &self.receiving {
            Some(receiving) if receiving.rest.may_be_closed() => {
                self.timings.ended = Instant::now();
                self.finish().ok_or(H1Error::Closed)
            }
            _ => Err(H1Error::Closed),
        }
    }

    fn finish(&mut self) -> Option<Incoming> {
        self.receiving.take().map(|receiving| receiving.response)
    }
}

/// Writes a head, and behind it the rest of a body from `written` on; moves both forward.
fn write<T: AsyncWrite + Unpin>(
    transport: &mut T,
    context: &mut Context<'_>,
    head: &mut &[u8],
    body: Option<&Payload>,
    written: &mut usize,
) -> Poll<io::Result<()>> {
    loop {
        let rest = body.map_or(&[][..], |body| body.rest(*written));
        let mut transport = Pin::new(&mut *transport);
        let count = match (head.is_empty(), rest.is_empty()) {
            (true, true) => return Poll::Ready(Ok(())),
            (false, true) => transport.as_mut().poll_write(context, head),
            (true, false) => transport.as_mut().poll_write(context, rest),
            (false, false) => {
                transport.as_mut().poll_write_vectored(context, &[IoSlice::new(head), IoSlice::new(rest)])
            }
        };
        let count = ready!(count)?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        let of_head = count.min(head.len());
        *head = head.get(of_head..).unwrap_or_default();
        *written += count - of_head;
    }
}
