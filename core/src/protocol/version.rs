// SPDX-License-Identifier: Apache-2.0
//! Versions of the protocol between runners and the operator, and how a mismatch is told.
//!
//! An operator serves the present version and the one before, so that an upgrade loses no run under way. Whatever the
//! version, a first word carries what [`Introduction`] holds: who speaks another version is known by name, and the run ends
//! with both versions in its message instead of words that nobody understands.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{RunPlan, novelty};

/// The version that this release speaks. 1 is that of the releases whose hello named none.
/// 2 names its version; 3 knows runs of several epochs, and all else that `novelty` looks for.
pub const PROTOCOL_VERSION: u32 = 3;

/// The versions that an operator of this release serves.
pub const SERVED_VERSIONS: Versions = Versions { from: PROTOCOL_VERSION - 1, to: PROTOCOL_VERSION };

/// The versions that are served of a plan: the present one alone if it has what the one before does not know.
pub fn served(plan: &RunPlan) -> Versions {
    if novelty::is_any(plan) {
        Versions { from: PROTOCOL_VERSION, ..SERVED_VERSIONS }
    } else {
        SERVED_VERSIONS
    }
}

/// Whether a version is served of a plan. Of the present one that is known without a look at the plan.
pub fn is_served(plan: &RunPlan, version: u32) -> bool {
    version == PROTOCOL_VERSION || served(plan).contains(version)
}

/// The version of who names none.
pub(crate) fn first_version() -> u32 {
    1
}

/// The epoch of who names none.
pub(crate) fn first_epoch() -> u32 {
    1
}

/// Whether it is that one, which is not written down.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
pub(super) fn is_first(epoch: &u32) -> bool {
    *epoch == first_epoch()
}

/// Versions that an operator serves, from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The earliest.
    pub from: u32,
    /// The latest.
    pub to: u32,
}

impl Versions {
    /// Whether a version is served.
    pub fn contains(&self, version: u32) -> bool {
        (self.from..=self.to).contains(&version)
    }
}

impl Default for Versions {
    /// Those of an operator that names none.
    fn default() -> Self {
        Self { from: first_version(), to: first_version() }
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to.saturating_sub(self.from) {
            0 => write!(formatter, "version {} only", self.to),
            1 => write!(formatter, "versions {} and {}", self.from, self.to),
            _ => write!(formatter, "versions {} to {}", self.from, self.to),
        }
    }
}

/// What the first words of every version have in common.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Introduction {
    /// Version that is spoken.
    #[serde(default = "first_version")]
    pub version: u32,
    /// Index of the runner, from 0.
    pub runner: u32,
    /// Name of its pod.
    pub pod: String,
}

/// A runner and an operator that have no version in common.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} speaks version {spoken} of the runner protocol, but {operator} serves {served}: {}",
    .image.as_deref().map_or_else(|| "the runner".to_owned(), |image| format!("runner image {image}")),
    remedy(.image.as_deref())
)]
pub struct Mismatch {
    /// `spec.runner.image`, if the test names an image and it is known here.
    pub image: Option<String>,
    /// Version of the runner.
    pub spoken: u32,
    /// The operator, as the one who says this names it.
    pub operator: &'static str,
    /// Versions of the operator.
    pub served: Versions,
}

fn remedy(image: Option<&str>) -> &'static str {
    match image {
        Some(_) => "leave spec.runner.image out, or build it from the operator's release",
        None => {
            "install the operator and the runner's image of one release (operator.image and runner.image of the chart)"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_present_version_and_the_one_before_are_served() {
        assert!(SERVED_VERSIONS.contains(PROTOCOL_VERSION) && SERVED_VERSIONS.contains(PROTOCOL_VERSION - 1));
        assert!(!SERVED_VERSIONS.contains(PROTOCOL_VERSION + 1) && !SERVED_VERSIONS.contains(0));
        // Releases before the first that named a version.
        assert!(Versions::default().contains(1) && !Versions::default().contains(PROTOCOL_VERSION));
    }

    #[test]
    fn who_names_no_version_speaks_the_first() {
        let old = r#"{"runner": 2, "pod": "spike-1-2", "sentAt": 0, "readiness": "ready"}"#;
        let introduction: Introduction = serde_json::from_str(old).unwrap();
        assert_eq!((introduction.version, introduction.runner), (1, 2));
        // A version to come, of whose words only these are known.
        let new = r#"{"version": 9, "runner": 0, "pod": "p", "readiness": {"quantum": true}}"#;
        assert_eq!(serde_json::from_str::<Introduction>(new).unwrap().version, 9);
    }

    #[test]
    fn a_mismatch_names_both_versions_and_what_to_do() {
        let mut mismatch = Mismatch {
            image: Some("shop/runner:7".into()),
            spoken: 9,
            operator: "this operator",
            served: SERVED_VERSIONS,
        };
        assert_eq!(
            mismatch.to_string(),
            "runner image shop/runner:7 speaks version 9 of the runner protocol, but this operator serves versions 2 and 3: \
             leave spec.runner.image out, or build it from the operator's release"
        );
        mismatch.image = None;
        mismatch.served = Versions::default();
        let text = mismatch.to_string();
        assert!(text.starts_with("the runner speaks version 9") && text.contains("version 1 only"), "{text}");
    }
}
