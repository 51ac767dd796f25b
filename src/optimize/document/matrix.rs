//! Affine 4 x 4 matrices in double precision: where nodes stand and how much they enlarge.
//!
//! Column-major, as in glTF; points are columns.

use serde_json::Value;

/// Column-major, as in glTF.
pub type Matrix = [[f64; 4]; 4];

/// Changes nothing.
pub const IDENTITY: Matrix =
    [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];

/// `a` after `b`.
#[must_use]
pub fn product(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|column| {
        std::array::from_fn(|row| (0..4).map(|inner| a[inner][row] * b[column][inner]).sum())
    })
}

/// A point where the matrix puts it.
#[must_use]
pub fn transformed(matrix: &Matrix, point: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|row| (0..3).map(|i| matrix[i][row] * point[i]).sum::<f64>() + matrix[3][row])
}

/// The local transform of a node's JSON; `scale` replaces the node's own.
#[must_use]
pub fn of_node(node: &Value, scale: Option<[f64; 3]>) -> Matrix {
    if let Some(flat) = numbers::<16>(&node["matrix"]) {
        return from_columns(&flat);
    }
    let [x, y, z, w] = numbers(&node["rotation"]).unwrap_or([0.0, 0.0, 0.0, 1.0]);
    let [sx, sy, sz] = scale.or_else(|| numbers(&node["scale"])).unwrap_or([1.0; 3]);
    let [tx, ty, tz] = numbers(&node["translation"]).unwrap_or([0.0; 3]);
    let columns = [
        ([1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + z * w), 2.0 * (x * z - y * w)], sx),
        ([2.0 * (x * y - z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + x * w)], sy),
        ([2.0 * (x * z + y * w), 2.0 * (y * z - x * w), 1.0 - 2.0 * (x * x + y * y)], sz),
    ];
    let [a, b, c] = columns.map(|([x, y, z], scale)| [x * scale, y * scale, z * scale, 0.0]);
    [a, b, c, [tx, ty, tz, 1.0]]
}

/// From sixteen numbers, column by column.
#[must_use]
pub fn from_columns(flat: &[f64; 16]) -> Matrix {
    std::array::from_fn(|column| std::array::from_fn(|row| flat[4 * column + row]))
}

/// How much the matrix enlarges: the longest of the three axes' images. A sheared matrix may enlarge some other
/// direction by up to the square root of three times as much.
#[must_use]
pub fn largest_scale(matrix: &Matrix) -> f64 {
    let length = |axis: &[f64; 4]| axis[..3].iter().map(|v| v * v).sum::<f64>().sqrt();
    matrix[..3].iter().map(length).fold(0.0, f64::max)
}

/// A JSON array of exactly `N` numbers.
#[must_use]
pub fn numbers<const N: usize>(value: &Value) -> Option<[f64; N]> {
    let list: Vec<f64> = value.as_array()?.iter().filter_map(Value::as_f64).collect();
    list.try_into().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_scales_then_turns_then_moves() {
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let node = json!({ "scale": [2, 3, 4], "rotation": [0, 0, half, half], "translation": [10, 0, 0] });
        let matrix = of_node(&node, None);
        let [x, y, z] = transformed(&matrix, [1.0, 0.0, 0.0]);
        assert!((x - 10.0).abs() < 1e-12 && (y - 2.0).abs() < 1e-12 && z.abs() < 1e-12);
        assert!((largest_scale(&matrix) - 4.0).abs() < 1e-12);
        assert!((largest_scale(&of_node(&node, Some([9.0; 3]))) - 9.0).abs() < 1e-12);
    }

    #[test]
    fn products_apply_the_right_matrix_first() {
        let moved = of_node(&json!({ "translation": [1, 0, 0] }), None);
        let scaled = of_node(&json!({ "scale": [2, 2, 2] }), None);
        assert_eq!(transformed(&product(&scaled, &moved), [0.0; 3]), [2.0, 0.0, 0.0]);
        let flat = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        assert_eq!(of_node(&json!({ "matrix": flat }), None), moved);
    }
}
