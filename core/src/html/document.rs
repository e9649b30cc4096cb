// SPDX-License-Identifier: Apache-2.0
//! A document and its elements.

use scraper::{ElementRef, Html};

use super::selector::Selector;

/// How deep a document may be for a selector that looks into elements, such as `:has(…)`: as deep as browsers let
/// elements stand in each other. Matching recurses then, and how deep a page is is up to the server.
const MOST_DEPTH: usize = 512;

/// A parsed HTML document.
#[derive(Debug)]
pub struct Document(Html);

/// An element of a document.
#[derive(Clone, Copy, Debug)]
pub struct Element<'d>(ElementRef<'d>);

impl Document {
    /// Reads HTML; there is none that can't be read. Bytes that are no UTF-8 are replaced.
    pub fn parse(html: &[u8]) -> Self {
        Self(Html::parse_document(&String::from_utf8_lossy(html)))
    }

    /// The elements that a selector matches, in the order of the document. One that looks into elements matches
    /// nothing in a document that is deeper than browsers make them.
    pub fn select<'d>(&'d self, selector: &'d Selector) -> impl Iterator<Item = Element<'d>> {
        let readable = !selector.looks_inside() || !self.is_deep();
        let root = self.0.tree.root().children().find_map(ElementRef::wrap).filter(|_| readable);
        let all = root.into_iter().flat_map(move |root| {
            let itself = Some(root).filter(|root| selector.compiled().matches(root));
            // Not by `Html::select`, which has elements in the order in which they were made.
            itself.into_iter().chain(root.select(selector.compiled()))
        });
        all.map(Element)
    }

    fn is_deep(&self) -> bool {
        self.0.tree.root().descendants().any(|node| node.ancestors().nth(MOST_DEPTH).is_some())
    }
}

impl<'d> Element<'d> {
    /// The value of an attribute, whose name is in lower case.
    pub fn attribute(self, wanted: &str) -> Option<&'d str> {
        self.0.value().attrs().find(|(name, _)| *name == wanted).map(|(_, value)| value)
    }

    /// Its text as it is read: that of all that is in it, with single spaces between words.
    pub fn text(self) -> String {
        let all: String = self.0.text().collect();
        let mut words = String::with_capacity(all.len());
        for word in all.split_whitespace() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
        }
        words
    }
}
