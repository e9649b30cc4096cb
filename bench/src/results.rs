// SPDX-License-Identifier: Apache-2.0
//! What was measured, in the form of target/bench/results.json. Cases are kept one by one: measuring one of
//! them again leaves the others as they are.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    number::{number, range},
    statistics::Spread,
};

/// All of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// Cases by their names.
    pub cases: BTreeMap<String, Case>,
    /// The last runs over a long time, the earliest first: one alone may have been lucky.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub soaks: Vec<Case>,
}

/// So many runs over a long time are kept.
const SOAKS: usize = 2;

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
    /// The part of the size for which its goals are that was measured, where it was not the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<f64>,
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
    /// Where the median lies nine times out of ten, if there were rounds enough to tell.
    #[serde(default)]
    pub interval: Option<[f64; 2]>,
}

/// Whether a goal was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The median does not exceed it.
    Met,
    /// It does, but the rounds lie so far apart that this may be chance.
    NotToldApart,
    /// It does.
    NotMet,
    /// It may be either: only a part of the size was measured.
    NotTried,
}

impl Case {
    /// Whether one of its goals was reached. At a part of the size it can only be missed.
    pub fn verdict(&self, goal: &Goal) -> Verdict {
        match goal.verdict() {
            Verdict::NotMet => Verdict::NotMet,
            _ if self.part.is_some() => Verdict::NotTried,
            verdict => verdict,
        }
    }
}

impl Goal {
    /// A goal, if there is anything to compare.
    pub fn new(what: impl Into<String>, unit: &str, limit: f64, values: &[f64]) -> Option<Self> {
        let measured = crate::statistics::spread(values)?;
        let interval = crate::statistics::interval(values);
        Some(Self { what: what.into(), measured, limit, unit: unit.to_owned(), interval })
    }

    /// Whether it was reached.
    pub fn verdict(&self) -> Verdict {
        match self.interval {
            _ if self.measured.median <= self.limit => Verdict::Met,
            Some([low, _]) if low <= self.limit => Verdict::NotToldApart,
            _ => Verdict::NotMet,
        }
    }

    /// What was measured: the median with its interval, or with all there was.
    pub fn shown(&self) -> String {
        match self.interval {
            Some([low, high]) => {
                format!("{} ({}–{})", number(self.measured.median), number(low), number(high))
            }
            None => range(&self.measured),
        }
    }
}

impl Results {
    /// Keeps a run over a long time beside the one before, if that was of the same tools on the same machine.
    pub fn add_soak(&mut self, soak: Case) {
        self.soaks.retain(|before| (&before.tools, &before.machine) == (&soak.tools, &soak.machine));
        self.soaks.push(soak);
        self.soaks.drain(..self.soaks.len().saturating_sub(SOAKS));
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_two_soaks_of_one_version_are_kept() {
        let soak = |version: &str, date: &str| Case {
            tools: [("upsurge".to_owned(), version.to_owned())].into(),
            date: date.into(),
            ..Case::default()
        };
        let mut results = Results::default();
        let mut dates = |version, date| {
            results.add_soak(soak(version, date));
            results.soaks.iter().map(|soak| soak.date.clone()).collect::<Vec<_>>()
        };
        assert_eq!(dates("1", "a"), ["a"]);
        assert_eq!(dates("1", "b"), ["a", "b"]);
        assert_eq!(dates("1", "c"), ["b", "c"]);
        assert_eq!(dates("2", "d"), ["d"]);
        let written = serde_json::to_string(&results).unwrap();
        assert_eq!(serde_json::from_str::<Results>(&written).unwrap().soaks, results.soaks);
    }

    #[test]
    fn a_goal_is_missed_only_if_the_rounds_say_so() {
        let goal = |values: &[f64], limit| Goal::new("x", "×", limit, values).unwrap();
        let rounds: Vec<f64> = (1..=9).map(|round| 1.0 + f64::from(round) / 10.0).collect();
        assert_eq!(goal(&rounds, 1.5).verdict(), Verdict::Met);
        let part = Case { part: Some(0.1), ..Case::default() };
        assert_eq!(part.verdict(&goal(&rounds, 1.5)), Verdict::NotTried);
        assert_eq!(part.verdict(&goal(&rounds, 1.1)), Verdict::NotMet);
        assert_eq!(Case::default().verdict(&goal(&rounds, 1.5)), Verdict::Met);
        assert_eq!(goal(&rounds, 1.4).verdict(), Verdict::NotToldApart);
        assert_eq!(goal(&rounds, 1.1).verdict(), Verdict::NotMet);
        assert_eq!(goal(&rounds, 1.1).shown(), "1.5 (1.2–1.8)");
        assert_eq!(goal(&[2.0], 1.0).verdict(), Verdict::NotMet);
    }
}
