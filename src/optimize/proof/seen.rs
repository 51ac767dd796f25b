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
    /// Of the whole view, see [`render::Image`].
    coverage: Vec<u8>,
    glazed: usize,
    owners: Arc<[Owner]>,
    /// Where it is seen. Of the rest of the view nothing else is kept.
    part: ViewPart,
    /// Which of the owners is in front at each pixel of that part, or [`render::NOBODY`], and how deep.
    front: Vec<(u32, f32)>,
}

/// A part of a view, as a picture and as what is perceived of it.
struct ViewPart {
    window: Window,
    picture: Picture,
    perceived: Perceived,
}

impl ViewPart {
    fn new(window: Window, picture: Picture) -> Self {
        let perceived = Perceived::of(&picture);
        Self { window, picture, perceived }
    }

    /// One in which only the background is seen.
    fn of_nothing(window: Window) -> Self {
        let pixels = vec![render::BACKGROUND; window.columns.len() * window.rows.len()];
        let picture = Picture { width: window.columns.len(), pixels };
        Self::new(window, picture)
    }

    /// The picture of the whole view: there is only background outside of this part.
    fn whole_picture(&self) -> Picture {
        let mut pixels = vec![render::BACKGROUND; VIEW_SIDE * VIEW_SIDE];
        for (pixel, colour) in self.window.pixels().zip(&self.picture.pixels) {
            pixels[pixel] = *colour;
        }
        Picture { width: VIEW_SIDE, pixels }
    }
}

