// SPDX-License-Identifier: Apache-2.0
//! How a store is connected to: by TLS with the authorities of the machine, without redirects, and never at a metadata address unless that
//! is allowed, nor at what the platform's rules forbid. All that the library sends goes through here, requests for credentials too.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Limited};
use object_store::{
    ClientConfigKey, ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
        HttpService,
    },
};
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::{
    gate::{self, Gate},
    guard::is_metadata,
    settings::Judge,
};

/// Longest time to make a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of an answer. The library would read one that has no end, such as the reason of a refusal.
const MOST_ANSWERED: usize = 64 << 20;
/// How the library may be told yes.
const YES: [&str; 5] = ["1", "true", "on", "yes", "y"];

/// Makes clients for the library.
#[derive(Debug)]
pub(crate) struct Connector {
    tls: ClientConfig,
    may_ask_metadata: bool,
    judge: Option<Arc<dyn Judge>>,
    /// Whether a client was kept from asking a metadata address.
    refused: Arc<AtomicBool>,
}

/// A client that looks at each request before it goes out.
#[derive(Debug)]
struct Guarded {
    client: reqwest::Client,
    may_send_plainly: bool,
    may_ask_metadata: bool,
    judge: Option<Arc<dyn Judge>>,
    refused: Arc<AtomicBool>,
}

/// Why a request did not go out.
#[derive(Debug, thiserror::Error)]
enum Withheld {
    #[error("{0} is a metadata address, which is not asked")]
    Metadata(String),
    #[error(
        "it would be asked by plain HTTP, which AWS_ALLOW_HTTP=true, GOOGLE_ALLOW_HTTP=true or AZURE_ALLOW_HTTP=true allows"
    )]
    Plain,
    #[error("{0}")]
    Forbidden(String),
}

impl Connector {
    /// One that says by `refused` when credentials were looked for where they may not be.
    ///
    /// # Errors
    /// When TLS can't be set up.
    pub(crate) fn new(
        may_ask_metadata: bool,
        judge: Option<Arc<dyn Judge>>,
        refused: Arc<AtomicBool>,
    ) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?;
        let tls = builder.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { tls, may_ask_metadata, judge, refused })
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let plainly = options.get_config_value(&ClientConfigKey::AllowHttp).unwrap_or_default();
        // Each request has a runtime of its own, which takes its connections with it.
        let mut client = reqwest::Client::builder();
        if let Some(judge) = &self.judge {
            client = client.no_proxy().dns_resolver(Arc::new(Gate { judge: Arc::clone(judge) }));
        }
        let client = client
            .tls_backend_preconfigured(self.tls.clone())
            .redirect(Policy::none())
            .referer(false)
            .http1_only()
            // Else the size that a store tells is not that of what comes.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| object_store::Error::Generic { store: "HTTP", source: Box::new(error) })?;
        Ok(HttpClient::new(Guarded {
            client,
            may_send_plainly: YES.iter().any(|yes| plainly.eq_ignore_ascii_case(yes)),
            may_ask_metadata: self.may_ask_metadata,
            judge: self.judge.clone(),
            refused: Arc::clone(&self.refused),
        }))
    }
}

impl Guarded {
    fn check(&self, request: &HttpRequest) -> Result<(), Withheld> {
        let host = request.uri().host().unwrap_or_default();
        if !self.may_ask_metadata && is_metadata(host) {
            self.refused.store(true, Ordering::Relaxed);
            return Err(Withheld::Metadata(host.to_owned()));
        }
        if let Some(judge) = &self.judge {
            gate::check(&**judge, host).map_err(Withheld::Forbidden)?;
        }
        if !self.may_send_plainly && request.uri().scheme_str() != Some("https") {
            return Err(Withheld::Plain);
        }
        Ok(())
    }
}

#[async_trait]
impl HttpService for Guarded {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // Of a kind that is not tried again.
        self.check(&request).map_err(|why| HttpError::new(HttpErrorKind::Unknown, why))?;
        let answer = HttpService::call(&self.client, request).await?;
        Ok(answer.map(|body| HttpResponseBody::new(Limited::new(body, MOST_ANSWERED).map_err(in_its_type))))
    }
}

/// The error of a body that is read up to a limit.
fn in_its_type(error: Box<dyn Error + Send + Sync>) -> HttpError {
    match error.downcast::<HttpError>() {
        Ok(own) => *own,
        Err(other) => HttpError::new_boxed(HttpErrorKind::Decode, other),
    }
}
