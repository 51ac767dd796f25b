//! Powers, logarithms and curves of pictures, the same on every machine.
//!
//! Those of the standard library are the platform's, and differ in their last bits; these are plain sums and products,
//! and several times faster. Errors are below 2e-6 of the value: a hundredth of a step of a picture.

use std::sync::LazyLock;

/// The bits of the square root of a half, from which mantissas are counted.
const ROOT_HALF: u32 = 0x3f35_04f3;
const MANTISSA: u32 = 0x007f_ffff;

/// The logarithm to base 2 of a normal number above 0.
#[inline]
pub(super) fn log2(value: f32) -> f32 {
    let shifted = value.to_bits().wrapping_sub(ROOT_HALF);
    let exponent = (shifted.cast_signed() >> 23) as f32;
    let mantissa = f32::from_bits((shifted & MANTISSA) + ROOT_HALF);
    // The series of the area tangent, for 0.7 to 1.4.
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let t2 = t * t;
    let series = 1.0 + t2 * (1.0 / 3.0 + t2 * (1.0 / 5.0 + t2 * (1.0 / 7.0)));
    exponent + t * series * (2.0 * std::f32::consts::LOG2_E)
}

/// Two to the power of a number; what floats do not hold becomes the next that they do.
#[inline]
pub(super) fn exp2(value: f32) -> f32 {
    let value = value.clamp(-126.0, 127.0);
    let whole = floor(value + 0.5);
    let x = (value - whole as f32) * std::f32::consts::LN_2;
    let tail = 1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0));
    let series = 1.0 + x * (1.0 + x * (1.0 / 2.0 + x * (1.0 / 6.0 + x * tail)));
    f32::from_bits(((whole + 127) << 23).cast_unsigned()) * series
}

/// A power of a number from 0; 0 for 0.
#[inline]
pub(super) fn power(base: f32, exponent: f32) -> f32 {
    if base < f32::MIN_POSITIVE { 0.0 } else { exp2(log2(base) * exponent) }
}

/// The next whole number below; numbers beyond what 32 bits hold saturate.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
pub(super) fn floor(value: f32) -> i32 {
    let whole = value as i32;
    whole.saturating_sub(i32::from((whole as f32) > value))
}

/// A function over 0 to 1, straight between samples.
pub(super) struct Curve(Vec<f32>);

/// Steps of a curve.
const STEPS: u16 = 4096;

impl Curve {
    pub(super) fn of(function: impl Fn(f32) -> f32) -> Self {
        // One more than there are steps: the end needs a next one too.
        Self((0..=STEPS + 1).map(|i| function(f32::from(i) / f32::from(STEPS))).collect())
    }

    /// The value at a number, which is cut to 0 to 1.
    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut to the curve")]
    pub(super) fn at(&self, value: f32) -> f32 {
        let at = value.clamp(0.0, 1.0) * f32::from(STEPS);
        let step = at as u16;
        let steps = &self.0[usize::from(step)..][..2];
        let (low, high) = (steps[0], steps[1]);
        low + (high - low) * (at - f32::from(step))
    }
}

/// Light as sRGB, 0 to 1 (IEC 61966-2-1).
pub(super) static TO_SRGB: LazyLock<Curve> = LazyLock::new(|| {
    Curve::of(
        |light| if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * power(light, 1.0 / 2.4) - 0.055 },
    )
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_those_of_the_standard_library() {
        for step in 1..4000u16 {
            let value = f32::from(step) / 777.0;
            let close = |ours: f32, theirs: f32| (ours - theirs).abs() <= 2e-6 * theirs.abs().max(1.0);
            assert!(close(log2(value), value.log2()), "log2 {value}");
            assert!(close(exp2(value), value.exp2()), "exp2 {value}");
            assert!(close(exp2(-value), (-value).exp2()), "exp2 -{value}");
            assert!(close(power(value, 0.7), value.powf(0.7)), "{value} to 0.7");
        }
        assert_eq!((power(0.0, 0.5), exp2(-1e9) < 1e-30, exp2(1e9).is_finite()), (0.0, true, true));
    }

    #[test]
    fn whole_numbers_are_found_below_and_above_zero() {
        assert_eq!([-1.5, -1.0, -0.1, 0.0, 0.9, 7.0].map(floor), [-2, -1, -1, 0, 0, 7]);
        assert_eq!([f32::INFINITY, f32::NEG_INFINITY].map(floor), [i32::MAX, i32::MIN]);
    }

    #[test]
    fn light_becomes_srgb() {
        for step in 0..=255u8 {
            let light = crate::optimize::codecs::difference::linear_light(step);
            let back = TO_SRGB.at(light) * 255.0;
            assert!((back - f32::from(step)).abs() < 0.02, "{step} became {back}");
        }
    }
}
