// SPDX-License-Identifier: Apache-2.0
//! Who is trusted: webpki's verifier, and what it leaves out that curl and k6 do.
//!
//! `openssl req -x509` makes a certificate that is its own authority, and says so in it. A server may show just that
//! one, and a test may trust it by naming it as an authority. webpki refuses an authority as a server before it looks
//! whether it is trusted, and reads no certificate of version 1.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        VerifierBuilderError, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use super::version1;

/// Takes certificates of authorities, and those of authorities that are servers themselves.
#[derive(Debug)]
pub(super) struct Trusting {
    webpki: Arc<WebPkiServerVerifier>,
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Trusting {
    /// A verifier for these authorities.
    pub(super) fn new(
        roots: &Arc<RootCertStore>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<Self>, VerifierBuilderError> {
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider));
        let algorithms = provider.signature_verification_algorithms;
        Ok(Arc::new(Self { webpki: webpki.build()?, roots: Arc::clone(roots), algorithms }))
    }

    /// Whether a certificate is that of an authority, and not only one of it.
    fn is_authority(&self, certificate: &CertificateDer<'_>) -> bool {
        let anchor = webpki::anchor_from_trusted_cert(certificate);
        anchor.is_ok_and(|anchor| {
            // The key is what the server proves to hold.
            let same = |root: &rustls::pki_types::TrustAnchor<'_>| {
                root.subject == anchor.subject
                    && root.subject_public_key_info == anchor.subject_public_key_info
            };
            self.roots.roots.iter().any(same)
        })
    }
}

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // Its time was found valid before; what it may be used for is looked at after.
            Err(Error::InvalidCertificate(CertificateError::Other(error)))
                if matches!(error.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) =>
            {
                if !self.is_authority(end_entity) {
                    return Err(CertificateError::UnknownIssuer.into());
                }
                is_for_servers(end_entity)?;
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            Err(error) if version1::is_meant(&error) => {
                if self.is_authority(end_entity) {
                    version1::check(end_entity, server_name, now)?;
                    return Ok(ServerCertVerified::assertion());
                }
                let read = version1::read(end_entity)?;
                let is_its_own = read.subject().as_raw() == read.issuer().as_raw();
                Err(if is_its_own { CertificateError::UnknownIssuer.into() } else { error })
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        version1::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        version1::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// Whether a certificate that names purposes names that of a server.
fn is_for_servers(certificate: &CertificateDer<'_>) -> Result<(), Error> {
    let read = version1::read(certificate)?;
    match read.extended_key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(usage)) if usage.value.any || usage.value.server_auth => Ok(()),
        Ok(Some(_)) => Err(CertificateError::InvalidPurpose.into()),
        Err(_) => Err(CertificateError::BadEncoding.into()),
    }
}
