// SPDX-License-Identifier: Apache-2.0
//! An authority of the operator's own: a key that signs what the collector shows, and the certificate by which runners check
//! it. Makes, reads and signs; when that is done is for `rotation` to say.

use std::{fmt, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _};
use x509_parser::{certificate::X509Certificate, parse_x509_certificate};

use super::Unusable;
use crate::naming::hash;

/// How long before it was made an authority is valid: clocks of nodes differ, and a test must not fail for that.
const BACKDATED: SignedDuration = SignedDuration::from_hours(24);

/// An authority.
#[derive(Clone, PartialEq, Eq)]
pub struct Authority {
    certificate: String,
    key: String,
    made: Timestamp,
    expires: Timestamp,
}

impl Authority {
    /// Makes an authority.
    ///
    /// # Errors
    /// When there are no random numbers to be had.
    pub fn make(now: Timestamp, lifetime: Duration) -> Result<Self, Unusable> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = named(&format!("upsurge collector authority {}", digest(&key)));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        // Certificates count in seconds.
        let made = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX);
        let expires = made.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
        limit(&mut params, backdated(made), expires);
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { certificate, key: key.serialize_pem(), made, expires })
    }

    /// Reads an authority that [`Self::make`] has made.
    ///
    /// # Errors
    /// When it is none, or the key is not its key.
    pub fn read(certificate: &str, key: &str) -> Result<Self, Unusable> {
        let wrong = |why: String| Unusable::wrong("the authority's certificate", why);
        let der = der(certificate)?;
        let parsed = parse(&der)?;
        if !parsed.is_ca() {
            return Err(wrong("it is not one of an authority".into()));
        }
        let pair = KeyPair::from_pem(key).map_err(|error| Unusable::wrong("the authority's key", error))?;
        if parsed.public_key().subject_public_key.data.as_ref() != pair.public_key_raw() {
            return Err(wrong("it is for another key".into()));
        }
        let (from, expires) = validity(&parsed)?;
        let made = from.saturating_add(BACKDATED).unwrap_or(from);
        Ok(Self { certificate: certificate.into(), key: key.into(), made, expires })
    }

    /// A new key, and a certificate for it with these names, valid as long as the authority.
    ///
    /// # Errors
    /// When it can't be signed.
    pub fn certify(
        &self,
        names: &[String],
    ) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Unusable> {
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, KeyPair::from_pem(&self.key)?)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = named("upsurge collector");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        limit(&mut params, backdated(self.made), self.expires);
        let certificate = params.signed_by(&key, &issuer)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok((certificate.der().clone(), PrivateKeyDer::Pkcs8(key)))
    }

    /// Its certificate, as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Its key, as PEM.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// When it was made.
    pub fn made(&self) -> Timestamp {
        self.made
    }

    /// Until when it is valid.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Whether certificates of it count at an instant.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        (backdated(self.made)..self.expires).contains(&now)
    }
}

/// Says which it is, and not its key.
impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { made, expires, certificate, .. } = self;
        write!(formatter, "Authority {} of {made}, until {expires}", hash(certificate, 8))
    }
}

/// Until when a certificate is valid.
///
/// # Errors
/// When it is none.
pub fn expiry(certificate: &CertificateDer<'_>) -> Result<Timestamp, Unusable> {
    Ok(validity(&parse(certificate)?)?.1)
}

/// Whether a text is a certificate in PEM.
pub(super) fn is_certificate(text: &str) -> bool {
    der(text).is_ok_and(|certificate| parse(&certificate).is_ok())
}

fn der(certificate: &str) -> Result<CertificateDer<'static>, Unusable> {
    CertificateDer::from_pem_slice(certificate.as_bytes())
        .map_err(|error| Unusable::wrong("the certificate", format!("it is not in PEM: {error}")))
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Unusable> {
    let parsed = parse_x509_certificate(certificate);
    parsed.map(|(_, parsed)| parsed).map_err(|error| Unusable::wrong("the certificate", error))
}

fn validity(certificate: &X509Certificate<'_>) -> Result<(Timestamp, Timestamp), Unusable> {
    let validity = certificate.validity();
    let instant = |seconds: i64| {
        Timestamp::from_second(seconds).map_err(|error| Unusable::wrong("the certificate's validity", error))
    };
    Ok((instant(validity.not_before.timestamp())?, instant(validity.not_after.timestamp())?))
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn digest(key: &KeyPair) -> String {
    let hex: String = key.public_key_raw().iter().map(|byte| format!("{byte:02x}")).collect();
    hash(&hex, 8)
}

fn backdated(made: Timestamp) -> Timestamp {
    made.saturating_sub(BACKDATED).unwrap_or(Timestamp::MIN)
}

/// Limits a certificate to a time after 1970.
fn limit(params: &mut CertificateParams, from: Timestamp, until: Timestamp) {
    let epoch = date_time_ymd(1970, 1, 1);
    let time = |at: Timestamp| epoch + Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0));
    (params.not_before, params.not_after) = (time(from), time(until));
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn now() -> Timestamp {
        "2026-01-01T00:00:00.5Z".parse().unwrap()
    }

    #[test]
    fn what_was_made_is_read_back() {
        let made = Authority::make(now(), DAY).unwrap();
        let read = Authority::read(made.certificate(), made.key()).unwrap();
        assert_eq!(read, made);
        assert_eq!(read.expires(), "2026-01-02T00:00:00Z".parse().unwrap());
        for (at, valid) in [
            ("2025-12-30T23:59:59Z", false),
            ("2025-12-31T00:00:00Z", true),
            ("2026-01-01T23:59:59Z", true),
            ("2026-01-02T00:00:00Z", false),
        ] {
            assert_eq!(read.is_valid(at.parse().unwrap()), valid, "{at}");
        }
    }

    #[test]
    fn each_is_another_one_and_tells_nothing_of_its_key() {
        let (one, other) = (Authority::make(now(), DAY).unwrap(), Authority::make(now(), DAY).unwrap());
        assert_ne!(one, other);
        let shown = format!("{one:?}");
        assert!(!shown.contains("PRIVATE") && shown.len() < 100, "{shown}");
        let subject = |authority: &Authority| {
            parse(&der(authority.certificate()).unwrap()).unwrap().subject().to_string()
        };
        assert_ne!(subject(&one), subject(&other));
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        let (one, other) = (Authority::make(now(), DAY).unwrap(), Authority::make(now(), DAY).unwrap());
        let refused = |certificate: &str, key: &str| {
            Authority::read(certificate, key).expect_err("it was taken").to_string()
        };
        assert!(refused("", one.key()).contains("not in PEM"));
        assert!(refused(one.certificate(), "").contains("the authority's key"));
        assert!(refused(one.certificate(), other.key()).contains("for another key"));
        let own = rcgen::generate_simple_self_signed(vec!["a".into()]).unwrap();
        let message = refused(&own.cert.pem(), &own.signing_key.serialize_pem());
        assert!(message.contains("not one of an authority"), "{message}");
    }
}
