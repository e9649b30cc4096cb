// SPDX-License-Identifier: Apache-2.0
//! Numbers as people read them.

use crate::statistics::Spread;

/// Three significant digits, and thousands apart.
pub fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1000.0 {
        return thousands(value);
    }
    let decimals = match magnitude {
        magnitude if magnitude >= 100.0 => 0,
        magnitude if magnitude >= 10.0 => 1,
        magnitude if magnitude >= 1.0 => 2,
        magnitude if magnitude >= 0.1 => 3,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// The median, and in brackets the smallest and the largest.
pub fn range(spread: &Spread) -> String {
    match spread.min.total_cmp(&spread.max).is_eq() {
        true => number(spread.median),
        false => format!("{} ({}–{})", number(spread.median), number(spread.min), number(spread.max)),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (0.012_34, "0.0123"),
            (0.75, "0.75"),
            (1.0, "1"),
            (12.34, "12.3"),
            (100.0, "100"),
            (999.4, "999"),
            (1234.5, "1,234"),
            (1_234_567.0, "1,234,567"),
            (-5.0, "-5"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_range_of_one_value_is_the_value() {
        assert_eq!(range(&Spread { median: 2.0, min: 1.0, max: 3.5 }), "2 (1–3.5)");
        assert_eq!(range(&Spread { median: 2.0, min: 2.0, max: 2.0 }), "2");
    }
}
