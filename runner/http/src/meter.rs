// SPDX-License-Identifier: Apache-2.0
//! A socket that counts its bytes, below TLS, and knows when it was last written to.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Bytes that went over the connections of a user.
#[derive(Debug, Default)]
pub struct Traffic {
    sent: Cell<u64>,
    received: Cell<u64>,
    last_write: Cell<Option<Instant>>,
}

impl Traffic {
    /// Takes the bytes sent and received since the last call.
    pub fn take(&self) -> (u64, u64) {
        (self.sent.take(), self.received.take())
    }

    /// When bytes were last handed to the system.
    pub(crate) fn last_write(&self) -> Option<Instant> {
        self.last_write.get()
    }

    /// Adds bytes that were counted elsewhere.
    pub(crate) fn add(&self, (sent, received): (u64, u64)) {
        self.sent.set(self.sent.get() + sent);
        self.received.set(self.received.get() + received);
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let count = ready!(written)?;
        self.sent.set(self.sent.get() + count as u64);
        self.last_write.set(Some(Instant::now()));
        Poll::Ready(Ok(count))
    }
}

/// A TCP stream whose bytes are counted.
#[derive(Debug)]
pub(crate) struct Meter {
    stream: TcpStream,
    traffic: Rc<Traffic>,
}

impl Meter {
    /// Counts a stream's bytes into `traffic`.
    pub(crate) fn new(stream: TcpStream, traffic: Rc<Traffic>) -> Self {
        Self { stream, traffic }
    }

    /// Whether there is nothing to read, not even an end.
    pub(crate) fn is_quiet(&self) -> bool {
        let found = self.stream.try_read(&mut [0; 1]);
        found.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Counts into another place from now on.
    pub(crate) fn charge_to(&mut self, traffic: &Rc<Traffic>) {
        if !Rc::ptr_eq(&self.traffic, traffic) {
            self.traffic = Rc::clone(traffic);
        }
    }
}

impl AsyncRead for Meter {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let count = buffer.filled().len() - before;
        self.traffic.received.set(self.traffic.received.get() + count as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Meter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.traffic.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.traffic.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
