// SPDX-License-Identifier: Apache-2.0
//! The HTTP request that a step sends.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    capture::Capture,
    duration::TimeSpan,
    expectation::Expectation,
    generated::GeneratedContent,
    http::{Coding, auth::Auth, multipart::MultipartPart, status_range::StatusRange},
    size::ByteSize,
    source::FileSource,
};

/// An HTTP request. At most one of `json`, `body`, `form`, `multipart`, `file`, `base64` and `generated` is
/// given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        // `json` may be any value, and so CEL cannot see it: the operator looks at that one.
        "(has(self.body) ? 1 : 0) + (has(self.form) ? 1 : 0) + (has(self.multipart) ? 1 : 0) + (has(self.file) ? 1 : 0) + (has(self.base64) ? 1 : 0) + (has(self.generated) ? 1 : 0) <= 1",
        "a request has at most one of json, body, form, multipart, file, base64 and generated"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct RequestStep {
    /// Name that thresholds and results use. Default: method and URL as written, before templates
    /// are filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub name: Option<String>,

    /// Method. Default: GET.
    #[serde(default)]
    pub method: HttpMethod,

    /// Path that is joined to `target.baseURL`, or a whole URL. May hold templates.
    /// Example: `/api/v1/payments/{{ paymentId }}`.
    #[schemars(length(min = 1, max = 4096))]
    pub url: String,

    /// Query parameters, added to the URL percent-encoded. Values may hold templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub query: BTreeMap<String, String>,

    /// Headers. Values may hold templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub headers: BTreeMap<String, String>,

    /// JSON body, any value; strings in it may hold templates. A string that is nothing but one
    /// template takes the type of its value. Sets `Content-Type: application/json` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_value")]
    pub json: Option<Value>,

    /// Body as text. May hold templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262_144))]
    pub body: Option<String>,

    /// Body as a URL-encoded form. Values may hold templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 100))]
    pub form: Option<BTreeMap<String, String>>,

    /// Body as `multipart/form-data`, of these parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20))]
    pub multipart: Option<Vec<MultipartPart>>,

    /// Body from a file, sent as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileSource>,

    /// Body of any bytes, in base64 (RFC 4648).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262_144))]
    pub base64: Option<String>,

    /// Body of a declared size, made up. Sets the `Content-Type` of its kind unless given.
    /// Example: `{size: 10Mi, seed: 7, kind: JSON}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<GeneratedContent>,

    /// Codings that the body is compressed with, in this order; named in `Content-Encoding`. Default:
    /// none. Example: `[Gzip]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub compression: Vec<Coding>,

    /// Cookies sent with this request in addition to those that the user has from responses; of the same
    /// name, these win. Values may hold templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub cookies: BTreeMap<String, String>,

    /// Credentials instead of `http.auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,

    /// Most redirects that are followed, instead of `http.maxRedirects`; 0 follows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_redirects: Option<i32>,

    /// Status codes that don't count as failed, instead of `http.expectedStatuses`. Unlike an expectation,
    /// no check is counted. Example: `[200-299, 404]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 50))]
    pub expected_statuses: Option<Vec<StatusRange>>,

    /// Largest body of the response instead of `http.maxResponseSize`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_response_size: Option<ByteSize>,

    /// Timeout of this request instead of `http.timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<TimeSpan>,

    /// Tags of all that the request records, besides those of the scenario.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub tags: BTreeMap<String, String>,

    /// Values taken from the response into variables of the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub capture: Vec<Capture>,

    /// What the response must be like. Each is counted as a check; the first entry with `status` also
    /// decides which responses count as failed in `http_req_failed`, unless `expectedStatuses` does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub expect: Vec<Expectation>,
}

/// Schema of a field that may hold any value.
pub(super) fn any_value(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// HTTP methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// GET
    #[default]
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// HEAD
    Head,
    /// OPTIONS
    Options,
}

impl HttpMethod {
    /// The method as it stands in a request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
        }
    }
}
