//! The open model: iteration n starts when the integral of the rate reaches n.
//!
//! Per stage the rate is a straight line, so the integral is a quadratic and its inverse a square
//! root. Iteration 0 starts at the start of the load (as k6's constant-arrival-rate; with a rate that
//! grows from zero, at once, when the integral is 0).

use std::time::Duration;

use crate::plan::{Stage, Timeline};

/// Start times of iterations by global index.
#[derive(Clone, Debug)]
pub struct Arrivals {
    pieces: Vec<Piece>,
    total: u64,
}

#[derive(Clone, Debug)]
struct Piece {
    stage: Stage,
    /// Iterations due before the piece, fraction included.
    before: f64,
    /// Iterations due within it.
    area: f64,
}

impl Arrivals {
    /// The schedule of a timeline whose levels are iterations per second.
    pub fn new(timeline: &Timeline) -> Self {
        let mut before = 0.0;
        let pieces: Vec<Piece> = timeline
            .stages
            .iter()
            .map(|stage| {
                let area = (stage.from + stage.to) / 2.0 * stage.duration.as_secs_f64();
                let piece = Piece { stage: stage.clone(), before, area };
                before += area;
                piece
            })
            .collect();
        // Sums of products of decimal fractions miss whole numbers by rounding; 100 × 0.1 s is 10.
        let total = (before - 1e-6).ceil().max(0.0) as u64;
        Self { pieces, total }
    }

    /// How many iterations the whole load has.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Intended start of the iteration with that global index, from the start of the load; `None`
    /// beyond the last one.
    pub fn time_of(&self, index: u64) -> Option<Duration> {
        if index >= self.total {
            return None;
        }
        let due = index as f64;
        let last = self.pieces.len().checked_sub(1)?;
        let at = self.pieces.partition_point(|piece| piece.before + piece.area <= due).min(last);
        let piece = &self.pieces[at];
        Some(piece.stage.start + piece.time_to((due - piece.before).clamp(0.0, piece.area)))
    }

    /// How many iterations are due before a time from the start of the load.
    pub fn due_before(&self, at: Duration) -> u64 {
        let (mut low, mut high) = (0, self.total);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.time_of(middle).is_some_and(|time| time < at) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

impl Piece {
    /// Time within the piece at which that many of its iterations are due.
    fn time_to(&self, area: f64) -> Duration {
        let length = self.stage.duration.as_secs_f64();
        let slope = (self.stage.to - self.stage.from) / length;
        let from = self.stage.from;
        // Solves slope/2·t² + from·t = area in the form that does not cancel for small slopes.
        let root = (from * from + 2.0 * slope * area).max(0.0).sqrt();
        let seconds = if from + root > 0.0 { 2.0 * area / (from + root) } else { 0.0 };
        Duration::from_secs_f64(seconds.clamp(0.0, length)).min(self.stage.duration)
    }
}
