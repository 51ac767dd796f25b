//! Which texels of an image the model's triangles show: the rest of a texture atlas is nobody's, and need not look like anything.

use glam::{Affine2, Vec2};
use serde_json::Value;

use super::density::{TextureUse, images_of, texture_uses};
use crate::optimize::document::primitives::{self, as_index};
use crate::optimize::document::texture_info::numbers;
use crate::optimize::document::{Document, pointers, unknown};

/// The longest side of the grid in which texels are told apart.
const MOST_SIDE: u32 = 1024;

/// How far beyond its triangles an image is shown, as a part of its longer side: what is minified is blended with what is beside it.
const MARGIN: f32 = 1.0 / 256.0;

/// A triangle over more repetitions of an image than this is not looked at: it shows all of it.
const MOST_REPETITIONS: f32 = 4.0;

/// Each cell is touched so many times, on average, before all are taken for shown: more takes too long.
const MOST_TOUCHES: usize = 256;

/// What fills this part of an upright rectangle, no larger than that part of an image, is taken for a frame of a film, which
/// programs move on.
const FRAME_FILLED: f32 = 0.97;
const FRAME_SIZE: f32 = 0.5;

/// Slots whose coordinates are those of the view: MToon's, and VRM 0's.
const MATCAPS: [&str; 2] = ["matcapTexture", "_SphereAdd"];

/// sampler.wrapS and wrapT: REPEAT, which is the default.
const REPEAT: u64 = 10497;

/// The cells of an image, laid out as its texels, that are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coverage {
    width: usize,
    height: usize,
    shown: Vec<bool>,
    /// How many more cells may be touched.
    room: usize,
}

/// The coverage of an image of so many pixels. `None` where all of it is shown, or may be, or where nothing is known of what
/// shows it.
pub(super) fn of_image(document: &Document, image: usize, size: (u32, u32)) -> Option<Coverage> {
    let is_named = |texture: &Value| images_of(texture).any(|named| named == image);
    let repeats = |texture: &Value| is_named(texture).then(|| repeats(document, texture));
    let textures: Vec<Option<bool>> = document.list("textures").iter().map(repeats).collect();
    let repeats = |texture: usize| textures.get(texture).copied().flatten();
    if may_move(document) {
        return None;
    }
    let uses = |(index, material): (usize, &Value)| -> Vec<(TextureUse, bool)> {
        let uses = texture_uses(material).into_iter().chain(vrm_uses(document, index));
        uses.filter_map(|usage| repeats(usage.texture).map(|repeats| (usage, repeats))).collect()
    };
    let uses: Vec<Vec<(TextureUse, bool)>> =
        document.list("materials").iter().enumerate().map(uses).collect();
    let mut coverage = Coverage::none(size);
    for id in primitives::all(document) {
        let json = primitives::json(document, id);
        let materials = primitives::materials(document, json);
        for (usage, repeats) in materials.filter_map(|material| uses.get(material)).flatten() {
            coverage.add(document, json, (usage, *repeats))?;
        }
    }
    let is_told = coverage.shown.contains(&true) && !coverage.is_frame();
    let coverage = is_told.then(|| coverage.widened())?;
    coverage.shown.contains(&false).then_some(coverage)
}

/// Whether a texture goes on beyond its edges as it began.
fn repeats(document: &Document, texture: &Value) -> bool {
    let sampler = as_index(&texture["sampler"]).and_then(|index| document.list("samplers").get(index));
    let sampler = sampler.unwrap_or(&Value::Null);
    ["wrapS", "wrapT"].iter().all(|wrap| sampler[*wrap].as_u64().is_none_or(|mode| mode == REPEAT))
}

