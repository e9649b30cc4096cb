// SPDX-License-Identifier: Apache-2.0
//! Parts of a multipart body.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::super::{generated::GeneratedContent, source::FileSource};

/// A part of a `multipart/form-data` body. Exactly one of `value`, `file` and `generated` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "(has(self.value) ? 1 : 0) + (has(self.file) ? 1 : 0) + (has(self.generated) ? 1 : 0) == 1",
        "a part has exactly one of value, file and generated"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct MultipartPart {
    /// Name of the form's field.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,

    /// Text. May hold templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262_144))]
    pub value: Option<String>,

    /// Contents of a file, sent as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileSource>,

    /// A file of a declared size, made up. Example: `{size: 10Mi, seed: 7}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<GeneratedContent>,

    /// Name of the file as the server sees it. May hold templates. Default: the key of the file's source, if
    /// it has one, or else `file`; a generated one is called `generated.bin`, `generated.txt` or `generated.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub file_name: Option<String>,

    /// Media type. Default: none for a text, `application/octet-stream` for a file, for a generated one that of
    /// its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub content_type: Option<String>,
}
