//! What makes several nodes a fleet: the Redis that they share, and the place where they share files.
//!
//! Only read and checked here; nothing is dialled. Secrets stay inside of their types, whose `Debug` and `Display`
//! mask them. Who connects: [`crate::bridge`], [`crate::blobs::Shared`].

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use url::Url;

use super::{Error, Given, number, parsed};
use crate::blobs::Location;

const DEFAULT_PREFIX: &str = "glb-optimizer:";
const DEFAULT_PORT: u16 = 6379;
const DEFAULT_VISIBILITY_SECONDS: u64 = 30;
/// Shorter, a slow heartbeat would pass for a dead node.
const MIN_VISIBILITY_SECONDS: u64 = 5;

/// The usual variables of S3 clients, and what the storage calls them.
const AWS_VARIABLES: [&str; 7] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ALLOW_HTTP",
];

const REDIS_EXPECTED: &str = "redis://user:password@host:port/number, or rediss:// for TLS";
const STORAGE_EXPECTED: &str = "file:///an/absolute/folder or s3://bucket/prefix";

/// What this node was told of the fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct Fleet {
    /// The Redis of the fleet; without one this node is alone.
    pub redis: Option<RedisUrl>,
    /// What the names of all keys begin with.
    pub prefix: String,
    /// How long a node may be silent before another does its work.
    pub visibility: Duration,
    /// Where files are shared.
    pub storage: Option<Location>,
}

/// Where a Redis is and how to enter it. Never shows its password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    /// Name or address of the machine.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether the connection is encrypted.
    pub is_tls: bool,
    /// A file of certificates (PEM) whose authorities a server's certificate must come from; the web's, if there is none.
    pub ca_file: Option<PathBuf>,
    /// The user; the default one if there is none.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// The number of the database.
    pub database: i64,
}