/// Whether texture coordinates may be moved while the model is shown: by KHR_animation_pointer, by MToon, by VRM 0 (which may
/// also move them once and for all), or by an extension that is not known, as KHR_interactivity could.
fn may_move(document: &Document) -> bool {
    let moves = |value: &Value| {
        let property = pointers::property(value);
        property.contains("KHR_texture_transform") || property.contains("uvAnimation")
    };
    let animations = document.list("animations").iter();
    let channels = animations.flat_map(|animation| items(&animation["channels"]));
    let mut pointers =
        channels.map(|channel| &channel["target"]["extensions"]["KHR_animation_pointer"]["pointer"]);
    let has_speed = |members: &Value, prefix: &str, suffix: &str| {
        let mut members = members.as_object().into_iter().flatten();
        members.any(|(name, speed)| {
            name.starts_with(prefix)
                && name.ends_with(suffix)
                && speed.as_f64().is_some_and(|speed| speed != 0.0)
        })
    };
    let is_mtoon = |material: &Value| {
        has_speed(&material["extensions"]["VRMC_materials_mtoon"], "uvAnimation", "Factor")
    };
    let is_vrm = |material: &Value| {
        let mut vectors = material["vectorProperties"].as_object().into_iter().flatten();
        let textures = &material["textureProperties"];
        has_speed(&material["floatProperties"], "_UvAnim", "")
            || vectors.any(|(name, vector)| textures.get(name).is_some() && numbers(vector, STILL) != STILL)
    };
    !unknown::extensions(document).is_empty()
        || pointers.any(moves)
        || document.list("materials").iter().any(is_mtoon)
        || vrm_materials(document).iter().any(is_vrm)
        || has_moving_expression(document)
}

