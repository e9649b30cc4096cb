// SPDX-License-Identifier: Apache-2.0
//! What is below HTTP: bytes over TCP, perhaps through TLS.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::meter::{Meter, Traffic};

/// What became of a try over a connection, as far as it says whether the request may be sent again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried {
    /// Whether the connection was used before.
    pub(crate) reused: bool,
    /// Whether a byte of the answer came.
    pub(crate) heard: bool,
    /// Least time to the first byte that the connection has shown.
    pub(crate) least_first_byte: Option<Duration>,
}

/// The bytes below HTTP.
#[derive(Debug)]
pub(crate) enum Transport {
    /// TCP.
    Plain(Meter),
    /// TLS over TCP.
    Tls(Box<TlsStream<Meter>>),
}

impl Transport {
    /// Whether there is nothing to read, not even an end. Does not wait, and leaves nobody waiting.
    pub(crate) fn is_quiet(&mut self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_quiet(),
            Self::Tls(stream) => {
                let (mut context, mut byte) = (Context::from_waker(Waker::noop()), [0; 1]);
                Pin::new(stream).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
            }
        }
    }

    /// Counts into another place from now on.
    pub(crate) fn charge_to(&mut self, traffic: &Rc<Traffic>) {
        match self {
            Self::Plain(stream) => stream.charge_to(traffic),
            Self::Tls(stream) => stream.get_mut().0.charge_to(traffic),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
