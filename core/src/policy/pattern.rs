// SPDX-License-Identifier: Apache-2.0
//! Patterns with `*` for any characters, as policies name namespaces, images and Secrets.

/// A text in which `*` stands for any characters, also none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Any text is a pattern.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a whole text is meant.
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(mut left) = text.strip_prefix(first) else { return false };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*') {
            // The first place that fits leaves most to those that follow.
            let Some(at) = left.find(part) else { return false };
            left = &left[at + part.len()..];
        }
        left.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("shop", "shop", true)]
    #[case("shop", "shop-2", false)]
    #[case("team-*", "team-a", true)]
    #[case("team-*", "team-", true)]
    #[case("team-*", "my-team-a", false)]
    #[case("*-test", "shop-test", true)]
    #[case("*-test", "shop-tests", false)]
    #[case("*", "", true)]
    #[case("a*b*c", "a-b-b-c", true)]
    #[case("a*b*c", "acb", false)]
    #[case("a*a", "a", false)]
    #[case("a**a", "aa", true)]
    #[case("registry.example.com/upsurge/*", "registry.example.com/upsurge/runner:1", true)]
    #[case("registry.example.com/upsurge/*", "registry.example.com.evil/upsurge/runner", false)]
    #[case("*@sha256:*", "a/b@sha256:12", true)]
    #[case("", "a", false)]
    fn a_star_stands_for_any_characters(#[case] pattern: &str, #[case] text: &str, #[case] matches: bool) {
        assert_eq!(Pattern::new(pattern).matches(text), matches);
    }
}
