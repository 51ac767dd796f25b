//! What a caller may ask for, said once: CLI flags, REST fields and the page all read this struct.
//!
//! People choose a preset (how much visible difference is acceptable), a target (what must be able
//! to open the result) and an effort (how long it may take); the rest are overrides. What a preset means in numbers is in
//! [`crate::optimize::budget`].

mod table;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use table::{Choice, Setting, Values, table};

/// Everything a job can be asked for. `Default` is what runs when nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How much visible difference is acceptable.
    pub preset: Preset,
    /// What must be able to open the result.
    pub target: Target,
    /// How much time a smaller file is worth.
    pub effort: Effort,
    /// How triangle meshes are compressed for targets that allow it.
    pub geometry: Geometry,
    /// Whether meshes may lose triangles, and how many.
    #[schema(value_type = String, example = "0.5")]
    pub simplify: Simplify,
    /// Whether animation channels that hold a node where it rests stay.
    pub animation: Animation,
    /// Whether nodes that have no names may be put together.
    pub nodes: Nodes,
    /// How different the result may look; in the place of the preset's own bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "0.03")]
    pub max_error: Option<MaxError>,
    /// How large the result may be: then it looks as much like the original as fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "5MB")]
    pub target_size: Option<TargetSize>,
    /// How many levels of detail the result holds beside the finest, as MSFT_lod.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "2")]
    pub lods: Option<LodCount>,
}

/// An enum of plain choices with their names, which parse, print and serialize as those names. Old names parse too.
/// What is said of each in its comment is also what callers are told.
macro_rules! choice {
    ($(#[doc = $doc:literal])+ $type:ident $what:literal {
        $($(#[doc = $item_doc:literal])+ $(#[default $($default:tt)*])? $item:ident = $name:literal $(| $old:literal)*,)+
    }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "lowercase")]
        pub enum $type {
            $($(#[doc = $item_doc])+ $(#[default $($default)*])? $(#[serde(alias = $old)])* $item,)+
        }

        impl $type {
            /// Every choice by name, in the order in which they are documented.
            pub const NAMES: &'static [&'static str] = &[$($name),+];
            const ABOUT: &'static str = concat!($($doc),+);
            const CHOICES: &'static [(&'static str, &'static str)] = &[$(($name, concat!($($item_doc),+))),+];
        }

        impl FromStr for $type {
            type Err = UnknownSetting;

            fn from_str(text: &str) -> Result<Self, UnknownSetting> {
                match text {
                    $($name $(| $old)* => Ok(Self::$item),)+
                    _ => Err(UnknownSetting::new($what, text, Self::NAMES)),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$item => $name,)+
                })
            }
        }
    };
}

choice! {
    /// How much visible difference is acceptable; an error budget, not a list of knobs.
    Preset "preset" {
        /// Looks the same when inspected closely.
        High = "high",
        /// Looks the same at normal viewing distance.
        #[default]
        Balanced = "balanced",
        /// As small as possible while it is still the same model.
        Maximum = "maximum" | "maximum_compression",
    }
}

choice! {
    /// What must be able to open the result.
    Target "target" {
        /// Browsers: three.js, Babylon.js, model-viewer. Uses meshopt or Draco compression, AVIF and WebP.
        #[default]
        Web = "web",
        /// The same with KTX2 textures, which stay compressed in GPU memory: scenes with many or large images on phones.
        Gpu = "gpu",
        /// Anything that reads glTF 2.0: no extension becomes required.
        Universal = "universal",
    }
}

choice! {
    /// How much time a smaller file is worth.
    Effort "effort" {
        /// One good try a part.
        Fast = "fast",
        /// Formats, sizes and qualities are compared where it pays.
        #[default]
        Normal = "normal",
        /// A longer search with slower encoders: several times the time of `normal`.
        Best = "best",
    }
}

choice! {
    /// How triangle meshes are compressed; `universal` needs no decoder and so has none of it.
    Geometry "geometry" {
        /// meshopt, and Draco where that makes the whole file clearly smaller.
        #[default]
        Auto = "auto",
        /// meshopt alone: one small decoder, and the fastest to open.
        Meshopt = "meshopt",
        /// Draco for every mesh that it can hold, meshopt for the rest.
        Draco = "draco",
    }
}

choice! {
    /// What happens to animation channels that hold a node where it rests for a whole clip.
    Animation "animation" {
        /// They go: a node that no channel moves rests by itself.
        #[default]
        Auto = "auto",
        /// They stay, as one key: for engines that do not put nodes back when a clip ends.
        Keep = "keep",
    }
}

choice! {
    /// What happens to nodes that scripts can only find by counting: no name, extras, animation or anything else that
    /// refers to them.
    Nodes "nodes" {
        /// They are put together where that saves bytes or draw calls.
        #[default]
        Auto = "auto",
        /// Every node stays.
        Keep = "keep",
    }
}

/// Whether meshes may lose triangles, and how many. Written as `auto`, `off` or a ratio such as `0.5`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Simplify {
    /// As many as the preset's error allows.
    #[default]
    Auto,
    /// None.
    Off,
    /// Until this part of each mesh's triangles is left, in thousandths.
    Ratio(u16),
}

