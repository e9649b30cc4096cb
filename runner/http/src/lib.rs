// SPDX-License-Identifier: Apache-2.0
//! The HTTP client of the load engine: connections driven by the request that uses them.
//!
//! Connections belong to one user each unless the test has them shared. Those of HTTP/1 are polled inside of
//! the user's own task, so a request costs no hand-over between tasks; dropping the request closes its
//! connection. An HTTP/2 connection has a task of its own.
//! Everything in here lives on one thread.

pub mod charset;
pub mod client;
pub mod code;
pub mod coding;
mod connect;
mod connection;
mod deadline;
pub mod digest;
pub mod error;
mod h1;
mod h2;
pub mod message;
pub mod meter;
pub mod origin;
pub mod payload;
mod pool;
mod proxy;
pub mod resolver;
pub mod setup;
pub mod setup_error;
pub mod text;
pub mod timings;
pub mod tls;
mod transport;
