// SPDX-License-Identifier: Apache-2.0
//! The version of the form, and which versions can be read.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What a record says that it is.
pub const FORMAT: &str = "upsurge.dev/record";

/// The version that is written.
pub const VERSION: FormatVersion = FormatVersion { major: 1, minor: 1 };

/// A version of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FormatVersion {
    /// Documents of another one can't be read.
    pub major: u32,
    /// A later one has more fields.
    pub minor: u32,
}

/// A text that is no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version: it should be MAJOR.MINOR, as 1.0")]
pub struct VersionError(String);

impl FormatVersion {
    /// Whether a document of this version can be read.
    pub fn is_readable(self) -> bool {
        self.major == VERSION.major
    }
}

impl fmt::Display for FormatVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for FormatVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let parts = text.split_once('.').and_then(|(major, minor)| Some((number(major)?, number(minor)?)));
        let (major, minor) = parts.ok_or_else(|| VersionError(text.chars().take(40).collect()))?;
        Ok(Self { major, minor })
    }
}

/// Digits and nothing else: `parse` would take a sign.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl TryFrom<String> for FormatVersion {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<FormatVersion> for String {
    fn from(version: FormatVersion) -> Self {
        version.to_string()
    }
}

impl JsonSchema for FormatVersion {
    fn schema_name() -> Cow<'static, str> {
        "FormatVersion".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^[0-9]+\.[0-9]+$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_two_numbers_and_a_later_minor_one_can_be_read() {
        let read = |text: &str| text.parse::<FormatVersion>().map(FormatVersion::is_readable);
        assert_eq!(
            [read("1.0"), read("1.27"), read("2.0"), read("0.9")],
            [Ok(true), Ok(true), Ok(false), Ok(false)]
        );
        for wrong in ["", "1", "1.", ".1", "+1.0", "1.0.0", "1.x", "99999999999.0"] {
            assert!(wrong.parse::<FormatVersion>().is_err(), "{wrong}");
        }
        assert_eq!(serde_json::to_string(&VERSION).unwrap(), "\"1.1\"");
    }
}
