// SPDX-License-Identifier: Apache-2.0
//! Why connections can't be made as a test wants.

/// Why connections can't be made as the test wants.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A certificate, key or cipher can't be used.
    #[error("{field}: {message}")]
    Tls {
        /// The field.
        field: String,
        /// What is wrong.
        message: String,
    },
    /// A proxy's URL is wrong.
    #[error("{field}: {message}")]
    Proxy {
        /// The field, or the environment variable.
        field: String,
        /// What is wrong.
        message: String,
    },
}
