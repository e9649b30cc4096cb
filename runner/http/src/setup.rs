// SPDX-License-Identifier: Apache-2.0
//! What the connections of all cores are made with: read, parsed and checked once, before the load.

use std::{collections::BTreeMap, sync::Arc};

use upsurge_core::http::HttpSettings;
use upsurge_system::files::Files;

use super::{proxy::Proxies, setup_error::SetupError, tls::Tls};

/// What the connections of all cores are made with.
#[derive(Debug)]
pub struct Setup {
    /// The test's settings.
    pub settings: HttpSettings,
    /// Certificates and versions.
    pub(crate) tls: Tls,
    /// Ways around and through proxies.
    pub(crate) proxies: Proxies,
}

impl Setup {
    /// Reads what the settings name.
    pub fn new(
        settings: &HttpSettings,
        secrets: &BTreeMap<String, String>,
        files: &Files,
    ) -> Result<Arc<Self>, SetupError> {
        let environment = |name: &str| std::env::var(name).ok();
        Ok(Arc::new(Self {
            tls: Tls::compile(&settings.tls, settings.version, files)?,
            proxies: Proxies::compile(&settings.proxy, secrets, &environment)?,
            settings: settings.clone(),
        }))
    }
}
