//! Where models are looked at from.
//!
//! All views are placed from the original's bounding sphere and used for both files, so that a result that
//! moved or grew does not move the camera along.

use glam::{Mat4, Vec2, Vec3, Vec4};

use crate::optimize::budget::{CLOSE_UP, VIEW_PIXELS};

/// Side of a view, in pixels.
pub const VIEW_SIDE: usize = VIEW_PIXELS as usize;

/// Angle of the camera, in degrees.
const FIELD_OF_VIEW: f32 = 35.0;
/// Room around the bounding sphere.
const MARGIN: f32 = 1.03;

/// A direction to look from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Its name in reports.
    pub name: &'static str,
    /// Degrees around the vertical axis, 0 in front (+z).
    azimuth: f32,
    /// Degrees above the horizon.
    elevation: f32,
    /// 1, or [`CLOSE_UP`].
    pub zoom: f32,
    /// What is in the middle, from -1 (left, below) to 1 in the view without zoom; the model's middle is 0.
    aim: Vec2,
}

const fn view(name: &'static str, azimuth: f32, elevation: f32, zoom: f32) -> View {
    View { name, azimuth, elevation, zoom, aim: Vec2::ZERO }
}

impl View {
    /// A close-up of a place in this view.
    #[must_use]
    pub fn closer(&self, aim: Vec2) -> Self {
        Self { zoom: CLOSE_UP, aim, ..*self }
    }

    /// Where the camera is, what is in the middle of the view, and the angle that is seen in degrees. A view with an aim is a
    /// part of a larger picture; turned towards its middle instead, it shows the same place hardly distorted.
    pub(in super::super) fn standpoint(&self, around: &Sphere) -> (Vec3, Vec3, f32) {
        let Camera { eye, axes: [ahead, right, up], .. } = Camera::new(self, around);
        let distance = eye.distance(around.centre);
        let target = eye + (ahead + right * self.aim.x + up * self.aim.y) * distance;
        let half = (FIELD_OF_VIEW / 2.0).to_radians().tan() / self.zoom;
        (eye, target, 2.0 * half.atan().to_degrees())
    }

    /// Whether it is a close-up of a place that was chosen.
    #[must_use]
    pub fn is_detail(&self) -> bool {
        self.aim != Vec2::ZERO
    }

    /// Whether two views show different sides of a model.
    #[must_use]
    pub fn is_elsewhere(&self, other: &Self) -> bool {
        let turn = (self.azimuth - other.azimuth).rem_euclid(360.0);
        (90.0..=270.0).contains(&turn)
    }
}

/// Around, above, below.
pub const WHOLE: [View; 8] = [
    view("front", 20.0, 20.0, 1.0),
    view("front right", 80.0, 20.0, 1.0),
    view("back right", 140.0, 20.0, 1.0),
    view("back", 200.0, 20.0, 1.0),
    view("back left", 260.0, 20.0, 1.0),
    view("front left", 320.0, 20.0, 1.0),
    view("above", 45.0, 65.0, 1.0),
    view("below", 225.0, -35.0, 1.0),
];

/// On the middle of the model: what whole views are too coarse to show.
pub const CLOSE: [View; 2] =
    [view("front close-up", 20.0, 20.0, CLOSE_UP), view("back close-up", 200.0, 20.0, CLOSE_UP)];

/// The sphere that holds a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Sphere {
    pub(in super::super) centre: Vec3,
    pub(in super::super) radius: f32,
}

/// A camera: where it is, what it sees in each pixel, and the matrix from world to clip space.
pub(super) struct Camera {
    pub(super) eye: Vec3,
    pub(super) matrix: Mat4,
    /// Along the middle of the view, and from there half a view without zoom to the right and up.
    axes: [Vec3; 3],
    view: View,
}

impl Camera {
    pub(super) fn new(view: &View, around: &Sphere) -> Self {
        let distance = around.radius / (FIELD_OF_VIEW / 2.0).to_radians().sin() * MARGIN;
        let (azimuth, elevation) = (view.azimuth.to_radians(), view.elevation.to_radians());
        let towards =
            Vec3::new(azimuth.sin() * elevation.cos(), elevation.sin(), azimuth.cos() * elevation.cos());
        let eye = around.centre + towards * distance;
        let (near, far) =
            ((distance - around.radius * 1.2).max(distance * 0.01), distance + around.radius * 1.2);
        let half = (FIELD_OF_VIEW / 2.0).to_radians();
        let zoom = Mat4::from_cols(
            Vec4::X * view.zoom,
            Vec4::Y * view.zoom,
            Vec4::Z,
            Vec4::W - (view.aim * view.zoom).extend(0.0).extend(0.0),
        );
        let matrix = zoom
            * Mat4::perspective_rh(2.0 * half, 1.0, near, far)
            * Mat4::look_at_rh(eye, around.centre, Vec3::Y);
        let right = Vec3::Y.cross(towards).normalize_or(Vec3::X);
        let axes = [-towards, right * half.tan(), towards.cross(right) * half.tan()];
        Self { eye, matrix, axes, view: *view }
    }

    /// The direction from what is seen at a place in the view, in pixels, to the eye.
    pub(super) fn towards_eye(&self, at: Vec2) -> Vec3 {
        let part = at * (2.0 / VIEW_SIDE as f32) - 1.0;
        let part = Vec2::new(part.x, -part.y) / self.view.zoom + self.view.aim;
        let [ahead, right, up] = self.axes;
        -(ahead + right * part.x + up * part.y).normalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standpoint_looks_at_what_is_in_the_middle_of_the_view() {
        let around = Sphere { centre: Vec3::new(3.0, -2.0, 7.0), radius: 5.0 };
        for view in [WHOLE[2], CLOSE[1], WHOLE[6].closer(Vec2::new(0.4, -0.3))] {
            let (position, target, field_of_view) = view.standpoint(&around);
            let camera = Camera::new(&view, &around);
            assert_eq!(position, camera.eye);
            let middle = camera.matrix.project_point3(target);
            assert!(middle.truncate().length() < 1e-4, "{}: {middle}", view.name);
            assert!((field_of_view < FIELD_OF_VIEW / 2.0) == (view.zoom > 2.5), "{field_of_view}");
        }
    }
}
