// SPDX-License-Identifier: Apache-2.0
//! One figure of several tools in several rounds.

/// Figures by tool, in the order in which tools first appear.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<(&'static str, Vec<f64>)>,
}

impl Table {
    /// Adds the figure of the next round.
    pub fn add(&mut self, name: &'static str, value: f64) {
        match self.rows.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => self.rows.push((name, vec![value])),
        }
    }

    /// All tools.
    pub fn names(&self) -> Vec<&'static str> {
        self.rows.iter().map(|(name, _)| *name).collect()
    }

    /// The figures of a tool.
    pub fn of(&self, name: &str) -> &[f64] {
        self.rows.iter().find(|(known, _)| *known == name).map_or(&[], |(_, values)| values)
    }

    /// Upsurge's figure by another tool's, round by round.
    pub fn ratios(&self, other: &str) -> Vec<f64> {
        self.ratios_of("upsurge", other)
    }

    /// A figure by another one, round by round.
    pub fn ratios_of(&self, one: &str, other: &str) -> Vec<f64> {
        self.of(one).iter().zip(self.of(other)).map(|(ours, theirs)| ours / theirs).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_made_round_by_round() {
        let mut table = Table::default();
        for (name, value) in
            [("upsurge", 1.0), ("wrk", 2.0), ("upsurge", 6.0), ("wrk", 3.0), ("upsurge", 9.0)]
        {
            table.add(name, value);
        }
        assert_eq!(table.names(), ["upsurge", "wrk"]);
        assert_eq!(table.ratios("wrk"), [0.5, 2.0]);
        assert!(table.ratios("hey").is_empty());
    }
}
