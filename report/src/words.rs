// SPDX-License-Identifier: Apache-2.0
//! Numbers, times and shares as people read them.

/// Without what breaks lines or turns the direction of what comes after it.
pub(crate) fn printable(text: &str) -> String {
    let is_turning = |sign: char| matches!(sign, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    let sign = |sign: char| match sign {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        _ if sign.is_control() || is_turning(sign) => '\u{fffd}',
        _ => sign,
    };
    text.chars().map(sign).collect()
}

/// A whole number with its thousands apart: `1,234,567`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number in few signs, for an axis: `0`, `0.25`, `12`, `1.5k`, `2M`.
pub(crate) fn short(value: f64) -> String {
    for (size, unit) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if value.abs() >= size {
            return format!("{}{unit}", significant(value / size));
        }
    }
    significant(value)
}

/// At most three significant digits, without zeros at the end.
pub(crate) fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let places = (2 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A time given in milliseconds, in the unit that suits it: `0.42 ms`, `182 ms`, `1.25 s`.
pub(crate) fn milliseconds(value: f64) -> String {
    if value.abs() >= 1000.0 {
        format!("{} s", significant(value / 1000.0))
    } else {
        format!("{} ms", significant(value))
    }
}

/// A length of time: `4.5 s`, `2 min 10 s`, `1 h 30 min`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds.abs() < 60.0 {
        return format!("{} s", significant((seconds * 10.0).round() / 10.0));
    }
    let whole = seconds.abs().round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    let parts = [(hours, "h"), (minutes, "min"), (if hours > 0 { 0 } else { rest }, "s")];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    format!("{}{}", if seconds < 0.0 { "−" } else { "" }, parts.join(" "))
}

/// A time on the axis of a run: seconds from the start of its load as `0:05`, `12:30`, `1:02:30`, `−0:30`.
pub(crate) fn clock(seconds: f64) -> String {
    let sign = if seconds <= -0.05 { "−" } else { "" };
    let tenths = (seconds.abs() * 10.0).round() as u64;
    let (whole, tenth) = (tenths / 10, tenths % 10);
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    let fraction = if tenth > 0 { format!(".{tenth}") } else { String::new() };
    if hours > 0 {
        format!("{sign}{hours}:{minutes:02}:{rest:02}{fraction}")
    } else {
        format!("{sign}{minutes}:{rest:02}{fraction}")
    }
}

/// The first so many characters of a text, with a sign that there is more; `None` if it is no longer than that.
pub(crate) fn beginning(text: &str, most: usize) -> Option<String> {
    let (end, _) = text.char_indices().nth(most)?;
    Some(format!("{}…", text.get(..end).unwrap_or_default().trim_end()))
}

/// `1 pod`, `2 pods`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 12, 999, 1_000, 1_234_567].map(grouped), ["0", "12", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "pod", "pods"), counted(2, "pod", "pods")], ["1 pod", "2 pods"]);
    }

    #[rstest]
    #[case(0.0, "0")]
    #[case(0.25, "0.25")]
    #[case(12.0, "12")]
    #[case(1_500.0, "1.5k")]
    #[case(2e6, "2M")]
    #[case(100.0, "100")]
    fn numbers_of_axes_are_short(#[case] value: f64, #[case] text: &str) {
        assert_eq!(short(value), text);
    }

    #[rstest]
    #[case(0.42, "0.42 ms")]
    #[case(182.44, "182 ms")]
    #[case(1_250.0, "1.25 s")]
    fn times_have_the_unit_that_suits_them(#[case] value: f64, #[case] text: &str) {
        assert_eq!(milliseconds(value), text);
    }

    #[rstest]
    #[case(4.52, "4.5 s", "0:04.5")]
    #[case(0.0, "0 s", "0:00")]
    #[case(130.0, "2 min 10 s", "2:10")]
    #[case(5_400.0, "1 h 30 min", "1:30:00")]
    #[case(-30.0, "-30 s", "−0:30")]
    fn lengths_and_places_of_time_read_as_such(
        #[case] seconds: f64,
        #[case] length: &str,
        #[case] place: &str,
    ) {
        assert_eq!((duration(seconds).as_str(), clock(seconds).as_str()), (length, place));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(beginning("🚀🚀🚀", 2).as_deref(), Some("🚀🚀…"));
        assert_eq!(beginning("🚀🚀", 2), None);
    }
}
