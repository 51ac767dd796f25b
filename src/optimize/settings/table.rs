//! Every setting with what may be said for it, for callers: the API's list of settings, its documentation, the page.
//!
//! Choices and their meaning come from the comments of [`super`]; a test compares the rest with what is parsed.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Animation, Effort, Geometry, LodCount, Nodes, Preset, Simplify, Target};
#[cfg(test)]
use super::{MaxError, Settings, TargetSize};

/// One setting.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Setting {
    /// Its name, as a field of a form, in a query and in JSON; with `-` in the place of `_`, the flag.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: String,
    /// What may be said.
    pub values: Values,
    /// What holds if nothing is said; null where that follows from the other settings.
    pub default: Option<String>,
}

/// What may be said for a setting.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Values {
    /// One of these words.
    Choice {
        /// The words.
        choices: Vec<Choice>,
    },
    /// A number, with words that may stand in its place.
    Number {
        /// The smallest.
        least: f64,
        /// The largest.
        most: f64,
        /// Whether it has no fractions.
        whole: bool,
        /// Words that are allowed too.
        words: Vec<Choice>,
        /// One that is allowed.
        example: &'static str,
    },
    /// A size in bytes with or without a unit.
    Size {
        /// One that is allowed.
        example: &'static str,
    },
}

/// A word and what it means.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Choice {
    /// The word.
    pub value: &'static str,
    /// What it means, in a sentence.
    pub about: String,
}

/// All settings, in the order of [`Settings::NAMES`].
#[must_use]
pub fn table() -> Vec<Setting> {
    let is = |name: &'static str, about: &str, values: Values, default: Option<String>| Setting {
        name,
        about: sentence(about),
        values,
        default,
    };
    let choice = |name, about, choices, default: String| is(name, about, choice_of(choices), Some(default));
    let simplify = [("auto", " As many as the preset's error allows."), ("off", " None.")];
    vec![
        choice("preset", Preset::ABOUT, Preset::CHOICES, Preset::default().to_string()),
        choice("target", Target::ABOUT, Target::CHOICES, Target::default().to_string()),
        choice("effort", Effort::ABOUT, Effort::CHOICES, Effort::default().to_string()),
        choice("geometry", Geometry::ABOUT, Geometry::CHOICES, Geometry::default().to_string()),
        is(
            "simplify",
            "Whether meshes may lose triangles: the part of them that is to be left.",
            number(0.0, 1.0, false, &simplify, "0.5"),
            Some(Simplify::default().to_string()),
        ),
        choice("animation", Animation::ABOUT, Animation::CHOICES, Animation::default().to_string()),
        choice("nodes", Nodes::ABOUT, Nodes::CHOICES, Nodes::default().to_string()),
        is(
            "max_error",
            "How different the result may look, as mean FLIP error: 0 is no difference, 1 black against white. In the place of the preset's own bound.",
            number(0.001, 0.5, false, &[], "0.03"),
            None,
        ),
        is(
            "target_size",
            "How large the result may be: then it looks as much like the original as fits.",
            Values::Size { example: "5MB" },
            None,
        ),
        is(
            "lods",
            "How many levels of detail the result holds beside the finest, as MSFT_lod.",
            number(0.0, f64::from(LodCount::MOST), true, &[], "2"),
            None,
        ),
    ]
}

fn choice_of(choices: &[(&'static str, &str)]) -> Values {
    Values::Choice {
        choices: choices.iter().map(|&(value, about)| Choice { value, about: sentence(about) }).collect(),
    }
}

fn number(
    least: f64,
    most: f64,
    whole: bool,
    words: &[(&'static str, &str)],
    example: &'static str,
) -> Values {
    let words = words.iter().map(|&(value, about)| Choice { value, about: sentence(about) }).collect();
    Values::Number { least, most, whole, words, example }
}

/// A comment's lines as one text.
fn sentence(comment: &str) -> String {
    comment.trim().replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(name: &str, value: &str) -> bool {
        Settings::default().set(name, value).is_ok()
    }

    #[test]
    fn the_table_says_what_is_parsed() {
        let table = table();
        assert_eq!(table.iter().map(|setting| setting.name).collect::<Vec<_>>(), Settings::NAMES);
        for Setting { name, about, values, default } in table {
            assert!(about.ends_with('.'), "{name}: {about}");
            assert!(default.is_none_or(|default| accepts(name, &default)), "{name}");
            let (good, bad): (Vec<String>, Vec<String>) = match values {
                Values::Choice { choices } => {
                    (choices.iter().map(|one| one.value.into()).collect(), vec!["x".into()])
                }
                Values::Number { least, most, words, example, .. } => (
                    [least.to_string(), most.to_string(), example.into()]
                        .into_iter()
                        .chain(words.iter().map(|word| word.value.into()))
                        .collect(),
                    vec![(least - 1.0).to_string(), (most + 1.0).to_string()],
                ),
                Values::Size { example } => (vec![example.into()], vec!["-5MB".into()]),
            };
            assert!(good.iter().all(|value| accepts(name, value)), "{name}: {good:?}");
            assert!(bad.iter().all(|value| !accepts(name, value)), "{name}: {bad:?}");
        }
        // Their own names are in the errors; the types are here so that a limit cannot change unseen.
        assert!(MaxError::NAMES[0].contains("0.001 to 0.5") && TargetSize::NAMES[0].contains("5MB"));
    }

    #[test]
    fn defaults_are_what_runs_when_nothing_is_said() {
        let json = serde_json::to_value(Settings::default()).unwrap();
        for Setting { name, default, .. } in table() {
            assert_eq!(json.get(name).and_then(|value| value.as_str()), default.as_deref(), "{name}");
        }
    }
}
