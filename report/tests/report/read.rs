// SPDX-License-Identifier: Apache-2.0
//! A page, read back as a browser would.

use std::io::Read as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::read::GzDecoder;
use scraper::{ElementRef, Html, Selector};
use serde_json::Value;

/// A page that was read.
pub struct Page(pub Html);

impl Page {
    pub fn of(text: &str) -> Self {
        Self(Html::parse_document(text))
    }

    /// All elements that a selector finds.
    pub fn all(&self, selector: &str) -> Vec<ElementRef<'_>> {
        self.0.select(&Selector::parse(selector).unwrap()).collect()
    }

    /// The text of the only element that a selector finds.
    pub fn text(&self, selector: &str) -> String {
        let found = self.all(selector);
        assert_eq!(found.len(), 1, "{selector}");
        text(found[0])
    }

    /// The rows of a table, each as the texts of its cells.
    pub fn rows(&self, table: &str) -> Vec<Vec<String>> {
        let cells = Selector::parse("th, td").unwrap();
        let rows = self.all(&format!("{table} > tbody > tr"));
        rows.into_iter().map(|row| row.select(&cells).map(text).collect()).collect()
    }

    /// The data that its charts draw.
    pub fn data(&self) -> Value {
        let packed: String = serde_json::from_str(&self.text("#chart-data")).unwrap();
        let mut text = String::new();
        let packed = BASE64_STANDARD.decode(packed).unwrap();
        GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The values of a line of its charts that are known.
    pub fn line(&self, pane: &str, line: usize) -> Vec<f64> {
        let data = self.data();
        let panes = data["panes"].as_array().unwrap();
        let pane = panes.iter().find(|known| known["id"] == pane).unwrap_or_else(|| panic!("no pane {pane}"));
        pane["lines"][line]["values"].as_array().unwrap().iter().filter_map(Value::as_f64).collect()
    }
}

/// The text of an element, without what is around it.
pub fn text(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().trim().to_owned()
}
