// SPDX-License-Identifier: Apache-2.0
//! A connection after its greeting. It keeps its place until it is closed, or until nothing came for a while.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::{Transport, places::Place};

/// Longest time without a byte from the runner. Runners speak every ten seconds at least, and are answered within some twenty.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// Most bytes that are read at once. Fewer than hyper's first buffer (8 KiB) holds: each time one is filled it takes twice as much,
/// up to 400 KiB, and keeps that for as long as the connection lasts. With hundreds of runners most of the memory would go there.
const MOST_AT_ONCE: usize = 4 * 1024;

/// By TLS, or without.
type Stream = Either<Box<TlsStream<TcpStream>>, TcpStream>;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    silence: Pin<Box<Sleep>>,
    _place: Place,
}

impl Connection {
    /// One by TLS.
    pub fn encrypted(stream: TlsStream<TcpStream>, place: Place) -> Self {
        Self::new(Either::Left(Box::new(stream)), place)
    }

    /// One without.
    pub fn plain(stream: TcpStream, place: Place) -> Self {
        Self::new(Either::Right(stream), place)
    }

    fn new(stream: Stream, place: Place) -> Self {
        Self { stream, silence: Box::pin(sleep(LONGEST_SILENCE)), _place: place }
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
        let mut bytes = [0; MOST_AT_ONCE];
        let mut part = ReadBuf::new(&mut bytes[..MOST_AT_ONCE.min(buffer.remaining())]);
        let read = Pin::new(&mut self.stream).poll_read(context, &mut part);
        buffer.put_slice(part.filled());
        match read {
            Poll::Pending => {
                ready!(self.silence.as_mut().poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            read => {
                self.silence.as_mut().reset(Instant::now() + LONGEST_SILENCE);
                read
            }
        }
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

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::{
        super::places::{Limits, Places},
        *,
    };

    #[tokio::test]
    async fn large_bodies_arrive_whole_and_in_small_pieces() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sent: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
        let (mut client, server) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (stream, from) = server.unwrap();
        let place = Places::new(Limits { all: 1, of_one: 1 }).take(from.ip()).unwrap();
        let mut connection = Connection::plain(stream, place);
        let writing = async {
            client.as_mut().unwrap().write_all(&sent).await.unwrap();
            client.as_mut().unwrap().shutdown().await.unwrap();
        };
        let reading = async {
            let (mut received, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
            loop {
                let read = connection.read(&mut buffer).await.unwrap();
                if read == 0 {
                    return received;
                }
                assert!(read <= MOST_AT_ONCE, "{read} bytes at once");
                received.extend_from_slice(&buffer[..read]);
            }
        };
        let ((), received) = tokio::join!(writing, reading);
        assert!(received == sent);
    }
}
