// SPDX-License-Identifier: Apache-2.0
//! The two themes of a picture. A picture for a browser carries both; whatever can't choose, or knows no variables in a style
//! sheet, gets the sheet of one theme, with the colours written out.

use std::sync::LazyLock;

use crate::assets::{COLOURS, PICTURE};

/// Colours of a picture that does not adapt to its reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on nearly black.
    Dark,
}

static LIGHT: LazyLock<String> = LazyLock::new(|| written_out(Theme::Light));
static DARK: LazyLock<String> = LazyLock::new(|| written_out(Theme::Dark));

impl Theme {
    /// How pictures look in this theme alone.
    pub(crate) fn sheet(self) -> &'static str {
        match self {
            Self::Light => LIGHT.as_str(),
            Self::Dark => DARK.as_str(),
        }
    }
}

/// The sheet of pictures with this theme's colours in place of variables.
fn written_out(theme: Theme) -> String {
    let (light, dark) = COLOURS.split_once("@media").unwrap_or((COLOURS, COLOURS));
    let colours = match theme {
        Theme::Light => light,
        Theme::Dark => dark,
    };
    let named = colours
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": "));
    named.fold(PICTURE.to_owned(), |sheet, (name, colour)| sheet.replace(&format!("var(--{name})"), colour))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_variable_is_left_and_the_themes_differ() {
        for theme in [Theme::Light, Theme::Dark] {
            let sheet = theme.sheet();
            assert!(!sheet.contains("var(") && !sheet.contains("@media"), "{sheet}");
            assert_eq!(sheet.lines().count(), PICTURE.lines().count());
        }
        assert!(Theme::Light.sheet().contains("svg .ground { fill: #ffffff; }"));
        assert!(Theme::Dark.sheet().contains("svg .ground { fill: #12161c; }"));
    }
}
