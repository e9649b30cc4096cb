// SPDX-License-Identifier: Apache-2.0
//! Bodies of several parts (RFC 7578).

use std::collections::BTreeMap;

use bytes::Bytes;
use upsurge_core::scenario::{self, BOUNDARY, PartContent};
use upsurge_crds::v1alpha1::FileSource;

use super::{Generated, Part, Section, fold};

/// Parts of a multipart body with their heads and the boundaries between them (RFC 7578).
pub(super) fn multipart(
    parts: &[scenario::Part],
    secrets: &BTreeMap<String, String>,
    read: &dyn Fn(&FileSource) -> Result<Bytes, String>,
) -> Result<Vec<Section>, String> {
    let mut sections = Vec::with_capacity(parts.len() * 2 + 1);
    for part in parts {
        let name = quoted(&part.name);
        let mut head =
            vec![Part::Text(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\""))];
        let mut content_type = part.content_type.as_deref();
        let file = match &part.content {
            PartContent::Text(_) => None,
            PartContent::File { name, .. } => Some((name, "application/octet-stream")),
            PartContent::Generated { content, name } => Some((name, content.media_type())),
        };
        if let Some((name, usual)) = file {
            head.push(Part::Text("; filename=\"".into()));
            head.push(Part::Quoted(fold(name, secrets)));
            head.push(Part::Text("\"".into()));
            content_type = content_type.or(Some(usual));
        }
        let content_type =
            content_type.map(|content_type| format!("\r\nContent-Type: {content_type}")).unwrap_or_default();
        head.push(Part::Text(format!("{content_type}\r\n\r\n")));
        match &part.content {
            PartContent::Text(template) => {
                head.extend([Part::Plain(fold(template, secrets)), Part::Text("\r\n".into())]);
                sections.push(Section::Text(head));
            }
            PartContent::File { source, .. } => {
                sections.extend([Section::Text(head), Section::Bytes(read(source)?), line_end()]);
            }
            PartContent::Generated { content, .. } => {
                sections.extend([Section::Text(head), Generated::section(content), line_end()]);
            }
        }
    }
    sections.push(Section::Text(vec![Part::Text(format!("--{BOUNDARY}--\r\n"))]));
    Ok(sections)
}

fn line_end() -> Section {
    Section::Text(vec![Part::Text("\r\n".into())])
}

/// A name as it stands within quotes of a multipart head, in the manner of browsers.
pub(super) fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
