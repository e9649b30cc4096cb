// SPDX-License-Identifier: Apache-2.0
//! Certificates of X.509 version 1, as `openssl x509 -req -signkey` makes them.
//!
//! webpki reads none, not even to take the key out of one. curl and Go do. One is taken where any certificate is, or where
//! the test names that very one as an authority.

use rustls::{
    CertificateError, DigitallySignedStruct, Error, PeerMisbehaved,
    client::danger::HandshakeSignatureValid,
    crypto::{self, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
};
use webpki::RawPublicKeyEntity;
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

/// Whether this is what webpki said about a certificate.
pub(super) fn is_meant(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Other(error))
        if matches!(error.0.downcast_ref(), Some(webpki::Error::UnsupportedCertVersion)))
}

/// The certificate.
pub(super) fn read<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    let (_, read) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    Ok(read)
}

/// Checks time and name of one that is trusted. It has no field for the names of hosts, so that its common name is the
/// host, as for curl (RFC 6125 §6.4.4).
pub(super) fn check(
    certificate: &CertificateDer<'_>,
    server_name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), Error> {
    let certificate = read(certificate)?;
    let (validity, now) = (certificate.validity(), i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    if now < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    let host = server_name.to_str();
    let mut names = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    if names.any(|name| name.eq_ignore_ascii_case(&host)) {
        Ok(())
    } else {
        Err(CertificateError::NotValidForName.into())
    }
}

/// As rustls does, and of a certificate of version 1 too.
pub(super) fn verify_tls12_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let verified = crypto::verify_tls12_signature(message, certificate, signature, algorithms);
    let Err(error) = verified else { return verified };
    if !is_meant(&error) {
        return Err(error);
    }
    let certificate = read(certificate)?;
    let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
    let key = RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
    // In TLS 1.2 a scheme of ECDSA does not say which curve the key is on.
    let known = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signature.scheme);
    let (_, known) = known.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let mut fitting = known.iter();
    if fitting.any(|known| key.verify_signature(*known, message, signature.signature()).is_ok()) {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(CertificateError::BadSignature.into())
    }
}

/// As rustls does, and of a certificate of version 1 too.
pub(super) fn verify_tls13_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let verified = crypto::verify_tls13_signature(message, certificate, signature, algorithms);
    let Err(error) = verified else { return verified };
    if !is_meant(&error) {
        return Err(error);
    }
    let certificate = read(certificate)?;
    let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
    verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
}
