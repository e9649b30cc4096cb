// SPDX-License-Identifier: Apache-2.0
//! What the collector shows at the moment, and why it shows nothing where that is so.
//!
//! One place for all: the TLS of the collector looks here at each handshake, so that a new certificate needs no restart, and
//! whoever makes runner pods takes from here what runners are told.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::{
    ServerConfig,
    crypto::ring,
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
    version::TLS13,
};

use super::Identity;
use crate::metrics::Metrics;

/// What is shown; clones share it.
#[derive(Clone, Debug)]
pub struct Served {
    shown: Arc<RwLock<Result<Arc<Identity>, String>>>,
    metrics: Metrics,
}

impl Served {
    /// Nothing yet.
    pub fn new(metrics: Metrics) -> Self {
        let nothing = Err("the operator has not looked for one yet".into());
        Self { shown: Arc::new(RwLock::new(nothing)), metrics }
    }

    /// From now on this is shown.
    pub fn show(&self, identity: Identity) {
        self.metrics.set_certificate(true, Some(identity.expires()));
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Ok(Arc::new(identity));
    }

    /// All is as it should be, and nothing new.
    pub fn confirm(&self) {
        self.metrics.set_certificate(true, None);
    }

    /// There is a problem with what should be shown; what was shown before stays.
    pub fn complain(&self, problem: String) {
        self.metrics.set_certificate(false, None);
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        if let Err(before) = &mut *shown {
            *before = problem;
        }
    }

    /// What runners are told: authorities as PEM.
    ///
    /// # Errors
    /// As long as nothing is shown; then why.
    pub fn authorities(&self) -> Result<Arc<str>, String> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        match &*shown {
            Ok(identity) => Ok(identity.authorities()),
            Err(problem) => Err(problem.clone()),
        }
    }

    /// TLS that shows it. Runners speak 1.3, so nothing else is served; each connection is checked anew.
    ///
    /// # Errors
    /// When the provider has no version 1.3.
    pub fn config(&self) -> Result<ServerConfig, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&[&TLS13])?.with_no_client_auth();
        let mut config = builder.with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        shown.as_ref().ok().map(|identity| identity.certified())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use rustls::{
        ClientConfig, ClientConnection, RootCertStore, ServerConnection,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    };

    use super::*;
    use crate::tls::{Names, authority::Authority};

    /// Something that shows a certificate of a new authority, and that authority as PEM.
    pub fn served(host: &str) -> (Served, String) {
        let served = Served::new(Metrics::default());
        let authority = show(&served, host);
        (served, authority)
    }

    /// Shows a certificate of another authority, and gives that.
    pub fn show(served: &Served, host: &str) -> String {
        let now = Timestamp::now();
        let authority = Authority::make(now, Duration::from_secs(3_600)).unwrap();
        let names = Names { host: host.into(), address: None };
        let (certificate, key) = authority.certify(&names.list()).unwrap();
        served.show(Identity::new(vec![certificate], key, authority.certificate(), &names, now).unwrap());
        authority.certificate().to_owned()
    }

    /// Shakes hands, in memory, with a runner that was told some authorities.
    pub fn greet(served: &Served, told: &str, host: &'static str) -> Result<(), rustls::Error> {
        let mut roots = RootCertStore::empty();
        CertificateDer::pem_slice_iter(told.as_bytes()).for_each(|told| roots.add(told.unwrap()).unwrap());
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots);
        let name = ServerName::try_from(host).unwrap();
        let mut client = ClientConnection::new(Arc::new(builder.with_no_client_auth()), name)?;
        let mut server = ServerConnection::new(Arc::new(served.config()?))?;
        while client.is_handshaking() || server.is_handshaking() {
            let mut bytes = Vec::new();
            client.write_tls(&mut bytes).unwrap();
            server.read_tls(&mut bytes.as_slice()).unwrap();
            server.process_new_packets()?;
            bytes.clear();
            server.write_tls(&mut bytes).unwrap();
            client.read_tls(&mut bytes.as_slice()).unwrap();
            client.process_new_packets()?;
        }
        Ok(())
    }

    #[test]
    fn a_runner_checks_what_is_shown_by_what_it_was_told() {
        let (served, authority) = served("collector.svc");
        assert_eq!(greet(&served, &authority, "collector.svc"), Ok(()));
        assert!(greet(&served, &authority, "other.svc").is_err());
        let other = show(&served, "collector.svc");
        assert!(greet(&served, &authority, "collector.svc").is_err());
        assert_eq!(greet(&served, &(authority + &other), "collector.svc"), Ok(()));
    }

    #[test]
    fn a_problem_is_told_as_long_as_nothing_is_shown_and_changes_nothing_later() {
        let served = Served::new(Metrics::default());
        assert!(served.authorities().is_err());
        served.complain("the Secret is forbidden".into());
        assert_eq!(served.authorities().unwrap_err(), "the Secret is forbidden");
        assert!(served.metrics.encode().contains("upsurge_collector_certificate_valid 0"));
        let authority = show(&served, "collector.svc");
        assert_eq!(&*served.authorities().unwrap(), authority);
        assert!(served.metrics.encode().contains("upsurge_collector_certificate_valid 1"));
        served.complain("the API server does not answer".into());
        assert_eq!(&*served.authorities().unwrap(), authority);
        assert!(served.metrics.encode().contains("upsurge_collector_certificate_valid 0"));
        served.confirm();
        let text = served.metrics.encode();
        assert!(text.contains("upsurge_collector_certificate_valid 1"), "{text}");
        let hour = Timestamp::now().as_second() + 3_600;
        let expiry = text.lines().find_map(|line| {
            line.strip_prefix("upsurge_collector_certificate_expiry_timestamp_seconds ")?.parse::<i64>().ok()
        });
        assert!(expiry.is_some_and(|expiry| (hour - 60..=hour).contains(&expiry)), "{text}");
    }
}