/// A rectangle around what is covered in a view, with room for filters around it; empty where nothing is.
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
        // Collected, it would take up to twice as much: how many there are is not known beforehand.
        let mut front = Vec::with_capacity(picture.pixels.len());
        front.extend(window.pixels().map(|pixel| (image.owners[pixel], image.depths[pixel])));
        let render::Image { coverage, glazed, .. } = image;
        Self { view, case, around, coverage, glazed, owners, part: ViewPart::new(window, picture), front }
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
        for (pixel, strength) in self.part.window.pixels().zip(self.part.perceived.detail()) {
            if self.coverage[pixel] == u8::MAX {
                let (x, y) = (pixel % VIEW_SIDE, pixel / VIEW_SIDE);
                cells[(y / side).min(columns - 1) * columns + (x / side).min(columns - 1)] += strength;
            }
        }
        cells
    }

    /// The FLIP error of every pixel. Where the result covers what is far outside the original, it is the largest.
    fn errors(&self, after: &render::Image) -> Vec<f32> {
        if self.part.picture.pixels.is_empty() {
            // No place is far from an original that may be just outside of the view.
            let nothing = ViewPart::of_nothing(Window::of(&after.coverage));
            return self.errors_beside(&nothing, after);
        }
        self.errors_beside(&self.part, after)
    }

    fn errors_beside(&self, before: &ViewPart, after: &render::Image) -> Vec<f32> {
        let mut all: Vec<f32> =
            after.coverage.iter().map(|cover| if *cover > 0 { 1.0 } else { 0.0 }).collect();
        let ViewPart { window, picture, perceived } = before;
        let part = window.cut(&after.picture);
        let errors = if part == *picture {
            vec![0.0; part.pixels.len()]
        } else {
            let is_covered = |pixel: usize| self.coverage[pixel] > 0 || after.coverage[pixel] > 0;
            flip::flip_where(perceived, &Perceived::of(&part), |i| is_covered(window.pixel(i)))
        };
        for (pixel, error) in window.pixels().zip(errors) {
            all[pixel] = error;
        }
        all
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
        let before = shot.part.window.index(pixel).map(|index| shot.front[index]);
        match before.filter(|(_, depth)| after.depths[pixel] + NEARER >= *depth) {
            Some((owner, _)) => shot.owners.get(owner as usize).copied(),
            None => self.owners.get(after.owners[pixel] as usize).copied(),
        }
    }

    /// Before, after, and where they differ.
    pub(super) fn pictures(&self) -> Option<Pictures> {
        // Small errors are what there is to see.
        let colours = self.errors.iter().map(|error| heat(error.sqrt()));
        let heat = Picture { width: VIEW_SIDE, pixels: colours.collect() };
        let three = [&self.shot.part.whole_picture(), &self.after.picture, &heat];
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

#[cfg(test)]
mod tests {
    use glam::Vec3;

    use super::*;

    const PIXELS: usize = VIEW_SIDE * VIEW_SIDE;

    /// A picture with a rectangle of a grey, or with nothing.
    fn image(rectangle: Option<(Range<usize>, Range<usize>, u8)>) -> render::Image {
        let covered = |pixel: usize| {
            let (columns, rows, grey) = rectangle.as_ref()?;
            let is_inside = columns.contains(&(pixel % VIEW_SIDE)) && rows.contains(&(pixel / VIEW_SIDE));
            is_inside.then_some(*grey)
        };
        let of = |pixel: usize| covered(pixel).map_or(render::BACKGROUND, |grey| [grey; 3]);
        render::Image {
            picture: Picture { width: VIEW_SIDE, pixels: (0..PIXELS).map(of).collect() },
            coverage: (0..PIXELS).map(|pixel| covered(pixel).map_or(0, |_| u8::MAX)).collect(),
            owners: (0..PIXELS).map(|pixel| covered(pixel).map_or(render::NOBODY, |_| 0)).collect(),
            depths: (0..PIXELS).map(|pixel| covered(pixel).map_or(f32::INFINITY, |_| 0.5)).collect(),
            glazed: 0,
        }
    }

    fn shot(image: render::Image) -> Shot {
        let around = Sphere { centre: Vec3::ZERO, radius: 1.0 };
        Shot::new(WHOLE[0], Case::default(), around, image, Arc::new([]))
    }

    #[test]
    fn pixels_of_a_window_are_found_again_and_its_picture_is_the_view() {
        for rectangle in [Some((200..300, 150..160, 90)), Some((0..3, 500..VIEW_SIDE, 7)), None] {
            let view = image(rectangle);
            let whole = view.picture.clone();
            let part = shot(view).part;
            let found: Vec<usize> = part.window.pixels().collect();
            let counted: Vec<usize> = (0..found.len()).map(|at| part.window.pixel(at)).collect();
            assert_eq!(found, counted);
            let places = |is_inside: bool| {
                (0..PIXELS).filter(move |pixel| found.binary_search(pixel).is_ok() == is_inside)
            };
            assert!(places(true).eq((0..PIXELS).filter(|&pixel| part.window.index(pixel).is_some())));
            assert!(counted.iter().enumerate().all(|(at, &pixel)| part.window.index(pixel) == Some(at)));
            assert_eq!(part.whole_picture(), whole);
        }
    }

    /// What is beside an original is as wrong as it can be; where a view shows nothing of one, as what is seen of it.
    #[test]
    fn in_a_view_without_the_original_a_result_is_compared_with_the_background() {
        let error = |before: Option<(Range<usize>, Range<usize>, u8)>, grey: u8| {
            let shot = shot(image(before));
            let seen = Seen::new(&shot, image(Some((200..300, 200..300, grey))), &[]);
            seen.error().map(|(view, _)| view.error)
        };
        let elsewhere = || Some((400..500, 400..500, 130));
        let (beside, alone) = (error(elsewhere(), 130).unwrap(), error(None, 130).unwrap());
        assert!(beside > 0.45, "half of what is covered: {beside}");
        assert!(0.0 < alone && alone < 0.1, "{alone}");
        assert!(error(None, 255).unwrap() > 3.0 * alone);
        assert_eq!(
            Seen::new(&shot(image(None)), image(None), &[]).error().map(|(view, _)| view.pixels),
            None
        );
    }
}
