//! How long a user pauses.

use std::time::Duration;

/// A distribution of pauses.
#[derive(Clone, Debug, PartialEq)]
pub struct Pause {
    /// Its shape.
    pub shape: Shape,
    /// No pause is shorter.
    pub min: Duration,
    /// No pause is longer; never less than `min`.
    pub max: Duration,
}

/// Shapes of distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// All lengths from `min` to `max` alike.
    Uniform,
    /// A bell.
    Normal {
        /// Its middle.
        mean: Duration,
        /// Its width.
        deviation: Duration,
    },
    /// As between independent events.
    Exponential {
        /// Mean, before `max` cuts it.
        mean: Duration,
    },
}

impl Pause {
    /// Draws a pause; `random` gives numbers from 0 to 1, the end excluded.
    pub fn draw(&self, mut random: impl FnMut() -> f64) -> Duration {
        let seconds = match self.shape {
            Shape::Uniform => return self.min + (self.max - self.min).mul_f64(random()),
            Shape::Normal { mean, deviation } => {
                // Box-Muller; 1 - x, because the logarithm of 0 is no number.
                let radius = (-2.0 * (1.0 - random()).ln()).sqrt();
                let offset = radius * (std::f64::consts::TAU * random()).cos();
                mean.as_secs_f64() + deviation.as_secs_f64() * offset
            }
            Shape::Exponential { mean } => -mean.as_secs_f64() * (1.0 - random()).ln(),
        };
        Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(self.max).clamp(self.min, self.max)
    }

    /// Whether every pause is of no length.
    pub fn is_zero(&self) -> bool {
        self.max.is_zero()
    }
}
