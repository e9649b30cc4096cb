//! A document and its elements.

use html5ever::{Attribute, LocalName, ParseOpts, tendril::StrTendril, tendril::TendrilSink as _};

use super::{selector::Selector, sink::Sink};

/// A parsed HTML document.
#[derive(Debug)]
pub struct Document {
    pub(super) nodes: Vec<Node>,
}

/// A node: what it is, and its neighbours by index.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) content: Content,
    pub(super) parent: Option<usize>,
    pub(super) children: Vec<usize>,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Content {
    /// An element.
    Element { name: html5ever::QualName, attributes: Vec<Attribute> },
    /// Text.
    Text(StrTendril),
    /// The document itself, a comment and the like.
    Other,
}

/// An element of a document.
#[derive(Clone, Copy, Debug)]
pub struct Element<'d> {
    document: &'d Document,
    index: usize,
}

impl Document {
    /// Reads HTML; there is none that can't be read. Bytes that are no UTF-8 are replaced.
    pub fn parse(html: &[u8]) -> Self {
        html5ever::parse_document(Sink::default(), ParseOpts::default()).from_utf8().one(html)
    }

    /// The elements that a selector matches, in the order of the document.
    pub fn select<'d>(&'d self, selector: &'d Selector) -> impl Iterator<Item = Element<'d>> {
        self.below(0).filter_map(|index| self.element(index)).filter(|element| selector.matches(*element))
    }

    /// All nodes below a node, in the order of the document.
    fn below(&self, top: usize) -> impl Iterator<Item = usize> {
        let children = |index: usize| self.nodes.get(index).map_or(&[][..], |node| &node.children);
        let mut waiting: Vec<usize> = children(top).iter().rev().copied().collect();
        std::iter::from_fn(move || {
            let next = waiting.pop()?;
            waiting.extend(children(next).iter().rev());
            Some(next)
        })
    }

    fn element(&self, index: usize) -> Option<Element<'_>> {
        let node = self.nodes.get(index)?;
        matches!(node.content, Content::Element { .. }).then_some(Element { document: self, index })
    }
}

impl<'d> Element<'d> {
    fn node(self) -> Option<&'d Node> {
        self.document.nodes.get(self.index)
    }

    /// Its name in lower case.
    pub(super) fn name(self) -> Option<&'d LocalName> {
        match &self.node()?.content {
            Content::Element { name, .. } => Some(&name.local),
            _ => None,
        }
    }

    /// The value of an attribute, whose name is in lower case.
    pub fn attribute(self, wanted: &str) -> Option<&'d str> {
        match &self.node()?.content {
            Content::Element { attributes, .. } => {
                let found = attributes.iter().find(|attribute| &*attribute.name.local == wanted)?;
                Some(&found.value)
            }
            _ => None,
        }
    }

    /// Its text as it is read: that of all that is in it, with single spaces between words.
    pub fn text(self) -> String {
        let mut all = String::new();
        for index in self.document.below(self.index) {
            if let Some(Node { content: Content::Text(text), .. }) = self.document.nodes.get(index) {
                all.push_str(text);
            }
        }
        let mut words = String::with_capacity(all.len());
        for word in all.split_whitespace() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
        }
        words
    }

    /// The element that it is in.
    pub(super) fn parent(self) -> Option<Self> {
        self.document.element(self.node()?.parent?)
    }

    /// The elements beside it and itself, in the order of the document.
    pub(super) fn siblings(self) -> impl Iterator<Item = Self> {
        let document = self.document;
        let parent = self.node().and_then(|node| document.nodes.get(node.parent?));
        let children = parent.map_or(&[][..], |parent| &parent.children);
        children.iter().filter_map(move |index| document.element(*index))
    }

    /// The elements before it in the same parent, the nearest first.
    pub(super) fn before(self) -> impl Iterator<Item = Self> {
        let before: Vec<Self> = self.siblings().take_while(|sibling| sibling.index != self.index).collect();
        before.into_iter().rev()
    }

    /// Its place among its siblings, from 1, and how many there are.
    pub(super) fn position(self) -> (usize, usize) {
        let (mut place, mut count) = (0, 0);
        for sibling in self.siblings() {
            count += 1;
            if sibling.index == self.index {
                place = count;
            }
        }
        (place, count)
    }
}
