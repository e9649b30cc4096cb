// SPDX-License-Identifier: Apache-2.0
//! Lines as the path of an SVG, broken where nothing is known.

use std::fmt::Write as _;

use crate::markup::Tenth;

/// A point in the coordinates of a picture; `None` in place of its height where nobody knows.
pub(super) type Point = (f64, Option<f64>);

/// The path of a line, or of steps that hold until the next point.
pub(super) fn line(points: impl Iterator<Item = Point>, is_stepped: bool) -> String {
    let mut path = String::new();
    let mut before: Option<f64> = None;
    for (x, y) in points {
        // Writing to a text can't fail.
        let _ = match (before, y) {
            (None, Some(y)) => write!(path, "M{} {}", Tenth(x), Tenth(y)),
            (Some(before), Some(y)) if is_stepped && same(before, y) => Ok(()),
            (Some(_), Some(y)) if is_stepped => write!(path, "H{}V{}", Tenth(x), Tenth(y)),
            (Some(_), Some(y)) => write!(path, "L{} {}", Tenth(x), Tenth(y)),
            (Some(_), None) if is_stepped => write!(path, "H{}", Tenth(x)),
            (_, None) => Ok(()),
        };
        before = y;
    }
    path
}

/// A path, with the last step drawn to the end of its axis.
pub(super) fn steps(points: &[Point], end: f64) -> String {
    let last = points.last().and_then(|(_, y)| *y);
    let mut path = line(points.iter().copied(), true);
    if last.is_some() {
        let _ = write!(path, "H{}", Tenth(end));
    }
    path
}

/// The path around what lies between two lines, where both are known.
pub(super) fn band(points: &[(f64, Option<f64>, Option<f64>)]) -> String {
    let mut path = String::new();
    let known = |point: &(f64, Option<f64>, Option<f64>)| Some((point.0, point.1?, point.2?));
    for run in points.split(|point| known(point).is_none()) {
        let run: Vec<(f64, f64, f64)> = run.iter().filter_map(known).collect();
        // A single point has no width.
        let Some((first, rest)) = run.split_first().filter(|(_, rest)| !rest.is_empty()) else { continue };
        let _ = write!(path, "M{} {}", Tenth(first.0), Tenth(first.1));
        for (x, upper, _) in rest {
            let _ = write!(path, "L{} {}", Tenth(*x), Tenth(*upper));
        }
        for (x, _, lower) in run.iter().rev() {
            let _ = write!(path, "L{} {}", Tenth(*x), Tenth(*lower));
        }
        path.push('Z');
    }
    path
}

fn same(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.05
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_where_nothing_is_known() {
        let points = [(0.0, Some(1.0)), (1.0, Some(2.5)), (2.0, None), (3.0, Some(4.0)), (4.0, Some(4.0))];
        assert_eq!(line(points.into_iter(), false), "M0 1L1 2.5M3 4L4 4");
    }

    #[test]
    fn steps_hold_until_the_next_one_and_to_the_end() {
        let points = [(0.0, Some(9.0)), (2.0, Some(9.0)), (5.0, Some(3.0)), (7.0, None), (8.0, Some(3.0))];
        assert_eq!(steps(&points, 10.0), "M0 9H5V3H7M8 3H10");
    }

    #[test]
    fn a_band_lies_between_two_lines() {
        let points = [(0.0, Some(1.0), Some(3.0)), (2.0, Some(1.0), Some(4.0)), (3.0, None, Some(4.0))];
        assert_eq!(band(&points), "M0 1L2 1L2 4L0 3Z");
    }
}
