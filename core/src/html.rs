// SPDX-License-Identifier: Apache-2.0
//! Values in HTML: documents as browsers read them, and CSS selectors into them.
//!
//! `scraper` does both: html5ever reads the page, so that what is not well formed, which is most of the web, has the
//! structure that a browser gives it, and selectors are matched by the code that browsers use. Selectors are compiled
//! once; a document is read once per response, whatever number of selectors look into it.

mod document;
mod selector;

pub use self::{
    document::{Document, Element},
    selector::{Selector, SelectorError},
};

#[cfg(test)]
mod tests;
