// SPDX-License-Identifier: Apache-2.0
//! An authority, and certificates that it gives out.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SigningKey as _,
};
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
    sign::{CertifiedKey, SingleCertAndKey},
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
        Self::with(Vec::new(), |_| ())
    }

    /// One that is a server itself.
    pub fn of_host(name: &str) -> Self {
        Self::of_host_with(name, |_| ())
    }

    /// The same, and changed.
    pub fn of_host_with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        Self::with(vec![name.to_owned()], |params| {
            params.distinguished_name.push(DnType::CommonName, name);
            change(params);
        })
    }

    fn with(names: Vec<String>, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new(names).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
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

    /// The authority's own certificate as version 1 of X.509 has it, which knows no extensions.
    pub fn version1(&self) -> CertificateDer<'static> {
        let whole = self.0.der();
        let [body, algorithm, _] = elements(contents(whole))[..] else { panic!("not a certificate") };
        let [version, extensions] = [0xa0, 0xa3];
        let kept =
            elements(contents(body)).into_iter().filter(|part| ![version, extensions].contains(&part[0]));
        let body = element(0x30, &kept.collect::<Vec<_>>().concat());
        let signature = self.0.key().sign(&body).unwrap();
        let signature = element(0x03, &[&[0][..], &signature].concat());
        element(0x30, &[&body[..], algorithm, &signature].concat()).into()
    }

    /// What a server needs that shows any certificate, and signs with the authority's key.
    pub fn showing(&self, certificate: CertificateDer<'static>) -> Arc<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let key = PrivateKeyDer::try_from(self.0.key().serialize_der()).unwrap();
        let key = provider.key_provider.load_private_key(key).unwrap();
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        // Not looked at, unlike a chain that rustls is given.
        let shown = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key));
        Arc::new(builder.with_cert_resolver(Arc::new(shown)))
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

/// Length of what is before the contents of an element of DER, and of these.
fn lengths(element: &[u8]) -> (usize, usize) {
    match usize::from(element[1]) {
        length @ ..0x80 => (2, length),
        long => {
            let bytes = &element[2..2 + (long & 0x7f)];
            (2 + bytes.len(), bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
        }
    }
}

fn contents(element: &[u8]) -> &[u8] {
    let (head, length) = lengths(element);
    &element[head..head + length]
}

fn elements(mut der: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !der.is_empty() {
        let (head, length) = lengths(der);
        let (first, rest) = der.split_at(head + length);
        found.push(first);
        der = rest;
    }
    found
}

/// With as few bytes for the length as there can be: DER knows one form of everything.
fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(contents.len()).unwrap().to_be_bytes();
    let head = match contents.len() {
        ..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head, contents.to_vec()].concat()
}
