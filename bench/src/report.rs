// SPDX-License-Identifier: Apache-2.0
//! Cases as text for a terminal and as a page of the documentation; both are made from the results alone.

mod page;
mod terminal;

pub use page::{About, page};
pub use terminal::print;