/// Resolves it; see `config.rs` for what `var` is.
pub(super) fn resolve(var: &dyn Fn(&'static str) -> Given) -> Result<Fleet, Error> {
    let visibility_s = number(
        var("VISIBILITY_TIMEOUT_SECONDS"),
        MIN_VISIBILITY_SECONDS,
        "a whole number of seconds, at least 5",
    )?;
    let ca_file = var("REDIS_CA_FILE").map(|(_, path)| PathBuf::from(path.trim()));
    Ok(Fleet {
        redis: redis(var)?.map(|url| RedisUrl { ca_file, ..url }),
        prefix: var("REDIS_PREFIX").map_or_else(|| DEFAULT_PREFIX.into(), |(_, value)| value.trim().into()),
        visibility: Duration::from_secs(visibility_s.unwrap_or(DEFAULT_VISIBILITY_SECONDS)),
        storage: storage(var)?,
    })
}

/// The order is that of the platforms which set these variables.
fn redis(var: &dyn Fn(&'static str) -> Given) -> Result<Option<RedisUrl>, Error> {
    if let Some((name, value)) = var("REPLIT_REDIS_URL").or_else(|| var("REDIS_URL")) {
        // The value is not repeated: it may hold a password.
        let error = Error::Value { name, value: "(not shown)".into(), expected: REDIS_EXPECTED };
        return value.trim().parse().map(Some).map_err(|NotARedisUrl| error);
    }
    let Some((_, host)) = var("REDISHOST") else { return Ok(None) };
    let port = parsed(var("REDISPORT"), "a port number from 0 to 65535")?.unwrap_or(DEFAULT_PORT);
    let password = var("REDIS_PASSWORD").map(|(_, password)| password);
    let user = password.as_ref().map(|_| "default".to_owned());
    Ok(Some(RedisUrl {
        host: host.trim().into(),
        port,
        is_tls: false,
        ca_file: None,
        user,
        password,
        database: 0,
    }))
}

fn storage(var: &dyn Fn(&'static str) -> Given) -> Result<Option<Location>, Error> {
    let Some((name, value)) = var("STORAGE_URL") else { return Ok(None) };
    let options = AWS_VARIABLES.into_iter().filter_map(var);
    let options = options.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    match Location::new(value.trim(), options) {
        Some(location) => Ok(Some(location)),
        // It may hold a password.
        None => Err(Error::Value { name, value: "(not shown)".into(), expected: STORAGE_EXPECTED }),
    }
}

/// A text that is no address of a Redis.
#[derive(Debug)]
pub struct NotARedisUrl;

impl FromStr for RedisUrl {
    type Err = NotARedisUrl;

    fn from_str(text: &str) -> Result<Self, NotARedisUrl> {
        let url = Url::parse(text).map_err(|_| NotARedisUrl)?;
        let is_tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(NotARedisUrl),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(NotARedisUrl)?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let database = match url.path().trim_matches('/') {
            "" => 0,
            number => number.parse().ok().filter(|number| *number >= 0).ok_or(NotARedisUrl)?,
        };
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(DEFAULT_PORT),
            is_tls,
            ca_file: None,
            user: Some(decoded(url.username())).filter(|user| !user.is_empty()),
            password: url.password().map(decoded).filter(|password| !password.is_empty()),
            database,
        })
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "rediss" } else { "redis" };
        let user = self.user.as_deref().unwrap_or_default();
        let entry = match self.password {
            Some(_) => format!("{user}:***@"),
            None if user.is_empty() => String::new(),
            None => format!("{user}@"),
        };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        write!(f, "{scheme}://{entry}{host}:{}/{}", self.port, self.database)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&'static str, &str)]) -> Result<Fleet, Error> {
        resolve(&|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(key, value)| (*key, (*value).to_owned()))
        })
    }

    fn redis_with(variables: &[(&'static str, &str)]) -> String {
        with(variables).unwrap().redis.map_or("none".into(), |url| url.to_string())
    }

    #[test]
    fn nothing_said_is_no_redis_at_all() {
        assert_eq!(redis_with(&[]), "none");
        assert_eq!(redis_with(&[("REDISPORT", "6379"), ("REDIS_PASSWORD", "x")]), "none");
    }

    #[test]
    fn the_first_variable_of_several_counts() {
        let (replit, plain, host) =
            (("REPLIT_REDIS_URL", "redis://a"), ("REDIS_URL", "redis://b:7"), ("REDISHOST", "c"));
        assert_eq!(redis_with(&[replit, plain, host]), "redis://a:6379/0");
        assert_eq!(redis_with(&[plain, host]), "redis://b:7/0");
        assert_eq!(redis_with(&[host]), "redis://c:6379/0");
        let parts = [host, ("REDISPORT", "7"), ("REDIS_PASSWORD", "pw")];
        assert_eq!(redis_with(&parts), "redis://default:***@c:7/0");
    }

    #[test]
    fn an_address_is_taken_apart_and_its_password_never_shown() {
        let url: RedisUrl = "rediss://ann:p%40ss@[::1]:7000/3".parse().unwrap();
        assert_eq!((url.host.as_str(), url.port, url.is_tls, url.database), ("::1", 7000, true, 3));
        assert_eq!((url.user.as_deref(), url.password.as_deref()), (Some("ann"), Some("p@ss")));
        assert_eq!(format!("{url} {url:?}"), "rediss://ann:***@[::1]:7000/3 rediss://ann:***@[::1]:7000/3");
    }

    #[test]
    fn a_wrong_address_is_refused_without_showing_it() {
        for wrong in ["http://h:1", "redis://:secret@", "redis://:secret@h/x", "secret"] {
            let error = with(&[("REDIS_URL", wrong)]).unwrap_err().to_string();
            assert!(error.contains("REDIS_URL") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn storage_is_a_folder_or_a_bucket() {
        let storage = |url| with(&[("STORAGE_URL", url), ("AWS_SECRET_ACCESS_KEY", "secret")]);
        for right in ["file:///srv/shared", "s3://models/glb"] {
            let shown = format!("{:?}", storage(right).unwrap().storage.unwrap());
            assert!(shown.contains(right) && !shown.contains("secret"), "{shown}");
        }
        for wrong in ["/srv/shared", "file://srv/shared", "http://h/b", "s3://"] {
            assert!(storage(wrong).unwrap_err().to_string().starts_with("STORAGE_URL is"), "{wrong}");
        }
    }
}
