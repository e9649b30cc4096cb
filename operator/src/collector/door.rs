// SPDX-License-Identifier: Apache-2.0
//! The collector's port: who connects is greeted before the routes hear of it.
//!
//! Runners speak TLS. Those of a Job that was made by a release before this one can't, and speak HTTP on the same port: the first
//! byte tells which it is, and the routes decide who may do so ([`Transport`]). A greeting takes a bounded time, and
//! only so many are under way, in all and for each address; whoever says nothing costs one of those places for a while.
//! Likewise there are only so many connections.

mod connection;
mod places;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{ConnectInfo, FromRequestParts, connect_info::Connected},
    http::request::Parts,
    serve::{IncomingStream, Listener},
};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use self::{
    connection::Connection,
    places::{Limits, Place, Places},
};
use super::{routes::router, sessions::Sessions};

/// Longest time from the connection to the end of the handshake.
const LONGEST_GREETING: Duration = Duration::from_secs(5);
/// Greetings that are under way.
const GREETINGS: Limits = Limits { all: 1_024, of_one: 64 };
/// Connections: a runner has one, and for a moment two. In all as many as the operator's memory has room for.
const CONNECTIONS: Limits = Limits { all: 4_096, of_one: 1_024 };
/// Connections that were greeted and that the routes have not taken yet.
const WAITING: usize = 64;
/// First byte of a TLS handshake.
const HANDSHAKE: u8 = 22;

/// How somebody speaks to the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Readable by whoever is in between.
    Plain,
    /// By TLS.
    Tls,
}

/// Who has connected, and how.
type Caller = (SocketAddr, Transport);

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
    let service = router(sessions).into_make_service_with_connect_info::<Transport>();
    axum::serve(Door::open(listener, tls, GREETINGS, CONNECTIONS)?, service)
        .with_graceful_shutdown(stop)
        .await
}

/// A listener that gives connections after their greeting.
struct Door {
    address: SocketAddr,
    greeted: mpsc::Receiver<(Connection, Caller)>,
}

impl Door {
    fn open(
        listener: TcpListener,
        tls: ServerConfig,
        greetings: Limits,
        connections: Limits,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, greeted) = mpsc::channel(WAITING);
        let (tls, places) = (TlsAcceptor::from(Arc::new(tls)), [greetings, connections].map(Places::new));
        // Ends when the receiver is dropped.
        drop(tokio::spawn(greet_all(listener, tls, places, sender)));
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
        Ok((self.address, Transport::Tls))
    }
}

async fn greet_all(
    mut listener: TcpListener,
    tls: TlsAcceptor,
    [greetings, connections]: [Places; 2],
    greeted: mpsc::Sender<(Connection, Caller)>,
) {
    loop {
        let (stream, address) = tokio::select! {
            // Which deals with errors such as too many open files.
            accepted = Listener::accept(&mut listener) => accepted,
            () = greeted.closed() => return,
        };
        let Some(greeting) = greetings.take(address.ip()) else {
            debug!(%address, "too many connections say nothing; closing one more");
            continue;
        };
        let Some(place) = connections.take(address.ip()) else {
            debug!(%address, "too many connections; closing one more");
            continue;
        };
        let (tls, greeted) = (tls.clone(), greeted.clone());
        drop(tokio::spawn(async move {
            let outcome = timeout(LONGEST_GREETING, greet(stream, &tls, place)).await;
            drop(greeting);
            match outcome {
                // Nobody takes it at the very end.
                Ok(Ok(connection)) => {
                    let caller = (address, connection.transport());
                    drop(greeted.send((connection, caller)).await);
                }
                Ok(Err(error)) => debug!(%address, %error, "somebody is not let in"),
                Err(_) => debug!(%address, "somebody has connected and does not say enough"),
            }
        }));
    }
}

async fn greet(stream: TcpStream, tls: &TlsAcceptor, place: Place) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    match first[0] {
        HANDSHAKE => Ok(Connection::encrypted(tls.accept(stream).await?, place)),
        _ => Ok(Connection::plain(stream, place)),
    }
}

impl Connected<IncomingStream<'_, Door>> for Transport {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.remote_addr().1
    }
}

/// What is not known to have come by TLS has not.
impl<S: Send + Sync> FromRequestParts<S> for Transport {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let known = parts.extensions.get::<ConnectInfo<Self>>();
        Ok(known.map_or(Self::Plain, |ConnectInfo(transport)| *transport))
    }
}

#[cfg(test)]
mod tests;
