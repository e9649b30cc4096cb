// SPDX-License-Identifier: Apache-2.0
//! What an agent is told by its environment.

use std::{collections::BTreeMap, env, path::PathBuf};

use upsurge_core::{
    files::FILES_DIRECTORY,
    protocol::{AUTHORITIES_ENV, OUTPUT_HEADER_ENV_PREFIX, PROMETHEUS_HEADER_ENV_PREFIX, SECRET_ENV_PREFIX},
};

/// Where the token is mounted, unless the environment says otherwise.
const TOKEN_FILE: &str = "/var/run/secrets/upsurge.dev/token";

/// Everything an agent has to know.
#[derive(Clone)]
pub struct AgentConfig {
    /// Base URL of the collector.
    pub collector_url: String,
    /// The authorities by which the collector is checked, as PEM: with them it is spoken to by TLS only.
    pub collector_authorities: Option<String>,
    /// Namespace of the run.
    pub namespace: String,
    /// Name of the run.
    pub run: String,
    /// Name of the agent's pod.
    pub pod: String,
    /// Index of the runner.
    pub runner: u32,
    /// File that holds the token; read again for each request, as it is renewed.
    pub token_file: PathBuf,
    /// Values of the secrets by name.
    pub secrets: BTreeMap<String, String>,
    /// Values of `spec.prometheus.headers` by index.
    pub prometheus_headers: BTreeMap<usize, String>,
    /// Values of the headers of `spec.outputs`, by the indices of output and header.
    pub output_headers: BTreeMap<(usize, usize), String>,
    /// Directory that holds the files of ConfigMaps and Secrets.
    pub files_directory: PathBuf,
    /// Load threads.
    pub threads: usize,
}

/// What is wrong with the environment.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A variable is not set.
    #[error("environment variable {0} is not set: `upsurge agent` runs in pods that the operator makes")]
    Missing(&'static str),
    /// The index is no number.
    #[error("JOB_COMPLETION_INDEX is {0:?}, not a whole number")]
    Index(String),
}

impl AgentConfig {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or can't be understood.
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::from_variables(&env::vars().collect())
    }

    /// The same from variables that are not this process's own.
    ///
    /// # Errors
    /// When a variable is missing or can't be understood.
    pub fn from_variables(variables: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let get = |name: &'static str| variables.get(name).cloned().ok_or(ConfigError::Missing(name));
        let index = get("JOB_COMPLETION_INDEX")?;
        let secrets = variables.iter().filter_map(|(name, value)| {
            Some((name.strip_prefix(SECRET_ENV_PREFIX)?.to_owned(), value.clone()))
        });
        let headers = variables.iter().filter_map(|(name, value)| {
            Some((name.strip_prefix(PROMETHEUS_HEADER_ENV_PREFIX)?.parse().ok()?, value.clone()))
        });
        let of_outputs = variables.iter().filter_map(|(name, value)| {
            let (output, header) = name.strip_prefix(OUTPUT_HEADER_ENV_PREFIX)?.split_once('_')?;
            Some(((output.parse().ok()?, header.parse().ok()?), value.clone()))
        });
        Ok(Self {
            collector_url: get("UPSURGE_COLLECTOR_URL")?.trim_end_matches('/').to_owned(),
            collector_authorities: get(AUTHORITIES_ENV).ok(),
            namespace: get("UPSURGE_NAMESPACE")?,
            run: get("UPSURGE_RUN")?,
            pod: get("UPSURGE_POD")?,
            runner: index.parse().map_err(|_| ConfigError::Index(index))?,
            token_file: get("UPSURGE_TOKEN_FILE").map_or_else(|_| TOKEN_FILE.into(), Into::into),
            secrets: secrets.collect(),
            prometheus_headers: headers.collect(),
            output_headers: of_outputs.collect(),
            files_directory: get("UPSURGE_FILES_DIR").map_or_else(|_| FILES_DIRECTORY.into(), Into::into),
            threads: upsurge_engine::default_threads(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> BTreeMap<String, String> {
        let pairs = [
            ("UPSURGE_COLLECTOR_URL", "http://127.0.0.1:1/"),
            ("UPSURGE_NAMESPACE", "shop"),
            ("UPSURGE_RUN", "spike-1"),
            ("UPSURGE_POD", "spike-1-2-x"),
            ("JOB_COMPLETION_INDEX", "2"),
            ("UPSURGE_SECRET_password", "geheim"),
            ("UPSURGE_PROMETHEUS_HEADER_1", "Bearer geheim"),
            ("UPSURGE_OUTPUT_HEADER_2_0", "Basic geheim"),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn the_environment_tells_everything() {
        let config = AgentConfig::from_variables(&complete()).unwrap();
        assert_eq!((config.runner, config.run.as_str()), (2, "spike-1"));
        assert_eq!(config.collector_url, "http://127.0.0.1:1");
        assert_eq!(config.collector_authorities, None, "as in pods that an earlier release made");
        assert_eq!(config.secrets.get("password").map(String::as_str), Some("geheim"));
        assert_eq!(config.prometheus_headers.get(&1).map(String::as_str), Some("Bearer geheim"));
        assert_eq!(config.output_headers.get(&(2, 0)).map(String::as_str), Some("Basic geheim"));
    }

    #[test]
    fn what_is_missing_is_named() {
        for name in ["UPSURGE_COLLECTOR_URL", "UPSURGE_RUN", "UPSURGE_POD", "JOB_COMPLETION_INDEX"] {
            let mut variables = complete();
            variables.remove(name);
            let error = AgentConfig::from_variables(&variables).err();
            assert_eq!(error, Some(ConfigError::Missing(name)));
        }
    }
}
