// SPDX-License-Identifier: Apache-2.0
//! The sum of all loads as one line without gaps: what the target sees.

use std::time::Duration;

use super::Timeline;

/// A stretch of time over which the level of all loads together moves in a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// Start, from the start of the load.
    pub start: Duration,
    /// End.
    pub end: Duration,
    /// Level at the start.
    pub from: f64,
    /// Level at the end.
    pub to: f64,
}

impl Timeline {
    /// The level of all loads together, in pieces from the start of the load to its end.
    pub fn course(&self) -> Vec<Piece> {
        let mut edges: Vec<Duration> = vec![Duration::ZERO];
        edges.extend(self.stages.iter().flat_map(|stage| [stage.start, stage.end()]));
        edges.sort_unstable();
        edges.dedup();
        let pieces = edges.windows(2).map(|edge| {
            let mut piece = Piece { start: edge[0], end: edge[1], from: 0.0, to: 0.0 };
            for stage in self.stages.iter().filter(|stage| stage.start <= edge[0] && edge[1] <= stage.end()) {
                piece.from += stage.level_at(edge[0]);
                piece.to += stage.level_at(edge[1]);
            }
            // Sums in different pieces must meet where they touch.
            Piece { from: rounded(piece.from), to: rounded(piece.to), ..piece }
        });
        pieces.collect()
    }
}

fn rounded(level: f64) -> f64 {
    (level * 1e9).round() / 1e9
}
