// SPDX-License-Identifier: Apache-2.0
//! A server whose answers are a function of the request, and which remembers what came.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::{io::AsyncRead, io::AsyncWrite, net::TcpListener, sync::oneshot};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub at: Instant,
    pub method: Method,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub version: http::Version,
    /// Number of the connection it came over, from 1.
    pub connection: usize,
}

pub type Answer = Response<Full<Bytes>>;
type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;
type Script = Arc<dyn Fn(Arrived) -> Answering + Send + Sync>;

/// What a server is like.
#[derive(Clone)]
pub struct Options {
    pub address: &'static str,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Without TLS: speak HTTP/2. With TLS, what ALPN gives.
    pub http2: bool,
    /// Most streams at a time on an HTTP/2 connection.
    pub streams: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { address: "127.0.0.1:0", tls: None, http2: false, streams: 200 }
    }
}

/// A server on its own thread; gone when dropped.
pub struct Server {
    pub address: SocketAddr,
    pub arrived: Arc<Mutex<Vec<Arrived>>>,
    pub connections: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
}

impl Server {
    /// Serves as the options say.
    pub fn with<F: Future<Output = Answer> + Send + 'static>(
        options: Options,
        script: impl Fn(Arrived) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::launch(Arc::new(move |arrived| Box::pin(script(arrived))), options)
    }

    /// Serves plain HTTP.
    pub fn start<F: Future<Output = Answer> + Send + 'static>(
        script: impl Fn(Arrived) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::with(Options::default(), script)
    }

    /// Answers everything with 200 and `{}` at once.
    pub fn simple() -> Self {
        Self::start(|_| async { json("{}") })
    }

    /// Serves HTTPS with a certificate of its own for `localhost`.
    pub fn tls() -> Self {
        let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
        let chain: Vec<CertificateDer<'static>> = vec![signed.cert.der().clone()];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let options = Options { tls: Some(Arc::new(config)), ..Options::default() };
        Self::with(options, |_| async { json("{}") })
    }

    fn launch(script: Script, options: Options) -> Self {
        let listener = std::net::TcpListener::bind(options.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (arrived, connections) = (Arc::<Mutex<Vec<Arrived>>>::default(), Arc::<AtomicUsize>::default());
        let (stop, stopped) = oneshot::channel();
        let (log, counter) = (Arc::clone(&arrived), Arc::clone(&connections));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = accept(listener, script, log, counter, options) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self { address, arrived, connections, stop: Some(stop) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came so far.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// Paths and queries of what came so far.
    pub fn targets(&self) -> Vec<String> {
        self.arrived().into_iter().map(|arrived| arrived.target).collect()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

async fn accept(
    listener: TcpListener,
    script: Script,
    log: Arc<Mutex<Vec<Arrived>>>,
    counter: Arc<AtomicUsize>,
    options: Options,
) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
        let (script, log, options) = (Arc::clone(&script), Arc::clone(&log), options.clone());
        tokio::spawn(async move {
            let streams = options.streams;
            match options.tls {
                None => serve(stream, script, log, number, options.http2.then_some(streams)).await,
                Some(config) => {
                    if let Ok(stream) = tokio_rustls::TlsAcceptor::from(config).accept(stream).await {
                        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                        serve(stream, script, log, number, http2.then_some(streams)).await;
                    }
                }
            }
        });
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    script: Script,
    log: Arc<Mutex<Vec<Arrived>>>,
    connection: usize,
    http2: Option<u32>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (script, log) = (Arc::clone(&script), Arc::clone(&log));
        async move {
            let at = Instant::now();
            let (head, body) = request.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let target = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
            let (method, version, headers) = (head.method, head.version, head.headers);
            let arrived = Arrived { at, method, target, headers, body, version, connection };
            log.lock().unwrap().push(arrived.clone());
            Ok::<_, Infallible>(script(arrived).await)
        }
    });
    // A client that hangs up is no matter here.
    let stream = TokioIo::new(stream);
    match http2 {
        None => drop(http1::Builder::new().serve_connection(stream, service).await),
        Some(streams) => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.max_concurrent_streams(streams);
            drop(builder.serve_connection(stream, service).await);
        }
    }
}

/// 200 with JSON.
pub fn json(text: impl Into<Bytes>) -> Answer {
    Response::builder()
        .header("content-type", "application/json; charset=utf-8")
        .body(Full::new(text.into()))
        .unwrap()
}

/// An empty answer.
pub fn status(code: u16) -> Answer {
    Response::builder().status(code).body(Full::default()).unwrap()
}

/// An answer with headers.
pub fn with_headers(code: u16, headers: &[(&str, &str)], body: &'static str) -> Answer {
    let builder = Response::builder().status(code);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(Full::new(body.into())).unwrap()
}
