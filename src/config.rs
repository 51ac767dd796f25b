//! What the server was told: flags, then environment, then the settings file, then defaults; resolved and checked once.
//!
//! Read-only afterwards. Nothing else in the program reads the environment, except for what systemd says there
//! (`service.rs`). A new option is a field of [`Config`], its default, a line in [`resolve`], and a row of the table in
//! `config/shown.rs`, which the documents are made of. What concerns several nodes is in `config/fleet.rs`; where the
//! program runs is told in `config/platform.rs`; which server a command asks, in `config/remote.rs`.

mod access;
mod file;
mod fleet;
mod intake;
mod legacy;
mod platform;
mod rates;
mod remote;
mod shown;
mod watch;

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

pub use access::Access;
pub use file::Sources;
pub use fleet::{Fleet, NotARedisUrl, RedisUrl};
pub use intake::Intake;
pub use legacy::{Ignored, ignored};
pub use platform::{Kind, Platform};
pub use rates::Rates;
pub use remote::{Remote, RemoteFlags};
pub use shown::{Row, Setting, rows, table};
pub use watch::Watch;

use crate::webhook;

const DEFAULT_PORT: u16 = 5000;
const DEFAULT_MAX_FILE_SIZE_MB: u64 = 500;
const DEFAULT_RETENTION_HOURS: f64 = 24.0;
const DEFAULT_TASK_TIMEOUT_SECONDS: u64 = 600;

/// The flags of `glb-optimizer serve`. What is absent comes from the environment or has a default.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// Address and port to listen on; port 0 takes any free one [env: HOST, PORT] [default: 127.0.0.1:5000]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Folder for uploads, results and the queue [env: DATA_DIR] [default: ~/.local/share/glb-optimizer]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Jobs that run at once [env: MAX_CONCURRENT_TASKS] [default: number of cores]
    #[arg(long, value_name = "N")]
    pub workers: Option<String>,
    /// Folder whose models are optimized as they come [env: WATCH_DIR]
    #[arg(long, value_name = "DIR")]
    pub watch: Option<PathBuf>,
    /// Where results of the watched folder go [env: WATCH_OUTPUT] [default: beside the models]
    #[arg(long, value_name = "DIR")]
    pub watch_output: Option<PathBuf>,
    /// Settings file, TOML [env: GLB_OPTIMIZER_CONFIG] [default: ~/.config/glb-optimizer.toml or
    /// /etc/glb-optimizer.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Everything the server can be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Folder for uploads, results and the queue.
    pub data_dir: PathBuf,
    /// Folder for files that are gone after the program; used when `data_dir` cannot be.
    pub temp_dir: PathBuf,
    /// Jobs that run at once; at least 1.
    pub workers: usize,
    /// The largest upload in bytes; 0 refuses all.
    pub max_file_bytes: u64,
    /// The longest that one attempt at a job may run.
    pub task_timeout: Duration,
    /// How long the files of an ended job are kept; for ever, if nothing is said.
    pub retention: Option<Duration>,
    /// How much all files together may take, in bytes; as much as there is, if nothing is said.
    pub disk_quota_bytes: Option<u64>,
    /// Who may do what.
    pub access: Access,
    /// How much may come in, and how fast.
    pub intake: Intake,
    /// The memory that one job may have, in bytes; without it, a part of what the machine or container has.
    pub memory_limit_bytes: Option<u64>,
    /// Whether ends of jobs are told to others, and to whom.
    pub webhooks: webhook::Rules,
    /// How often one client may ask.
    pub rates: Rates,
    /// The other nodes, if there may be any.
    pub fleet: Fleet,
    /// A folder whose models are optimized as they come, if there is one.
    pub watch: Option<Watch>,
    /// What is logged.
    pub log_level: LevelFilter,
    /// Where this program runs.
    pub platform: Platform,
}

