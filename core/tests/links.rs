// SPDX-License-Identifier: Apache-2.0
//! Every relative link and include in the documentation leads to a file that is there.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            pages(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

#[test]
fn relative_links_lead_somewhere() {
    let mut all = Vec::new();
    pages(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".."), &mut all);
    assert!(all.len() > 10, "only {} pages were found", all.len());
    let link = Regex::new(r"\]\(([^)#\s]+)[^)]*\)|\{\{#include ([^}\s]+)\}\}").unwrap();
    let mut broken = Vec::new();
    for page in all {
        let text = fs::read_to_string(&page).unwrap();
        for capture in link.captures_iter(&text) {
            let target = capture.get(1).or(capture.get(2)).unwrap().as_str();
            if !target.contains("://") && !page.parent().unwrap().join(target).exists() {
                broken.push(format!("{} → {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}
