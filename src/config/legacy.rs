//! The environment of the system that this one takes the place of: names that are known and mean nothing here any more.
//!
//! The names that still mean what they did (`PORT`, `MAX_FILE_SIZE_MB`, `REDIS_URL` and so on) are read where all are.
//! Each of the others has a row here, so that a start with an old .env file says what became of each line.

/// A variable that is set and not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// Its name.
    pub name: String,
    /// Why, and what to do instead.
    pub reason: &'static str,
}

const NO_SESSIONS: &str = "there are no sessions to sign; administrators have a token (ADMIN_TOKEN)";
const NO_MODES: &str = "there is no debug mode; LOG_LEVEL=debug says more";
const FOLDER: &str = "uploads, results and the queue are in one folder (DATA_DIR)";
const PER_UPLOAD: &str = "every upload says what it wants: preset, lods, simplify";
const QUEUE: &str = "the queue is inside and needs no broker; REDIS_URL joins several servers";
const DATABASE: &str = "the queue and its records are in DATA_DIR; no database is used";
const CLEANUP: &str =
    "files are deleted all the time, by FILE_RETENTION_HOURS (0 keeps them) and DISK_QUOTA_MB";
const TOOLS: &str = "the optimizer is inside; no other program is run";
const ALWAYS: &str = "this is always so and cannot be switched off";
const CORS: &str = "name the sites that may use the API instead: CORS_ORIGINS";
const TLS: &str = "encryption is for the proxy in front; name it with TRUSTED_PROXIES";
const LOG: &str = "the log goes to stderr, where the system that runs this program collects it";
const THREADS: &str =
    "threads follow from the processors; MAX_CONCURRENT_TASKS says how many jobs run at once";
const TIMEOUT: &str = "a job as a whole has one limit of time (TASK_TIMEOUT_SECONDS)";
const SIZE: &str = "the limit of an upload is MAX_FILE_SIZE_MB, for all of the program";
const SMALLEST: &str = "the smallest file is the smallest that can be a model";
const PRESETS: &str = "what a preset means is fixed; uploads can say max_error and target_size";
const SERVER: &str = "the web server is inside; see HOST, PORT and MAX_CONCURRENT_TASKS";
const REPORTS: &str = "nothing is sent to anybody; faults are in the log";

/// Known names; one that ends in `_*` stands for all that begin so.
const IGNORED: &[(&str, &str)] = &[
    ("SESSION_SECRET", NO_SESSIONS),
    ("FLASK_ENV", NO_MODES),
    ("FLASK_DEBUG", NO_MODES),
    ("UPLOAD_FOLDER", FOLDER),
    ("OUTPUT_FOLDER", FOLDER),
    ("DEFAULT_QUALITY_LEVEL", PER_UPLOAD),
    ("ENABLE_LOD_BY_DEFAULT", PER_UPLOAD),
    ("ENABLE_SIMPLIFICATION_BY_DEFAULT", PER_UPLOAD),
    ("CELERY_BROKER_URL", QUEUE),
    ("CELERY_RESULT_BACKEND", QUEUE),
    ("DATABASE_URL", DATABASE),
    ("CLEANUP_ENABLED", CLEANUP),
    ("CLEANUP_SCHEDULE_CRON", CLEANUP),
    ("GLTF_TRANSFORM_PATH", TOOLS),
    ("GLTFPACK_PATH", TOOLS),
    ("SECURE_FILENAME_ENABLED", ALWAYS),
    ("SECURITY_HEADERS_ENABLED", ALWAYS),
    ("CORS_ENABLED", CORS),
    ("HTTPS_ENABLED", TLS),
    ("SSL_CERT_PATH", TLS),
    ("SSL_KEY_PATH", TLS),
    ("LOG_TO_FILE", LOG),
    ("LOG_FILE_PATH", LOG),
    ("COMPRESSION_THREADS", THREADS),
    ("MAX_PARALLEL_WORKERS", THREADS),
    ("PARALLEL_TIMEOUT", TIMEOUT),
    ("GLB_SUBPROCESS_TIMEOUT", TIMEOUT),
    ("GLB_PARALLEL_TIMEOUT", TIMEOUT),
    ("GLB_MAX_FILE_SIZE", SIZE),
    ("GLB_MIN_FILE_SIZE", SMALLEST),
    ("GLB_EMPTY_FILE_THRESHOLD", SMALLEST),
    ("GLB_CONFIG_FILE", PRESETS),
    ("GUNICORN_*", SERVER),
    ("SENTRY_DSN", REPORTS),
];

/// The variables of the process that were known to the old system and are not used.
#[must_use]
pub fn ignored() -> Vec<Ignored> {
    among(std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()))
}

