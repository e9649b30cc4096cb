// SPDX-License-Identifier: Apache-2.0
//! The one global schedule: which iteration starts when, and whose it is.
//!
//! A schedule is a pure function of a load. N runners with M cores each take their own indices of it
//! ([`Share`], [`Part`]), so that the union of what they do is exactly the whole, for any N and M.

mod arrivals;
mod choice;
mod poisson;
mod random;
mod share;
mod users;

pub use arrivals::{Arrivals, First, Times};
pub use choice::WeightedChoice;
pub(crate) use random::mix;
pub use share::{Part, Share};
pub use users::{Crossing, Users};
