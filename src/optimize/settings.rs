//! What a caller may ask for, said once: CLI flags, REST fields and the page all read this struct.
//!
//! People choose a preset (how much visible difference is acceptable) and a target (what must be able
//! to open the result). What a preset means in numbers is in [`crate::optimize::budget`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Everything a job can be asked for. `Default` is what runs when nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How much visible difference is acceptable.
    pub preset: Preset,
    /// What must be able to open the result.
    pub target: Target,
    /// How much time a smaller file is worth.
    pub effort: Effort,
}

/// How much visible difference is acceptable; an error budget, not a list of knobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Looks the same when inspected closely.
    High,
    /// Looks the same at normal viewing distance.
    #[default]
    Balanced,
    /// As small as possible while it is still the same model. The old name
    /// `maximum_compression` is accepted too.
    #[serde(alias = "maximum_compression")]
    Maximum,
}

/// What must be able to open the result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Browsers: three.js, Babylon.js, model-viewer. Uses meshopt compression, AVIF and WebP.
    #[default]
    Web,
    /// The same with KTX2 textures, which stay compressed in GPU memory: scenes with many or large images on phones.
    Gpu,
    /// Anything that reads glTF 2.0: no extension becomes required.
    Universal,
}

/// How much time a smaller file is worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// One good try a part.
    Fast,
    /// Formats, sizes and qualities are compared where it pays.
    #[default]
    Normal,
    /// A longer search with slower encoders: several times the time of `normal`.
    Best,
}

impl Settings {
    /// The names accepted by [`Settings::set`], in the order in which they are documented.
    pub const NAMES: &'static [&'static str] = &["preset", "target", "effort"];

    /// Sets one setting by its name, as given by a form field, a query parameter or a flag.
    ///
    /// # Errors
    /// [`UnknownSetting`] when the name is not one of [`Settings::NAMES`] or the value is not allowed.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), UnknownSetting> {
        match name {
            "preset" => self.preset = value.parse()?,
            "target" => self.target = value.parse()?,
            "effort" => self.effort = value.parse()?,
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

impl Preset {
    /// Every preset by name, from the least to the most visible difference.
    pub const NAMES: &'static [&'static str] = &["high", "balanced", "maximum"];
}

impl Target {
    /// Every target by name.
    pub const NAMES: &'static [&'static str] = &["web", "gpu", "universal"];
}

impl Effort {
    /// Every effort by name, from the shortest to the longest.
    pub const NAMES: &'static [&'static str] = &["fast", "normal", "best"];
}

impl FromStr for Preset {
    type Err = UnknownSetting;

    fn from_str(text: &str) -> Result<Self, UnknownSetting> {
        match text {
            "high" => Ok(Self::High),
            "balanced" => Ok(Self::Balanced),
            "maximum" | "maximum_compression" => Ok(Self::Maximum),
            _ => Err(UnknownSetting::new("preset", text, Self::NAMES)),
        }
    }
}

impl FromStr for Target {
    type Err = UnknownSetting;

    fn from_str(text: &str) -> Result<Self, UnknownSetting> {
        match text {
            "web" => Ok(Self::Web),
            "gpu" => Ok(Self::Gpu),
            "universal" => Ok(Self::Universal),
            _ => Err(UnknownSetting::new("target", text, Self::NAMES)),
        }
    }
}

impl FromStr for Effort {
    type Err = UnknownSetting;

    fn from_str(text: &str) -> Result<Self, UnknownSetting> {
        match text {
            "fast" => Ok(Self::Fast),
            "normal" => Ok(Self::Normal),
            "best" => Ok(Self::Best),
            _ => Err(UnknownSetting::new("effort", text, Self::NAMES)),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::High => "high",
            Self::Balanced => "balanced",
            Self::Maximum => "maximum",
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Web => "web",
            Self::Gpu => "gpu",
            Self::Universal => "universal",
        })
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fast => "fast",
            Self::Normal => "normal",
            Self::Best => "best",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_and_prints_as_itself() {
        for name in Preset::NAMES {
            assert_eq!(name.parse::<Preset>().unwrap().to_string(), *name);
        }
        for name in Target::NAMES {
            assert_eq!(name.parse::<Target>().unwrap().to_string(), *name);
        }
        for name in Effort::NAMES {
            assert_eq!(name.parse::<Effort>().unwrap().to_string(), *name);
        }
    }

    #[test]
    fn the_old_name_of_maximum_is_accepted() {
        assert_eq!("maximum_compression".parse(), Ok(Preset::Maximum));
        let settings: Settings = serde_json::from_str(r#"{"preset":"maximum_compression"}"#).unwrap();
        assert_eq!(settings.preset, Preset::Maximum);
    }

    #[test]
    fn an_unknown_value_names_the_allowed_ones() {
        let error = Settings::default().set("preset", "tiny").unwrap_err();
        assert_eq!(error.to_string(), "there is no preset \"tiny\"; use one of: high, balanced, maximum");
        let error = Settings::default().set("colour", "red").unwrap_err();
        assert!(error.to_string().contains("preset, target, effort"), "{error}");
    }
}
