// SPDX-License-Identifier: Apache-2.0
//! A certificate of somebody else's, such as cert-manager's, from a Secret that is mounted: `tls.crt`, `tls.key` and `ca.crt`.
//!
//! It is looked at each few seconds, as a mounted Secret changes by the exchange of a symbolic link. A wrong one at the
//! start is an error; later the old one stays.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{Identity, Names, Served, Unusable};

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(2);
/// The files, as Secrets of type `kubernetes.io/tls` name them.
const CHAIN: &str = "tls.crt";
const KEY: &str = "tls.key";
/// As cert-manager names it.
const AUTHORITIES: &str = "ca.crt";

/// Why a mounted certificate can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the collector's certificate in {directory} can't be used: {problem}")]
pub struct FilesError {
    directory: String,
    problem: Unusable,
}

/// What the files hold.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    chain: String,
    key: String,
    authorities: String,
}

/// Shows the certificate of a directory.
///
/// # Errors
/// When it can't be read, or runners would not take it.
pub fn show(directory: &Path, names: &Names, served: &Served) -> Result<(), FilesError> {
    let contents = read(directory);
    let identity = contents.and_then(|contents| identity(&contents, names, Timestamp::now()));
    served.show(identity.map_err(|problem| failed(directory, problem))?);
    Ok(())
}

/// Shows each new certificate of a directory until told to stop.
pub async fn watch(directory: PathBuf, names: Names, served: Served, stop: CancellationToken) {
    look_each(LOOK, directory, names, served, stop).await;
}

async fn look_each(
    pause: Duration,
    directory: PathBuf,
    names: Names,
    served: Served,
    stop: CancellationToken,
) {
    // It may have changed since it was first shown.
    let mut known = None;
    loop {
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.cancelled() => return,
        }
        let found = read(&directory);
        if known.as_ref() == Some(&found) {
            continue;
        }
        match found.clone().and_then(|contents| identity(&contents, &names, Timestamp::now())) {
            Ok(identity) => {
                info!(directory = %directory.display(), until = %identity.expires(), "showing the mounted certificate");
                served.show(identity);
            }
            Err(problem) => {
                let problem = failed(&directory, problem);
                error!(error = %problem, "the old certificate is shown on");
                served.complain(problem.to_string());
            }
        }
        known = Some(found);
    }
}

fn failed(directory: &Path, problem: Unusable) -> FilesError {
    FilesError { directory: directory.display().to_string(), problem }
}

fn read(directory: &Path) -> Result<Contents, Unusable> {
    let text = |name: &str| {
        fs::read_to_string(directory.join(name)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound if name == AUTHORITIES => Unusable::Missing(format!(
                "{AUTHORITIES} (the authority by which runners are to check {CHAIN}; an issuer that does not give it, \
                 such as one of ACME, can't be used unless you add it)"
            )),
            std::io::ErrorKind::NotFound => Unusable::Missing(name.into()),
            _ => Unusable::wrong(name, error),
        })
    };
    // First what is most often missing.
    let authorities = text(AUTHORITIES)?;
    Ok(Contents { chain: text(CHAIN)?, key: text(KEY)?, authorities })
}

