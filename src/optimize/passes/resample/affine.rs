//! Affine transforms of nodes: just enough to say where the points of a posed model are.

use serde_json::Value;

/// Three columns for the axes and one for the origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine(pub [[f32; 3]; 4]);

/// The unit transform.
pub(super) const IDENTITY: Affine =
    Affine([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]);

/// The animated parts of a node's transform, as glTF names them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pose {
    pub translation: [f32; 3],
    pub rotation: [f32; 4],
    pub scale: [f32; 3],
}

/// The numbers of a member; `None` where it is missing or has another length.
pub(super) fn numbers<const N: usize>(node: &Value, member: &str) -> Option<[f32; N]> {
    let list = node[member].as_array()?;
    #[expect(clippy::cast_possible_truncation, reason = "transforms are used as 32-bit floats")]
    let floats: Option<Vec<f32>> = list.iter().map(|value| value.as_f64().map(|v| v as f32)).collect();
    floats?.try_into().ok()
}

impl Pose {
    /// How a node rests; its `matrix` is not looked at.
    pub(super) fn of(node: &Value) -> Self {
        Self {
            translation: numbers(node, "translation").unwrap_or_default(),
            rotation: numbers(node, "rotation").unwrap_or([0.0, 0.0, 0.0, 1.0]),
            scale: numbers(node, "scale").unwrap_or([1.0; 3]),
        }
    }

    /// The transform (glTF 2.0, 3.5.3: translation times rotation times scale).
    pub(super) fn affine(&self) -> Affine {
        let length = self.rotation.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        let [x, y, z, w] = self.rotation.map(|v| v / length);
        let axes = [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + z * w), 2.0 * (x * z - y * w)],
            [2.0 * (x * y - z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + x * w)],
            [2.0 * (x * z + y * w), 2.0 * (y * z - x * w), 1.0 - 2.0 * (x * x + y * y)],
        ];
        let [a, b, c] = std::array::from_fn(|i| axes[i].map(|v| v * self.scale[i]));
        Affine([a, b, c, self.translation])
    }
}

impl Affine {
    /// From the sixteen numbers of a glTF matrix, column by column.
    pub(super) fn from_columns(matrix: &[f32; 16]) -> Self {
        Self(std::array::from_fn(|column| std::array::from_fn(|row| matrix[4 * column + row])))
    }

    /// How a node rests.
    pub(super) fn of(node: &Value) -> Self {
        match numbers(node, "matrix") {
            Some(matrix) => Self::from_columns(&matrix),
            None => Pose::of(node).affine(),
        }
    }

    /// The transform that does `inner` first.
    pub(super) fn times(&self, inner: &Self) -> Self {
        let [a, b, c, origin] = inner.0;
        Self([self.turned(a), self.turned(b), self.turned(c), self.point(origin)])
    }

    pub(super) fn point(&self, point: [f32; 3]) -> [f32; 3] {
        let turned = self.turned(point);
        std::array::from_fn(|i| turned[i] + self.0[3][i])
    }

    fn turned(&self, [x, y, z]: [f32; 3]) -> [f32; 3] {
        let [a, b, c, _] = self.0;
        std::array::from_fn(|i| a[i] * x + b[i] * y + c[i] * z)
    }

    /// The most that a length can grow.
    pub(super) fn largest_scale(&self) -> f32 {
        self.0[..3].iter().map(|axis| length(*axis)).fold(0.0, f32::max)
    }
}

pub(super) fn length(vector: [f32; 3]) -> f32 {
    vector.iter().map(|v| v * v).sum::<f32>().sqrt()
}

pub(super) fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    length(std::array::from_fn(|i| a[i] - b[i]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_quarter_turn_about_z_after_a_scale_and_before_a_shift() {
        let half = std::f32::consts::FRAC_1_SQRT_2;
        let node = json!({ "translation": [5, 0, 0], "rotation": [0, 0, half, half], "scale": [2, 1, 1] });
        let moved = Affine::of(&node).point([1.0, 0.0, 0.0]);
        assert!(distance(moved, [5.0, 2.0, 0.0]) < 1e-5, "{moved:?}");
        let twice = Affine::of(&node).times(&Affine::of(&node));
        assert!(distance(twice.point([1.0, 0.0, 0.0]), [3.0, 10.0, 0.0]) < 1e-5);
    }
}
