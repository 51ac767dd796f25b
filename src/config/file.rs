//! The settings file: TOML, a line for each variable that it stands in for, in small letters: `port = 8080`.
//!
//! Read once, at the start. The environment wins over it, so that one file can serve several machines. A name that means
//! nothing is refused: a typing error in `disk_quota_mb` must not fill a disk.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Error, shown};

/// The variable that names the file.
const VARIABLE: &str = "GLB_OPTIMIZER_CONFIG";
const NAME: &str = "glb-optimizer.toml";
/// Of all users of the machine.
const SHARED_FOLDER: &str = "/etc";

/// Variables without a row in the table of settings: what others call the same, and what belongs to a bucket.
const OTHERS: [&str; 11] = [
    "REPLIT_REDIS_URL",
    "REDISHOST",
    "REDISPORT",
    "REDIS_PASSWORD",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ALLOW_HTTP",
];

/// Where values come from: the environment, then the settings file.
#[derive(Debug, Default)]
pub struct Sources {
    path: Option<PathBuf>,
    values: BTreeMap<String, String>,
}

impl Sources {
    /// The process's environment, and the settings file that `given` or the environment names, or that lies in one of
    /// the usual places.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or has a name or value that means nothing.
    pub fn of_process(given: Option<&Path>) -> Result<Self, Error> {
        let named = given.map(Path::to_owned).or_else(|| variable(VARIABLE).map(PathBuf::from));
        let Some(path) = named.or_else(usual_place) else { return Ok(Self::default()) };
        let of_file = |reason| Error::File { path: path.clone(), reason };
        let text = std::fs::read_to_string(&path).map_err(|error| of_file(unreadable(&error)))?;
        let values = read(&text).map_err(of_file)?;
        Ok(Self { path: Some(path), values })
    }

    /// The settings file, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What is said under this name, if anything is.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        variable(name).or_else(|| self.values.get(name).cloned())
    }

    /// Where that is said.
    pub(super) fn origin(&self, name: &str) -> Option<&'static str> {
        if variable(name).is_some() {
            return Some("environment");
        }
        self.values.contains_key(name).then_some("file")
    }

    #[cfg(test)]
    pub(super) fn of_text(text: &str) -> Self {
        Self { path: Some(NAME.into()), values: read(text).unwrap() }
    }
}

/// A variable of the environment. An empty one is how deployment tools spell "not set".
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn usual_place() -> Option<PathBuf> {
    let own = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let own = own.or_else(|| Some(Path::new(&variable("HOME")?).join(".config")));
    let places = own.into_iter().chain([SHARED_FOLDER.into()]).map(|folder| folder.join(NAME));
    // One that is there and cannot be read is not passed over: the server would do something else than it was told.
    places.into_iter().find(|path| path.try_exists().unwrap_or(false))
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("is not there; --config or {VARIABLE} names it"),
        _ => format!("cannot be read: {error}"),
    }
}

/// The values by the names of their variables.
fn read(text: &str) -> Result<BTreeMap<String, String>, String> {
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| format!("is no TOML: {}", error.to_string().replace('\n', " ")))?;
    table.into_iter().map(|(name, value)| setting(&name, &value)).collect()
}

fn setting(name: &str, value: &Value) -> Result<(String, String), String> {
    let variable = name.to_uppercase();
    let is_known = shown::table().iter().any(|row| row.name == variable) || OTHERS.contains(&&*variable);
    if !is_known {
        return Err(format!(
            "has the name {name}, which is no setting; `glb-optimizer config show` lists them"
        ));
    }
    let text = text_of(value).ok_or_else(|| {
        format!("has a value for {name} that is no text, number, true, false or list of texts")
    })?;
    Ok((variable, text))
}

/// A value as the variable would spell it.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            texts.map(|texts| texts.join(","))
        }
        Value::Datetime(_) | Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelled_as_their_variables_would_be() {
        let text = "port = 8080\nfile_retention_hours = 0.5\nrequire_api_key = true\n\
            trusted_proxies = [\"10.0.0.5\", \"loopback\"]\nredis_url = \"redis://a\"\n";
        let values = read(text).unwrap();
        let value = |name: &str| values.get(name).map(String::as_str);
        assert_eq!(value("PORT"), Some("8080"));
        assert_eq!(value("FILE_RETENTION_HOURS"), Some("0.5"));
        assert_eq!(value("REQUIRE_API_KEY"), Some("true"));
        assert_eq!(value("TRUSTED_PROXIES"), Some("10.0.0.5,loopback"));
        assert_eq!(value("REDIS_URL"), Some("redis://a"));
    }

    #[test]
    fn what_means_nothing_is_refused_with_its_name() {
        for (text, words) in [
            ("prot = 8080", "the name prot, which is no setting"),
            ("[server]\nport = 1", "the name server"),
            ("port = 2026-11-28", "a value for port"),
            ("port 8080", "is no TOML"),
        ] {
            let reason = read(text).unwrap_err();
            assert!(reason.contains(words), "{text}: {reason}");
        }
    }
}
