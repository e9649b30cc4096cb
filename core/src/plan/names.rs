// SPDX-License-Identifier: Apache-2.0
//! Names of the stages that patterns make of themselves. Who looks for such a stage afterwards takes its name from here.
//!
//! A pattern that is one stage gives it its own name. They stand in results and in the selectors of people's thresholds, so none
//! of them changes.

/// Before what counts: of a spike, and of a probe of a search.
pub const WARM_UP: &str = "warm-up";
/// The stage of a probe by which it is judged.
pub const MEASURE: &str = "measure";
/// After what is measured of users: they finish their iterations, and what these still ask for does not count.
pub const FINISH: &str = "finish";
/// On the way to a level.
pub(super) const RAMP_UP: &str = "ramp-up";
/// A spike at its peak.
const HOLD: &str = "hold";
/// A soak at its level.
pub const SOAK: &str = "soak";
/// On the way from a level.
pub(super) const RAMP_DOWN: &str = "ramp-down";
/// After a spike, and after a staircase: the target is to recover.
pub const RECOVERY: &str = "recovery";

/// The stages of a spike, each with its own part of the name.
pub const PARTS_OF_SPIKE: [&str; 4] = [RAMP_UP, HOLD, RAMP_DOWN, RECOVERY];

/// The stage that nobody gave a name, by its place in its list.
pub(super) fn by_place(index: usize) -> String {
    format!("stage-{}", index + 1)
}
