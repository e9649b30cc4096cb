// SPDX-License-Identifier: Apache-2.0
//! Writes the pages of the reference that are made of the code, into the given folder: the fields of the definitions, and the
//! metrics.

use std::{error::Error, fs, path::PathBuf};

use upsurge_core::metrics::reference as metrics;
use upsurge_crds::{manifests, reference};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("usage: docgen FOLDER")?;
    fs::create_dir_all(&folder)?;
    for definition in &manifests::explained() {
        let name = format!("fields-{}.md", definition.spec.names.kind.to_lowercase());
        fs::write(folder.join(name), reference::page(definition))?;
    }
    fs::write(folder.join("metric-list.md"), metrics::page())?;
    Ok(())
}
