// SPDX-License-Identifier: Apache-2.0
//! Fewer points of lines that are drawn: of each column of the picture the first, the last, the lowest and the highest.
//! What is drawn then is what would have been drawn from all of them. No maximum is left out, nor a gap.

/// Most points of a line in a page.
pub(crate) const MOST_POINTS: usize = 4_000;

/// Which points to keep of lines that have their times in common: at most `most`, or as few as there can be.
pub(crate) fn kept(seconds: &[f64], lines: &[&[Option<f64>]], most: usize) -> Vec<usize> {
    let mut columns = (most / 2).max(1);
    if seconds.len() <= most {
        return (0..seconds.len()).collect();
    }
    loop {
        let kept = of_columns(seconds, lines, columns);
        if kept.len() <= most || columns == 1 {
            return kept;
        }
        columns = (columns * most / kept.len()).clamp(1, columns - 1);
    }
}

/// Which points to keep so that each of that many columns looks as if it had all of its own.
pub(crate) fn of_columns(seconds: &[f64], lines: &[&[Option<f64>]], columns: usize) -> Vec<usize> {
    let (Some(from), Some(to)) = (seconds.first(), seconds.last()) else { return Vec::new() };
    let width = (to - from).max(f64::MIN_POSITIVE) / columns.max(1) as f64;
    let column = |second: &f64| (((second - from) / width) as usize).min(columns.saturating_sub(1));
    let mut kept = Vec::new();
    let mut begin = 0;
    while let Some(first) = seconds.get(begin) {
        let own = column(first);
        let count = seconds.iter().skip(begin).take_while(|second| column(second) == own).count();
        let end = begin + count;
        kept.extend([begin, end - 1]);
        for line in lines {
            kept.extend(extremes(line, begin, end));
        }
        begin = end;
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// The lowest and the highest point of a part of a line, and the first that is not known.
fn extremes(line: &[Option<f64>], begin: usize, end: usize) -> impl Iterator<Item = usize> {
    let mut low: Option<(usize, f64)> = None;
    let mut high: Option<(usize, f64)> = None;
    let mut gap = None;
    for (index, value) in line.iter().enumerate().take(end).skip(begin) {
        match *value {
            None => gap = gap.or(Some(index)),
            Some(value) => {
                low = low.filter(|(_, lowest)| *lowest <= value).or(Some((index, value)));
                high = high.filter(|(_, highest)| *highest >= value).or(Some((index, value)));
            }
        }
    }
    [low.map(|(index, _)| index), high.map(|(index, _)| index), gap].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line() -> impl Strategy<Value = Vec<Option<f64>>> {
        prop::collection::vec(prop::option::weighted(0.95, 0.0..1e6f64), 2..3_000)
    }

    proptest! {
        #[test]
        fn the_highest_the_lowest_and_a_gap_of_a_line_stay(values in line(), most in 4usize..500) {
            let seconds: Vec<f64> = (0..values.len()).map(|index| index as f64).collect();
            let kept = kept(&seconds, &[&values], most);
            let left: Vec<Option<f64>> = kept.iter().map(|index| values[*index]).collect();
            let highest = |values: &[Option<f64>]| values.iter().flatten().copied().reduce(f64::max);
            let lowest = |values: &[Option<f64>]| values.iter().flatten().copied().reduce(f64::min);
            prop_assert_eq!(highest(&left), highest(&values));
            prop_assert_eq!(lowest(&left), lowest(&values));
            prop_assert_eq!(left.contains(&None), values.contains(&None));
            prop_assert_eq!((kept.first(), kept.last()), (Some(&0), Some(&(values.len() - 1))));
            prop_assert!(kept.len() <= most.max(5));
            prop_assert!(kept.is_sorted_by(|one, next| one < next));
        }
    }

    #[test]
    fn a_spike_of_each_of_several_lines_stays_within_the_bound() {
        let seconds: Vec<f64> = (0..86_400).map(f64::from).collect();
        let spike = |at: usize| (0..86_400).map(|index| Some(if index == at { 9.0 } else { 1.0 })).collect();
        let lines: Vec<Vec<Option<f64>>> = vec![spike(17), spike(50_001), spike(86_399), spike(43_200)];
        let lines: Vec<&[Option<f64>]> = lines.iter().map(Vec::as_slice).collect();
        let kept = kept(&seconds, &lines, MOST_POINTS);
        assert!(kept.len() <= MOST_POINTS, "{}", kept.len());
        for at in [17, 50_001, 86_399, 43_200] {
            assert!(kept.contains(&at), "{at}");
        }
    }

    #[test]
    fn a_line_that_is_short_enough_is_left_as_it_is() {
        assert_eq!(kept(&[0.0, 1.0, 2.0], &[&[Some(1.0); 3]], 3), [0, 1, 2]);
        assert_eq!(kept(&[], &[], 3), Vec::<usize>::new());
    }
}
