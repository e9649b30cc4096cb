//! Values in HTML: documents as browsers read them, and CSS selectors into them.
//!
//! The parser is html5ever's, so that what is not well formed, which is most of the web, has the structure that a
//! browser gives it. Selectors are compiled once; a document is read once per response, whatever number of
//! selectors look into it. Nothing here recurses over a document: its depth is up to the server.

mod compile;
mod document;
mod selector;
mod sink;

pub use self::{
    compile::SelectorError,
    document::{Document, Element},
    selector::Selector,
};

#[cfg(test)]
mod tests;
