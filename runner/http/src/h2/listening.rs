// SPDX-License-Identifier: Apache-2.0
//! What a server says first. One that does not know HTTP/2 answers the begin of it with HTTP/1, of which the protocol's
//! library can only say that it is no frame.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::transport::Transport;

/// How HTTP/1 begins.
const HTTP_1: &[u8] = b"HTTP/1.";

/// A transport whose first bytes are looked at.
pub(super) struct Listening {
    transport: Transport,
    /// How much of [`HTTP_1`] came; `None` once something else did.
    heard: Option<usize>,
    is_http_1: Rc<Cell<bool>>,
}

impl Listening {
    /// Tells in `is_http_1` when HTTP/1 comes.
    pub(super) fn new(transport: Transport, is_http_1: Rc<Cell<bool>>) -> Self {
        Self { transport, heard: Some(0), is_http_1 }
    }
}

impl AsyncRead for Listening {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.transport).poll_read(context, buffer))?;
        if let Some(heard) = self.heard {
            let came = buffer.filled().get(before..).unwrap_or_default();
            let wanted = HTTP_1.get(heard..).unwrap_or_default();
            let length = came.len().min(wanted.len());
            let same = came.get(..length) == wanted.get(..length);
            self.heard = (same && length < wanted.len()).then_some(heard + length);
            self.is_http_1.set(same && length == wanted.len());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Listening {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(context)
    }
}
