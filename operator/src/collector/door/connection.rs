//! A connection after its greeting. It keeps its place until it is closed.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::{Transport, places::Place};

/// By TLS, or without.
type Stream = Either<Box<TlsStream<TcpStream>>, TcpStream>;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    _place: Place,
}

impl Connection {
    /// One by TLS.
    pub fn encrypted(stream: TlsStream<TcpStream>, place: Place) -> Self {
        Self { stream: Either::Left(Box::new(stream)), _place: place }
    }

    /// One without.
    pub fn plain(stream: TcpStream, place: Place) -> Self {
        Self { stream: Either::Right(stream), _place: place }
    }

    /// Which of them it is.
    pub fn transport(&self) -> Transport {
        match self.stream {
            Either::Left(_) => Transport::Tls,
            Either::Right(_) => Transport::Plain,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
