// SPDX-License-Identifier: Apache-2.0
//! Connections of the target, and its orderly end.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::{
    config::TargetConfig,
    handler::{FINISH, Service},
    peers, tls,
};

/// Longest time of a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Pause after an accept that failed, as when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Why the target can't start.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The configuration can't be carried out.
    #[error("{0}")]
    Config(String),
    /// The address can't be listened at.
    #[error("can't listen at {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Certificate or key can't be used.
    #[error("can't serve TLS: {0}")]
    Tls(String),
}

/// A target that serves. It goes on when this is dropped; [`Server::stop`] ends it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    service: Arc<Service>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    /// Closed once the last connection is gone.
    connections: mpsc::Receiver<()>,
}

/// Starts to serve.
///
/// # Errors
/// When the configuration is wrong, or the address or certificate can't be used.
pub async fn start(
    config: &TargetConfig,
    identity: Option<(PathBuf, PathBuf)>,
) -> Result<Server, TargetError> {
    let service = Arc::new(Service::new(config).map_err(TargetError::Config)?);
    let acceptor = identity.map(|(certificate, key)| tls::acceptor(&certificate, &key)).transpose();
    let acceptor = acceptor.map_err(TargetError::Tls)?;
    let failed = |source| TargetError::Listen { address: config.listen.clone(), source };
    let listener = TcpListener::bind(&config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (stop, stopped) = watch::channel(false);
    let (alive, connections) = mpsc::channel(1);
    if let Some(name) = config.peers.clone() {
        let (service, mut stopped) = (Arc::clone(&service), stopped.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = peers::follow(&service.peers, &name) => {}
                () = told(&mut stopped) => {}
            }
        });
    }
    let accepting = tokio::spawn(accept(listener, Arc::clone(&service), acceptor, stopped, alive));
    Ok(Server { address, service, stop, accepting, connections })
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes on serving for a while without being ready, so that load balancers leave it; then accepts
    /// nothing new and lets what is in work finish. If it is told to drop connections, it does so at once.
    pub async fn stop(mut self, drain: Duration) {
        self.service.drain();
        if !self.service.drops {
            sleep(drain).await;
        }
        // Fails only if nobody listens any more.
        let _ = self.stop.send(true);
        let _ = self.accepting.await;
        if timeout(FINISH, self.connections.recv()).await.is_err() {
            warn!(seconds = FINISH.as_secs(), "requests in work did not finish in time");
        }
    }
}

async fn accept(
    listener: TcpListener,
    service: Arc<Service>,
    acceptor: Option<TlsAcceptor>,
    mut stopped: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = told(&mut stopped) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                service.stats.connected();
                let (service, acceptor, stopped, alive) =
                    (Arc::clone(&service), acceptor.clone(), stopped.clone(), alive.clone());
                tokio::spawn(async move {
                    connection(stream, service, acceptor, stopped).await;
                    drop(alive);
                });
            }
            Err(error) => {
                warn!(%error, "can't accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    service: Arc<Service>,
    acceptor: Option<TlsAcceptor>,
    stopped: watch::Receiver<bool>,
) {
    // Answers are small: waiting for more to send would falsify their time.
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => serve(stream, service, stopped).await,
        Some(acceptor) => match timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => serve(stream, service, stopped).await,
            Ok(Err(error)) => debug!(%error, "TLS handshake failed"),
            Err(_) => debug!("TLS handshake took too long"),
        },
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    service: Arc<Service>,
    mut stopped: watch::Receiver<bool>,
) {
    let drops = service.drops;
    let answer = service_fn(|request: Request<Incoming>| {
        let service = Arc::clone(&service);
        async move { service.handle(request).await }
    });
    // No timer: an idle connection stays open, as a generator that thinks expects.
    let mut connection = std::pin::pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told(&mut stopped) => {
            if drops {
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "connection ended");
    }
}

/// Waits until it is said to stop, or nobody is left to say it.
async fn told(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
