// SPDX-License-Identifier: Apache-2.0
//! Levels and rates as numbers to calculate with.

use std::fmt::Display;

use upsurge_crds::v1alpha1::Quantity;

use crate::field_error::Errors;

/// The number, from 0 to a million. The schema holds only whole numbers against these limits: text can be anything.
pub(super) fn level(errors: &mut Errors, path: impl Display, level: Quantity) -> f64 {
    let highest = Quantity::whole(Quantity::HIGHEST_LEVEL);
    if level < Quantity::default() {
        errors.add(path, format_args!("must be at least 0, not {level}"));
    } else if level > highest {
        errors.add(path, format_args!("must be at most {highest}, not {level}"));
    }
    level.clamp(Quantity::default(), highest).as_f64()
}
