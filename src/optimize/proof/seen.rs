//! One view of two models: the pictures, and how different they are.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::flip::{self, Perceived, Picture};
use super::owners::Owner;
use super::render::camera::{Sphere, VIEW_SIDE, View, WHOLE};
use super::render::pose::Case;
use super::{Pictures, Standpoint, ViewError, render};
use crate::optimize::codecs::Pixels;

/// What the names of views have in them that look at a detail.
pub(super) const DETAIL: &str = ", detail";

/// Coverage from which on a pixel is inside of an outline. One that differs by a sample has not moved: a point covers one more or
/// less wherever it is moved by nearly nothing.
const HALF: u8 = 128;
const ONE_SAMPLE: u8 = 64;

/// What is nearer than something else by this is in front of it: about a hundredth of the model's radius.
const NEARER: f32 = 0.004;

/// Pixels beyond which no filter of FLIP reaches.
const FILTER_REACH: usize = 24;

/// The original in one view.
pub(super) struct Shot {
    pub(super) view: View,
    pub(super) case: Case,
    pub(super) around: Sphere,
    /// See [`render::Image`].
    coverage: Vec<u8>,
    glazed: usize,
    /// Who drew what the image shows.
    owners: Arc<[Owner]>,
    /// Nothing else is kept of what is outside of it.
    window: Window,
    picture: Picture,
    /// What is perceived of the picture.
    perceived: Perceived,
    /// Which draw is seen at each of its pixels, and how deep that lies.
    front: Vec<(u32, f32)>,
}

/// The part of a view in which the original is seen, with room for filters around it; empty where it is not.
struct Window {
    columns: Range<usize>,
    rows: Range<usize>,
}

impl Shot {
    pub(super) fn new(
        view: View,
        case: Case,
        around: Sphere,
        image: render::Image,
        owners: Arc<[Owner]>,
    ) -> Self {
        let window = Window::of(&image.coverage);
        let picture = window.cut(&image.picture);
        let mut front = Vec::with_capacity(picture.pixels.len());
        front.extend(window.pixels().map(|pixel| (image.owners[pixel], image.depths[pixel])));
        let render::Image { coverage, glazed, .. } = image;
        let perceived = Perceived::of(&picture);
        Self { view, case, around, coverage, glazed, owners, window, picture, perceived, front }
    }

    /// Whether all of the model is seen, at rest.
    pub(super) fn is_whole(&self) -> bool {
        self.case == Case::default() && WHOLE.contains(&self.view)
    }

    pub(super) fn name(&self) -> String {
        let detail = if self.view.is_detail() { DETAIL } else { "" };
        let pose = self.case.moment.map(|m| format!(", clip {} at {:.0} %", m.clip, m.part * 100.0));
        let variant = self.case.variant.map(|variant| format!(", variant {variant}"));
        format!("{}{detail}{}{}", self.view.name, pose.unwrap_or_default(), variant.unwrap_or_default())
    }

    /// The part of what is seen of the model through which light goes.
    pub(super) fn glass(&self) -> f32 {
        let covered = self.coverage.iter().filter(|cover| **cover > 0).count();
        self.glazed as f32 / covered.max(1) as f32
    }

    fn standpoint(&self) -> Standpoint {
        let (position, target, field_of_view) = self.view.standpoint(&self.around);
        Standpoint {
            position: position.to_array(),
            target: target.to_array(),
            field_of_view,
            moment: self.case.moment.map(|moment| (moment.clip, moment.part)),
            variant: self.case.variant,
        }
    }

    /// How much there is to see in each cell of `side` x `side` pixels of the view, row by row.
    pub(super) fn detail(&self, side: usize) -> Vec<f32> {
        let columns = VIEW_SIDE / side;
        let mut cells = vec![0.0; columns * columns];
        for (pixel, strength) in self.window.pixels().zip(self.perceived.detail()) {
            if self.coverage[pixel] == u8::MAX {
                let (x, y) = (pixel % VIEW_SIDE, pixel / VIEW_SIDE);
                cells[(y / side).min(columns - 1) * columns + (x / side).min(columns - 1)] += strength;
            }
        }
        cells
    }