/// Something that the server was told and cannot use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A value.
    #[error("{name} is \"{value}\", but it must be {expected}")]
    Value {
        /// The flag or variable.
        name: &'static str,
        /// What it says.
        value: String,
        /// What it could say.
        expected: &'static str,
    },
    /// A value that has no default.
    #[error("{name} is not set; it must be {expected}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it could say.
        expected: &'static str,
    },
    /// The settings file.
    #[error("the settings file {} {reason}", path.display())]
    File {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A flag or variable that was given: its name, for messages, and its value.
type Given = Option<(&'static str, String)>;

impl Config {
    /// Resolves the configuration from `flags`, the process's environment, and the settings file if there is one.
    ///
    /// # Errors
    /// A value or the file cannot be used; the error names it.
    pub fn from_process(flags: Flags) -> Result<Self, Error> {
        let sources = Sources::of_process(flags.config.as_deref())?;
        Self::of(flags, &|name| sources.value(name))
    }

    /// Resolves the configuration from `flags` and an environment; without one, all defaults.
    ///
    /// # Errors
    /// A value cannot be used; the error names the flag or variable.
    pub fn of(flags: Flags, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        resolve(flags, env)
    }

    /// Whether there is anybody to work for.
    ///
    /// # Errors
    /// The Redis or the storage of the fleet is not named; the error names the variable.
    pub fn check_is_of_a_fleet(&self) -> Result<(), Error> {
        let missing = |name, expected| Err(Error::Missing { name, expected });
        match (&self.fleet.redis, &self.fleet.storage) {
            (None, _) => {
                missing("REDIS_URL", "the address of the fleet's Redis, to have somebody to work for")
            }
            (_, None) => missing("STORAGE_URL", "the folder or bucket that the nodes of the fleet share"),
            _ => Ok(()),
        }
    }
}

/// Resolves the configuration. `env` is an argument so that tests need not change the real one.
fn resolve(flags: Flags, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, Error> {
    // An empty variable is how deployment tools spell "not set".
    let var = |name: &'static str| -> Given {
        env(name).filter(|value| !value.trim().is_empty()).map(|value| (name, value))
    };
    let workers = flags.workers.map(|value| ("--workers", value)).or_else(|| var("MAX_CONCURRENT_TASKS"));
    let max_file_mb =
        number(var("MAX_FILE_SIZE_MB"), 0, "a whole number of megabytes, or 0 to refuse uploads")?;
    let timeout_s = number(var("TASK_TIMEOUT_SECONDS"), 1, "a whole number of seconds, at least 1")?;
    let memory_mb = number(var("MEMORY_LIMIT_MB"), 128, "a whole number of megabytes, at least 128")?;
    let quota_mb = number(var("DISK_QUOTA_MB"), 1, "a whole number of megabytes, at least 1")?;
    let platform = Platform::detect(env);
    let log_level =
        parsed(var("LOG_LEVEL").map(legacy::log_level), "one of off, error, warn, info, debug, trace")?;
    Ok(Config {
        listen: listen(flags.listen, var("HOST"), var("PORT"), &platform)?,
        data_dir: flags
            .data_dir
            .or_else(|| path(&var, "DATA_DIR"))
            .unwrap_or_else(|| default_data_dir(&var, &platform)),
        temp_dir: path(&var, "TMPDIR").unwrap_or_else(|| "/tmp".into()),
        workers: number(workers, 1, "a whole number, at least 1")?.map_or_else(core_count, saturating_usize),
        max_file_bytes: max_file_mb.unwrap_or(DEFAULT_MAX_FILE_SIZE_MB).saturating_mul(1 << 20),
        task_timeout: Duration::from_secs(timeout_s.unwrap_or(DEFAULT_TASK_TIMEOUT_SECONDS)),
        retention: retention(var("FILE_RETENTION_HOURS"))?,
        disk_quota_bytes: quota_mb.map(|megabytes| megabytes.saturating_mul(1 << 20)),
        access: access::resolve(&var)?,
        intake: intake::resolve(&var)?,
        memory_limit_bytes: memory_mb.map(|megabytes| megabytes.saturating_mul(1 << 20)),
        webhooks: webhook::Rules {
            secret: var("WEBHOOK_SECRET").map(|(_, secret)| secret.trim().to_owned().into()),
            allow_private: flag(var("WEBHOOK_ALLOW_PRIVATE"))?.unwrap_or(false),
        },
        rates: rates::resolve(&var)?,
        fleet: fleet::resolve(&var)?,
        watch: watch::resolve(flags.watch, flags.watch_output, &var)?,
        log_level: log_level.unwrap_or(LevelFilter::INFO),
        platform,
    })
}

/// A platform that routes to us from outside can reach no loopback address; nor can whoever says which PORT to use.
fn listen(flag: Option<String>, host: Given, port: Given, platform: &Platform) -> Result<SocketAddr, Error> {
    if let Some(value) = flag {
        let expected = "an address and a port, such as 127.0.0.1:5000";
        let address = value.replacen("localhost:", "127.0.0.1:", 1).parse();
        return address.map_err(|_| Error::Value { name: "--listen", value, expected });
    }
    let every_address = port.is_some() || platform.kind.is_routed();
    let port = parsed(port, "a port number from 0 to 65535")?.unwrap_or(DEFAULT_PORT);
    let host = host.map(|(name, value)| (name, value.replace("localhost", "127.0.0.1")));
    let ip = parsed(host, "an IP address, such as 127.0.0.1 or 0.0.0.0")?;
    let default_ip = if every_address { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    Ok(SocketAddr::new(ip.unwrap_or(IpAddr::V4(default_ip)), port))
}

/// On the volume, if the platform names one: everything else goes there with the next version.
fn default_data_dir(var: &dyn Fn(&'static str) -> Given, platform: &Platform) -> PathBuf {
    let shared = platform.volume.clone().or_else(|| path(var, "XDG_DATA_HOME"));
    let shared = shared.or_else(|| Some(path(var, "HOME")?.join(".local/share")));
    shared.map_or_else(|| "glb-optimizer-data".into(), |folder| folder.join("glb-optimizer"))
}

fn path(var: &dyn Fn(&'static str) -> Given, name: &'static str) -> Option<PathBuf> {
    var(name).map(|(_, value)| value.into())
}

fn parsed<T: FromStr<Err: Display>>(given: Given, expected: &'static str) -> Result<Option<T>, Error> {
    let Some((name, value)) = given else { return Ok(None) };
    value.trim().parse().map(Some).map_err(|_| Error::Value { name, value, expected })
}

fn number(given: Given, least: u64, expected: &'static str) -> Result<Option<u64>, Error> {
    let number = parsed(given.clone(), expected)?;
    match (number, given) {
        (Some(number), Some((name, value))) if number < least => Err(Error::Value { name, value, expected }),
        _ => Ok(number),
    }
}

/// Whether something is switched on.
fn flag(given: Given) -> Result<Option<bool>, Error> {
    let Some((name, value)) = given else { return Ok(None) };
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(Some(true)),
        "false" | "0" | "no" | "off" => Ok(Some(false)),
        _ => Err(Error::Value { name, value, expected: "true or false" }),
    }
}

/// Hours, with fractions; 0 keeps files for ever.
fn retention(given: Given) -> Result<Option<Duration>, Error> {
    let expected = "a number of hours, such as 24 or 0.5, or 0 to keep files for ever";
    let hours: Option<f64> = parsed(given.clone(), expected)?;
    let hours = hours.unwrap_or(DEFAULT_RETENTION_HOURS);
    match (Duration::try_from_secs_f64(hours * 3_600.0), given) {
        (Ok(time), _) => Ok(Some(time).filter(|time| !time.is_zero())),
        (Err(_), Some((name, value))) => Err(Error::Value { name, value, expected }),
        (Err(_), None) => Ok(None),
    }
}

fn saturating_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn core_count() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(flags: Flags, variables: &[(&str, &str)]) -> Result<Config, Error> {
        resolve(flags, &|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn listen_with(variables: &[(&str, &str)]) -> String {
        with(Flags::default(), variables).unwrap().listen.to_string()
    }

    #[test]
    fn defaults_serve_this_machine_only() {
        let config = with(Flags::default(), &[("HOME", "/home/ann")]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:5000");
        assert_eq!(config.data_dir, PathBuf::from("/home/ann/.local/share/glb-optimizer"));
        assert_eq!(config.max_file_bytes, 500 << 20);
        assert!(config.workers >= 1);
    }

    #[test]
    fn a_given_port_serves_every_address_unless_host_says_otherwise() {
        assert_eq!(listen_with(&[("PORT", "8080")]), "0.0.0.0:8080");
        assert_eq!(listen_with(&[("PORT", "8080"), ("HOST", "localhost")]), "127.0.0.1:8080");
        assert_eq!(listen_with(&[("FLY_APP_NAME", "glb")]), "0.0.0.0:5000");
        assert_eq!(listen_with(&[("HOST", "::")]), "[::]:5000");
        assert_eq!(listen_with(&[("PORT", " ")]), "127.0.0.1:5000");
    }

    #[test]
    fn flags_win_over_the_environment() {
        let flags = Flags {
            listen: Some("localhost:0".into()),
            data_dir: Some("here".into()),
            workers: Some("3".into()),
            ..Flags::default()
        };
        let variables = [("PORT", "8080"), ("DATA_DIR", "there"), ("MAX_CONCURRENT_TASKS", "7")];
        let config = with(flags, &variables).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:0");
        assert_eq!((config.data_dir, config.workers), (PathBuf::from("here"), 3));
    }

    #[test]
    fn a_wrong_value_is_named_with_what_would_be_right() {
        for (name, value) in [
            ("PORT", "http"),
            ("HOST", "example"),
            ("MAX_CONCURRENT_TASKS", "0"),
            ("MAX_FILE_SIZE_MB", "-1"),
            ("TASK_TIMEOUT_SECONDS", "10m"),
            ("MEMORY_LIMIT_MB", "64"),
            ("FILE_RETENTION_HOURS", "-1"),
            ("DISK_QUOTA_MB", "0"),
            ("LOG_LEVEL", "loud"),
            ("REQUIRE_API_KEY", "maybe"),
            ("CORS_ORIGINS", "shop.example"),
            ("TRUSTED_PROXIES", "10.0.0.0/33"),
            ("MAX_QUEUED_JOBS", "0"),
            ("MAX_JOBS_PER_CLIENT", "-1"),
            ("MIN_UPLOAD_KBPS", "fast"),
        ] {
            let error = with(Flags::default(), &[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value) && error.contains("must be"), "{error}");
        }
        let flags = Flags { listen: Some("5000".into()), ..Flags::default() };
        assert!(with(flags, &[]).unwrap_err().to_string().starts_with("--listen is \"5000\""));
    }

    #[test]
    fn a_volume_of_the_platform_holds_the_data_unless_told_otherwise() {
        let railway =
            [("RAILWAY_PROJECT_ID", "p"), ("RAILWAY_VOLUME_MOUNT_PATH", "/data"), ("HOME", "/root")];
        let config = with(Flags::default(), &railway).unwrap();
        assert_eq!(config.data_dir, PathBuf::from("/data/glb-optimizer"));
    }

    #[test]
    fn files_are_kept_for_hours_or_for_ever() {
        let kept = |hours| with(Flags::default(), &[("FILE_RETENTION_HOURS", hours)]).unwrap().retention;
        assert_eq!(kept("0.5"), Some(Duration::from_secs(1_800)));
        assert_eq!(kept("0"), None);
        assert_eq!(with(Flags::default(), &[]).unwrap().retention, Some(Duration::from_secs(24 * 3_600)));
    }

    #[test]
    fn a_size_of_zero_is_allowed_and_a_huge_one_does_not_overflow() {
        let bytes = |value| with(Flags::default(), &[("MAX_FILE_SIZE_MB", value)]).unwrap().max_file_bytes;
        assert_eq!(bytes("0"), 0);
        assert_eq!(bytes("18446744073709551615"), u64::MAX);
    }
}
