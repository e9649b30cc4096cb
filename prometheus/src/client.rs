// SPDX-License-Identifier: Apache-2.0
//! One server and how it is asked: no redirects, no proxies, an answer of bounded size in bounded time.

use std::{sync::Arc, time::Duration};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use rustls::{
    RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use upsurge_core::http::Reach;
use url::{Url, form_urlencoded};

use crate::{
    AskError, SetupError,
    answer::{self, Point},
    guard,
    window::Window,
};

/// Time that one answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of an answer.
const LARGEST_ANSWER: usize = 1 << 20;

/// A server, as a test or the policy names it.
#[derive(Clone, Default)]
pub struct Server {
    /// Base URL.
    pub url: String,
    /// Headers that are sent; their values are secret.
    pub headers: Vec<(String, String)>,
    /// Certificate authorities besides the usual ones, as PEM.
    pub authorities: Option<Vec<u8>>,
    /// What may be connected to.
    pub reach: Arc<Reach>,
}

/// Asks one server.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: Url,
    reach: Arc<Reach>,
}

impl Client {
    /// A client of a server.
    ///
    /// # Errors
    /// When the server is not one that can be asked.
    pub fn new(server: &Server) -> Result<Self, SetupError> {
        let mut url = Url::parse(&server.url).map_err(|error| SetupError::Url(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(SetupError::Url("it needs http:// or https:// and a host".into()));
        }
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1", "query_range"]);
        }
        let http = guard::builder(Arc::clone(&server.reach))
            .tls_backend_preconfigured(tls(server.authorities.as_deref())?)
            .default_headers(headers(&server.headers)?)
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT / 2)
            .build()
            .map_err(SetupError::Client)?;
        Ok(Self { http, url, reach: Arc::clone(&server.reach) })
    }

    /// The points of a query.
    pub(crate) async fn query_range(&self, query: &str, window: Window) -> Result<Vec<Point>, AskError> {
        guard::check(&self.url, &self.reach)?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("query", query)
            .append_pair("start", &window.start.to_string())
            .append_pair("end", &window.end.to_string())
            .append_pair("step", &window.step.to_string())
            .append_pair("timeout", &format!("{}s", TIMEOUT.as_secs()))
            .finish();
        let request = self.http.post(self.url.clone()).body(form);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let failed = |error: reqwest::Error| AskError::of_client(&error, TIMEOUT);
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        if status.is_redirection() {
            return Err(AskError::Redirect(status.as_u16()));
        }
        let announced = response.content_length().unwrap_or_default();
        if announced > LARGEST_ANSWER as u64 {
            return Err(AskError::TooLarge(LARGEST_ANSWER));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(AskError::TooLarge(LARGEST_ANSWER));
            }
            body.extend_from_slice(&chunk);
        }
        answer::points(status.as_u16(), &body)
    }
}

/// Headers with secret values.
///
/// # Errors
/// When one can't be sent.
pub fn headers(list: &[(String, String)]) -> Result<HeaderMap, SetupError> {
    let mut headers = HeaderMap::with_capacity(list.len());
    for (name, value) in list {
        let wrong = |what| SetupError::Header { name: name.clone(), what };
        let key = HeaderName::try_from(name).map_err(|_| wrong("name"))?;
        // Files and Secrets often end with a line break.
        let mut value =
            HeaderValue::from_str(value.trim_end_matches(['\r', '\n'])).map_err(|_| wrong("value"))?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    Ok(headers)
}

fn tls(authorities: Option<&[u8]>) -> Result<rustls::ClientConfig, SetupError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in authorities.into_iter().flat_map(CertificateDer::pem_slice_iter) {
        let certificate = certificate.map_err(|error| SetupError::Authority(error.to_string()))?;
        roots.add(certificate).map_err(|error| SetupError::Authority(error.to_string()))?;
    }
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
