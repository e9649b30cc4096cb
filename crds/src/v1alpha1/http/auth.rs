// SPDX-License-Identifier: Apache-2.0
//! Credentials of requests.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Credentials. Exactly one of `basic`, `bearer`, `digest` and `none` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "(has(self.basic) ? 1 : 0) + (has(self.bearer) ? 1 : 0) + (has(self.digest) ? 1 : 0) + (has(self.none) ? 1 : 0) == 1",
        "auth has exactly one of basic, bearer, digest and none"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// User name and password in the `Authorization` header (RFC 7617).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<UserPassword>,

    /// A token in the `Authorization` header (RFC 6750).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<Bearer>,

    /// User name and a digest of the password (RFC 7616, MD5 and SHA-256). A request is sent without
    /// credentials first, and again with them when the server asks; both messages are recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<UserPassword>,

    /// `true` in a request that is to be sent without the test's credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [true]))]
    pub none: Option<bool>,
}

/// A user name and a password.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserPassword {
    /// User name. May hold templates.
    #[schemars(length(min = 1, max = 1024))]
    pub username: String,

    /// Password. May hold templates. Example: `{{ secrets.password }}`.
    #[schemars(length(max = 1024))]
    pub password: String,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bearer {
    /// The token. May hold templates. Example: `{{ secrets.token }}`.
    #[schemars(length(min = 1, max = 8192))]
    pub token: String,
}
