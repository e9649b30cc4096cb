// SPDX-License-Identifier: Apache-2.0
//! Axes of charts: from which value to which, and where lines stand that carry numbers.

/// How values lie on an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Equal steps are equally far apart. It begins at 0.
    Linear,
    /// Equal factors are equally far apart.
    Log,
}

/// An axis.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    /// The values that have a line.
    pub(crate) ticks: Vec<f64>,
}

/// Steps that people count time in, in seconds.
const TIMES: [f64; 22] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
    10_800.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0,
];

impl Axis {
    /// An axis for these values, with about that many lines.
    pub(crate) fn of(scale: Scale, values: impl Iterator<Item = f64>, lines: usize) -> Self {
        let known = values.filter(|value| value.is_finite());
        match scale {
            Scale::Linear => Self::linear(known.fold(0.0, f64::max), lines),
            Scale::Log => {
                let positive = known.filter(|value| *value > 0.0);
                let (low, high) = positive.fold((f64::MAX, 0.0), |(low, high): (f64, f64), value| {
                    (low.min(value), high.max(value))
                });
                if high > 0.0 { Self::log(low, high) } else { Self::linear(0.0, lines) }
            }
        }
    }

    /// From 0 to at least `high`, which is 1 if nothing else is.
    fn linear(high: f64, lines: usize) -> Self {
        let high = if high > 0.0 { high } else { 1.0 };
        let step = nice(high / lines.max(1) as f64);
        let count = (high / step - 1e-9).ceil().max(1.0);
        let ticks = (0..=count as u32).map(|number| f64::from(number) * step).collect();
        Self { scale: Scale::Linear, low: 0.0, high: count * step, ticks }
    }

    /// Whole powers of ten around both, with lines at 1, 2 and 5 if there are few of them.
    fn log(low: f64, high: f64) -> Self {
        let steps: Vec<f64> = (low.log10().floor() as i32..=high.log10().ceil() as i32)
            .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)))
            .collect();
        let begin = steps.iter().rposition(|step| *step <= low * (1.0 + 1e-9)).unwrap_or_default();
        let end = steps.iter().position(|step| *step >= high * (1.0 - 1e-9)).unwrap_or(steps.len() - 1);
        let end = end.max(begin + 1).min(steps.len() - 1);
        let steps = steps.get(begin..=end).unwrap_or_default();
        let (low, high) = (steps.first().copied().unwrap_or(1.0), steps.last().copied().unwrap_or(10.0));
        let powers: Vec<f64> =
            steps.iter().copied().filter(|step| (step.log10() - step.log10().round()).abs() < 1e-9).collect();
        let ticks = if steps.len() <= 8 || powers.len() < 2 { steps.to_vec() } else { powers };
        Self { scale: Scale::Log, low, high, ticks }
    }

    /// Time from one second to another, with at most that many lines at whole steps.
    pub(crate) fn time(from: f64, to: f64, lines: usize) -> Self {
        let to = if to > from { to } else { from + 1.0 };
        let step = TIMES.into_iter().find(|step| (to - from) / step <= lines.max(1) as f64);
        let step = step.unwrap_or_else(|| nice((to - from) / lines.max(1) as f64));
        let (first, last) = ((from / step).ceil() as i64, (to / step).floor() as i64);
        let ticks = (first..=last).map(|number| number as f64 * step).collect();
        Self { scale: Scale::Linear, low: from, high: to, ticks }
    }

    /// Where a value lies: 0 at the axis' begin, 1 at its end, and never outside.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let along = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(self.low).ln(),
        };
        let (low, high) = (along(self.low), along(self.high));
        ((along(value) - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// Its ends.
    pub(crate) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }
}

/// The smallest of 1, 2, 2.5 and 5 times a power of ten that is not below `step`.
fn nice(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factors = [1.0, 2.0, 2.5, 5.0, 10.0];
    let factor = factors.into_iter().find(|factor| factor * power >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(93.0, 4, &[0.0, 25.0, 50.0, 75.0, 100.0])]
    #[case(100.0, 4, &[0.0, 25.0, 50.0, 75.0, 100.0])]
    #[case(0.0, 4, &[0.0, 0.25, 0.5, 0.75, 1.0])]
    #[case(3.0, 4, &[0.0, 1.0, 2.0, 3.0])]
    fn lines_stand_at_round_numbers(#[case] high: f64, #[case] lines: usize, #[case] ticks: &[f64]) {
        assert_eq!(Axis::of(Scale::Linear, [high].into_iter(), lines).ticks, ticks);
    }

    #[rstest]
    #[case(0.0, 600.0, &[0.0, 120.0, 240.0, 360.0, 480.0, 600.0])]
    #[case(-30.0, 60.0, &[-30.0, -15.0, 0.0, 15.0, 30.0, 45.0, 60.0])]
    #[case(0.0, 0.0, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0])]
    fn time_is_counted_as_people_do(#[case] from: f64, #[case] to: f64, #[case] ticks: &[f64]) {
        let found = Axis::time(from, to, 6).ticks;
        assert_eq!(found.len(), ticks.len(), "{found:?}");
        assert!(found.iter().zip(ticks).all(|(one, other)| (one - other).abs() < 1e-9), "{found:?}");
    }

    #[test]
    fn a_log_axis_holds_what_it_was_made_for_and_no_zero() {
        let axis = Axis::of(Scale::Log, [0.0, 12.0, 480.0].into_iter(), 4);
        assert_eq!(axis.ends(), (10.0, 500.0));
        assert_eq!((axis.place(0.0), axis.place(10.0), axis.place(500.0)), (0.0, 0.0, 1.0));
        assert_eq!(axis.ticks, [10.0, 20.0, 50.0, 100.0, 200.0, 500.0]);
    }

    proptest! {
        #[test]
        fn every_value_lies_on_its_axis(values in prop::collection::vec(0.0..1e9f64, 1..20), lines in 1usize..9) {
            for scale in [Scale::Linear, Scale::Log] {
                let axis = Axis::of(scale, values.iter().copied(), lines);
                let (low, high) = axis.ends();
                prop_assert!(low < high && axis.ticks.len() >= 2, "{axis:?}");
                for value in values.iter().filter(|value| scale == Scale::Linear || **value > 1e-6) {
                    prop_assert!(*value <= high * (1.0 + 1e-6) && *value >= low * (1.0 - 1e-6), "{axis:?} {value}");
                    prop_assert!((0.0..=1.0).contains(&axis.place(*value)));
                }
            }
        }
    }
}
