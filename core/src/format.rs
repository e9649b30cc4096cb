// SPDX-License-Identifier: Apache-2.0
//! Numbers as the status shows them: fixed-point text, so that applying the same figures again never
//! changes anything.

/// Most characters of a runner's words that are kept.
pub const LONGEST_WORDS: usize = 1_000;

/// A time in milliseconds as `182.4ms`, in four significant digits or to the tenth.
pub fn milliseconds(value: f64) -> String {
    let places = match value.abs() {
        large if large >= 100.0 => 1,
        medium if medium >= 10.0 => 2,
        _ => 3,
    };
    format!("{}ms", decimal(value, places))
}

/// A share from 0 to 1 as `0.13%`. What is neither nothing nor all is never shown as such.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    let text = decimal(value, 2);
    let hides = (text == "0" && value != 0.0) || (text == "100" && value != 100.0);
    format!("{}%", if hides { decimal(value, 6) } else { text })
}

/// A number per second.
pub fn per_second(value: f64) -> String {
    decimal(value, if value >= 100.0 { 1 } else { 2 })
}

/// A number with at most that many decimal places.
pub fn decimal(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}

/// A number of bytes in the largest unit that it fills.
pub fn bytes(count: f64) -> String {
    let mut value = count;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return format!("{} {unit}", per_second(value));
        }
        value /= 1024.0;
    }
    format!("{} TiB", per_second(value))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.0, "0ms")]
    #[case(0.4826, "0.483ms")]
    #[case(1.8, "1.8ms")]
    #[case(18.246, "18.25ms")]
    #[case(182.44, "182.4ms")]
    #[case(200.0, "200ms")]
    #[case(61_234.56, "61234.6ms")]
    fn times_are_milliseconds_with_their_unit(#[case] value: f64, #[case] text: &str) {
        assert_eq!(milliseconds(value), text);
    }

    #[rstest]
    #[case(0.0, "0%")]
    #[case(1.0, "100%")]
    #[case(0.0013, "0.13%")]
    #[case(0.125, "12.5%")]
    #[case(0.000_01, "0.001%")]
    #[case(0.999_99, "99.999%")]
    fn shares_are_percentages(#[case] share: f64, #[case] text: &str) {
        assert_eq!(percent(share), text);
    }

    #[test]
    fn rates_have_as_many_places_as_matter() {
        assert_eq!([per_second(0.5), per_second(49.987), per_second(1234.56)], ["0.5", "49.99", "1234.6"]);
    }

    #[test]
    fn bytes_are_told_in_the_unit_they_fill() {
        assert_eq!(
            [bytes(0.0), bytes(1023.0), bytes(1536.0), bytes(5e9)],
            ["0 B", "1023 B", "1.5 KiB", "4.66 GiB"]
        );
    }
}
