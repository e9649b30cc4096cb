//! What was measured, in the form of target/bench/results.json. Cases are kept one by one: measuring one of
//! them again leaves the others as they are.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::statistics::Spread;

/// All of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// Cases by their names.
    pub cases: BTreeMap<String, Case>,
}

/// What one case showed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// What it is about.
    pub title: String,
    /// How it was measured.
    pub how: String,
    /// When.
    pub date: String,
    /// Where.
    pub machine: String,
    /// Tools that took part, with their versions.
    pub tools: BTreeMap<String, String>,
    /// Tools that could not, with the reason.
    pub skipped: BTreeMap<String, String>,
    /// Rounds.
    pub rounds: usize,
    /// The heads of the table's columns.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
    /// What was to be shown.
    pub goals: Vec<Goal>,
    /// What has to be known beside the figures.
    pub notes: Vec<String>,
    /// Every single figure.
    pub samples: Value,
}

/// A figure with its goal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Goal {
    /// What was measured.
    pub what: String,
    /// The figure.
    pub measured: Spread,
    /// It should not be above this.
    pub limit: f64,
    /// The unit of both.
    pub unit: String,
}

impl Goal {
    /// A goal, if there is anything to compare.
    pub fn new(what: impl Into<String>, unit: &str, limit: f64, values: &[f64]) -> Option<Self> {
        let measured = crate::statistics::spread(values)?;
        Some(Self { what: what.into(), measured, limit, unit: unit.to_owned() })
    }

    /// Whether it was reached.
    pub fn is_met(&self) -> bool {
        self.measured.median <= self.limit
    }
}

impl Results {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn read(path: &Path) -> Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} is no result of this version: move it away", path.display())),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("can't write {}", path.display()))
    }
}
