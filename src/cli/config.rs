//! `glb-optimizer config`: what the server would be told, and whether it can be used. Starts nothing, opens nothing.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::json;

use crate::config::{self, Config, Flags as ServeFlags, Ignored, Row, Sources};

/// A token that people thought of themselves can be guessed when it is shorter than this, in characters.
const SHORT_TOKEN: usize = 32;

/// Names in the settings file whose values are nobody else's business.
const SECRETS: [&str; 6] = [
    "admin_token",
    "webhook_secret",
    "redis_url",
    "redis_password",
    "aws_secret_access_key",
    "aws_session_token",
];

/// What `config` can be told.
// The group of arguments would have the name of the one that `serve` has.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Flags {
    #[arg(value_enum)]
    action: Action,
    #[command(flatten)]
    serve: ServeFlags,
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Action {
    /// Show every setting of the server, and where it comes from; secrets are left out
    Show,
    /// Say what is wrong or doubtful
    Check,
}

/// Does it.
///
/// # Errors
/// A value cannot be used; the error names the flag or variable.
pub(super) fn run(flags: Flags) -> anyhow::Result<()> {
    let Flags { action, serve, json } = flags;
    let sources = Sources::of_process(serve.config.as_deref())?;
    let config = Config::from_process(serve.clone())?;
    let said = match action {
        Action::Show => show(&config::rows(&config, &serve, &sources), &sources, json),
        Action::Check => check(&config, &sources, json),
    };
    Ok(io::stdout().lock().write_all(said.as_bytes())?)
}

fn show(rows: &[Row], sources: &Sources, is_json: bool) -> String {
    if is_json {
        return format!("{}\n", json!({ "settings": rows, "file": sources.file(), "ignored": ignored() }));
    }
    let lines = rows.iter().map(|row| format!("{:<26} {:<24} {}\n", row.name, row.value, row.source));
    let ignored = config::ignored().into_iter();
    let ignored = ignored.map(|Ignored { name, reason }| format!("{name:<26} ignored: {reason}\n"));
    let file = sources.file().map(|path| format!("settings file              {}\n", path.display()));
    lines.chain(ignored).chain(file).collect()
}

fn check(config: &Config, sources: &Sources, is_json: bool) -> String {
    let mut doubts = doubts(config);
    if sources.file().is_some_and(holds_open_secrets) {
        doubts.push("the settings file holds a secret, and others on this machine can read it: let only the server's user read it (for the systemd service put secrets into /etc/glb-optimizer.env instead)");
    }
    if is_json {
        let said = json!({ "ok": true, "doubts": doubts, "file": sources.file(), "ignored": ignored() });
        return format!("{said}\n");
    }
    let mut said: String = doubts.iter().map(|doubt| format!("doubtful: {doubt}\n")).collect();
    for Ignored { name, reason } in config::ignored() {
        said += &format!("ignored: {name}: {reason}\n");
    }
    said + "every setting can be read; glb-optimizer doctor tries the folders and addresses in them\n"
}

/// Whether a file that everybody can read has a secret in it.
fn holds_open_secrets(path: &Path) -> bool {
    let is_open = fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o004 != 0);
    let text = fs::read_to_string(path).unwrap_or_default();
    let names = text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim());
    is_open && names.into_iter().any(|name| SECRETS.contains(&name))
}

fn ignored() -> serde_json::Value {
    config::ignored()
        .into_iter()
        .map(|Ignored { name, reason }| (name, reason.into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What can be used and may not be meant.
fn doubts(config: &Config) -> Vec<&'static str> {
    let access = &config.access;
    let is_public = !config.listen.ip().is_loopback();
    let is_short = access.admin_token.as_ref().is_some_and(|token| token.reveal().len() < SHORT_TOKEN);
    let doubts = [
        (
            is_short,
            "ADMIN_TOKEN is shorter than 32 characters and could be guessed; without it, a long one is made",
        ),
        (
            is_public && !access.requires_api_key,
            "everybody who reaches this address may send files; REQUIRE_API_KEY=true asks for a key",
        ),
        (
            is_public && access.trusted_proxies.is_empty(),
            "no proxy is trusted (TRUSTED_PROXIES): behind one, all clients count as one, and nobody knows of HTTPS",
        ),
        (
            is_public && config.disk_quota_bytes.is_none(),
            "files may take the whole disk until FILE_RETENTION_HOURS is over; DISK_QUOTA_MB sets a bound",
        ),
        (
            access.cors_origins.iter().any(|origin| origin == "*"),
            "pages of every site may use the API (CORS_ORIGINS=*)",
        ),
        (config.max_file_bytes == 0, "uploads are switched off (MAX_FILE_SIZE_MB=0)"),
    ];
    doubts.into_iter().filter_map(|(is_so, doubt)| is_so.then_some(doubt)).collect()
}
