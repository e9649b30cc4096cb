//! One connection: a socket, perhaps TLS on it, and HTTP on top.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::{
    error::TransportError,
    h1::H1Connection,
    message::{Incoming, Keep, Message},
    meter::Meter,
    origin::Origin,
    timings::Timings,
};

/// A connection of a user.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Where it leads.
    pub(crate) origin: Arc<Origin>,
    /// When it is to be replaced.
    pub(crate) expires: Instant,
    /// What is spoken over it.
    pub(crate) protocol: Protocol,
}

/// The version of HTTP that is spoken over a connection.
#[derive(Debug)]
pub(crate) enum Protocol {
    /// HTTP/1.1.
    H1(H1Connection<Transport>),
}

impl Connection {
    /// Whether it can take a request; a connection that the server has closed can't.
    pub(crate) fn is_usable(&mut self) -> bool {
        match &mut self.protocol {
            Protocol::H1(connection) => connection.is_usable(),
        }
    }

    /// Whether it may be kept for another request, as far as is known without looking at the socket.
    pub(crate) fn is_reusable(&self) -> bool {
        match &self.protocol {
            Protocol::H1(connection) => connection.is_reusable(),
        }
    }

    /// Sends a request and reads the whole response; notes when its head was there and when its end.
    pub(crate) async fn exchange(
        &mut self,
        message: Message<'_>,
        keep: Keep<'_>,
        timings: &mut Timings,
    ) -> Result<Incoming, TransportError> {
        match &mut self.protocol {
            Protocol::H1(connection) => {
                connection.exchange(message, keep, timings).await.map_err(TransportError::H1)
            }
        }
    }
}

/// The bytes below HTTP.
#[derive(Debug)]
pub(crate) enum Transport {
    /// TCP.
    Plain(Meter),
    /// TLS over TCP.
    Tls(Box<TlsStream<Meter>>),
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
