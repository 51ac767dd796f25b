//! Affine 4 x 4 matrices in double precision: where nodes stand and how much they enlarge.
//!
//! Column-major, as in glTF; points are columns.

use serde_json::{Map, Value, json};

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

/// Positive where it keeps the winding of triangles, negative where it mirrors; 0 where it makes everything flat.
#[must_use]
pub fn determinant(m: &Matrix) -> f64 {
    m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[1][0] * (m[0][1] * m[2][2] - m[0][2] * m[2][1])
        + m[2][0] * (m[0][1] * m[1][2] - m[0][2] * m[1][1])
}

/// Translation, rotation and scale, as a node has them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placing {
    /// In the parent's units.
    pub translation: [f64; 3],
    /// A unit quaternion: x, y, z, w.
    pub rotation: [f64; 4],
    /// Negative along x where the matrix mirrors.
    pub scale: [f64; 3],
}

/// How far a matrix put together again may be off, as a part of its scale: about the precision of 32-bit floats.
const PRECISION: f64 = 1e-6;

impl Placing {
    /// Takes a matrix apart; `None` where it shears or makes something flat.
    #[must_use]
    pub fn of(matrix: &Matrix) -> Option<Self> {
        let mut scale: [f64; 3] =
            std::array::from_fn(|axis| matrix[axis][..3].iter().map(|v| v * v).sum::<f64>().sqrt());
        if scale.iter().any(|&length| length <= 0.0 || !length.is_finite()) {
            return None;
        }
        scale[0] = scale[0].copysign(determinant(matrix));
        let turned = |axis: usize, row: usize| matrix[axis][row] / scale[axis];
        let rotation = quaternion(&turned);
        let translation = [matrix[3][0], matrix[3][1], matrix[3][2]];
        let placing = Self { translation, rotation, scale };
        let again = of_node(&Value::Object(placing.members()), None);
        let bound = PRECISION * largest_scale(matrix);
        let is_same = |axis: usize| (0..3).all(|row| (again[axis][row] - matrix[axis][row]).abs() <= bound);
        (0..3).all(is_same).then_some(placing)
    }

    /// The members of a node, without those that readers assume, in 32-bit precision.
    #[must_use]
    pub fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let mut add = |name: &str, numbers: &[f64], default: &[f64]| {
            let list: Vec<Value> = numbers.iter().map(|&number| short(number)).collect();
            if list != default.iter().map(|&number| short(number)).collect::<Vec<_>>() {
                members.insert(name.to_owned(), list.into());
            }
        };
        add("translation", &self.translation, &[0.0; 3]);
        add("rotation", &self.rotation, &[0.0, 0.0, 0.0, 1.0]);
        add("scale", &self.scale, &[1.0; 3]);
        members
    }
}

/// The unit quaternion of a rotation matrix, by its largest component (S. W. Shepperd, 1978).
fn quaternion(m: &dyn Fn(usize, usize) -> f64) -> [f64; 4] {
    let trace = m(0, 0) + m(1, 1) + m(2, 2);
    let squares = [m(0, 0), m(1, 1), m(2, 2)].map(|own| 1.0 + 2.0 * own - trace);
    let largest = (0..3).max_by(|&a, &b| squares[a].total_cmp(&squares[b])).unwrap_or(0);
    let (j, k) = ((largest + 1) % 3, (largest + 2) % 3);
    let mut found = [0.0; 4];
    if trace + 1.0 > squares[largest] {
        let double = (trace + 1.0).sqrt();
        found[3] = double / 2.0;
        for (axis, component) in found[..3].iter_mut().enumerate() {
            let (j, k) = ((axis + 1) % 3, (axis + 2) % 3);
            *component = (m(j, k) - m(k, j)) / (2.0 * double);
        }
    } else {
        let double = squares[largest].max(0.0).sqrt();
        found[largest] = double / 2.0;
        found[j] = (m(largest, j) + m(j, largest)) / (2.0 * double);
        found[k] = (m(largest, k) + m(k, largest)) / (2.0 * double);
        found[3] = (m(j, k) - m(k, j)) / (2.0 * double);
    }
    found
}

/// A number with the fewest digits that give the same 32-bit float; what is left of rounding near zero becomes zero.
fn short(number: f64) -> Value {
    let float = number as f32;
    if float.fract() == 0.0 && float.abs() < 1e6 || float.abs() < 1e-9 {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below a million")]
        return json!(float as i64);
    }
    json!(float.to_string().parse::<f64>().unwrap_or(number))
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
    fn a_matrix_is_taken_apart_into_what_a_node_has() {
        for node in [
            json!({ "translation": [1, 2, 3], "rotation": [0.5, -0.5, 0.5, 0.5], "scale": [1, 2, 3] }),
            json!({ "rotation": [1, 0, 0, 0], "scale": [-2, 1, 1] }),
            json!({ "rotation": [0, 0.6, 0, 0.8] }),
            json!({ "rotation": [0, 0.6, 0.8, 0], "translation": [0.1, 0, 0] }),
            json!({}),
        ] {
            let matrix = of_node(&node, None);
            let members = Placing::of(&matrix).expect("no shear").members();
            assert_eq!(Value::Object(members), node);
        }
    }

    #[test]
    fn shear_cannot_be_taken_apart() {
        let turned = of_node(&json!({ "rotation": [0, 0, 0.6, 0.8] }), None);
        let stretched = of_node(&json!({ "scale": [1, 5, 1] }), None);
        assert_eq!(Placing::of(&product(&stretched, &turned)), None);
        assert!(Placing::of(&product(&turned, &stretched)).is_some());
        assert_eq!(Placing::of(&of_node(&json!({ "scale": [1, 0, 1] }), None)), None);
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
