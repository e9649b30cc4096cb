// SPDX-License-Identifier: Apache-2.0
//! A course of values, as small as a word. Whoever doesn't see it has the figures beside it.

use super::path;
use crate::markup::Markup;

/// Width.
const WIDTH: f64 = 120.0;
/// Height.
const HEIGHT: f64 = 24.0;

/// Draws the course of evenly spaced values in a colour.
pub(crate) fn spark(markup: &mut Markup, values: &[Option<f64>], colour: &'static str) {
    let high = values.iter().flatten().copied().fold(0.0, f64::max);
    let scale = if high > 0.0 { (HEIGHT - 3.0) / high } else { 0.0 };
    let step = WIDTH / values.len().saturating_sub(1).max(1) as f64;
    let points = values
        .iter()
        .enumerate()
        .map(|(index, value)| (index as f64 * step, value.map(|value| HEIGHT - 1.5 - value * scale)));
    let svg = markup.tag("svg").class("spark").set("viewBox", format_args!("0 0 {WIDTH} {HEIGHT}"));
    svg.set("aria-hidden", "true").with(|svg| {
        svg.tag("path").class(format_args!("line {colour}")).set("d", path::line(points, false)).empty();
    });
}

/// Values at any times as that many evenly spaced ones: of each stretch the highest, nothing where there is none.
pub(crate) fn evenly(points: &[(f64, f64)], to: f64, steps: usize) -> Vec<Option<f64>> {
    let mut values: Vec<Option<f64>> = vec![None; steps];
    for (second, value) in points.iter().filter(|(second, _)| *second >= 0.0) {
        let step = (second / to.max(f64::MIN_POSITIVE) * steps as f64) as usize;
        if let Some(highest) = values.get_mut(step.min(steps.saturating_sub(1))) {
            *highest = Some(highest.map_or(*value, |known| known.max(*value)));
        }
    }
    // A pod that is measured less often than it is drawn has no gaps for that.
    let mut last: Option<(usize, f64)> = None;
    for index in 0..steps {
        let here = values.get(index).copied().flatten();
        if let (None, Some((since, value))) = (here, last)
            && index - since <= 2
            && let Some(empty) = values.get_mut(index)
        {
            *empty = Some(value);
        }
        if let Some(value) = here {
            last = Some((index, value));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_value_of_each_stretch_is_drawn() {
        let values = evenly(&[(-5.0, 9.0), (0.0, 1.0), (1.0, 3.0), (9.0, 2.0), (10.0, 1.0)], 10.0, 10);
        assert_eq!(values[0], Some(1.0));
        assert_eq!(values[1], Some(3.0));
        assert_eq!((values[3], values[4]), (Some(3.0), None));
        assert_eq!(values[9], Some(2.0));
    }
}