impl Simplify {
    /// What may be said, for people.
    pub const NAMES: &'static [&'static str] =
        &["auto", "off", "a part of the triangles between 0 and 1, such as 0.5"];

    /// How few triangles are few enough, of `count`.
    #[must_use]
    pub fn triangles(self, count: usize) -> usize {
        match self {
            Self::Auto => 0,
            Self::Off => count,
            Self::Ratio(thousandths) => count.saturating_mul(usize::from(thousandths)).div_ceil(1000),
        }
    }
}

impl FromStr for Simplify {
    type Err = UnknownSetting;

    fn from_str(text: &str) -> Result<Self, UnknownSetting> {
        let ratio = || text.parse::<f64>().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
            _ => match ratio() {
                Some(ratio) => Ok(Self::Ratio((ratio * 1000.0).round() as u16)),
                None => Err(UnknownSetting::new("simplify", text, Self::NAMES)),
            },
        }
    }
}

impl fmt::Display for Simplify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Off => f.write_str("off"),
            Self::Ratio(thousandths) => write!(f, "{}", f64::from(*thousandths) / 1000.0),
        }
    }
}

/// A bound on the mean FLIP error of the whole views, from 0.001 to 0.5. Close-ups may have 1.6 times as much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MaxError {
    ten_thousandths: u16,
}

impl MaxError {
    /// What may be said, for people.
    pub const NAMES: &'static [&'static str] =
        &["a number from 0.001 to 0.5, such as 0.03; 0 is no difference, 1 is black against white"];

    /// The bound.
    #[must_use]
    pub fn value(self) -> f32 {
        f32::from(self.ten_thousandths) / 10_000.0
    }
}

impl FromStr for MaxError {
    type Err = UnknownSetting;

    fn from_str(text: &str) -> Result<Self, UnknownSetting> {
        let number = text.parse::<f64>().ok().filter(|number| (0.001..=0.5).contains(number));
        let number = number.ok_or_else(|| UnknownSetting::new("error", text, Self::NAMES))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 5000")]
        Ok(Self { ten_thousandths: (number * 10_000.0).round() as u16 })
    }
}

impl fmt::Display for MaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.ten_thousandths) / 10_000.0)
    }
}

/// A size in bytes, written as a number with or without a unit: `5MB`, `1.5 MB`, `800 kB`, `2 MiB`, `120000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetSize {
    /// The size, in bytes.
    pub bytes: u64,
}

impl TargetSize {
    /// What may be said, for people.
    pub const NAMES: &'static [&'static str] = &["a size such as 5MB, 800kB, 2MiB or a number of bytes"];
    const UNITS: [(&'static str, f64); 6] =
        [("kib", 1024.0), ("mib", 1_048_576.0), ("kb", 1e3), ("mb", 1e6), ("gb", 1e9), ("b", 1.0)];
}

impl FromStr for TargetSize {
    type Err = UnknownSetting;

    fn from_str(text: &str) -> Result<Self, UnknownSetting> {
        let lower = text.trim().to_ascii_lowercase();
        let unit = Self::UNITS.iter().find_map(|(unit, bytes)| Some((lower.strip_suffix(unit)?, *bytes)));
        let (number, unit) = unit.unwrap_or((&lower, 1.0));
        let bytes = number.trim().parse::<f64>().ok().map(|number| number * unit);
        let bytes = bytes.filter(|bytes| (1.0..=1e12).contains(bytes));
        let bytes = bytes.ok_or_else(|| UnknownSetting::new("size", text, Self::NAMES))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        Ok(Self { bytes: bytes as u64 })
    }
}

impl fmt::Display for TargetSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.bytes)
    }
}

/// A number of levels of detail, 0 to 8: the last of them has a 256th of the triangles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LodCount(u8);

impl LodCount {
    /// What may be said, for people.
    pub const NAMES: &'static [&'static str] = &["a whole number from 0 to 8"];
    const MOST: u8 = 8;

    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl FromStr for LodCount {
    type Err = UnknownSetting;

    fn from_str(text: &str) -> Result<Self, UnknownSetting> {
        let number = text.parse::<u8>().ok().filter(|&number| number <= Self::MOST);
        number.map(Self).ok_or_else(|| UnknownSetting::new("number of levels", text, Self::NAMES))
    }
}

