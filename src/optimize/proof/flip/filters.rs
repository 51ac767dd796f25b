//! Separable filters over one channel of a picture.

/// One channel of a picture, row by row.
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) values: Vec<f32>,
}

/// The values of a function at whole distances from the middle.
pub(super) fn kernel(radius: f32, value: impl Fn(f32) -> f32) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "a radius is a small whole number")]
    let radius = radius as i16;
    (-radius..=radius).map(|x| value(f32::from(x))).collect()
}

/// Filters every row; beyond the picture its outermost pixels go on.
pub(super) fn along(plane: &Plane, kernel: &[f32]) -> Plane {
    let width = plane.width;
    let radius = kernel.len() / 2;
    let mut values = vec![0.0; plane.values.len()];
    let mut padded = vec![0.0; width + 2 * radius];
    for (row, source) in values.chunks_exact_mut(width).zip(plane.values.chunks_exact(width)) {
        padded[..radius].fill(source[0]);
        padded[radius..radius + width].copy_from_slice(source);
        padded[radius + width..].fill(source[width - 1]);
        weigh(row, kernel, |tap| &padded[tap..tap + width]);
    }
    Plane { width, values }
}

/// Filters every column, likewise.
pub(super) fn down(plane: &Plane, kernel: &[f32]) -> Plane {
    let width = plane.width;
    let height = plane.values.len() / width;
    let radius = kernel.len() / 2;
    let mut values = vec![0.0; plane.values.len()];
    for (y, row) in values.chunks_exact_mut(width).enumerate() {
        weigh(row, kernel, |tap| {
            let from = (y + tap).saturating_sub(radius).min(height - 1);
            &plane.values[from * width..][..width]
        });
    }
    Plane { width, values }
}

/// Adds weighted rows to one: four at a time, as each pass over it costs as much as its sums.
fn weigh<'p>(row: &mut [f32], kernel: &[f32], source: impl Fn(usize) -> &'p [f32]) {
    for (four, weights) in kernel.chunks(4).enumerate() {
        let tap = 4 * four;
        match *weights {
            [a, b, c, d] => {
                let sources =
                    source(tap).iter().zip(source(tap + 1)).zip(source(tap + 2)).zip(source(tap + 3));
                for (sum, (((p, q), r), s)) in row.iter_mut().zip(sources) {
                    *sum += (a * p + b * q) + (c * r + d * s);
                }
            }
            _ => {
                for (i, weight) in weights.iter().enumerate() {
                    row.iter_mut().zip(source(tap + i)).for_each(|(sum, value)| *sum += weight * value);
                }
            }
        }
    }
}

/// A symmetric kernel without the ends that add nothing to a sum of floats.
pub(super) fn without_tails(kernel: &[f32]) -> &[f32] {
    let peak = kernel[kernel.len() / 2];
    let tail = kernel.iter().position(|weight| *weight > peak * 1e-8).unwrap_or(0);
    &kernel[tail..kernel.len() - tail]
}
