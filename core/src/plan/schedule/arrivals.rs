// SPDX-License-Identifier: Apache-2.0
//! The open model: iteration n starts when the integral of the rate reaches its place.
//!
//! Per stage the rate is a straight line, so the integral is a quadratic and its inverse a square
//! root. Places are whole numbers, evenly spread, or the events of a Poisson process.

use std::time::Duration;

use upsurge_crds::v1alpha1::Spread;

use super::poisson::{Block, Poisson};
use crate::plan::{LoadPlan, Stage, Work};

/// Sums of products of decimal fractions miss whole numbers by rounding; 100 × 0.1 s is 10.
const ROUNDING: f64 = 1e-6;

/// When evenly spread iterations begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// Iteration n at integral n: the first one at once (k6's constant-arrival-rate).
    AtOnce,
    /// Iteration n at integral n + 1: the first one when a whole one is due (k6's ramping-arrival-rate).
    AfterOne,
}

/// Start times of iterations by global index.
#[derive(Clone, Debug)]
pub struct Arrivals {
    pieces: Vec<Piece>,
    places: Places,
    total: u64,
}

#[derive(Clone, Debug)]
enum Places {
    Even(First),
    Random(Poisson),
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
    /// The schedule of a load whose levels are iterations per second; any other has no iterations.
    pub fn new(load: &LoadPlan) -> Self {
        let Work::Arrivals { first, at_end, process, seed, .. } = load.work else {
            return Self { pieces: Vec::new(), places: Places::Even(First::AtOnce), total: 0 };
        };
        let mut area = 0.0;
        let pieces = load.stages.iter().map(|stage| {
            let piece = Piece {
                stage: stage.clone(),
                before: area,
                area: (stage.from + stage.to) / 2.0 * stage.duration.as_secs_f64(),
            };
            area += piece.area;
            piece
        });
        let pieces: Vec<Piece> = pieces.collect();
        let places = match process {
            Spread::Uniform => Places::Even(first),
            Spread::Poisson => Places::Random(Poisson::new(seed, area)),
        };
        let total = match &places {
            Places::Even(First::AtOnce) if at_end => (area + ROUNDING).floor() as u64 + 1,
            Places::Even(First::AtOnce) => (area - ROUNDING).ceil().max(0.0) as u64,
            Places::Even(First::AfterOne) => (area + ROUNDING).floor().max(0.0) as u64,
            Places::Random(process) => process.total(),
        };
        Self { pieces, places, total }
    }

    /// How many iterations the whole load has.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Intended start of the iteration with that global index, from the start of the run's load;
    /// `None` beyond the last one. For one after the other, [`Self::times`] is faster.
    pub fn time_of(&self, index: u64) -> Option<Duration> {
        self.times().time_of(index)
    }

    /// Looks up times that are mostly close to each other.
    pub fn times(&self) -> Times<'_> {
        Times { arrivals: self, block: Block::default() }
    }

    /// How many iterations are due before a time from the start of the run's load.
    pub fn due_before(&self, at: Duration) -> u64 {
        let mut times = self.times();
        let (mut low, mut high) = (0, self.total);
        while low < high {
            let middle = low + (high - low) / 2;
            if times.time_of(middle).is_some_and(|time| time < at) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The time at which the integral of the rate reaches a place.
    fn time_at(&self, place: f64) -> Option<Duration> {
        let last = self.pieces.len().checked_sub(1)?;
        let over = |piece: &Piece| match self.places {
            // Iteration n is that of the time after integral n: while the rate is 0 it waits.
            Places::Even(First::AtOnce) => piece.before + piece.area <= place,
            _ => piece.before + piece.area < place - ROUNDING,
        };
        let at = self.pieces.partition_point(over).min(last);
        let piece = &self.pieces[at];
        Some(piece.stage.start + piece.time_to((place - piece.before).clamp(0.0, piece.area)))
    }
}

/// Times of one schedule; keeps what the next answer may need.
#[derive(Clone, Debug)]
pub struct Times<'a> {
    arrivals: &'a Arrivals,
    block: Block,
}

impl Times<'_> {
    /// As [`Arrivals::time_of`].
    pub fn time_of(&mut self, index: u64) -> Option<Duration> {
        if index >= self.arrivals.total {
            return None;
        }
        let place = match &self.arrivals.places {
            Places::Even(First::AtOnce) => index as f64,
            Places::Even(First::AfterOne) => index as f64 + 1.0,
            Places::Random(process) => process.position(index, &mut self.block),
        };
        self.arrivals.time_at(place)
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
