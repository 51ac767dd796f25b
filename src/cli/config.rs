//! `glb-optimizer config`: what the server would be told, and whether it can be used. Starts nothing, opens nothing.

use std::io::{self, Write};

use serde_json::json;

use crate::config::{self, Config, Flags as ServeFlags, Ignored};

/// A token that people thought of themselves can be guessed when it is shorter than this, in characters.
const SHORT_TOKEN: usize = 32;

/// What `config` can be told.
// The group of arguments would have the name of the one that `serve` has.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Flags {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    serve: ServeFlags,
    /// Print JSON on stdout
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
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
    let given = serve.clone();
    let config = Config::from_process(serve)?;
    let said = match action {
        Action::Show => show(&config, &given, json),
        Action::Check => check(&config, json),
    };
    Ok(io::stdout().lock().write_all(said.as_bytes())?)
}

fn show(config: &Config, flags: &ServeFlags, is_json: bool) -> String {
    let rows = config::rows(config, flags);
    if is_json {
        return format!("{}\n", json!({ "settings": rows, "ignored": ignored() }));
    }
    let lines = rows.iter().map(|row| format!("{:<22} {:<24} {}\n", row.name, row.value, row.source));
    let ignored = config::ignored().into_iter();
    let ignored = ignored.map(|Ignored { name, reason }| format!("{name:<22} ignored: {reason}\n"));
    lines.chain(ignored).collect()
}

fn check(config: &Config, is_json: bool) -> String {
    let doubts = doubts(config);
    if is_json {
        return format!("{}\n", json!({ "ok": true, "doubts": doubts, "ignored": ignored() }));
    }
    let mut said: String = doubts.iter().map(|doubt| format!("doubtful: {doubt}\n")).collect();
    for Ignored { name, reason } in config::ignored() {
        said += &format!("ignored: {name}: {reason}\n");
    }
    said + "every setting can be used\n"
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
