//! The table of the server's settings: name, flag, what it means, and how its value is shown. Secrets are masked.
//!
//! `config show` prints it as it is in force, the settings file knows its names, and docs/settings.md is made of it.

use super::{Config, Flags, Sources};
use crate::optimize::Settings;

/// A setting of the server.
pub struct Setting {
    /// The variable; in small letters, the name in the settings file.
    pub name: &'static str,
    /// The flag that goes before it, if there is one.
    pub flag: Option<&'static str>,
    /// What holds where nothing is said, if that follows from the machine.
    pub usual: Option<&'static str>,
    /// What it is, for people.
    pub meaning: &'static str,
    /// Its value.
    pub show: fn(&Config) -> String,
}

/// One setting as it is in force.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The variable that sets it.
    pub name: &'static str,
    /// What is in force, in the words in which it would be set.
    pub value: String,
    /// Where that comes from: `flag`, `environment`, `file` or `default`.
    pub source: &'static str,
}

/// Everything that the server can be told.
#[must_use]
pub fn table() -> &'static [Setting] {
    TABLE
}

/// Everything that the server can be told, as it is in force for `flags` and `sources`.
#[must_use]
pub fn rows(config: &Config, flags: &Flags, sources: &Sources) -> Vec<Row> {
    let row = |&Setting { name, flag, show, .. }: &Setting| {
        let is_flag = match flag {
            Some("--listen") => flags.listen.is_some(),
            Some("--data-dir") => flags.data_dir.is_some(),
            Some("--workers") => flags.workers.is_some(),
            Some("--watch") => flags.watch.is_some(),
            Some("--watch-output") => flags.watch_output.is_some(),
            _ => false,
        };
        let names =
            [name].into_iter().chain(SAME.iter().filter(|(to, _)| *to == name).map(|(_, from)| *from));
        let source = names.into_iter().find_map(|name| sources.origin(name)).unwrap_or("default");
        Row { name, value: show(config), source: if is_flag { "flag" } else { source } }
    };
    TABLE.iter().map(row).collect()
}

/// Other variables that say the same.
const SAME: [(&str, &str); 2] = [("REDIS_URL", "REPLIT_REDIS_URL"), ("REDIS_URL", "REDISHOST")];

const SECRET: &str = "***";

const TABLE: &[Setting] = &[
    Setting {
        flag: Some("--listen"),
        usual: Some("127.0.0.1"),
        ..setting(
            "HOST",
            "the address to listen on; with `PORT`, or on a platform such as Replit, Railway or Fly, it is every address (0.0.0.0)",
            |config| config.listen.ip().to_string(),
        )
    },
    Setting {
        flag: Some("--listen"),
        ..setting("PORT", "the port to listen on; 0 takes any free one", |config| {
            config.listen.port().to_string()
        })
    },
    Setting {
        flag: Some("--data-dir"),
        usual: Some(
            "`$XDG_DATA_HOME/glb-optimizer` or `~/.local/share/glb-optimizer`; without a home, `glb-optimizer-data` where it starts",
        ),
        ..setting("DATA_DIR", "the folder for uploads, results and the queue", |config| {
            config.data_dir.display().to_string()
        })
    },
    Setting {
        flag: Some("--workers"),
        usual: Some("number of cores"),
        ..setting("MAX_CONCURRENT_TASKS", "jobs that run at once", |config| config.workers.to_string())
    },
    setting("MAX_FILE_SIZE_MB", "the largest upload; 0 refuses all", |config| {
        megabytes(config.max_file_bytes)
    }),
    setting("TASK_TIMEOUT_SECONDS", "the longest that one attempt at a job may run", |config| {
        config.task_timeout.as_secs().to_string()
    }),
    setting(
        "MEMORY_LIMIT_MB",
        "the memory that one job may have, out of what the container or machine has",
        |config| config.memory_limit_bytes.map_or("a share".into(), megabytes),
    ),
    setting(
        "FILE_RETENTION_HOURS",
        "how long the files of a job are kept after its end; 0 for ever. Its record stays for 30 days",
        |config| config.retention.map_or(0.0, |time| time.as_secs_f64() / 3_600.0).to_string(),
    ),
    setting(
        "DISK_QUOTA_MB",
        "what all files together may take, uploads in progress included: the oldest of ended jobs go first, then uploads are refused",
        |config| or_none(config.disk_quota_bytes.map(megabytes)),
    ),
    setting("ADMIN_TOKEN", "what administrators have to show; at least 32 characters, please", |config| {
        config.access.admin_token.as_ref().map_or("in the data folder", |_| SECRET).into()
    }),
    setting("REQUIRE_API_KEY", "whether uploads need an API key", |config| {
        config.access.requires_api_key.to_string()
    }),
    setting(
        "CORS_ORIGINS",
        "sites whose pages may use the API: `https://shop.example,https://www.shop.example`, or `*`",
        |config| listed(&config.access.cors_origins),
    ),
    setting(
        "TRUSTED_PROXIES",
        "proxies whose X-Forwarded-For, X-Forwarded-Proto and X-Request-Id are believed: addresses, networks, `loopback` or `private`",
        |config| listed(&config.access.trusted_proxies),
    ),
    setting("MAX_QUEUED_JOBS", "jobs that may wait; more are refused with 503", |config| {
        config.intake.max_queued_jobs.to_string()
    }),
    setting(
        "MAX_JOBS_PER_CLIENT",
        "unfinished jobs of one API key or address; more are refused with 429",
        |config| config.intake.max_jobs_per_client.to_string(),
    ),
    setting(
        "MIN_UPLOAD_KBPS",
        "an upload that brings less over 10 seconds is stopped with 408; 0 waits for any",
        |config| (config.intake.min_upload_bytes_per_s >> 10).to_string(),
    ),
    setting("RATE_LIMIT_UPLOADS", "what one client may send in a minute; 0 for no limit", |config| {
        a_minute(config.rates.uploads)
    }),
    setting("RATE_LIMIT_REQUESTS", "what one client may ask in a minute; 0 for no limit", |config| {
        a_minute(config.rates.requests)
    }),
    setting(
        "WEBHOOK_SECRET",
        "signs the messages that tell others of a job's end (`webhook=` with an upload); without it none are sent",
        |config| or_none(config.webhooks.secret.as_ref().map(|_| SECRET.into())),
    ),
    setting(
        "WEBHOOK_ALLOW_PRIVATE",
        "whether webhooks may lead to this machine and to private networks",
        |config| config.webhooks.allow_private.to_string(),
    ),
    setting(
        "REDIS_URL",
        "the fleet's Redis: `redis://user:password@host:port/number`, or `rediss://` for TLS. `REPLIT_REDIS_URL` goes before it; `REDISHOST`, `REDISPORT` and `REDIS_PASSWORD` come after it",
        |config| or_none(config.fleet.redis.as_ref().map(ToString::to_string)),
    ),
    setting(
        "REDIS_CA_FILE",
        "with `rediss://`: a file (PEM) with the authority that signed Redis's certificate, where it is none of the web's",
        |config| {
            let redis = config.fleet.redis.as_ref();
            or_none(redis.and_then(|redis| redis.ca_file.as_ref()).map(|file| file.display().to_string()))
        },
    ),
    setting("REDIS_PREFIX", "what the names of all keys in Redis begin with", |config| {
        config.fleet.prefix.clone()
    }),
    setting(
        "VISIBILITY_TIMEOUT_SECONDS",
        "how long a node may be silent before another does its work",
        |config| config.fleet.visibility.as_secs().to_string(),
    ),
    setting(
        "STORAGE_URL",
        "where nodes share files: `file:///folder` that all have mounted, or `s3://bucket/prefix` with the usual `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`",
        |config| or_none(config.fleet.storage.as_ref().map(ToString::to_string)),
    ),
    Setting {
        flag: Some("--watch"),
        ..setting("WATCH_DIR", "a folder whose models are optimized as they come", |config| {
            or_none(config.watch.as_ref().map(|watch| watch.folder.display().to_string()))
        })
    },
    Setting {
        flag: Some("--watch-output"),
        ..setting(
            "WATCH_OUTPUT",
            "where results of the watched folder go; without it, beside the models",
            |config| {
                let output = config.watch.as_ref().and_then(|watch| watch.output.as_ref());
                or_none(output.map(|folder| folder.display().to_string()))
            },
        )
    },
    setting(
        "WATCH_SETTINGS",
        "what is asked for in the watched folder: `preset=high,target=gpu`",
        |config| or_none(config.watch.as_ref().map(|watch| said(&watch.settings))),
    ),
    setting(
        "LOG_LEVEL",
        "off, error, warn, info, debug or trace; JSON unless stderr is a terminal. `glb-optimizer log debug` or `kill -USR1` change it while the server runs",
        |config| config.log_level.to_string(),
    ),
];

