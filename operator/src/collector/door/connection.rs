// SPDX-License-Identifier: Apache-2.0
//! A connection after its greeting. It keeps its place until it is closed, which happens at the latest when its [`Line`] is over,
//! whatever comes or goes over it until then.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep_until},
};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::places::Place;
use crate::collector::line::Line;

/// Most bytes that are read at once. Fewer than hyper's first buffer (8 KiB) holds: each time one is filled it takes twice as much,
/// up to 400 KiB, and keeps that for as long as the connection lasts. With hundreds of runners most of the memory would go there.
const MOST_AT_ONCE: usize = 4 * 1024;

/// By TLS, or without.
pub type Stream = Either<Box<TlsStream<TcpStream>>, TcpStream>;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    line: Line,
    end: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl Connection {
    /// What was greeted.
    pub fn new(stream: Stream, line: Line, place: Place) -> Self {
        Self { stream, line, end: None, _place: place }
    }

    /// Waits for its end.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        self.line.wake_at_end(context.waker());
        let over = || io::ErrorKind::TimedOut.into();
        let Some(until) = self.line.until() else { return Poll::Ready(over()) };
        let end = self.end.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if end.deadline() != until {
            end.as_mut().reset(until);
        }
        ready!(end.as_mut().poll(context));
        Poll::Ready(over())
    }

    /// The same for what can't be done now.
    fn or_end<T>(&mut self, done: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        match done {
            Poll::Pending => self.poll_end(context).map(Err),
            done => done,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(over) = self.poll_end(context) {
            return Poll::Ready(Err(over));
        }
        let mut bytes = [0; MOST_AT_ONCE];
        let mut part = ReadBuf::new(&mut bytes[..MOST_AT_ONCE.min(buffer.remaining())]);
        let read = Pin::new(&mut self.stream).poll_read(context, &mut part);
        buffer.put_slice(part.filled());
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.or_end(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.or_end(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.or_end(shut, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.or_end(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        time::Instant,
    };

    use super::{
        super::places::{Limits, Places},
        *,
    };
    use crate::collector::line::Transport;

    fn line() -> Line {
        Line::new(Transport::Plain, Instant::now() + Duration::from_secs(60))
    }

    #[tokio::test]
    async fn large_bodies_arrive_whole_and_in_small_pieces() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sent: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
        let (mut client, server) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (stream, from) = server.unwrap();
        let place = Places::new(Limits { all: 1, of_one: 1 }).take(from.ip()).unwrap();
        let mut connection = Connection::new(Either::Right(stream), line(), place);
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
