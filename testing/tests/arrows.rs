// SPDX-License-Identifier: Apache-2.0
//! The parts of each crate (the modules of its `lib.rs` or `main.rs`) lead one way: one that another one uses doesn't use that one,
//! not even by way of a third. Whoever draws a circle is told here.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Whether a file or folder of that name is compiled for tests only, which may use what they like.
fn is_for_tests(name: &str) -> bool {
    matches!(name, "tests" | "fixtures" | "played") || name.ends_with("_tests")
}

/// A file without its comments and without the tests at its end.
fn code(text: &str) -> String {
    let (code, _) = text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((text, ""));
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The word that a text begins with.
fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|sign| sign.is_ascii_alphanumeric() || *sign == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// The parts that code names: what stands behind `crate::`, or behind as many `super::` as lead there from a file so deep, one word or
/// several in braces.
fn named(code: &str, depth: usize) -> BTreeSet<String> {
    let (mut names, root) = (BTreeSet::new(), "super::".repeat(depth));
    for rest in ["crate::", root.as_str()].into_iter().flat_map(|path| code.split(path).skip(1)) {
        match rest.strip_prefix('{') {
            Some(list) => names.extend(members(list)),
            None => names.extend(word(rest)),
        }
    }
    names
}

/// The first words of a list in braces, which ends with its own brace.
fn members(list: &str) -> Vec<String> {
    let (mut depth, mut begins, mut found) = (0_u32, true, Vec::new());
    for (at, sign) in list.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if begins && !sign.is_whitespace() => {
                found.extend(word(&list[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    found
}

#[test]
fn what_code_names_is_found() {
    let text = "use crate::{\n    cache::{Cache, Scope}, // and crate::no\n    events::Events,\n};\nuse crate::fence::Fence;\n\
                fn a(x: &crate::status::Texts) -> super::super::lease::Lease {}\nuse super::own;\n#[cfg(test)]\nmod tests {\n    use crate::played::Played;\n}\n";
    let names: Vec<String> = named(&code(text), 2).into_iter().collect();
    assert_eq!(names, ["cache", "events", "fence", "lease", "status"]);
}

/// Each part of a crate with the parts that it names.
fn arrows(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut arrows = BTreeMap::<String, BTreeSet<String>>::new();
    for file in files(source) {
        let place = file.strip_prefix(source).unwrap().with_extension("");
        let names: Vec<&str> = place.iter().filter_map(OsStr::to_str).collect();
        if file.extension() != Some(OsStr::new("rs")) || names.iter().any(|name| is_for_tests(name)) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        arrows.entry(names[0].to_owned()).or_default().extend(named(&code(&text), names.len()));
    }
    for (part, names) in &mut arrows {
        names.remove(part);
    }
    arrows
}

/// What is left of arrows when whoever uses nobody who is left is taken away, again and again: what leads in a circle, or to one.
fn circles(mut arrows: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    loop {
        let uses = |names: &BTreeSet<String>| names.iter().any(|name| arrows.contains_key(name));
        let left: BTreeSet<String> =
            arrows.iter().filter(|(_, names)| uses(names)).map(|(part, _)| part.clone()).collect();
        if left.len() == arrows.len() {
            return arrows;
        }
        arrows.retain(|part, _| left.contains(part));
    }
}

#[test]
fn a_circle_is_found_and_what_leads_to_it() {
    let arrows = |list: &[(&str, &str)]| {
        let mut arrows = BTreeMap::<String, BTreeSet<String>>::new();
        for (from, to) in list {
            arrows.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            arrows.entry((*to).to_owned()).or_default();
        }
        arrows
    };
    assert!(circles(arrows(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    let found = circles(arrows(&[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]));
    assert_eq!(found.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn no_part_of_a_crate_leads_back_to_itself() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let (_, members) = manifest.split_once("members = [").unwrap();
    let (members, _) = members.split_once(']').unwrap();
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.contains(&"core") && members.contains(&"operator"), "{members:?}");
    let mut found = BTreeMap::new();
    for member in members {
        let arrows = arrows(&root.join(member).join("src"));
        if member == "operator" {
            assert!(arrows["load_test_run"].contains("collector"), "nothing was read: {arrows:?}");
        }
        let circles = circles(arrows);
        if !circles.is_empty() {
            found.insert(member, circles);
        }
    }
    assert!(found.is_empty(), "these lead in a circle, or to one: {found:#?}");
}
