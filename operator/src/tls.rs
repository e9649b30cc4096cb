// SPDX-License-Identifier: Apache-2.0
//! TLS of the collector: what it shows to those who connect, and where that comes from.
//!
//! [`Served`] is what is shown at the moment; the collector and the builder of runner pods read it. It is filled either by
//! [`keeper`], from authorities of the operator's own in a Secret, or by [`files`], from a Secret of somebody else's that is
//! mounted. What is decided about authorities is pure and in [`rotation`]. Nothing in here knows the collector or runs.

pub mod authority;
pub mod files;
pub mod identity;
pub mod keeper;
pub mod names;
pub mod rotation;
mod secret;
pub mod served;

pub use self::{identity::Identity, names::Names, served::Served};

/// Why certificates or keys can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Something is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// Something is not what it should be.
    #[error("{what} can't be used: {why}")]
    Wrong {
        /// What it is.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The certificate is well-formed, but a runner that dials the collector would turn away.
    #[error("runners would not take the certificate for that of {name}: {why}")]
    Distrusted {
        /// The name by which runners know the collector.
        name: String,
        /// What they would say.
        why: String,
    },
    /// A key or certificate can't be made.
    #[error("a certificate can't be made: {0}")]
    NotMade(String),
}

impl Unusable {
    fn wrong(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Wrong { what: what.into(), why: why.to_string() }
    }
}

impl From<rcgen::Error> for Unusable {
    fn from(error: rcgen::Error) -> Self {
        Self::NotMade(error.to_string())
    }
}
