//! The settings of the server as a table: name, value, and where the value came from. Secrets are not in it.

use super::{Config, Flags};

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The variable that sets it.
    pub name: &'static str,
    /// What is in force, in the words in which it would be set.
    pub value: String,
    /// Where that comes from: `flag`, `environment` or `default`.
    pub source: &'static str,
}

/// Everything that the server can be told, as it is in force for `flags` and the process's environment.
#[must_use]
pub fn rows(config: &Config, flags: &Flags) -> Vec<Row> {
    table(config, flags, &|name| std::env::var(name).ok())
}

fn table(config: &Config, flags: &Flags, env: &dyn Fn(&str) -> Option<String>) -> Vec<Row> {
    let is_set = |name: &str| env(name).is_some_and(|value| !value.trim().is_empty());
    let row = |name: &'static str, is_flag: bool, value: String| {
        let source = match (is_flag, is_set(name)) {
            (true, _) => "flag",
            (_, true) => "environment",
            _ => "default",
        };
        Row { name, value, source }
    };
    let megabytes = |bytes: u64| (bytes >> 20).to_string();
    let a_minute = |rate: Option<std::num::NonZeroU32>| rate.map_or(0, std::num::NonZeroU32::get).to_string();
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".into());
    let Config { listen, access, intake, .. } = config;
    let proxies: Vec<String> = access.trusted_proxies.iter().map(ToString::to_string).collect();
    let retention = config.retention.map_or(0.0, |time| time.as_secs_f64() / 3_600.0);
    vec![
        row("HOST", flags.listen.is_some(), listen.ip().to_string()),
        row("PORT", flags.listen.is_some(), listen.port().to_string()),
        row("DATA_DIR", flags.data_dir.is_some(), config.data_dir.display().to_string()),
        row("MAX_CONCURRENT_TASKS", flags.workers.is_some(), config.workers.to_string()),
        row("MAX_FILE_SIZE_MB", false, megabytes(config.max_file_bytes)),
        row("TASK_TIMEOUT_SECONDS", false, config.task_timeout.as_secs().to_string()),
        row("MEMORY_LIMIT_MB", false, config.memory_limit_bytes.map_or("a share".into(), megabytes)),
        row("FILE_RETENTION_HOURS", false, retention.to_string()),
        row("DISK_QUOTA_MB", false, or_none(config.disk_quota_bytes.map(megabytes))),
        row("ADMIN_TOKEN", false, access.admin_token.as_ref().map_or("in the data folder", |_| "***").into()),
        row("REQUIRE_API_KEY", false, access.requires_api_key.to_string()),
        row(
            "CORS_ORIGINS",
            false,
            or_none(Some(access.cors_origins.join(",")).filter(|list| !list.is_empty())),
        ),
        row("TRUSTED_PROXIES", false, or_none(Some(proxies.join(",")).filter(|list| !list.is_empty()))),
        row("MAX_QUEUED_JOBS", false, intake.max_queued_jobs.to_string()),
        row("MAX_JOBS_PER_CLIENT", false, intake.max_jobs_per_client.to_string()),
        row("MIN_UPLOAD_KBPS", false, (intake.min_upload_bytes_per_s >> 10).to_string()),
        row("RATE_LIMIT_UPLOADS", false, a_minute(config.rates.uploads)),
        row("RATE_LIMIT_REQUESTS", false, a_minute(config.rates.requests)),
        row("LOG_LEVEL", false, config.log_level.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::resolve;
    use super::*;

    #[test]
    fn every_setting_says_where_it_comes_from_and_no_secret_is_shown() {
        let variables =
            [("ADMIN_TOKEN", "s3cret"), ("MAX_FILE_SIZE_MB", "7"), ("TRUSTED_PROXIES", "10.0.0.5, loopback")];
        let env = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let flags = || Flags { workers: Some("3".into()), ..Flags::default() };
        let rows = table(&resolve(flags(), &env).unwrap(), &flags(), &env);
        let row = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
        assert_eq!(
            (row("MAX_CONCURRENT_TASKS").value.as_str(), row("MAX_CONCURRENT_TASKS").source),
            ("3", "flag")
        );
        assert_eq!(
            (row("MAX_FILE_SIZE_MB").value.as_str(), row("MAX_FILE_SIZE_MB").source),
            ("7", "environment")
        );
        assert_eq!((row("PORT").value.as_str(), row("PORT").source), ("5000", "default"));
        assert_eq!(row("TRUSTED_PROXIES").value, "10.0.0.5/32,127.0.0.0/8,::1/128");
        assert!(rows.iter().all(|row| !row.value.contains("s3cret")), "{rows:?}");
    }

    /// The README's table of settings and this one name the same variables.
    #[test]
    fn the_readme_names_every_setting() {
        let readme = include_str!("../../README.md");
        let flags = Flags::default();
        for row in table(&resolve(Flags::default(), &|_| None).unwrap(), &flags, &|_| None) {
            assert!(readme.contains(&format!("`{}`", row.name)), "README.md does not name {}", row.name);
        }
    }
}
