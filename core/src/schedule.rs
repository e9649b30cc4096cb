//! The one global schedule: which iteration starts when, and whose it is.
//!
//! A schedule is a pure function of the timeline. N runners with M cores each take their own indices
//! of it ([`Share`]), so that the union of what they do is exactly the whole, for any N and M.

mod arrivals;
mod choice;
mod share;
mod users;

pub use arrivals::Arrivals;
pub use choice::WeightedChoice;
pub use share::Share;
pub use users::Users;
