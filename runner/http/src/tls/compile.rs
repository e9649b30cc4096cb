// SPDX-License-Identifier: Apache-2.0
//! From the TLS settings of a test to those of rustls.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsConnector;
use upsurge_core::http as settings;
use upsurge_crds::v1alpha1::{FileSource, HttpVersion};
use upsurge_system::files::Files;

use super::{AcceptAnything, roots, verify::Trusting};
use crate::setup_error::SetupError;

/// Certificates, versions and ciphers, for all cores.
#[derive(Debug)]
pub(crate) struct Tls {
    settings: settings::Tls,
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    identities: Vec<Identity>,
    server_name: Option<ServerName<'static>>,
    protocols: Vec<Vec<u8>>,
}

/// A certificate that the runners show.
#[derive(Debug)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    domains: Vec<settings::HostPattern>,
}

/// The connectors of one core, which share a session cache each.
pub(crate) struct Connectors {
    identified: Vec<(Vec<settings::HostPattern>, TlsConnector)>,
    anonymous: TlsConnector,
    server_name: Option<ServerName<'static>>,
}

impl Tls {
    /// Reads certificates and keys.
    pub(crate) fn compile(
        settings: &settings::Tls,
        version: HttpVersion,
        files: &Files,
    ) -> Result<Self, SetupError> {
        let mut provider = ring::default_provider();
        if !settings.cipher_suites.is_empty() {
            // In the order of the test, which is that of preference.
            let known = std::mem::take(&mut provider.cipher_suites);
            let find =
                |name: &String| known.iter().find(|suite| format!("{:?}", suite.suite()) == *name).copied();
            provider.cipher_suites = settings.cipher_suites.iter().filter_map(find).collect();
        }
        let mut trusted = Arc::clone(roots());
        if let Some(source) = &settings.ca {
            let field = "spec.http.tls.ca";
            let certificates = certificates(source, files, field)?;
            let more = Arc::make_mut(&mut trusted);
            for certificate in certificates {
                more.add(certificate).map_err(|error| wrong(field, format!("not an authority: {error}")))?;
            }
        }
        let mut identities = Vec::with_capacity(settings.client_certificates.len());
        for (index, certificate) in settings.client_certificates.iter().enumerate() {
            let field = format!("spec.http.tls.clientCertificates[{index}]");
            let chain = certificates(&certificate.cert, files, &format!("{field}.cert"))?;
            let field = format!("{field}.key");
            let bytes = files.read(&certificate.key).map_err(|error| wrong(&field, error))?;
            let key = PrivateKeyDer::from_pem_slice(&bytes)
                .map_err(|error| wrong(&field, no_key(&bytes, &error)))?;
            identities.push(Identity { chain, key, domains: certificate.domains.clone() });
        }
        let server_name = settings
            .server_name
            .clone()
            .map(|name| ServerName::try_from(name).map_err(|error| wrong("spec.http.tls.serverName", error)));
        let protocols: &[&[u8]] = match version {
            HttpVersion::Auto => &[b"h2", b"http/1.1"],
            HttpVersion::Http1 => &[b"http/1.1"],
            HttpVersion::Http2 => &[b"h2"],
        };
        let tls = Self {
            settings: settings.clone(),
            provider: Arc::new(provider),
            roots: trusted,
            identities,
            server_name: server_name.transpose()?,
            protocols: protocols.iter().map(|name| name.to_vec()).collect(),
        };
        // What does not fit together is found now and not on each core.
        tls.connectors().map(|_| tls)
    }

    /// Connectors with session caches of their own.
    pub(crate) fn connectors(&self) -> Result<Connectors, SetupError> {
        let mut identified = Vec::with_capacity(self.identities.len());
        for (index, identity) in self.identities.iter().enumerate() {
            let connector = self
                .connector(Some(identity))
                .map_err(|error| wrong(&format!("spec.http.tls.clientCertificates[{index}]"), error))?;
            identified.push((identity.domains.clone(), connector));
        }
        let anonymous = self.connector(None).map_err(|error| wrong("spec.http.tls", error))?;
        Ok(Connectors { identified, anonymous, server_name: self.server_name.clone() })
    }

    fn connector(&self, identity: Option<&Identity>) -> Result<TlsConnector, rustls::Error> {
        let mut versions: Vec<&'static SupportedProtocolVersion> = Vec::new();
        versions.extend(self.settings.tls13.then_some(&TLS13));
        versions.extend(self.settings.tls12.then_some(&TLS12));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&versions)?;
        let builder = if self.settings.insecure {
            let verifier = Arc::new(AcceptAnything { provider: Arc::clone(&self.provider) });
            builder.dangerous().with_custom_certificate_verifier(verifier)
        } else {
            let verifier = Trusting::new(&self.roots, &self.provider);
            let verifier = verifier.map_err(|error| rustls::Error::General(error.to_string()))?;
            builder.dangerous().with_custom_certificate_verifier(verifier)
        };
        let mut config = match identity {
            Some(Identity { chain, key, .. }) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key())?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

impl Connectors {
    /// The connector for a server, and the name that its certificate is checked for.
    pub(crate) fn find(&self, host: &str) -> Result<(&TlsConnector, ServerName<'static>), String> {
        let meant = |domains: &Vec<settings::HostPattern>| {
            domains.is_empty() || domains.iter().any(|domain| domain.matches(host))
        };
        let identified = self.identified.iter().find(|(domains, _)| meant(domains));
        let connector = identified.map_or(&self.anonymous, |(_, connector)| connector);
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned()).map_err(|error| format!("{host}: {error}"))?,
        };
        Ok((connector, name))
    }
}

/// Why there is no private key to be had.
fn no_key(pem: &[u8], error: &impl std::fmt::Display) -> String {
    // As PKCS #8 says it, and as OpenSSL did before.
    let encrypted = [&b"BEGIN ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"];
    if encrypted.iter().any(|sign| memchr::memmem::find(pem, sign).is_some()) {
        return "the key is encrypted, and nobody is there to ask for its password: decrypt it, as with \
                openssl pkey -in KEY -out PLAIN_KEY"
            .to_owned();
    }
    format!("not a private key in PEM: {error}")
}

fn certificates(
    source: &FileSource,
    files: &Files,
    field: &str,
) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let bytes = files.read(source).map_err(|error| wrong(field, error))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates =
        certificates.map_err(|error| wrong(field, format!("not a certificate in PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(wrong(field, "holds no certificate in PEM"));
    }
    Ok(certificates)
}

fn wrong(field: &str, message: impl std::fmt::Display) -> SetupError {
    SetupError::Tls { field: field.to_owned(), message: message.to_string() }
}
