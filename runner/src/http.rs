//! The HTTP client of the load engine: connections driven by the request that uses them.
//!
//! Connections belong to one user each and are never shared. They are polled inside of the user's own
//! task, so a request costs no hand-over between tasks; dropping the request closes its connection.
//! Everything in here lives on one thread.

pub(crate) mod client;
pub(crate) mod coding;
pub(crate) mod connection;
mod deadline;
pub(crate) mod digest;
pub(crate) mod error;
pub(crate) mod h1;
pub(crate) mod message;
pub(crate) mod meter;
pub(crate) mod origin;
pub(crate) mod resolver;
pub(crate) mod timings;
pub(crate) mod tls;
