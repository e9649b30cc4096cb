// SPDX-License-Identifier: Apache-2.0
//! An authority, and certificates that it gives out.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};

/// An authority that nobody knows.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub struct Issued {
    pub certificate: String,
    pub key: String,
    der: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

impl Authority {
    pub fn new() -> Self {
        Self::with_names(Vec::new())
    }

    /// One that is a server itself.
    pub fn of_host(name: &str) -> Self {
        Self::with_names(vec![name.to_owned()])
    }

    fn with_names(names: Vec<String>) -> Self {
        let mut params = CertificateParams::new(names).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// What a server needs that shows the authority's own certificate.
    pub fn itself(&self, protocols: &[&str]) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::try_from(self.0.key().serialize_der()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let mut config = builder.with_single_cert(vec![self.0.der().clone()], key).unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// A certificate for a server or a client of that name.
    pub fn issue(&self, name: &str) -> Issued {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Issued {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: (certificate.der().clone(), der),
        }
    }

    /// What a server of that name needs; with `clients` it asks for certificates of this authority.
    pub fn server(
        &self,
        name: &str,
        protocols: &[&str],
        versions: &[&'static SupportedProtocolVersion],
        clients: bool,
    ) -> Arc<ServerConfig> {
        let issued = self.issue(name);
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(versions).unwrap();
        let builder = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.0.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_single_cert(vec![issued.der.0], issued.der.1).unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}