/// Whether an expression of an avatar moves texture coordinates, as of eyes that are drawn.
fn has_moving_expression(document: &Document) -> bool {
    let Some(extensions) = document.root.get("extensions") else { return false };
    let groups = items(&extensions["VRM"]["blendShapeMaster"]["blendShapeGroups"]);
    let mut values = groups.flat_map(|group| items(&group["materialValues"]));
    let expressions = &extensions["VRMC_vrm"]["expressions"];
    let mut expressions =
        ["preset", "custom"].iter().flat_map(|kind| expressions[*kind].as_object().into_iter().flatten());
    values.any(|value| value["propertyName"].as_str().is_some_and(|name| name.contains("_ST")))
        || expressions.any(|(_, expression)| items(&expression["textureTransformBinds"]).next().is_some())
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// Offset and scale of texture coordinates that stay as they are, as VRM 0 has them.
const STILL: [f32; 4] = [0.0, 0.0, 1.0, 1.0];

/// What VRM 0 says of materials, which is its own list in the order of glTF's.
fn vrm_materials(document: &Document) -> &[Value] {
    let vrm = document.root.get("extensions").map_or(&Value::Null, |extensions| &extensions["VRM"]);
    vrm["materialProperties"].as_array().map_or(&[], Vec::as_slice)
}

/// The textures that VRM 0 shows by a material.
fn vrm_uses(document: &Document, material: usize) -> Vec<TextureUse> {
    let material = vrm_materials(document).get(material).unwrap_or(&Value::Null);
    let textures = material["textureProperties"].as_object().into_iter().flatten();
    let usage = |(name, texture): (&String, &Value)| {
        let (texture, transform) = (as_index(texture)?, Affine2::IDENTITY);
        Some(TextureUse { slot: name.clone(), texture, set: 0, transform })
    };
    textures.filter_map(usage).collect()
}

impl Coverage {
    fn none((width, height): (u32, u32)) -> Self {
        let part = MOST_SIDE as f32 / width.max(height).max(MOST_SIDE) as f32;
        let [width, height] = [width, height].map(|side| ((side as f32 * part).round() as usize).max(1));
        Self { width, height, shown: vec![false; width * height], room: MOST_TOUCHES * width * height }
    }

    /// Whether a texel of an image of `size` is shown, whatever the image's own.
    pub(super) fn shows(&self, (x, y): (usize, usize), (width, height): (usize, usize)) -> bool {
        let (column, row) = (x * self.width / width, y * self.height / height);
        self.shown.get(row * self.width + column).copied().unwrap_or(true)
    }

    /// Adds what a primitive shows by a use of the image, which `repeats` or not; `None` if that is all, or may be.
    fn add(
        &mut self,
        document: &Document,
        primitive: &Value,
        (usage, repeats): (&TextureUse, bool),
    ) -> Option<()> {
        let name = format!("TEXCOORD_{}", usage.set);
        let is_morphed = items(&primitive["targets"]).any(|target| target.get(&name).is_some());
        let is_matcap = MATCAPS.contains(&usage.slot.as_str());
        if is_morphed || is_matcap || primitives::mode(primitive) != primitives::TRIANGLES {
            return None;
        }
        let coordinates = primitives::attribute(document, primitive, &name)?.vectors::<2>();
        let size = Vec2::new(self.width as f32, self.height as f32);
        let point = |vertex: u32| -> Option<Vec2> {
            let point = Vec2::from_array(*coordinates.get(vertex as usize)?);
            let point = usage.transform.transform_point2(point);
            (point.is_finite() && (repeats || is_inside(point))).then_some(point)
        };
        for [a, b, c] in primitives::drawn_vertices(document, primitive).as_chunks::<3>().0 {
            let corners = [point(*a)?, point(*b)?, point(*c)?];
            let first = corners.into_iter().fold(Vec2::MAX, Vec2::min).floor();
            let corners = corners.map(|corner| corner - first);
            if corners.into_iter().fold(Vec2::ZERO, Vec2::max).max_element() > MOST_REPETITIONS {
                return None;
            }
            self.show(corners.map(|corner| corner * size))?;
        }
        Some(())
    }

    /// Every cell that a triangle touches; `None` once that is too many. Its corners are in cells from the upper left corner, and
    /// none is negative.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "some repetitions at most, from 0 on"
    )]
    fn show(&mut self, [a, b, c]: [Vec2; 3]) -> Option<()> {
        let (top, bottom) = (a.y.min(b.y).min(c.y), a.y.max(b.y).max(c.y));
        for row in top as usize..=bottom as usize {
            let (above, below) = (row as f32, row as f32 + 1.0);
            let (mut left, mut right) = (f32::INFINITY, 0.0_f32);
            for (one, other) in [(a, b), (b, c), (c, a)] {
                let (from, to) = if one.y <= other.y { (one, other) } else { (other, one) };
                if to.y < above || from.y > below {
                    continue;
                }
                let height = to.y - from.y;
                let at = |y: f32| from.x + (to.x - from.x) * (y - from.y) / height;
                let ends =
                    if height > 0.0 { [at(above.max(from.y)), at(below.min(to.y))] } else { [from.x, to.x] };
                left = ends.into_iter().fold(left, f32::min);
                right = ends.into_iter().fold(right, f32::max);
            }
            let start = row % self.height * self.width;
            let left = left as usize;
            let right = (right as usize).min(left.saturating_add(self.width));
            self.room = self.room.checked_sub((right + 1).saturating_sub(left).max(1))?;
            for column in left..=right {
                self.shown[start + column % self.width] = true;
            }
        }
        Some(())
    }

    /// Whether one upright rectangle is shown, which may be one picture of many.
    fn is_frame(&self) -> bool {
        let cells = || (0..self.shown.len()).filter(|&cell| self.shown[cell]);
        let columns = || cells().map(|cell| cell % self.width);
        let rows = || cells().map(|cell| cell / self.width);
        let extent = |low: Option<usize>, high: Option<usize>| match (low, high) {
            (Some(low), Some(high)) => (high - low + 1) as f32,
            _ => 0.0,
        };
        let area = extent(columns().min(), columns().max()) * extent(rows().min(), rows().max());
        cells().count() as f32 >= FRAME_FILLED * area && area <= FRAME_SIZE * self.shown.len() as f32
    }

    /// The same with a margin, which goes on at the opposite edge.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few cells")]
    fn widened(self) -> Self {
        let margin = (self.width.max(self.height) as f32 * MARGIN).ceil() as usize;
        let Self { width, height, shown, room } = self;
        let along = |shown: &[bool], length: usize, at: &dyn Fn(usize) -> usize, into: &mut [bool]| {
            // Where the last shown cell was, having gone around once before.
            let reach = margin.min(length);
            for from in (0..length).filter(|&from| shown[at(from)]) {
                (from + length - reach..=from + length + reach)
                    .for_each(|cell| into[at(cell % length)] = true);
            }
        };
        let mut wide = vec![false; shown.len()];
        (0..height).for_each(|row| along(&shown, width, &|cell| row * width + cell, &mut wide));
        let mut both = vec![false; shown.len()];
        (0..width).for_each(|column| along(&wide, height, &|cell| cell * width + column, &mut both));
        Self { width, height, shown: both, room }
    }
}

