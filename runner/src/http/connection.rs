//! One connection: a socket, perhaps TLS on it, and hyper's HTTP/1 state, polled by whoever uses it.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::{meter::Meter, origin::Origin};

/// A connection of a user.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Where it leads.
    pub(crate) origin: Arc<Origin>,
    /// When it is to be replaced.
    pub(crate) expires: Instant,
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
}

/// Hyper's half that reads and writes; `None` once the connection has ended.
type Inner = Option<Pin<Box<http1::Connection<TokioIo<Transport>, Full<Bytes>>>>>;

#[derive(Debug)]
struct Driver(Inner);

impl Driver {
    fn poll(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = &mut self.0
            && connection.as_mut().poll(context).is_ready()
        {
            // Whoever waits for a response is told the error through hyper's other half.
            self.0 = None;
        }
    }

    /// Waits for something that needs the connection to go on.
    async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            self.poll(context);
            future.as_mut().poll(context)
        })
        .await
    }
}

impl Connection {
    /// Sets HTTP/1 up on a socket.
    pub(crate) async fn new(
        transport: Transport,
        origin: Arc<Origin>,
        expires: Instant,
    ) -> Result<Self, hyper::Error> {
        let (sender, connection) = http1::handshake(TokioIo::new(transport)).await?;
        Ok(Self { origin, expires, sender, driver: Driver(Some(Box::pin(connection))) })
    }

    /// Waits until the connection can take a request; an error means that it has ended.
    pub(crate) async fn ready(&mut self) -> Result<(), hyper::Error> {
        // Looks at the socket first: a server that has closed an idle connection is found out here.
        poll_fn(|context| {
            self.driver.poll(context);
            Poll::Ready(())
        })
        .await;
        self.driver.drive(self.sender.ready()).await
    }

    /// Sends a request and waits for the head of the response.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        self.driver.drive(self.sender.send_request(request)).await
    }

    /// Reads a body to its end, handing each part to `part`, and lets hyper settle the connection.
    pub(crate) async fn read<E: From<hyper::Error>>(
        &mut self,
        mut body: Incoming,
        mut part: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        use hyper::body::Body as _;
        while !body.is_end_stream() {
            let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
            match self.driver.drive(frame).await {
                Some(Ok(frame)) => frame.data_ref().map_or(Ok(()), |bytes| part(bytes))?,
                Some(Err(error)) => return Err(error.into()),
                None => break,
            }
        }
        poll_fn(|context| {
            self.driver.poll(context);
            Poll::Ready(())
        })
        .await;
        Ok(())
    }

    /// Whether the connection has ended, as far as is known without looking at the socket.
    pub(crate) fn ended(&self) -> bool {
        self.driver.0.is_none() || self.sender.is_closed()
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
