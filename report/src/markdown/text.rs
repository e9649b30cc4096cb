// SPDX-License-Identifier: Apache-2.0
//! Texts of somebody else in Markdown, so that they are neither markup, nor mentions, nor links, and break no table.

use crate::words;

/// Longest name, in characters.
const LONGEST: usize = 120;

/// A name as a code span that may stand in a table.
pub(super) fn code(text: &str) -> String {
    let text = words::beginning(text, LONGEST).unwrap_or_else(|| text.to_owned());
    let text = words::printable(&text);
    if text.trim().is_empty() {
        return "–".to_owned();
    }
    let longest = text.split(|sign| sign != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", text.replace('|', "\\|"))
}

/// A sentence of at most so many characters, with everything escaped that Markdown or HTML could take for something else.
pub(super) fn plain(text: &str, most: usize) -> String {
    let text = words::beginning(text, most).unwrap_or_else(|| text.to_owned());
    let mut escaped = String::with_capacity(text.len());
    for sign in words::printable(&text).chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // Nobody is to be called by the name of a request.
            '@' => escaped.push_str("@\u{200b}"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(sign);
            }
            _ => escaped.push(sign),
        }
    }
    // What looks like a link would become one.
    escaped.replace("://", ":\u{200b}//").replace("www.", "www\u{200b}.")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("pay", "`pay`")]
    #[case("a|b", "`a\\|b`")]
    #[case("a`b``c", "```a`b``c```")]
    #[case("`x`", "`` `x` ``")]
    #[case("a\nb\u{202e}c", "`a b\u{fffd}c`")]
    #[case("</script> @team #12 www.example.com", "`</script> @team #12 www.example.com`")]
    #[case(" ", "–")]
    fn names_are_code(#[case] name: &str, #[case] written: &str) {
        assert_eq!(code(name), written);
    }

    #[rstest]
    #[case("p95 is 5 < 7 & well", "p95 is 5 &lt; 7 &amp; well")]
    #[case("[a](b) *c* _d_ `e` | ~f~", "\\[a\\](b) \\*c\\* \\_d\\_ \\`e\\` \\| \\~f\\~")]
    #[case("ask @team at https://example.com", "ask @\u{200b}team at https:\u{200b}//example.com")]
    fn sentences_are_no_markup(#[case] text: &str, #[case] written: &str) {
        assert_eq!(plain(text, 100), written);
    }
}