/// Whether a point is in the image, whatever its sampler does elsewhere.
fn is_inside(point: Vec2) -> bool {
    point.min_element() >= 0.0 && point.max_element() <= 1.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::optimize::document::{Accessor, Image, ImageSource, Shape};

    const SIZE: (u32, u32) = (64, 64);

    /// One triangle over the corner of the image that is left of and above its diagonal, times `span`; then `change`.
    fn coverage(span: f32, change: impl Fn(&mut Value)) -> Option<Coverage> {
        let mut root = json!({
            "meshes": [{"primitives": [{"attributes": {"TEXCOORD_0": 0}, "material": 0}]}],
            "materials": [{"emissiveTexture": {"index": 0}}],
            "textures": [{"source": 0, "sampler": 0}],
            "samplers": [{}],
        });
        change(&mut root);
        let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        pointers::take_apart(&mut document.root);
        let corners = [0.0, 0.0, span, 0.0, 0.0, span];
        let square = [0.25, 0.25, 0.5, 0.25, 0.5, 0.5, 0.25, 0.25, 0.5, 0.5, 0.25, 0.5];
        let accessor = |corners: &[f32]| Accessor::from_floats(Shape::Vec2, corners);
        document.accessors = vec![accessor(&corners), accessor(&square)];
        let (rest, view_rest) = Default::default();
        document.images =
            vec![Image { mime: "image/png".into(), source: ImageSource::Missing, rest, view_rest }];
        of_image(&document, 0, SIZE)
    }

    fn shows(coverage: &Coverage, x: usize, y: usize) -> bool {
        coverage.shows((x, y), (64, 64))
    }

    #[test]
    fn what_a_triangle_touches_is_shown_and_a_margin() {
        let found = coverage(0.5, |_| {}).unwrap();
        for (x, y, is_shown) in [(0, 0, true), (31, 0, true), (0, 31, true), (15, 15, true), (24, 24, false)]
        {
            assert_eq!(shows(&found, x, y), is_shown, "{x} {y}");
        }
        let margin = (0..64).filter(|&x| shows(&found, x, 0)).count();
        assert!(
            (34..=36).contains(&margin),
            "{margin}: 33 cells are touched, and one more on each side is shown"
        );
        assert!(shows(&found, 63, 0) && !shows(&found, 60, 0), "the margin goes on at the opposite edge");
        // The same of an image that is as large as it likes.
        assert!(found.shows((400, 10), (1024, 1024)) && !found.shows((600, 10), (1024, 1024)));
    }

    #[test]
    fn a_transform_moves_what_is_shown() {
        let found = coverage(0.5, |root| {
            root["materials"][0]["emissiveTexture"]["extensions"] =
                json!({"KHR_texture_transform": {"offset": [1.5, -0.5]}});
        });
        let found = found.unwrap();
        assert!(shows(&found, 40, 34) && !shows(&found, 10, 10));
    }

    #[test]
    fn what_goes_around_is_shown_there() {
        let moved = |wrap: u64| {
            coverage(0.5, |root| {
                root["materials"][0]["emissiveTexture"]["extensions"] =
                    json!({"KHR_texture_transform": {"offset": [0.75, 0.0]}});
                root["samplers"][0]["wrapS"] = wrap.into();
            })
        };
        let found = moved(REPEAT).unwrap();
        assert!(shows(&found, 50, 5) && shows(&found, 5, 5) && !shows(&found, 32, 5));
        assert_eq!(moved(33071), None, "other ways to go on are not followed");
    }

    /// A pointer was looked for as the string that it is in the file, not as it is after reading: what a moving texture would
    /// show later was painted over.
    #[test]
    fn regression_a_texture_that_an_animation_pointer_moves_is_shown_whole() {
        let is_told = |property: &str| {
            let pointer = format!("/materials/0/emissiveTexture{property}");
            let extensions = json!({"KHR_animation_pointer": {"pointer": pointer}});
            let channels = json!([{"target": {"extensions": extensions}}]);
            coverage(0.5, |root| root["animations"] = json!([{"channels": channels.clone()}])).is_some()
        };
        assert!(!is_told("/extensions/KHR_texture_transform/offset"));
        assert!(is_told("/strength"));
    }

    /// KHR_interactivity scrolls textures by rules of its own, and was not asked.
    #[test]
    fn regression_an_unknown_extension_may_move_textures() {
        let graphs = json!({"KHR_interactivity": {"graphs": []}});
        assert_eq!(coverage(0.5, |root| root["extensions"] = graphs.clone()), None);
    }

    #[test]
    fn where_it_is_not_known_what_is_shown_all_is() {
        assert!(coverage(0.5, |_| {}).is_some());
        let is_told = |change: &dyn Fn(&mut Value)| coverage(0.5, change).is_some();
        assert!(!is_told(&|root| root["meshes"][0]["primitives"][0]["material"] = Value::Null));
        assert!(!is_told(&|root| root["meshes"][0]["primitives"][0]["mode"] = 0.into()));
        assert!(!is_told(&|root| root["meshes"][0]["primitives"][0]["targets"] = json!([{"TEXCOORD_0": 0}])));
        assert!(!is_told(&|root| root["materials"][0]["emissiveTexture"]["texCoord"] = 1.into()));
        assert!(!is_told(&|root| {
            root["materials"][0] =
                json!({"extensions": {"VRMC_materials_mtoon": {"matcapTexture": {"index": 0}}}});
        }));
        assert!(!is_told(&|root| {
            root["materials"][0]["extensions"] =
                json!({"VRMC_materials_mtoon": {"uvAnimationScrollXSpeedFactor": 0.1}});
        }));
        let is_told_by_vrm = |properties: Value| {
            is_told(&|root| root["extensions"] = json!({"VRM": {"materialProperties": [properties]}}))
        };
        let shown = json!({"_MainTex": 0});
        let still = json!({"textureProperties": shown, "vectorProperties": {"_MainTex": [0, 0, 1, 1]}});
        assert!(is_told_by_vrm(still));
        let moved = json!({"textureProperties": shown, "vectorProperties": {"_MainTex": [0, 0, 2, 1]}});
        assert!(!is_told_by_vrm(moved));
        let scrolled = json!({"textureProperties": shown, "floatProperties": {"_UvAnimScrollX": 1}});
        assert!(!is_told_by_vrm(scrolled));
        assert!(!is_told_by_vrm(json!({"textureProperties": {"_SphereAdd": 0}})));
        let square = |root: &mut Value| {
            let corners = json!({"attributes": {"TEXCOORD_0": 1}, "material": 0});
            root["meshes"][0]["primitives"] = json!([corners]);
        };
        assert!(!is_told(&square), "one picture of a film");
        let is_told_beside = |extensions: Value| is_told(&|root| root["extensions"] = extensions.clone());
        let group = |property: &str| json!({"materialValues": [{"propertyName": property}]});
        let moving = |group: Value| json!({"VRM": {"blendShapeMaster": {"blendShapeGroups": [group]}}});
        assert!(is_told_beside(moving(group("_Color"))) && !is_told_beside(moving(group("_MainTex_ST"))));
        let expression = |binds: Value| json!({"VRMC_vrm": {"expressions": {"custom": {"wink": {"textureTransformBinds": binds}}}}});
        assert!(is_told_beside(expression(json!([]))));
        assert!(!is_told_beside(expression(json!([{"material": 0, "offset": [0.5, 0.0]}]))));
        assert!(!is_told(&|root| {
            let primitive = root["meshes"][0]["primitives"][0].clone();
            root["meshes"][0]["primitives"] = vec![primitive; 20 * MOST_TOUCHES].into();
        }));
        assert_eq!(coverage(5.0, |_| {}), None, "over many repetitions");
        assert_eq!(coverage(2.0, |_| {}), None, "all of it");
    }
}
