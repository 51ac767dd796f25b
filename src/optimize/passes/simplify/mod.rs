//! simplify: triangles that nobody can see go.
//!
//! Edges collapse as long as the surface stays within the preset's error, a distance in pixels where the whole
//! scene fills a view ([`super::viewing`]). Normals, texture coordinates, colours, skin weights and morph targets
//! are part of the error ([`metric`]); seams of texture coordinates stay seams, and primitives that touch keep
//! the vertices where they do ([`borders`]), so that no gap opens. Box and area must stay ([`outline`]).
//! Declines for what is no triangle list, small meshes, attributes of an application's own and feature ids, which
//! cannot be averaged, and where too few triangles would go. Off when the setting says so.

mod borders;
mod metric;
mod outline;
#[cfg(test)]
mod tests;

use rayon::prelude::*;
use serde_json::Value;

use super::vertex_groups::{self, Renumbered, VertexGroup, why_unchanged};
use super::{Context, Outcome, Pass, counted, viewing};
use crate::optimize::Error;
use crate::optimize::budget;
use crate::optimize::codecs::meshopt::{self, Goal, Surface};
use crate::optimize::document::{Accessor, Document, Kind, edit, primitives};
use crate::optimize::settings::Simplify as Setting;
use borders::Borders;
use metric::Metric;
use outline::Outline;

/// See the module.
pub(super) struct Simplify;

/// Fewer triangles are not worth a changed surface.
const LEAST_TRIANGLES: usize = 50;

/// What is tried until box and area stay: whether specks may go, and what part of the error may be spent.
const ATTEMPTS: [(bool, f64); 4] = [(true, 1.0), (false, 1.0), (false, 0.5), (false, 0.25)];

/// How far a side of the box may move, in errors: the codec's is a mean.
const BOX_ERRORS: f64 = 2.0;

/// At least this part of a group's triangles must go, or the group stays as it was.
const WORTHWHILE: f64 = 0.05;

impl Pass for Simplify {
    fn name(&self) -> &'static str {
        "simplify"
    }

    fn weight(&self) -> f32 {
        3.0
    }

    fn is_repeated(&self) -> bool {
        true
    }

    fn renumbers(&self) -> bool {
        true
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        let setting = context.settings.simplify;
        if setting == Setting::Off {
            return Ok(Outcome::Unchanged("switched off by the setting".into()));
        }
        let groups = vertex_groups::find(document);
        let borders = Borders::of(document, &groups);
        let lengths = viewing::lengths(document);
        // Polygons with a triangle less are others.
        let tells_polygons = |group: &VertexGroup| {
            group.primitives.iter().any(|&id| primitives::is_ordered(primitives::json(document, id)))
        };
        let plan = |group: &VertexGroup| {
            if tells_polygons(group) {
                return None;
            }
            let error = context.budget.simplify_error(setting) * view_length(group, &lengths)?;
            Some(Plan { group: group.clone(), error, change: budget::surface_change(setting), setting })
        };
        let plans: Vec<Plan> = groups.iter().filter_map(plan).collect();
        let results: Vec<Option<Simplified>> =
            plans.par_iter().map(|plan| simplified(document, plan, &borders)).collect::<Result<_, _>>()?;
        let before = edit::referenced(document, Kind::Accessor);
        let mut triangles = (0, 0);
        for (plan, result) in plans.iter().zip(results) {
            let Some(result) = result else { continue };
            triangles = (triangles.0 + result.triangles.0, triangles.1 + result.triangles.1);
            for (index, accessor) in result.moved {
                document.accessors[index].replace(accessor);
            }
            vertex_groups::apply(document, &plan.group, &result.renumbered);
        }
        if triangles.0 == 0 {
            let reason = "no mesh has enough triangles that nobody can see";
            return Ok(Outcome::Unchanged(why_unchanged(document, reason)));
        }
        vertex_groups::drop_replaced(document, &before);
        let gone = counted(triangles.0 - triangles.1, "triangle", "triangles");
        Ok(Outcome::Changed(vec![format!("{gone} of {} removed", triangles.0)]))
    }
}

/// What is to be done to one group.
struct Plan {
    group: VertexGroup,
    /// In units of its positions.
    error: f64,
    /// Of its area.
    change: f64,
    setting: Setting,
}

/// What came of it.
struct Simplified {
    renumbered: Renumbered,
    /// New elements of accessors whose vertices moved.
    moved: Vec<(usize, Accessor)>,
    /// Number before and after, each triangle of shared indices counted once.
    triangles: (usize, usize),
}

/// The shortest length that fills a view, of the meshes that use the group.
fn view_length(group: &VertexGroup, lengths: &[Option<f64>]) -> Option<f64> {
    let of_meshes = group.primitives.iter().map(|id| lengths.get(id.mesh).copied().flatten());
    of_meshes.min_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal)).flatten()
}

