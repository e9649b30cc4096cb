// SPDX-License-Identifier: Apache-2.0
//! What the collector shows to those who connect: a certificate with its key, and the authorities by which it is checked.
//!
//! There is none that a runner would turn away: it is checked as a runner checks it before it becomes an [`Identity`].

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _},
    sign::CertifiedKey,
};

use super::{Names, Unusable, authority::expiry};

/// A certificate, its key, and who vouches for it.
pub struct Identity {
    certified: Arc<CertifiedKey>,
    authorities: Arc<str>,
    expires: Timestamp,
}

impl Identity {
    /// An identity from a chain, the key of its first certificate, and the authorities that runners are told, as PEM.
    ///
    /// # Errors
    /// When a runner that knows the collector by these names would not take it.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        authorities: &str,
        names: &Names,
        now: Timestamp,
    ) -> Result<Self, Unusable> {
        let Some((first, others)) = chain.split_first() else {
            return Err(Unusable::Missing("a certificate".into()));
        };
        let expires = expiry(first)?;
        distrust(first, others, roots(authorities)?, names, now)?;
        // Fails too if the key is not that of the certificate.
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider())
            .map_err(|error| Unusable::wrong("the key", error))?;
        Ok(Self { certified: Arc::new(certified), authorities: authorities.into(), expires })
    }

    /// What is shown.
    pub fn certified(&self) -> Arc<CertifiedKey> {
        self.certified.clone()
    }

    /// What runners are to be told, so that they can check it: certificates as PEM.
    pub fn authorities(&self) -> Arc<str> {
        self.authorities.clone()
    }

    /// Until when the certificate is valid.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }
}

/// Says until when it is valid, and not its key.
impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Identity until {}", self.expires)
    }
}

fn roots(authorities: &str) -> Result<RootCertStore, Unusable> {
    let wrong = |why: String| Unusable::wrong("the list of authorities", why);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        let certificate = certificate.map_err(|error| wrong(format!("it is not in PEM: {error}")))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(wrong("it holds no certificate".into())),
        false => Ok(roots),
    }
}

/// What a runner would have against a certificate.
fn distrust(
    first: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    roots: RootCertStore,
    names: &Names,
    now: Timestamp,
) -> Result<(), Unusable> {
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| Unusable::wrong("the list of authorities", error))?;
    let now = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or(0));
    let name = names.checked()?;
    let verified = verifier.verify_server_cert(first, others, &name, &[], UnixTime::since_unix_epoch(now));
    verified.map(drop).map_err(|error| {
        let why = match error {
            rustls::Error::InvalidCertificate(problem) => problem.to_string(),
            other => other.to_string(),
        };
        Unusable::Distrusted { name: names.host.clone(), why }
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::tls::authority::Authority;

    const DAY: Duration = Duration::from_secs(86_400);

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn names(host: &str) -> Names {
        Names { host: host.into(), address: None }
    }

    #[rstest]
    #[case::right("collector.svc", "collector.svc", "2026-01-01T12:00:00Z", None)]
    #[case::by_address("127.0.0.1", "127.0.0.1", "2026-01-01T12:00:00Z", None)]
    #[case::other_name("collector.svc", "upsurge.svc", "2026-01-01T12:00:00Z", Some("upsurge.svc"))]
    #[case::expired("collector.svc", "collector.svc", "2026-01-02T00:00:01Z", Some("expired"))]
    #[case::not_yet("collector.svc", "collector.svc", "2025-12-30T00:00:00Z", Some("not valid yet"))]
    fn only_what_a_runner_would_take_becomes_an_identity(
        #[case] certified: &str,
        #[case] known_as: &str,
        #[case] at: &str,
        #[case] objection: Option<&str>,
    ) {
        let authority = Authority::make(now(), DAY).unwrap();
        let (certificate, key) = authority.certify(&names(certified).list()).unwrap();
        let made = Identity::new(
            vec![certificate],
            key,
            authority.certificate(),
            &names(known_as),
            at.parse().unwrap(),
        );
        match (made, objection) {
            (Ok(identity), None) => assert_eq!(identity.expires(), authority.expires()),
            (Err(error), Some(objection)) => assert!(error.to_string().contains(objection), "{error}"),
            (made, _) => panic!("{made:?}"),
        }
    }

    #[test]
    fn keys_and_authorities_have_to_fit() {
        let (one, other) = (Authority::make(now(), DAY).unwrap(), Authority::make(now(), DAY).unwrap());
        let names = names("collector.svc");
        let (certificate, key) = one.certify(&names.list()).unwrap();
        let (_, other_key) = one.certify(&names.list()).unwrap();
        let made = |key: &PrivateKeyDer<'static>, authorities: &str| {
            Identity::new(vec![certificate.clone()], key.clone_key(), authorities, &names, now())
        };
        let both = format!("{}{}", other.certificate(), one.certificate());
        assert_eq!(&*made(&key, &both).unwrap().authorities(), both);
        assert!(matches!(made(&key, other.certificate()), Err(Unusable::Distrusted { .. })));
        assert!(made(&other_key, &both).unwrap_err().to_string().contains("the key"));
        for list in ["", "nonsense"] {
            assert!(made(&key, list).unwrap_err().to_string().contains("holds no certificate"), "{list}");
        }
        let none = Identity::new(Vec::new(), key, &both, &names, now());
        assert_eq!(none.unwrap_err().to_string(), "a certificate is missing");
    }
}
