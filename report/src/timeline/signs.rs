// SPDX-License-Identifier: Apache-2.0
//! The course of a line as a row of signs.

/// How many signs.
const COLUMNS: usize = 60;
const SIGNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The highest value of each column as a sign; a blank where nothing is known. The lowest sign stands for zero.
///
/// Each value holds until the next one, and the last one to the end: a run of less than a minute has fewer points than there are columns,
/// and would be full of blanks that say nothing.
pub(super) fn signs(seconds: &[f64], values: &[Option<f64>], to: f64) -> String {
    let mut columns: [Option<f64>; COLUMNS] = [None; COLUMNS];
    let column =
        |second: f64| ((second / to.max(f64::MIN_POSITIVE) * COLUMNS as f64) as usize).min(COLUMNS - 1);
    let mut points = seconds.iter().zip(values).peekable();
    while let Some((second, value)) = points.next() {
        let begin = column(*second);
        let next = points.peek().map_or(COLUMNS, |(next, _)| column(**next));
        let end = next.max(begin + 1);
        let Some(value) = value else { continue };
        for highest in columns.iter_mut().take(end).skip(begin) {
            *highest = Some(highest.map_or(*value, |known| known.max(*value)));
        }
    }
    let high = columns.iter().flatten().copied().fold(0.0, f64::max);
    let sign = |value: f64| {
        let step = if high > 0.0 { (value / high * 7.0).round() as usize } else { 0 };
        SIGNS.get(step).copied().unwrap_or('█')
    };
    columns.iter().map(|value| value.map_or(' ', sign)).collect()
}

/// What stands below: the begin at the left and the end at the right.
pub(super) fn ends(begin: &str, end: &str) -> String {
    let room = COLUMNS.saturating_sub(begin.chars().count() + end.chars().count());
    format!("{begin}{}{end}", " ".repeat(room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_hold_until_the_next_one_and_gaps_stay_gaps() {
        let steps = signs(&[0.0, 30.0], &[Some(1.0), Some(4.0)], 60.0);
        assert_eq!(steps, format!("{}{}", "▃".repeat(30), "█".repeat(30)));
        let line = signs(&[0.0, 30.0, 59.0], &[Some(0.0), None, Some(4.0)], 60.0);
        assert_eq!(line, format!("{}{}█", "▁".repeat(30), " ".repeat(29)));
    }

    #[test]
    fn a_run_of_a_few_seconds_has_no_blanks() {
        let seconds: Vec<f64> = (0..8).map(f64::from).collect();
        let line = signs(&seconds, &[Some(3.0); 8], 8.0);
        assert_eq!(line, "█".repeat(COLUMNS));
    }

    #[test]
    fn the_highest_of_many_values_shows() {
        let seconds: Vec<f64> = (0..86_400).map(f64::from).collect();
        let values: Vec<Option<f64>> =
            (0..86_400).map(|second| Some(if second == 7 { 9.0 } else { 1.0 })).collect();
        let signs = signs(&seconds, &values, 86_400.0);
        assert_eq!(signs.chars().count(), COLUMNS);
        assert!(signs.starts_with('█') && signs.ends_with('▂'), "{signs}");
    }
}
