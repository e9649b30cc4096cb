// SPDX-License-Identifier: Apache-2.0
//! The policy's file: read at the start, where a wrong one is refused, and again whenever it changes, where a wrong
//! one leaves the old policy in force and is told in the log and in the metric `upsurge_policy_valid`.
//!
//! It is looked at each few seconds: a mounted ConfigMap is changed by exchanging a symbolic link, which watches of
//! single files miss.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};
use upsurge_core::{
    field_error::FieldError,
    policy::{Document, Policy},
};

use super::Platform;
use crate::metrics::Metrics;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(2);
/// Largest file, as large as a ConfigMap may be.
const LARGEST: u64 = 1 << 20;

/// Why a policy can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file can't be read.
    #[error("policy file {path} can't be read: {message}")]
    Read {
        /// The file.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// It is not YAML, or has fields that no policy has.
    #[error("policy file {path} can't be understood: {message}")]
    Form {
        /// The file.
        path: String,
        /// What is wrong, and where.
        message: String,
    },
    /// A rule can't be what it is.
    #[error("policy file {path} is wrong: {}", listed(.errors))]
    Content {
        /// The file.
        path: String,
        /// All that is wrong.
        errors: Vec<FieldError>,
    },
}

fn listed(errors: &[FieldError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Reads a policy. An empty file is a policy that allows everything.
///
/// # Errors
/// When it can't be read or is wrong.
pub fn read(path: &Path) -> Result<Policy, PolicyError> {
    parse(path, &text(path)?)
}

fn text(path: &Path) -> Result<String, PolicyError> {
    let failed = |message: String| PolicyError::Read { path: path.display().to_string(), message };
    let size = fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if size > LARGEST {
        return Err(failed(format!("it has {size} bytes, more than {LARGEST}")));
    }
    fs::read_to_string(path).map_err(|error| failed(error.to_string()))
}

fn parse(path: &Path, text: &str) -> Result<Policy, PolicyError> {
    let path = path.display().to_string();
    let document = match text.trim() {
        "" => Document::default(),
        text => serde_saphyr::from_str(text)
            .map_err(|error| PolicyError::Form { path: path.clone(), message: error.to_string() })?,
    };
    Policy::compile(&document).map_err(|errors| PolicyError::Content { path, errors })
}

/// Takes up each change of a file until told to stop.
pub async fn watch(path: PathBuf, platform: Platform, metrics: Metrics, stop: CancellationToken) {
    look_each(LOOK, path, platform, metrics, stop).await;
}

async fn look_each(
    pause: Duration,
    path: PathBuf,
    platform: Platform,
    metrics: Metrics,
    stop: CancellationToken,
) {
    // It may have changed since it was read at the start.
    let mut known = None;
    loop {
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.cancelled() => return,
        }
        let found = text(&path);
        let seen = Some(found.as_ref().ok().cloned());
        if seen == known {
            continue;
        }
        known = seen;
        match found.and_then(|text| parse(&path, &text)) {
            Ok(policy) => {
                if policy != *platform.policy() {
                    info!(path = %path.display(), "policy has changed");
                    platform.set_policy(policy);
                }
                metrics.set_policy_valid(true);
            }
            Err(problem) => {
                metrics.set_policy_valid(false);
                error!(error = %problem, "policy is wrong; the old one stays in force");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, time::Instant};

    use super::*;

    /// A directory that changes as a mounted ConfigMap does.
    struct Mounted(PathBuf);

    impl Mounted {
        fn new(name: &str) -> Self {
            let directory =
                std::env::temp_dir().join(format!("upsurge-policy-{}-{name}", std::process::id()));
            fs::create_dir_all(&directory).unwrap();
            Self(directory)
        }

        fn write(&self, version: u32, text: &str) -> PathBuf {
            let data = self.0.join(format!("..{version}"));
            fs::create_dir_all(&data).unwrap();
            fs::write(data.join("policy.yaml"), text).unwrap();
            let link = self.0.join("..new");
            symlink(&data, &link).unwrap();
            fs::rename(link, self.0.join("..data")).unwrap();
            let file = self.0.join("policy.yaml");
            if !file.exists() {
                symlink("..data/policy.yaml", &file).unwrap();
            }
            file
        }
    }

    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_wrong_policy_is_refused_with_words() {
        let mounted = Mounted::new("wrong");
        let refused = |text: &str| read(&mounted.write(1, text)).unwrap_err().to_string();
        assert!(refused("rules: {maxRun: 1}").contains("maxRun"), "{}", refused("rules: {maxRun: 1}"));
        assert!(refused("rules: [").contains("can't be understood"));
        assert!(refused("rules: {targetHosts: ['a b']}").contains("policy.rules.targetHosts[0]"));
        assert!(
            read(Path::new("/nonexistent/policy.yaml")).unwrap_err().to_string().contains("can't be read")
        );
        assert_eq!(read(&mounted.write(2, "\n")).unwrap(), Policy::default());
        assert_eq!(read(&mounted.write(3, "{}\n")).unwrap(), Policy::default());
    }

    #[tokio::test]
    async fn a_change_is_taken_up_and_a_wrong_one_leaves_the_old_policy() {
        let mounted = Mounted::new("reload");
        let file = mounted.write(1, "contact: one");
        let (platform, metrics, stop) = (Platform::default(), Metrics::default(), CancellationToken::new());
        platform.set_policy(read(&file).unwrap());
        metrics.set_policy_valid(true);
        let pause = Duration::from_millis(5);
        let watching =
            tokio::spawn(look_each(pause, file.clone(), platform.clone(), metrics.clone(), stop.clone()));
        let asks = |whom: &str| platform.policy().whom_to_ask().contains(whom);
        let valid = |yes: i32| metrics.encode().contains(&format!("upsurge_policy_valid {yes}"));
        let begun = Instant::now();
        let wait_until = async |whom: &str, is_valid: i32| {
            while !(asks(whom) && valid(is_valid)) {
                assert!(begun.elapsed() < Duration::from_secs(30), "{whom} in vain");
                sleep(pause).await;
            }
        };
        for (version, text, whom, is_valid) in
            [(2, "contact: two", "two", 1), (3, "contact: [", "two", 0), (4, "contact: four", "four", 1)]
        {
            mounted.write(version, text);
            wait_until(whom, is_valid).await;
        }
        fs::remove_file(&file).unwrap();
        wait_until("four", 0).await;
        stop.cancel();
        watching.await.unwrap();
    }
}
