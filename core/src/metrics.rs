// SPDX-License-Identifier: Apache-2.0
//! What is recorded: series by metric and tags, each a sink that merges exactly.
//!
//! Names and kinds of metrics are k6's ([`names`]). Everything is recorded at the finest grain (stage ×
//! scenario × group × request) and added up on demand, so a figure of the whole run is the sum of its parts.

mod catalog;
pub mod exponential;
mod labels;
pub mod names;
pub mod reference;
mod series;
mod trend;
mod wire;

pub use catalog::{Catalog, Contains, Definition, kind};
pub use labels::labels;
pub use series::{
    MOST_SERIES, MOST_SERIES_IN_ALL, Metrics, OVERFLOW, Selector, SeriesKey, Sink, Tags, selects,
};
pub use trend::{COARSE, Encoded, EncodedHistogram, Trend, TrendError, WireError, with_room};
pub use wire::{WireMetrics, WireSink};
