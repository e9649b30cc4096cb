// SPDX-License-Identifier: Apache-2.0
//! The certificate of the collector: where its authorities are kept, what it shows, and ones of a test's own.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::{ByteString, api::core::v1::Secret, jiff::Timestamp};
use kube::{Api, Client, ResourceExt, api::ListParams};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};
use upsurge_crds::names::labels;

use crate::{
    Context, install,
    operator::{self, PORT},
};

/// The Secret in which the operator keeps its authorities.
pub const SECRET: &str = "upsurge-collector-tls";
/// The name by which runners know the collector.
pub const NAME: &str = "upsurge-collector.upsurge-system.svc";
/// The environment variable by which runners are told the authorities.
const VARIABLE: &str = "UPSURGE_COLLECTOR_CA";

/// Secrets of the operator's namespace.
pub fn secrets(client: &Client) -> Api<Secret> {
    Api::namespaced(client.clone(), install::NAMESPACE)
}

/// What the Secret with the authorities holds, as text.
///
/// # Errors
/// When it can't be read.
pub async fn kept(client: &Client) -> Result<BTreeMap<String, String>> {
    let secret = secrets(client).get(SECRET).await?;
    let texts = secret.data.unwrap_or_default().into_iter();
    texts.map(|(key, ByteString(bytes))| Ok((key, String::from_utf8(bytes)?))).collect()
}

/// One part of that.
///
/// # Errors
/// When there is none.
pub async fn part(client: &Client, key: &str) -> Result<String> {
    kept(client).await?.remove(key).with_context(|| format!("Secret {SECRET} has no {key}"))
}

/// The authorities that runners are told, as PEM.
///
/// # Errors
/// When there are none.
pub async fn authorities(client: &Client) -> Result<String> {
    part(client, "ca.crt").await
}

/// What the runners of a run were told.
///
/// # Errors
/// When it can't be read, or they were not.
pub async fn told(context: &Context, run: &str) -> Result<String> {
    let job = context.jobs(run).await?.into_iter().next().context("no Job")?;
    let pod = job.spec.and_then(|spec| spec.template.spec).context("a Job without pods")?;
    let mut variables = pod.containers.into_iter().flat_map(|container| container.env.unwrap_or_default());
    let told = variables.find(|variable| variable.name == VARIABLE).and_then(|variable| variable.value);
    told.with_context(|| format!("the runners of {run} were not told {VARIABLE}"))
}

/// Until when a certificate in PEM is valid.
///
/// # Errors
/// When it is none.
pub fn expiry(certificate: &str) -> Result<Timestamp> {
    let der = CertificateDer::from_pem_slice(certificate.as_bytes())?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&der)?;
    Ok(Timestamp::from_second(parsed.validity().not_after.timestamp())?)
}

/// Shakes hands with a collector as a runner does.
///
/// # Errors
/// When it is not known by these authorities.
pub async fn greeted<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    authorities: &str,
) -> Result<TlsStream<S>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(certificate?)?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(NAME)?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .context("no handshake with the collector")
}

/// The certificate that the collector in an operator's pod shows.
///
/// # Errors
/// When it shows none that these authorities vouch for.
pub async fn shown(client: &Client, pod: &str, authorities: &str) -> Result<CertificateDer<'static>> {
    let mut forwarded = operator::pods(client).portforward(pod, &[PORT]).await?;
    let stream =
        greeted(forwarded.take_stream(PORT).context("the port is not forwarded")?, authorities).await?;
    let chain = stream.get_ref().1.peer_certificates().context("no certificate")?;
    let first = chain.first().context("an empty chain")?;
    Ok(first.clone().into_owned())
}

/// The names of all pods of the operator.
///
/// # Errors
/// When the API server does not answer.
pub async fn replicas(client: &Client) -> Result<Vec<String>> {
    let selected = format!("app.kubernetes.io/name=upsurge,{}=operator", labels::COMPONENT);
    let pods = operator::pods(client).list(&ListParams::default().labels(&selected)).await?.items;
    ensure!(!pods.is_empty(), "there is no operator");
    Ok(pods.iter().map(ResourceExt::name_any).collect())
}

/// An authority of a test's own.
pub struct Issuer(CertifiedIssuer<'static, KeyPair>);

impl Issuer {
    /// Makes one.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// Its certificate, as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// What a Secret for the collector holds, with a new certificate, which is given too.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn issue(&self) -> Result<(BTreeMap<String, String>, CertificateDer<'static>)> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![NAME.to_owned()])?.signed_by(&key, &self.0)?;
        let data = [("tls.crt", certificate.pem()), ("tls.key", key.serialize_pem()), ("ca.crt", self.pem())];
        let data = data.map(|(key, text)| (key.to_owned(), text));
        Ok((data.into(), certificate.der().clone()))
    }
}