fn identity(contents: &Contents, names: &Names, now: Timestamp) -> Result<Identity, Unusable> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(contents.chain.as_bytes()).collect();
    let chain = chain.map_err(|error| Unusable::wrong(CHAIN, error))?;
    if chain.is_empty() {
        return Err(Unusable::wrong(CHAIN, "it holds no certificate in PEM"));
    }
    let key = PrivateKeyDer::from_pem_slice(contents.key.as_bytes());
    let key = key.map_err(|error| Unusable::wrong(KEY, error))?;
    Identity::new(chain, key, &contents.authorities, names, now)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, time::Instant};

    use rstest::rstest;

    use super::*;
    use crate::{metrics::Metrics, tls::authority::Authority};

    const DAY: Duration = Duration::from_secs(86_400);

    fn names() -> Names {
        Names { host: "upsurge-collector.tools.svc".into(), address: None }
    }

    fn issued(host: &str) -> Contents {
        let authority = Authority::make(Timestamp::now(), DAY).unwrap();
        let issuer = rcgen::Issuer::from_ca_cert_pem(
            authority.certificate(),
            rcgen::KeyPair::from_pem(authority.key()).unwrap(),
        );
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new([host.to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &issuer.unwrap()).unwrap();
        Contents {
            chain: certificate.pem(),
            key: key.serialize_pem(),
            authorities: authority.certificate().into(),
        }
    }

    /// A directory that changes as a mounted Secret does.
    struct Mounted(PathBuf);

    impl Mounted {
        fn new(name: &str) -> Self {
            let directory = std::env::temp_dir().join(format!("upsurge-tls-{}-{name}", std::process::id()));
            fs::create_dir_all(&directory).unwrap();
            Self(directory)
        }

        fn write(&self, version: u32, files: &[(&str, &str)]) {
            let data = self.0.join(format!("..{version}"));
            fs::create_dir_all(&data).unwrap();
            files.iter().for_each(|(name, text)| fs::write(data.join(name), text).unwrap());
            let link = self.0.join("..new");
            symlink(&data, &link).unwrap();
            fs::rename(link, self.0.join("..data")).unwrap();
            for name in [CHAIN, KEY, AUTHORITIES] {
                let _ = symlink(Path::new("..data").join(name), self.0.join(name));
            }
        }

        fn put(&self, version: u32, contents: &Contents) {
            let Contents { chain, key, authorities } = contents;
            self.write(version, &[(CHAIN, chain), (KEY, key), (AUTHORITIES, authorities)]);
        }
    }

    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[rstest]
    #[case::no_authority(AUTHORITIES, None, "ca.crt (the authority by which runners are to check tls.crt")]
    #[case::no_chain(CHAIN, None, "tls.crt is missing")]
    #[case::no_key(KEY, None, "tls.key is missing")]
    #[case::a_chain_of_nothing(CHAIN, Some(""), "tls.crt can't be used: it holds no certificate")]
    #[case::a_key_of_nothing(KEY, Some("x"), "tls.key can't be used")]
    #[case::authorities_of_nothing(AUTHORITIES, Some("x"), "the list of authorities can't be used")]
    fn a_wrong_certificate_is_refused_with_words(
        #[case] file: &str,
        #[case] text: Option<&str>,
        #[case] expected: &str,
    ) {
        let mounted = Mounted::new(&format!("wrong-{file}-{}", text.map_or(0, |text| 1 + text.len())));
        let Contents { chain, key, authorities } = issued(&names().host);
        let files = [(CHAIN, chain.as_str()), (KEY, &key), (AUTHORITIES, &authorities)];
        let files = files.into_iter().filter_map(|(name, right)| match name == file {
            true => Some((name, text?)),
            false => Some((name, right)),
        });
        mounted.write(1, &files.collect::<Vec<_>>());
        let served = Served::new(Metrics::default());
        let refused = show(&mounted.0, &names(), &served).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
        assert!(served.authorities().is_err());
    }

    #[test]
    fn a_certificate_for_another_name_or_of_another_authority_is_refused() {
        let mounted = Mounted::new("foreign");
        let served = Served::new(Metrics::default());
        mounted.put(1, &issued("shop.example.com"));
        let refused = show(&mounted.0, &names(), &served).unwrap_err().to_string();
        assert!(
            refused.contains("not take the certificate for that of upsurge-collector.tools.svc"),
            "{refused}"
        );
        let (right, other) = (issued(&names().host), issued(&names().host));
        mounted.put(2, &Contents { authorities: other.authorities, ..right });
        assert!(show(&mounted.0, &names(), &served).unwrap_err().to_string().contains("UnknownIssuer"));
    }

    #[tokio::test]
    async fn a_new_certificate_is_shown_and_a_wrong_one_leaves_the_old() {
        let mounted = Mounted::new("reload");
        let metrics = Metrics::default();
        let (served, stop) = (Served::new(metrics.clone()), CancellationToken::new());
        let (first, second, third) = (issued(&names().host), issued(&names().host), issued(&names().host));
        mounted.put(1, &first);
        show(&mounted.0, &names(), &served).unwrap();
        let pause = Duration::from_millis(5);
        let watching =
            tokio::spawn(look_each(pause, mounted.0.clone(), names(), served.clone(), stop.clone()));
        let begun = Instant::now();
        let wait_until = async |authorities: &str, valid: i32| {
            let line = format!("upsurge_collector_certificate_valid {valid}");
            while &*served.authorities().unwrap() != authorities || !metrics.encode().contains(&line) {
                assert!(begun.elapsed() < Duration::from_secs(30), "in vain");
                sleep(pause).await;
            }
        };
        mounted.put(2, &second);
        wait_until(&second.authorities, 1).await;
        mounted.put(3, &Contents { key: first.key, ..third.clone() });
        wait_until(&second.authorities, 0).await;
        mounted.put(4, &third);
        wait_until(&third.authorities, 1).await;
        stop.cancel();
        watching.await.unwrap();
    }
}