    /// The FLIP error of every pixel. Where the result covers what is far outside the original, it is the largest.
    fn errors(&self, after: &render::Image) -> Vec<f32> {
        let mut all: Vec<f32> =
            after.coverage.iter().map(|cover| if *cover > 0 { 1.0 } else { 0.0 }).collect();
        let part = self.window.cut(&after.picture);
        let errors = if part == self.picture {
            vec![0.0; part.pixels.len()]
        } else {
            let is_covered = |pixel: usize| self.coverage[pixel] > 0 || after.coverage[pixel] > 0;
            flip::flip_where(&self.perceived, &Perceived::of(&part), |i| is_covered(self.window.pixel(i)))
        };
        for (pixel, error) in self.window.pixels().zip(errors) {
            all[pixel] = error;
        }
        all
    }

    /// The picture of the whole view: there is only background outside of the window.
    fn whole_picture(&self) -> Picture {
        let mut pixels = vec![render::BACKGROUND; VIEW_SIDE * VIEW_SIDE];
        for (pixel, colour) in self.window.pixels().zip(&self.picture.pixels) {
            pixels[pixel] = *colour;
        }
        Picture { width: VIEW_SIDE, pixels }
    }
}

/// Both models in one view.
pub(super) struct Seen<'r> {
    shot: &'r Shot,
    after: render::Image,
    /// Who of the original drew what the result shows.
    owners: &'r [Owner],
    errors: Vec<f32>,
}

impl<'r> Seen<'r> {
    pub(super) fn new(shot: &'r Shot, after: render::Image, owners: &'r [Owner]) -> Self {
        let errors = shot.errors(&after);
        Self { shot, after, owners, errors }
    }

    /// The error of the view; `None` where neither model is in it.
    pub(super) fn error(&self) -> Option<(ViewError, Option<Owner>)> {
        let cover = || self.shot.coverage.iter().zip(&self.after.coverage);
        let covered = cover().zip(&self.errors).filter(|((a, b), _)| **a > 0 || **b > 0);
        let (sum, pixels) = covered.fold((0.0, 0), |(sum, pixels), (_, error)| (sum + error, pixels + 1));
        let outlines =
            cover().map(|(a, b)| (*a >= HALF, if a.abs_diff(*b) > ONE_SAMPLE { *b } else { *a } >= HALF));
        let (union, shared) = outlines.fold((0, 0), |(union, shared), (a, b)| {
            (union + usize::from(a || b), shared + usize::from(a && b))
        });
        let silhouette = if union == 0 { 1.0 } else { shared as f32 / union as f32 };
        let owner = self.owner();
        let error = || ViewError {
            name: self.shot.name(),
            error: sum / pixels as f32,
            silhouette,
            pixels,
            node: owner.filter(|owner| !owner.is_added).map(|owner| owner.node),
            object: None,
            camera: Some(self.shot.standpoint()),
        };
        (pixels > 0).then(|| (error(), owner))
    }

