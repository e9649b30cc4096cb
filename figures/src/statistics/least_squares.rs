// SPDX-License-Identifier: Apache-2.0
//! Weighted least squares with K coefficients, by the normal equations with scaled columns.

/// A column that the others explain up to this share of its square is no column of its own.
const SINGULAR: f64 = 1e-10;

/// What fits best.
#[derive(Clone, Debug)]
pub(crate) struct Fit<const K: usize> {
    /// The coefficients.
    pub(crate) coefficients: [f64; K],
    /// (XᵀWX)⁻¹: times the variance of a value of weight 1, the coefficients' covariance.
    pub(crate) inverse: [[f64; K]; K],
}

/// Fits rows of columns, value and weight; `None` if they don't determine all coefficients.
pub(crate) fn least_squares<const K: usize>(
    rows: impl Iterator<Item = ([f64; K], f64, f64)>,
) -> Option<Fit<K>> {
    let (mut normal, mut right) = ([[0.0; K]; K], [0.0; K]);
    for (columns, value, weight) in rows {
        for i in 0..K {
            right[i] += weight * columns[i] * value;
            for j in 0..K {
                normal[i][j] += weight * columns[i] * columns[j];
            }
        }
    }
    let scale: [f64; K] = std::array::from_fn(|i| normal[i][i].sqrt());
    if scale.iter().any(|scale| !(*scale > 0.0 && scale.is_finite())) {
        return None;
    }
    let scaled: [[f64; K]; K] =
        std::array::from_fn(|i| std::array::from_fn(|j| normal[i][j] / (scale[i] * scale[j])));
    let inverse = inverse(scaled)?;
    let inverse: [[f64; K]; K] =
        std::array::from_fn(|i| std::array::from_fn(|j| inverse[i][j] / (scale[i] * scale[j])));
    let coefficients = std::array::from_fn(|i| (0..K).map(|j| inverse[i][j] * right[j]).sum());
    Some(Fit { coefficients, inverse })
}

/// Gauss and Jordan; without pivoting, which matrices of this kind don't need.
fn inverse<const K: usize>(mut matrix: [[f64; K]; K]) -> Option<[[f64; K]; K]> {
    let mut inverse: [[f64; K]; K] =
        std::array::from_fn(|i| std::array::from_fn(|j| f64::from(u8::from(i == j))));
    for pivot in 0..K {
        let divisor = matrix[pivot][pivot];
        if divisor.is_nan() || divisor < SINGULAR {
            return None;
        }
        for column in 0..K {
            matrix[pivot][column] /= divisor;
            inverse[pivot][column] /= divisor;
        }
        for row in (0..K).filter(|row| *row != pivot) {
            let factor = matrix[row][pivot];
            for column in 0..K {
                matrix[row][column] -= factor * matrix[pivot][column];
                inverse[row][column] -= factor * inverse[pivot][column];
            }
        }
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_is_found_however_its_columns_are_scaled() {
        let rows = (0..20).map(|row| {
            let (x, z) = (f64::from(row), f64::from(row * row) * 1e6);
            ([1.0, x, z], 3.0 - 2.0 * x + 5e-6 * z, 1.0 + f64::from(row % 3))
        });
        let fit = least_squares(rows).unwrap();
        for (found, truth) in fit.coefficients.into_iter().zip([3.0, -2.0, 5e-6]) {
            assert!((found / truth - 1.0).abs() < 1e-8, "{found} {truth}");
        }
        // By hand: for a mean alone, 1 / Σw.
        assert_eq!(
            least_squares([([1.0], 4.0, 3.0), ([1.0], 8.0, 1.0)].into_iter()).unwrap().inverse,
            [[0.25]]
        );
    }

    #[test]
    fn what_is_not_determined_is_not_made_up() {
        assert!(least_squares((0..9).map(|row| ([1.0, 2.0], f64::from(row), 1.0))).is_none());
        assert!(least_squares(std::iter::empty::<([f64; 1], f64, f64)>()).is_none());
        assert!(least_squares([([f64::NAN], 1.0, 1.0)].into_iter()).is_none());
    }
}