impl fmt::Display for LodCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Types that are written as texts in JSON too.
macro_rules! as_text {
    ($($type:ident),+) => {$(
        impl TryFrom<String> for $type {
            type Error = UnknownSetting;

            fn try_from(text: String) -> Result<Self, UnknownSetting> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    )+};
}

as_text!(Simplify, MaxError, TargetSize, LodCount);

impl Settings {
    /// The names accepted by [`Settings::set`], in the order in which they are documented.
    pub const NAMES: &'static [&'static str] = &[
        "preset",
        "target",
        "effort",
        "geometry",
        "simplify",
        "animation",
        "nodes",
        "max_error",
        "target_size",
        "lods",
    ];

    /// Sets one setting by its name, as given by a form field, a query parameter or a flag.
    ///
    /// # Errors
    /// [`UnknownSetting`] when the name is not one of [`Settings::NAMES`] or the value is not allowed.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), UnknownSetting> {
        match name {
            "preset" => self.preset = value.parse()?,
            "target" => self.target = value.parse()?,
            "effort" => self.effort = value.parse()?,
            "geometry" => self.geometry = value.parse()?,
            "simplify" => self.simplify = value.parse()?,
            "animation" => self.animation = value.parse()?,
            "nodes" => self.nodes = value.parse()?,
            "max_error" => self.max_error = Some(value.parse()?),
            "target_size" => self.target_size = Some(value.parse()?),
            "lods" => self.lods = Some(value.parse()?),
            _ => return Err(UnknownSetting::new("setting", name, Self::NAMES)),
        }
        Ok(())
    }
}

/// A setting or value that does not exist, with the ones that do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} \"{given}\"; use one of: {}", .allowed.join(", "))]
pub struct UnknownSetting {
    what: &'static str,
    given: String,
    allowed: &'static [&'static str],
}

impl UnknownSetting {
    fn new(what: &'static str, given: &str, allowed: &'static [&'static str]) -> Self {
        Self { what, given: given.chars().take(40).collect(), allowed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr<Err = UnknownSetting> + fmt::Display>(names: &[&str]) {
        for name in names {
            assert_eq!(name.parse::<T>().map(|choice| choice.to_string()), Ok((*name).to_owned()));
        }
    }

    #[test]
    fn every_name_parses_and_prints_as_itself() {
        check::<Preset>(Preset::NAMES);
        check::<Target>(Target::NAMES);
        check::<Effort>(Effort::NAMES);
        check::<Geometry>(Geometry::NAMES);
        check::<Animation>(Animation::NAMES);
        check::<Nodes>(Nodes::NAMES);
        check::<Simplify>(&["auto", "off", "0.5", "0.125", "1", "0"]);
    }

    #[test]
    fn a_ratio_is_a_part_of_the_triangles() {
        for text in ["1.5", "-0.1", "NaN", "half", ""] {
            assert!(text.parse::<Simplify>().is_err(), "{text}");
        }
        let settings: Settings = serde_json::from_str(r#"{"simplify":"0.25"}"#).unwrap();
        assert_eq!(settings.simplify.triangles(1001), 251);
    }

    #[test]
    fn errors_and_sizes_are_read_as_people_write_them() {
        let bytes = |text: &str| text.parse::<TargetSize>().map(|size| size.bytes);
        assert_eq!(bytes("5MB"), Ok(5_000_000));
        assert_eq!(bytes("1.5 mb"), Ok(1_500_000));
        assert_eq!(bytes("2MiB"), Ok(2 << 20));
        assert_eq!(bytes("800 kB"), Ok(800_000));
        assert_eq!(bytes("1200"), Ok(1200));
        for text in ["", "MB", "-5MB", "0", "five", "NaN", "inf"] {
            assert!(bytes(text).is_err(), "{text}");
        }
        assert_eq!("0.03".parse::<MaxError>().map(MaxError::value), Ok(0.03));
        for text in ["0", "0.6", "-1", "NaN", "3%"] {
            assert!(text.parse::<MaxError>().is_err(), "{text}");
        }
        let settings: Settings = serde_json::from_str(r#"{"target_size":"5MB","max_error":"0.05"}"#).unwrap();
        let text = serde_json::to_string(&settings).unwrap();
        assert!(text.contains(r#""target_size":"5000000""#), "{text}");
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
    }

    #[test]
    fn there_are_at_most_eight_levels_of_detail() {
        let mut settings = Settings::default();
        settings.set("lods", "8").unwrap();
        assert_eq!(settings.lods.map(LodCount::get), Some(8));
        assert!(serde_json::to_string(&settings).unwrap().contains(r#""lods":"8""#));
        for text in ["9", "-1", "1.5", "", "two"] {
            let error = settings.set("lods", text).unwrap_err().to_string();
            assert!(error.contains("a whole number from 0 to 8"), "{error}");
        }
        assert!(!serde_json::to_string(&Settings::default()).unwrap().contains("lods"));
    }

    #[test]
    fn the_old_name_of_maximum_is_accepted() {
        let mut settings = Settings::default();
        settings.set("preset", "maximum_compression").unwrap();
        assert_eq!(settings.preset, Preset::Maximum);
        let settings: Settings = serde_json::from_str(r#"{"preset":"maximum_compression"}"#).unwrap();
        assert_eq!(settings.preset, Preset::Maximum);
    }

    #[test]
    fn an_unknown_value_names_the_allowed_ones() {
        let error = Settings::default().set("preset", "tiny").unwrap_err();
        assert_eq!(error.to_string(), "there is no preset \"tiny\"; use one of: high, balanced, maximum");
        let error = Settings::default().set("colour", "red").unwrap_err();
        assert!(error.to_string().contains("preset, target"), "{error}");
    }
}
