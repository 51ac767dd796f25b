//! Whether two models look the same to the gate that an optimizer's own results pass: each measure beside its bound.
//!
//! The bounds are those of [`Look`], the measures those of [`Comparison`]. Nothing is measured here.

use serde::Serialize;
use utoipa::ToSchema;

use super::budget::Look;
use super::proof::{Comparison, ViewError};

/// What is measured of a result and bounded; serialized as the member of [`Comparison`] that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// [`Comparison::mean`].
    Mean,
    /// [`Comparison::worst`].
    Worst,
    /// [`Comparison::close_worst`].
    CloseWorst,
    /// [`Comparison::detail_worst`].
    DetailWorst,
    /// [`Comparison::silhouette`]; the only one of which more is better.
    Silhouette,
    /// [`Comparison::joints`].
    Joints,
    /// [`Comparison::morphs`].
    Morphs,
    /// [`Comparison::durations`].
    Durations,
    /// [`Comparison::surface`].
    Surface,
}

/// A measure beside its bound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Bound {
    /// What is measured.
    pub measure: Measure,
    /// What was found.
    pub found: f32,
    /// The last value that passes. Those of errors are smaller where light goes through a model.
    pub bound: f32,
    /// What was found as a part of what is allowed: 1 is exactly within it.
    pub part: f32,
}

/// All bounds, and whether what was found is within them.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Verdict {
    /// Whether nothing is past its bound.
    pub passes: bool,
    /// Every bound.
    pub bounds: Vec<Bound>,
    /// Which bound is passed by most, by what and where, for people; `None` where none is.
    pub reason: Option<String>,
}

impl Verdict {
    /// What `look` says of a comparison.
    #[must_use]
    pub fn of(look: &Look, seen: &Comparison) -> Self {
        let bounds = look.bounds(seen);
        let reason = reason(&bounds, seen);
        Self { passes: reason.is_none(), bounds, reason }
    }

    /// That of two models of which nothing can be measured, and which are not the same.
    #[must_use]
    pub fn against(reason: &str) -> Self {
        Self { passes: false, bounds: Vec::new(), reason: Some(reason.to_owned()) }
    }
}

/// A sentence about the bound that is passed by most, and the names of the others that are passed.
fn reason(bounds: &[Bound], seen: &Comparison) -> Option<String> {
    let mut passed: Vec<&Bound> = bounds.iter().filter(|bound| bound.part > 1.0).collect();
    passed.sort_by(|a, b| b.part.total_cmp(&a.part));
    let (worst, others) = passed.split_first()?;
    let target = seen.morphs_at.as_ref().filter(|_| worst.measure == Measure::Morphs);
    let target = target.map(|target| format!(", most of all of {target}"));
    let place = worst.measure.view(seen).map(place).or(target).unwrap_or_default();
    let also = others.iter().map(|bound| bound.measure.name()).collect::<Vec<_>>().join(", ");
    let also = if also.is_empty() { also } else { format!("; also past their bounds: {also}") };
    Some(format!("{}{place}{also}", worst.sentence()))
}

/// From where something is seen, and at what.
fn place(view: &ViewError) -> String {
    let object = view.object.as_ref().filter(|_| view.error > 0.0);
    let object = object.map(|object| format!(", there at {object}")).unwrap_or_default();
    format!(", most of all from \"{}\"{object}", view.name)
}

