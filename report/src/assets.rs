// SPDX-License-Identifier: Apache-2.0
//! Style and scripts of the page, as they are built into the program: no page ever loads anything. uPlot, which draws the charts, is another
//! project's; its licence stands beside it and in each page.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::digest;

/// Colours of both themes.
pub(crate) const COLOURS: &str = include_str!("assets/colours.css");
/// How pictures look.
pub(crate) const PICTURE: &str = include_str!("assets/picture.css");
/// The style of the page.
pub(crate) const STYLE: &str = concat!(
    include_str!("assets/colours.css"),
    include_str!("assets/picture.css"),
    include_str!("assets/page.css"),
    include_str!("assets/uPlot.min.css"),
);
/// The script of the page.
pub(crate) const SCRIPT: &str = concat!(
    "/*\nuPlot 1.6.32\n\n",
    include_str!("assets/uPlot.LICENSE"),
    "\n*/\n",
    include_str!("assets/uPlot.iife.min.js"),
    "\n",
    include_str!("assets/tables.js"),
    include_str!("assets/charts.js"),
);

/// By what a page's policy lets a style or a script of its own pass.
pub(crate) fn passport(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;

    /// What the registry of npm has as uplot 1.6.32; `tools/build uplot` fetches it again to compare.
    #[rstest]
    #[case(include_str!("assets/uPlot.iife.min.js"), "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f")]
    #[case(include_str!("assets/uPlot.min.css"), "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04")]
    #[case(include_str!("assets/uPlot.LICENSE"), "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd")]
    fn uplot_is_as_its_project_published_it(#[case] text: &str, #[case] sum: &str) {
        let found = digest::digest(&digest::SHA256, text.as_bytes());
        let found: String = found.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, sum);
    }

    #[test]
    fn the_lists_of_components_of_a_release_name_uplot_as_it_is_here() {
        let listed: serde_json::Value = serde_json::from_str(include_str!("assets/uPlot.json")).unwrap();
        let component = &listed["component"];
        assert_eq!(listed["in"], env!("CARGO_PKG_NAME"));
        assert_eq!(component["purl"], format!("pkg:npm/uplot@{}", component["version"].as_str().unwrap()));
        assert!(SCRIPT.starts_with(&format!("/*\nuPlot {}\n", component["version"].as_str().unwrap())));
        let script = digest::digest(&digest::SHA256, include_bytes!("assets/uPlot.iife.min.js"));
        let sum: String = script.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(component["hashes"][0]["content"], sum);
    }

    #[test]
    fn nothing_in_style_and_script_ends_them_or_loads_anything() {
        for text in [STYLE, SCRIPT] {
            let lower = text.to_lowercase();
            for end in ["</script", "</style", "<!--", "@import", "url("] {
                assert!(!lower.contains(end), "{end}");
            }
        }
        // None of our own makes text into code or into markup.
        for own in [include_str!("assets/tables.js"), include_str!("assets/charts.js")] {
            for way in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "Function(",
                "fetch(",
            ] {
                assert!(!own.contains(way), "{way}");
            }
        }
    }

    /// Names of colours with their values: of the light theme, then of the dark one.
    fn themes() -> [BTreeMap<&'static str, &'static str>; 2] {
        let (light, dark) = COLOURS.split_once("@media").unwrap();
        [light, dark].map(|theme| {
            theme
                .lines()
                .filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": "))
                .collect()
        })
    }

    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        let linear =
            |part: f64| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
        0.2126 * linear(part(1)) + 0.7152 * linear(part(3)) + 0.0722 * linear(part(5))
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn text_and_lines_stand_out_in_both_themes() {
        for theme in themes() {
            let colour = |name: &str| *theme.get(name).unwrap_or_else(|| panic!("no colour {name}"));
            let texts = [
                ("text", ["ground", "raised", "neutral-ground"]),
                ("faint", ["ground", "raised", "neutral-ground"]),
                ("accent", ["ground", "raised", "ground"]),
                ("good", ["ground", "raised", "good-ground"]),
                ("bad", ["ground", "raised", "bad-ground"]),
                ("doubt", ["ground", "raised", "doubt-ground"]),
                ("text", ["good-ground", "bad-ground", "doubt-ground"]),
                ("faint", ["good-ground", "bad-ground", "doubt-ground"]),
                ("limit", ["ground", "ground", "ground"]),
            ];
            for (text, grounds) in texts {
                for ground in grounds {
                    let found = contrast(colour(text), colour(ground));
                    assert!(found >= 4.5, "{text} on {ground}: {found:.2}");
                }
            }
            let lines = [
                "asked",
                "achieved",
                "users",
                "median",
                "high",
                "highest",
                "errors",
                "desired",
                "current",
                "ready",
                "demand",
                "used",
                "target",
                "decided",
                "created",
                "scheduled",
                "started",
                "becoming-ready",
                "in-endpoints",
                "recovered",
            ];
            for line in lines {
                let found = contrast(colour(line), colour("ground"));
                assert!(found >= 3.0, "{line}: {found:.2}");
            }
        }
    }

    #[test]
    fn both_themes_have_the_same_colours() {
        let [light, dark] = themes();
        assert_eq!(light.keys().collect::<Vec<_>>(), dark.keys().collect::<Vec<_>>());
    }
}