fn among(names: impl Iterator<Item = String>) -> Vec<Ignored> {
    let mut found: Vec<Ignored> =
        names.filter_map(|name| Some(Ignored { reason: reason(&name)?, name })).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn reason(name: &str) -> Option<&'static str> {
    let is_meant = |known: &str| match known.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == known,
    };
    IGNORED.iter().find(|(known, _)| is_meant(known)).map(|(_, reason)| *reason)
}

/// The old system's words for levels of the log, which were Python's.
pub(super) fn log_level((name, value): (&'static str, String)) -> (&'static str, String) {
    let level = match value.trim().to_ascii_lowercase().as_str() {
        "warning" => "warn".to_owned(),
        "critical" | "fatal" => "error".to_owned(),
        _ => value,
    };
    (name, level)
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Error, Flags, resolve};
    use super::*;

    /// The whole .env file of the old system, with the values that it came with. The names under which it found
    /// Redis are left to the tests of the part that reads them.
    const OLD_ENV: &str = "\
        SESSION_SECRET=change-me FLASK_ENV=production FLASK_DEBUG=false UPLOAD_FOLDER=uploads OUTPUT_FOLDER=output \
        MAX_FILE_SIZE_MB=100 DEFAULT_QUALITY_LEVEL=high ENABLE_LOD_BY_DEFAULT=true \
        ENABLE_SIMPLIFICATION_BY_DEFAULT=true CELERY_BROKER_URL=redis://localhost:6379/0 \
        CELERY_RESULT_BACKEND=redis://localhost:6379/0 DATABASE_URL=postgresql://u:p@localhost/glb \
        MAX_CONCURRENT_TASKS=1 TASK_TIMEOUT_SECONDS=600 FILE_RETENTION_HOURS=24 CLEANUP_ENABLED=true \
        CLEANUP_SCHEDULE_CRON=0_2_*_*_* GLTF_TRANSFORM_PATH=gltf-transform GLTFPACK_PATH=gltfpack \
        SECURE_FILENAME_ENABLED=true CORS_ENABLED=false SECURITY_HEADERS_ENABLED=true HTTPS_ENABLED=true \
        LOG_LEVEL=WARNING LOG_TO_FILE=true LOG_FILE_PATH=app.log COMPRESSION_THREADS=0 MEMORY_LIMIT_MB=2048 \
        MAX_PARALLEL_WORKERS=3 PARALLEL_TIMEOUT=120 GLB_MAX_FILE_SIZE=104857600 GLB_MIN_FILE_SIZE=12 \
        GLB_EMPTY_FILE_THRESHOLD=100 GLB_SUBPROCESS_TIMEOUT=300 GLB_PARALLEL_TIMEOUT=120 GLB_CONFIG_FILE=glb.json \
        HOST=0.0.0.0 PORT=5000 GUNICORN_WORKERS=2 GUNICORN_BIND=0.0.0.0:5000 SSL_CERT_PATH=/etc/ssl/a.pem \
        SSL_KEY_PATH=/etc/ssl/a.key SENTRY_DSN=https://key@sentry.example/1";

    const HONOURED: [&str; 8] = [
        "MAX_FILE_SIZE_MB",
        "MAX_CONCURRENT_TASKS",
        "TASK_TIMEOUT_SECONDS",
        "FILE_RETENTION_HOURS",
        "LOG_LEVEL",
        "MEMORY_LIMIT_MB",
        "HOST",
        "PORT",
    ];

    fn old_env() -> impl Iterator<Item = (&'static str, &'static str)> {
        OLD_ENV.split_whitespace().map(|line| line.split_once('=').unwrap())
    }

    #[test]
    fn every_line_of_the_old_env_file_is_honoured_or_named_with_a_reason() {
        let ignored = among(old_env().map(|(name, _)| name.to_owned()));
        for (name, _) in old_env() {
            let is_ignored = ignored.iter().any(|ignored| ignored.name == name && !ignored.reason.is_empty());
            assert_ne!(is_ignored, HONOURED.contains(&name), "{name}");
        }
        let env = |name: &str| old_env().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
        let config: Result<Config, Error> = resolve(Flags::default(), &env);
        let config = config.unwrap();
        assert_eq!(config.listen.to_string(), "0.0.0.0:5000");
        assert_eq!((config.workers, config.max_file_bytes), (1, 100 << 20));
        assert_eq!((config.task_timeout.as_secs(), config.memory_limit_bytes), (600, Some(2048 << 20)));
        assert_eq!(config.retention.unwrap().as_secs(), 24 * 3600);
        assert_eq!(config.log_level.to_string(), "warn");
    }

    #[test]
    fn what_was_never_known_is_not_named() {
        assert_eq!(among(["PATH", "GUNICORN", "HOME"].map(str::to_owned).into_iter()), []);
    }
}
