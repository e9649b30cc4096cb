// SPDX-License-Identifier: Apache-2.0
//! Writes HTML and SVG. What is not written in this program's own source gets in as text or as the value of an
//! attribute alone, escaped: names come from tests and servers, and none of them can become markup.

use std::fmt::{self, Display, Write as _};

/// Markup that is being written.
#[derive(Debug, Default)]
pub(crate) struct Markup(String);

/// A tag of which the attributes are being written.
#[derive(Debug)]
#[must_use]
pub(crate) struct Tag<'a> {
    markup: &'a mut Markup,
    name: &'static str,
}

impl Markup {
    /// What `write` writes.
    pub(crate) fn written(write: impl FnOnce(&mut Self)) -> String {
        let mut markup = Self::default();
        write(&mut markup);
        markup.0
    }

    /// Markup from the program's own source.
    pub(crate) fn source(&mut self, source: &'static str) -> &mut Self {
        self.0.push_str(source);
        self
    }

    /// Data that hold nothing but the signs of base64, in quotation marks; anything else in them is left out.
    pub(crate) fn packed(&mut self, data: &str) -> &mut Self {
        self.0.extend(
            data.chars().filter(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '+' | '/' | '=' | '"')),
        );
        self
    }

    /// Begins a tag.
    pub(crate) fn tag(&mut self, name: &'static str) -> Tag<'_> {
        self.0.push('<');
        self.0.push_str(name);
        Tag { markup: self, name }
    }

    /// Text, escaped.
    pub(crate) fn text(&mut self, text: impl Display) -> &mut Self {
        // Writing to a text can't fail.
        let _ = write!(Escaped(&mut self.0), "{text}");
        self
    }
}

impl<'a> Tag<'a> {
    /// An attribute.
    pub(crate) fn set(self, name: &'static str, value: impl Display) -> Self {
        let _ = write!(self.markup.0, " {name}=\"");
        let _ = write!(Escaped(&mut self.markup.0), "{value}");
        self.markup.0.push('"');
        self
    }

    /// An attribute, if it has a value.
    pub(crate) fn set_if(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// A place in the coordinates of a picture, to a tenth of a pixel.
    pub(crate) fn at(self, name: &'static str, value: f64) -> Self {
        self.set(name, Tenth(value))
    }

    /// Classes.
    pub(crate) fn class(self, classes: impl Display) -> Self {
        self.set("class", classes)
    }

    /// Ends a tag that holds nothing. Of HTML's own tags only those that never do.
    pub(crate) fn empty(self) -> &'a mut Markup {
        self.markup.0.push_str("/>");
        self.markup
    }

    /// Ends a tag that holds text.
    pub(crate) fn text(self, text: impl Display) -> &'a mut Markup {
        self.with(|markup| {
            markup.text(text);
        })
    }

    /// Ends a tag that holds what `write` writes.
    pub(crate) fn with(self, write: impl FnOnce(&mut Markup)) -> &'a mut Markup {
        let Self { markup, name } = self;
        markup.0.push('>');
        write(markup);
        let _ = write!(markup.0, "</{name}>");
        markup
    }
}

/// A number with at most one decimal place, as short as that can be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tenth(pub(crate) f64);

impl Display for Tenth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round() as i64;
        match tenths % 10 {
            0 => write!(formatter, "{}", tenths / 10),
            rest => {
                let sign = if tenths < 0 { "-" } else { "" };
                write!(formatter, "{sign}{}.{}", (tenths / 10).abs(), rest.abs())
            }
        }
    }
}

/// Escapes what is written through it for text and for attributes alike, of HTML and of XML.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for sign in text.chars() {
            match sign {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(sign),
                // XML knows none of these, and HTML makes of the first ones something else.
                _ if sign.is_control() || matches!(sign, '\u{fffe}' | '\u{ffff}') => self.0.push('\u{fffd}'),
                _ => self.0.push(sign),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("</script><b>", "&lt;/script&gt;&lt;b&gt;")]
    #[case("a & 'b' \"c\"", "a &amp; &#39;b&#39; &quot;c&quot;")]
    #[case("a\0b\u{1b}[2Jc\u{ffff}", "a\u{fffd}b\u{fffd}[2Jc\u{fffd}")]
    #[case("\u{202e}עברית 🚀", "\u{202e}עברית 🚀")]
    fn nothing_that_is_given_becomes_markup(#[case] given: &str, #[case] written: &str) {
        let text = Markup::written(|markup| {
            markup.tag("p").set("title", given).text(given);
        });
        assert_eq!(text, format!("<p title=\"{written}\">{written}</p>"));
    }

    #[test]
    fn tags_hold_tags() {
        let text = Markup::written(|markup| {
            markup.tag("g").class("a").at("x", 1.25).with(|markup| {
                markup.tag("path").set_if("d", None::<&str>).set("id", "b").empty();
            });
        });
        assert_eq!(text, "<g class=\"a\" x=\"1.3\"><path id=\"b\"/></g>");
    }

    #[rstest]
    #[case(0.0, "0")]
    #[case(-0.04, "0")]
    #[case(-0.25, "-0.3")]
    #[case(12.0, "12")]
    #[case(12.34, "12.3")]
    #[case(-12.95, "-13")]
    fn places_are_short(#[case] value: f64, #[case] text: &str) {
        assert_eq!(Tenth(value).to_string(), text);
    }
}
