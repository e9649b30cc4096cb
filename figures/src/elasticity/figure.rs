// SPDX-License-Identifier: Apache-2.0
//! A number that says how much of its time is not in it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A figure over a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The value over the time that is known; absent if none of it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Seconds of the period that are not in the value, because something that it needs was not known then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown: f64,
}

impl Figure {
    /// The value, if it is of the whole period.
    pub fn whole(&self) -> Option<f64> {
        self.value.filter(|_| self.unknown == 0.0)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            None => return formatter.write_str("not known"),
            Some(value) => write!(formatter, "{}", (value * 100.0).round() / 100.0)?,
        }
        if self.unknown > 0.0 {
            write!(formatter, " ({:.0} s not known)", self.unknown.ceil())?;
        }
        Ok(())
    }
}

fn is_zero(seconds: &f64) -> bool {
    *seconds == 0.0
}
