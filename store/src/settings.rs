// SPDX-License-Identifier: Apache-2.0
//! What is known of a store besides its address: environment variables with credentials, and how long it may take.

use std::{env, fmt, net::IpAddr, sync::Arc, time::Duration};

use crate::{LIMIT, MAY_ASK_METADATA};

/// Says what may be contacted. Each answer that it may not be comes with the reason in words.
pub trait Judge: fmt::Debug + Send + Sync {
    /// Whether a host may be asked for by this name or address.
    ///
    /// # Errors
    /// Why not.
    fn host(&self, host: &str) -> Result<(), String>;

    /// Whether an address that a name has led to may be connected to.
    ///
    /// # Errors
    /// Why not.
    fn address(&self, address: IpAddr) -> Result<(), String>;
}

/// Who asks a store, and for how long.
#[derive(Clone)]
pub struct Settings {
    variables: Vec<(String, String)>,
    limit: Duration,
    judge: Option<Arc<dyn Judge>>,
}

impl Settings {
    /// Those of environment variables with these names and values.
    pub fn new<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, limit: LIMIT, judge: None }
    }

    /// Those of the process' own environment.
    pub fn from_environment() -> Self {
        let variables = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::new(variables)
    }

    /// The same with another limit.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// The same with somebody who says what may be contacted. Proxies of the environment are not used then, as they would contact
    /// anything.
    #[must_use]
    pub fn judged_by(self, judge: Arc<dyn Judge>) -> Self {
        Self { judge: Some(judge), ..self }
    }

    pub(crate) fn judge(&self) -> Option<Arc<dyn Judge>> {
        self.judge.clone()
    }

    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether a metadata address may be asked.
    pub(crate) fn may_ask_metadata(&self) -> bool {
        self.variables.iter().any(|(name, value)| name == MAY_ASK_METADATA && value == "true")
    }

    /// Variables whose names begin like this, with these names in small letters. One that is empty is none: pipelines make such of a
    /// secret that they don't have.
    pub(crate) fn variables<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (String, &'a str)> {
        let ours =
            self.variables.iter().filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty());
        ours.map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values are secret.
        formatter.debug_struct("Settings").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_gets_its_own_variables_and_nobody_sees_values() {
        let settings = Settings::new([
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("AWS_SESSION_TOKEN", ""),
            ("AZURE_STORAGE_ACCOUNT_KEY", "hunter3"),
        ]);
        let ours: Vec<_> = settings.variables("AWS_").collect();
        assert_eq!(ours, [("aws_secret_access_key".to_owned(), "hunter2")]);
        assert!(!format!("{settings:?}").contains("hunter"), "{settings:?}");
    }

    #[test]
    fn metadata_is_asked_only_if_that_is_said() {
        let said = |value: &str| Settings::new([(MAY_ASK_METADATA, value)]).may_ask_metadata();
        assert!(said("true") && !said("false") && !said(""));
        assert!(!Settings::new([("A", "true")]).may_ask_metadata());
    }
}
