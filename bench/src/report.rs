// SPDX-License-Identifier: Apache-2.0
//! Cases as text for a terminal and as a page of the documentation; both are made from the results alone.

mod number;
mod page;
mod terminal;

pub use number::{number, range};
pub use page::{About, page};
pub use terminal::print;