    /// Who has the largest sum of errors.
    fn owner(&self) -> Option<Owner> {
        let mut sums: BTreeMap<Owner, f32> = BTreeMap::new();
        for (pixel, error) in self.errors.iter().enumerate().filter(|(_, error)| **error > 0.0) {
            if let Some(owner) = self.owner_at(pixel) {
                *sums.entry(owner).or_default() += error;
            }
        }
        sums.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(owner, _)| owner)
    }

    /// Who is named for a pixel: of what the two models show there, what is in front. What is behind it has been there all
    /// along, or was uncovered.
    fn owner_at(&self, pixel: usize) -> Option<Owner> {
        let (shot, after) = (self.shot, &self.after);
        let before = shot.window.index(pixel).map(|index| shot.front[index]);
        if before.is_none_or(|(_, depth)| after.depths[pixel] + NEARER < depth) {
            return self.owners.get(after.owners[pixel] as usize).copied();
        }
        before.and_then(|(owner, _)| shot.owners.get(owner as usize)).copied()
    }

    /// Before, after, and where they differ.
    pub(super) fn pictures(&self) -> Option<Pictures> {
        // Small errors are what there is to see.
        let colours = self.errors.iter().map(|error| heat(error.sqrt()));
        let heat = Picture { width: VIEW_SIDE, pixels: colours.collect() };
        let three = [&self.shot.whole_picture(), &self.after.picture, &heat];
        let row = |y: usize| {
            three.into_iter().flat_map(move |picture| &picture.pixels[y * VIEW_SIDE..][..VIEW_SIDE])
        };
        let mut rgba = Vec::with_capacity(3 * VIEW_SIDE * VIEW_SIDE * 4);
        rgba.extend((0..VIEW_SIDE).flat_map(row).flat_map(|&[r, g, b]| [r, g, b, 255]));
        let side = u32::try_from(VIEW_SIDE).ok()?;
        let pixels = Pixels::new(3 * side, side, rgba).ok()?;
        Some(Pictures { name: self.shot.name(), pixels })
    }
}

/// The colour of a number from 0 to 1: from black over purple and orange to almost white, each lighter than the one before, as
/// in the map "magma" (S. van der Walt and N. Smith, 2015), of which these are steps.
pub(super) fn heat(part: f32) -> [u8; 3] {
    const STEPS: [[f32; 3]; 5] = [
        [0.0, 0.0, 4.0],
        [81.0, 18.0, 124.0],
        [183.0, 55.0, 121.0],
        [252.0, 137.0, 97.0],
        [252.0, 253.0, 191.0],
    ];
    #[expect(clippy::cast_precision_loss, reason = "there are five")]
    let at = part.clamp(0.0, 1.0) * (STEPS.len() - 1) as f32;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 4")]
    let below = (at as usize).min(STEPS.len() - 2);
    let share = at - below as f32;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
    std::array::from_fn(|channel| {
        let [low, high] = [STEPS[below][channel], STEPS[below + 1][channel]];
        (low + (high - low) * share).round() as u8
    })
}

impl Window {
    /// Around what is covered.
    fn of(coverage: &[u8]) -> Self {
        let covered = || coverage.iter().enumerate().filter(|(_, cover)| **cover > 0).map(|(pixel, _)| pixel);
        let range = |place: fn(usize) -> usize| {
            let low = covered().map(place).min()?.saturating_sub(FILTER_REACH);
            let high = covered().map(place).max()? + 1 + FILTER_REACH;
            Some(low..high.min(VIEW_SIDE))
        };
        Self {
            columns: range(|pixel| pixel % VIEW_SIDE).unwrap_or_default(),
            rows: range(|pixel| pixel / VIEW_SIDE).unwrap_or_default(),
        }
    }

    /// Its pixels in the view, row by row.
    fn pixels(&self) -> impl Iterator<Item = usize> + use<> {
        let columns = self.columns.clone();
        self.rows.clone().flat_map(move |y| columns.clone().map(move |x| y * VIEW_SIDE + x))
    }

    /// The place of a pixel of the view among them; `None` outside.
    fn index(&self, pixel: usize) -> Option<usize> {
        let (x, y) = (pixel % VIEW_SIDE, pixel / VIEW_SIDE);
        let is_inside = self.columns.contains(&x) && self.rows.contains(&y);
        is_inside.then(|| (y - self.rows.start) * self.columns.len() + x - self.columns.start)
    }

    /// The pixel of the view that is one of the window's, counted row by row.
    fn pixel(&self, of_window: usize) -> usize {
        let width = self.columns.len();
        (self.rows.start + of_window / width) * VIEW_SIDE + self.columns.start + of_window % width
    }

    fn cut(&self, picture: &Picture) -> Picture {
        picture.window(self.columns.clone(), self.rows.clone())
    }
}
