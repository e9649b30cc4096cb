// SPDX-License-Identifier: Apache-2.0
//! HTTPS, with a certificate that nobody checks: an APIService may say so.

use std::{
    convert::Infallible,
    future,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use k8s_openapi::jiff::Timestamp;
use rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{Served, answers::answer};

/// What shakes hands with callers.
pub(super) fn acceptor() -> Result<TlsAcceptor> {
    let own = rcgen::generate_simple_self_signed(vec!["metrics".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
    let config = builder.with_single_cert(vec![own.cert.der().clone()], key.into())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves until it is dropped.
pub(super) async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    namespace: String,
    served: Arc<Mutex<Served>>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (acceptor, namespace, served) = (acceptor.clone(), namespace.clone(), Arc::clone(&served));
        tokio::spawn(async move {
            // Whoever only looks whether somebody listens is no matter.
            if let Ok(stream) = acceptor.accept(stream).await {
                converse(stream, namespace, served).await;
            }
        });
    }
}

async fn converse(stream: TlsStream<TcpStream>, namespace: String, served: Arc<Mutex<Served>>) {
    let service = service_fn(move |request: Request<Incoming>| {
        future::ready(Ok::<_, Infallible>(respond(request.uri().path(), &namespace, &served)))
    });
    // That a caller goes away is its own affair.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn respond(path: &str, namespace: &str, served: &Mutex<Served>) -> Response<Full<Bytes>> {
    let found = served.lock().ok().and_then(|served| answer(path, namespace, &served, Timestamp::now()));
    let (status, text) = match found {
        Some(value) => (StatusCode::OK, value.to_string()),
        None => (StatusCode::NOT_FOUND, format!("nothing is served at {path}")),
    };
    let media_type = if status == StatusCode::OK { "application/json" } else { "text/plain" };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(media_type));
    response
}