const fn setting(name: &'static str, meaning: &'static str, show: fn(&Config) -> String) -> Setting {
    Setting { name, flag: None, usual: None, meaning, show }
}

fn megabytes(bytes: u64) -> String {
    (bytes >> 20).to_string()
}

fn a_minute(rate: Option<std::num::NonZeroU32>) -> String {
    rate.map_or(0, std::num::NonZeroU32::get).to_string()
}

fn or_none(value: Option<String>) -> String {
    value.unwrap_or_else(|| "none".into())
}

/// Settings of a model in the words in which they are set.
fn said(settings: &Settings) -> String {
    let settings = serde_json::to_value(settings).unwrap_or_default();
    let pairs = settings.as_object().into_iter().flatten();
    let pairs: Vec<String> =
        pairs.filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?))).collect();
    pairs.join(",")
}

fn listed(items: &[impl ToString]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    or_none(Some(items.join(",")).filter(|list| !list.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_says_where_it_comes_from_and_no_secret_is_shown() {
        let sources = Sources::of_text(
            "admin_token = \"s3cret\"\nwebhook_secret = \"s3cret\"\nredishost = \"r\"\nredis_password = \"s3cret\"\n\
             max_file_size_mb = 7\ntrusted_proxies = [\"10.0.0.5\", \"loopback\"]",
        );
        let flags = || Flags { workers: Some("3".into()), ..Flags::default() };
        let config = Config::of(flags(), &|name| sources.value(name)).unwrap();
        let rows = rows(&config, &flags(), &sources);
        let row =
            |name: &str| rows.iter().find(|row| row.name == name).map(|row| (row.value.as_str(), row.source));
        assert_eq!(row("MAX_CONCURRENT_TASKS"), Some(("3", "flag")));
        assert_eq!(row("MAX_FILE_SIZE_MB"), Some(("7", "file")));
        assert_eq!(row("PORT"), Some(("5000", "default")));
        assert_eq!(row("REDIS_URL"), Some(("redis://default:***@r:6379/0", "file")));
        assert_eq!(row("WEBHOOK_SECRET"), Some(("***", "file")));
        assert_eq!(row("TRUSTED_PROXIES"), Some(("10.0.0.5/32,127.0.0.0/8,::1/128", "file")));
        assert!(rows.iter().all(|row| !row.value.contains("s3cret")), "{rows:?}");
    }
}