/// The group with fewer triangles; `None` where it stays as it is.
fn simplified(document: &Document, plan: &Plan, borders: &Borders) -> Result<Option<Simplified>, Error> {
    let jsons: Vec<&Value> = plan.group.primitives.iter().map(|&id| primitives::json(document, id)).collect();
    let drawn: Vec<Vec<u32>> = jsons.iter().map(|json| primitives::drawn_vertices(document, json)).collect();
    let is_list = |json: &&Value| primitives::mode(json) == primitives::TRIANGLES;
    let are_whole = drawn.iter().all(|list| list.len().is_multiple_of(3));
    // Feature ids are looked up by vertex; an averaged one names something else.
    let has_features = jsons.iter().any(|json| json["extensions"].get("EXT_mesh_features").is_some());
    if !jsons.iter().all(is_list) || !are_whole || has_features {
        return Ok(None);
    }
    let first = borders::distinct(&drawn);
    let Some(mut metric) = Metric::of(document, &jsons, &drawn, plan.error) else { return Ok(None) };
    metric.lock(&borders.locked(&plan.group, &metric.positions));
    let lists: Vec<Vec<u32>> =
        first.iter().map(|&list| without_degenerate(&drawn[list], &metric.positions)).collect();
    let Some(Collapsed { metric, lists: fewer }) = collapse(&lists, &metric, plan)? else { return Ok(None) };
    let place = |list: &Vec<u32>| first.iter().position(|&first| drawn[first] == *list).unwrap_or(0);
    let indices: Vec<&[u32]> = drawn.iter().map(|list| fewer[place(list)].as_slice()).collect();
    let renumbered = without_unused(&indices, plan.group.vertex_count);
    let triangles = (count_triangles(&lists), count_triangles(&fewer));
    Ok(Some(Simplified { renumbered, moved: metric.moved(document), triangles }))
}

/// Fewer triangles in each list of a group, and the vertices as they have moved.
struct Collapsed {
    metric: Metric,
    lists: Vec<Vec<u32>>,
}

fn count_triangles(lists: &[Vec<u32>]) -> usize {
    lists.iter().map(|list| list.len() / 3).sum()
}

/// Collapses as much as box and area allow; `None` where it does not pay.
fn collapse(lists: &[Vec<u32>], metric: &Metric, plan: &Plan) -> Result<Option<Collapsed>, Error> {
    let before = count_triangles(lists);
    if before < LEAST_TRIANGLES {
        return Ok(None);
    }
    let outline = Outline::of(&metric.positions, lists);
    for (drop_specks, part) in ATTEMPTS.into_iter().filter(|(specks, _)| metric.is_rigid || !specks) {
        let mut moved = metric.clone();
        let error = outline.allowed(plan.error) * part;
        let mut fewer = Vec::new();
        for list in lists {
            fewer.push(attempt(list, &mut moved, plan.setting, (error, drop_specks))?);
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of triangles are far below 2^52")]
        let is_worth_it = (before - count_triangles(&fewer)) as f64 >= WORTHWHILE * before as f64;
        if !is_worth_it {
            return Ok(None);
        }
        let is_like =
            Outline::of(&moved.positions, &fewer).is_close(&outline, BOX_ERRORS * error, plan.change);
        if is_like && !fewer.iter().any(Vec::is_empty) {
            return Ok(Some(Collapsed { metric: moved, lists: fewer }));
        }
    }
    Ok(None)
}

/// Fewer triangles of one list; the vertices that stay move in `metric`.
fn attempt(
    indices: &[u32],
    metric: &mut Metric,
    setting: Setting,
    (error, drop_specks): (f64, bool),
) -> Result<Vec<u32>, Error> {
    #[expect(clippy::cast_possible_truncation, reason = "codecs take floats")]
    let error = error as f32;
    let goal = Goal { index_count: setting.triangles(indices.len() / 3) * 3, error, drop_specks };
    let mut surface = Surface {
        positions: &mut metric.positions,
        attributes: &mut metric.attributes,
        weights: &metric.weights,
        freedoms: &metric.freedoms,
    };
    let simplified = meshopt::simplify(indices, &mut surface, &goal);
    simplified.map(|(fewer, _)| fewer).map_err(|error| Error::Internal(error.to_string()))
}

/// The triangles that have three places: the others draw nothing, and join what only touches.
fn without_degenerate(indices: &[u32], positions: &[[f32; 3]]) -> Vec<u32> {
    let place = |vertex: u32| borders::bits(&positions[vertex as usize]);
    let is_solid = |triangle: &&[u32; 3]| {
        let [a, b, c] = triangle.map(place);
        a != b && b != c && c != a
    };
    indices.as_chunks::<3>().0.iter().filter(is_solid).flatten().copied().collect()
}

/// New numbers for the vertices that are still drawn, in their old order.
fn without_unused(indices: &[&[u32]], vertex_count: usize) -> Renumbered {
    let mut numbers = vec![u32::MAX; vertex_count];
    for &vertex in indices.iter().copied().flatten() {
        numbers[vertex as usize] = 0;
    }
    let mut vertices = Vec::new();
    for (old, number) in (0u32..).zip(&mut numbers).filter(|(_, number)| **number == 0) {
        *number = u32::try_from(vertices.len()).unwrap_or(u32::MAX);
        vertices.push(old);
    }
    let renumber = |list: &&[u32]| list.iter().map(|&vertex| numbers[vertex as usize]).collect();
    Renumbered { vertices, indices: indices.iter().map(renumber).collect() }
}
