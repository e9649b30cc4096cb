// SPDX-License-Identifier: Apache-2.0
//! Reports of a run, made from its record and from nothing else: a page, Markdown, pictures, rows of signs, JUnit XML.
//!
//! Pure: a record goes in, a text or the bytes of a picture come out. No file, no network and no clock, and no figure is computed here that the record does not
//! tell: what is shown as text is the record's own text. What an outsider named (requests, pods, messages) gets into a page as text
//! alone, by [`markup`].

mod assets;
mod axis;
mod chart;
mod data;
mod judged;
mod junit;
mod laws;
mod markdown;
mod markup;
mod page;
mod picture;
mod png;
mod speedup;
mod story;
mod svg;
mod theme;
mod thin;
mod timeline;
mod verdict;
mod words;

pub use self::{
    junit::junit,
    markdown::markdown,
    page::html,
    picture::{svg, svg_in},
    png::{MOST_SCALE, PngError, png},
    theme::Theme,
    timeline::{timeline, timeline_of_run},
};
