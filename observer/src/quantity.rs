// SPDX-License-Identifier: Apache-2.0
//! Quantities of Kubernetes as numbers.

/// Reads a quantity, for example `250m`, `64Mi` or `1e3`; `None` if it is none.
pub fn quantity(text: &str) -> Option<f64> {
    // As Kubernetes has it, `E` is a unit and `E3` an exponent.
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then_some(number);
    }
    let split = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().ok()?;
    let factor = match unit {
        // Divided, as a thousandth has no exact factor.
        "n" => return Some(number / 1e9),
        "u" => return Some(number / 1e6),
        "m" => return Some(number / 1e3),
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0_f64.powi(2),
        "Gi" => 1024.0_f64.powi(3),
        "Ti" => 1024.0_f64.powi(4),
        "Pi" => 1024.0_f64.powi(5),
        "Ei" => 1024.0_f64.powi(6),
        _ => return None,
    };
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::whole("2", Some(2.0))]
    #[case::milli("950m", Some(0.95))]
    #[case::nano("1500000000n", Some(1.5))]
    #[case::binary("64Mi", Some(67_108_864.0))]
    #[case::exponent("1e3", Some(1_000.0))]
    #[case::exa("2E", Some(2e18))]
    #[case::unknown_unit("12x", None)]
    #[case::empty("", None)]
    #[case::word("inf", None)]
    fn a_quantity_is_a_number_with_a_unit(#[case] text: &str, #[case] number: Option<f64>) {
        assert_eq!(quantity(text), number);
    }
}