impl Measure {
    /// What it is called, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "the mean error of the whole views",
            Self::Worst => "the error of the worst view, pose or variant",
            Self::CloseWorst => "the error of the worst close-up",
            Self::DetailWorst => "the error of the worst close-up of a detail",
            Self::Silhouette => "the overlap of the outlines",
            Self::Joints => "the distance of a joint or a node's mesh from where it was in a clip",
            Self::Morphs => "the distance of what a morph target adds from what it added",
            Self::Durations => "the change of a clip's duration",
            Self::Surface => "the distance of a point of one surface from the other",
        }
    }

    /// Whether pictures show it.
    #[must_use]
    pub fn is_seen(self) -> bool {
        !matches!(self, Self::Joints | Self::Morphs | Self::Durations | Self::Surface)
    }

    /// The view in which most of it is seen.
    fn view(self, seen: &Comparison) -> Option<&ViewError> {
        let by_error = |view: &&ViewError| view.error;
        match self {
            Self::Mean => worst(seen, ViewError::is_whole, by_error),
            Self::Worst => worst(seen, |view| !view.is_close() && !view.is_detail(), by_error),
            Self::CloseWorst => worst(seen, ViewError::is_close, by_error),
            Self::DetailWorst => worst(seen, ViewError::is_detail, by_error),
            Self::Silhouette => worst(seen, |_| true, |view| 1.0 - view.silhouette),
            Self::Joints | Self::Morphs | Self::Durations | Self::Surface => None,
        }
    }
}

fn worst<'c>(
    seen: &'c Comparison,
    is_meant: impl Fn(&ViewError) -> bool,
    badness: impl Fn(&&'c ViewError) -> f32,
) -> Option<&'c ViewError> {
    let meant = seen.views.iter().filter(|view| is_meant(view));
    meant.max_by(|a, b| badness(a).total_cmp(&badness(b)))
}

impl Bound {
    /// What was found and what may be, for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { measure, found, bound, .. } = self;
        let name = measure.name();
        match measure {
            Measure::Silhouette => {
                format!("{name} is {:.2} %, less than the {:.2} % that pass", 100.0 * found, 100.0 * bound)
            }
            Measure::Durations => {
                format!("{name} is {:.1} %, past the bound of {:.1} %", 100.0 * found, 100.0 * bound)
            }
            Measure::Joints | Measure::Morphs | Measure::Surface => {
                let radius = "of the model's radius";
                format!("{name} is {:.2} % {radius}, past the bound of {:.2} %", 100.0 * found, 100.0 * bound)
            }
            _ => format!("{name} is {found:.4}, past the bound of {bound:.4}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::Settings;
    use crate::optimize::budget::Budget;

    fn of(seen: &Comparison) -> Verdict {
        Verdict::of(&Budget::of(&Settings::default()).look, seen)
    }

    fn same() -> Comparison {
        Comparison { silhouette: 1.0, ..Comparison::default() }
    }

    #[test]
    fn each_measure_alone_is_enough_to_fail() {
        assert!(of(&same()).passes);
        for (seen, word) in [
            (Comparison { mean: 0.1, ..same() }, "mean"),
            (Comparison { worst: 0.1, ..same() }, "worst view"),
            (Comparison { close_worst: 0.1, ..same() }, "worst close-up"),
            (Comparison { detail_worst: 0.1, ..same() }, "detail"),
            (Comparison { silhouette: 0.9, ..same() }, "outlines"),
            (Comparison { joints: Some(0.02), ..same() }, "joint"),
            (Comparison { morphs: Some(0.02), ..same() }, "morph"),
            (Comparison { durations: Some(1.0), ..same() }, "duration"),
            (Comparison { surface: Some(0.06), ..same() }, "surface"),
        ] {
            let verdict = of(&seen);
            let reason = verdict.reason.unwrap_or_default();
            assert!(!verdict.passes && reason.contains(word), "{reason}");
        }
    }

    #[test]
    fn the_reason_names_view_and_object_and_what_else_is_past_its_bound() {
        let view = |name: &str, error: f32| ViewError {
            name: name.into(),
            error,
            silhouette: 1.0,
            object: Some("node 3 \"head\"".into()),
            ..ViewError::default()
        };
        let views = vec![view("front", 0.01), view("front, clip 2 at 31 %", 0.6), view("left", 0.02)];
        let verdict = of(&Comparison { worst: 0.6, close_worst: 0.06, views, ..same() });
        assert_eq!(
            verdict.reason.as_deref(),
            Some(
                "the error of the worst view, pose or variant is 0.6000, past the bound of 0.0440, most of all from \
                 \"front, clip 2 at 31 %\", there at node 3 \"head\"; also past their bounds: the error of the worst \
                 close-up"
            )
        );
    }
}
