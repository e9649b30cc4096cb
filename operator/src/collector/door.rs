// SPDX-License-Identifier: Apache-2.0
//! The collector's port: who connects is greeted before the routes hear of it.
//!
//! Runners speak TLS. Those of a Job that was made by a release before this one can't, and speak HTTP on the same port: the first
//! byte tells which it is, and the routes decide who may do so ([`Transport`]). A greeting takes a bounded time, and
//! only so many are under way, in all and for each address; whoever says nothing costs one of those places for a while.
//! Likewise there are only so many connections. One over which no runner is let in soon is closed, however much comes over it,
//! and sooner if others need its place.

mod connection;
mod places;
mod strangers;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::either::Either;
use tracing::debug;

use self::{
    connection::{Connection, Stream},
    places::{Limits, Places},
    strangers::Strangers,
};
use super::{
    line::{Line, Transport},
    routes::router,
    sessions::Sessions,
};

/// Longest time from the connection to the end of the handshake.
const LONGEST_GREETING: Duration = Duration::from_secs(5);
/// What is kept to.
const BOUNDS: Bounds = Bounds {
    greetings: Limits { all: 1_024, of_one: 64 },
    connections: Limits { all: 4_096, of_one: 1_024 },
    proof: Duration::from_secs(10),
};
/// Connections that were greeted and that the routes have not taken yet.
const WAITING: usize = 64;
/// First byte of a TLS handshake.
const HANDSHAKE: u8 = 22;

/// How much there may be of what, and for how long.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Greetings that are under way.
    greetings: Limits,
    /// Connections: a runner has one, and for a moment two. In all as many as the operator's memory has room for.
    connections: Limits,
    /// Time from the greeting until a runner must have been let in. That takes its headers and a review of its token.
    proof: Duration,
}

/// Who has connected, and how.
type Caller = (SocketAddr, Line);

/// Serves runners until told to stop, and until the requests under way then are answered.
///
/// # Errors
/// Those of the listener.
pub async fn serve(
    listener: TcpListener,
    tls: ServerConfig,
    sessions: Sessions,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_within(BOUNDS, listener, tls, sessions, stop).await
}

async fn serve_within(
    bounds: Bounds,
    listener: TcpListener,
    tls: ServerConfig,
    sessions: Sessions,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let service = router(sessions).into_make_service_with_connect_info::<Line>();
    axum::serve(Door::open(listener, tls, bounds)?, service).with_graceful_shutdown(stop).await
}

/// A listener that gives connections after their greeting.
struct Door {
    address: SocketAddr,
    greeted: mpsc::Receiver<(Connection, Caller)>,
}

impl Door {
    fn open(listener: TcpListener, tls: ServerConfig, bounds: Bounds) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, greeted) = mpsc::channel(WAITING);
        // Ends when the receiver is dropped.
        drop(tokio::spawn(greet_all(listener, TlsAcceptor::from(Arc::new(tls)), bounds, sender)));
        Ok(Self { address, greeted })
    }
}

impl Listener for Door {
    type Io = Connection;
    type Addr = Caller;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.greeted.recv().await {
            Some(greeted) => greeted,
            // The task ends only after this.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok((self.address, Line::new(Transport::Tls, Instant::now())))
    }
}

async fn greet_all(
    mut listener: TcpListener,
    tls: TlsAcceptor,
    bounds: Bounds,
    greeted: mpsc::Sender<(Connection, Caller)>,
) {
    let [greetings, connections] = [bounds.greetings, bounds.connections].map(Places::new);
    let strangers = Strangers::default();
    loop {
        let (stream, address) = tokio::select! {
            // Which deals with errors such as too many open files.
            accepted = Listener::accept(&mut listener) => accepted,
            () = greeted.closed() => return,
        };
        let Ok(greeting) = greetings.take(address.ip()) else {
            debug!(%address, "too many connections say nothing; closing one more");
            continue;
        };
        let place = match connections.take(address.ip()) {
            Ok(place) => place,
            Err(full) => {
                // Whoever comes next finds the room that is made here.
                let closed = strangers.send_away(full);
                debug!(%address, ?full, closed, "too many connections; closing one more");
                continue;
            }
        };
        let (tls, greeted, strangers) = (tls.clone(), greeted.clone(), strangers.clone());
        drop(tokio::spawn(async move {
            let outcome = timeout(LONGEST_GREETING, greet(stream, &tls)).await;
            drop(greeting);
            match outcome {
                Ok(Ok((stream, transport))) => {
                    let line = Line::new(transport, Instant::now() + bounds.proof);
                    strangers.enter(address.ip(), &line);
                    let connection = Connection::new(stream, line.clone(), place);
                    // Nobody takes it at the very end.
                    drop(greeted.send((connection, (address, line))).await);
                }
                Ok(Err(error)) => debug!(%address, %error, "somebody is not let in"),
                Err(_) => debug!(%address, "somebody has connected and does not say enough"),
            }
        }));
    }
}

async fn greet(stream: TcpStream, tls: &TlsAcceptor) -> io::Result<(Stream, Transport)> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    match first[0] {
        HANDSHAKE => Ok((Either::Left(Box::new(tls.accept(stream).await?)), Transport::Tls)),
        _ => Ok((Either::Right(stream), Transport::Plain)),
    }
}

impl Connected<IncomingStream<'_, Door>> for Line {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.remote_addr().1.clone()
    }
}

#[cfg(test)]
mod tests;
