//! The watched folder, as it was told: where models come, where results go, and what becomes of them.
//!
//! Who watches: [`crate::watch`].

use std::path::PathBuf;

use super::{Error, Given, path};
use crate::optimize::Settings;

const EXPECTED: &str =
    "settings such as preset=high,target=gpu; `glb-optimizer optimize --help` explains them";

/// A folder whose models are optimized as they come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The folder.
    pub folder: PathBuf,
    /// Where results go; beside the models, if nothing is said.
    pub output: Option<PathBuf>,
    /// What is asked for.
    pub settings: Settings,
}

/// Resolves it from the two flags; see `config.rs` for what `var` is.
pub(super) fn resolve(
    folder: Option<PathBuf>,
    output: Option<PathBuf>,
    var: &dyn Fn(&'static str) -> Given,
) -> Result<Option<Watch>, Error> {
    let settings = settings(var("WATCH_SETTINGS"))?;
    let output = output.or_else(|| path(var, "WATCH_OUTPUT"));
    let folder = folder.or_else(|| path(var, "WATCH_DIR"));
    Ok(folder.map(|folder| Watch { folder, output, settings }))
}

fn settings(given: Given) -> Result<Settings, Error> {
    let mut settings = Settings::default();
    let Some((name, value)) = given else { return Ok(settings) };
    for pair in value.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let set = pair.split_once('=').map(|(name, value)| settings.set(name.trim(), value.trim()));
        if !matches!(set, Some(Ok(()))) {
            return Err(Error::Value { name, value, expected: EXPECTED });
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::{Preset, Target};

    fn with(variables: &[(&'static str, &str)]) -> Result<Option<Watch>, Error> {
        resolve(None, None, &|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(key, value)| (*key, (*value).to_owned()))
        })
    }

    #[test]
    fn a_folder_is_watched_only_if_one_is_named() {
        assert_eq!(with(&[("WATCH_OUTPUT", "/out")]), Ok(None));
        let settings = ("WATCH_SETTINGS", "preset=high, target=gpu");
        let watch = with(&[("WATCH_DIR", "/in"), settings]).unwrap().unwrap();
        assert_eq!((watch.folder, watch.output), ("/in".into(), None));
        assert_eq!((watch.settings.preset, watch.settings.target), (Preset::High, Target::Gpu));
    }

    #[test]
    fn a_setting_that_is_none_is_refused() {
        for wrong in ["preset", "preset=low", "colour=red"] {
            let error = with(&[("WATCH_SETTINGS", wrong)]).unwrap_err().to_string();
            assert!(error.contains("WATCH_SETTINGS") && error.contains(wrong), "{error}");
        }
    }
}
