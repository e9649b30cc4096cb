//! The HTTP client of the load engine: connections driven by the request that uses them.
//!
//! Connections belong to one user each unless the test has them shared. Those of HTTP/1 are polled inside of
//! the user's own task, so a request costs no hand-over between tasks; dropping the request closes its
//! connection. An HTTP/2 connection has a task of its own.
//! Everything in here lives on one thread.

pub(crate) mod charset;
pub(crate) mod client;
pub(crate) mod code;
pub(crate) mod coding;
mod connect;
pub(crate) mod connection;
mod deadline;
pub(crate) mod digest;
pub(crate) mod error;
pub(crate) mod h1;
mod h2;
pub(crate) mod message;
pub(crate) mod meter;
pub(crate) mod origin;
pub(crate) mod payload;
mod pool;
pub(crate) mod proxy;
pub(crate) mod resolver;
pub(crate) mod setup;
pub(crate) mod text;
pub(crate) mod timings;
pub(crate) mod tls;
