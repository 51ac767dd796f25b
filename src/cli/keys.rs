//! `glb-optimizer keys`: API keys for those who may send files: made, listed, revoked.
//!
//! Asks the running server, which alone may open its queue; with `--data-dir` it works on a folder that no server
//! holds. A key is printed once, when it is made.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::Client;
use super::{UsageError, text};
use crate::config::RemoteFlags;
use crate::ids::KeyId;
use crate::jobs::{KeysOfFolder, MAX_KEY_DAYS, NewKey};
use crate::queue::{ApiKey, Quota, Scope};
use crate::timestamp::rfc3339;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What `keys` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    remote: RemoteFlags,
    /// Work on this data folder, which no server uses, without asking one
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print JSON on stdout
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a key and print it; it is shown only now
    Create(Wanted),
    /// Show all keys, what they allow, and what they have sent today
    List,
    /// Make keys worthless
    Revoke {
        /// Which keys, as `list` names them
        #[arg(required = true, value_name = "ID", value_parser = id)]
        ids: Vec<KeyId>,
    },
}

#[derive(Debug, clap::Args)]
struct Wanted {
    /// What it is for
    name: String,
    /// What it allows: upload, read (lists and totals) or admin (everything); may be given several times
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope, default_value = "upload")]
    scopes: Vec<Scope>,
    /// How many files it may send a day
    #[arg(long, value_name = "N")]
    files_per_day: Option<u64>,
    /// How many megabytes it may send a day
    #[arg(long, value_name = "MB")]
    megabytes_per_day: Option<u64>,
    /// After how many days it is worth nothing
    #[arg(long, value_name = "DAYS")]
    #[arg(value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_KEY_DAYS)))]
    expires_in_days: Option<u32>,
}

impl Wanted {
    fn bytes_per_day(&self) -> Option<u64> {
        self.megabytes_per_day.map(|megabytes| megabytes.saturating_mul(1 << 20))
    }
}

/// Does it.
///
/// # Errors
/// No server answers or it refuses, or the folder cannot be opened.
pub(super) fn run(flags: &Flags) -> anyhow::Result<()> {
    let keys = match &flags.data_dir {
        Some(folder) => Keys::Folder(KeysOfFolder::open(folder)?),
        None => Keys::Server(Client::new(&flags.remote)?),
    };
    let said = match &flags.action {
        Action::Create(wanted) => {
            let key = keys.create(wanted)?;
            let shown = key["key"].as_str().unwrap_or_default();
            if flags.json { format!("{key}\n") } else { format!("{shown}\n") }
        }
        Action::List => {
            let keys = keys.list()?;
            if flags.json { format!("{}\n", json!({ "keys": keys })) } else { lines(&keys) }
        }
        Action::Revoke { ids } => {
            ids.iter().try_for_each(|id| keys.revoke(*id))?;
            if flags.json {
                format!("{}\n", json!({ "revoked": ids.len() }))
            } else {
                format!("revoked {}\n", ids.len())
            }
        }
    };
    Ok(io::stdout().lock().write_all(said.as_bytes())?)
}

/// Where the keys are.
enum Keys {
    Server(Client),
    Folder(KeysOfFolder),
}

impl Keys {
    fn create(&self, wanted: &Wanted) -> anyhow::Result<Value> {
        let Wanted { name, scopes, files_per_day, expires_in_days, .. } = wanted;
        match self {
            Self::Server(client) => {
                let body = json!({
                    "name": name, "scopes": scopes, "files_per_day": files_per_day,
                    "bytes_per_day": wanted.bytes_per_day(), "expires_in_days": expires_in_days,
                });
                client.post_json("/api/v1/keys", &body)
            }
            Self::Folder(folder) => {
                let quota = Quota { files_per_day: *files_per_day, bytes_per_day: wanted.bytes_per_day() };
                let lifetime = expires_in_days.map(|days| DAY * days);
                let new = NewKey { name: name.clone(), scopes: scopes.clone(), quota, lifetime };
                let (key, secret) = folder.create(new)?;
                let mut shown = view(&key);
                shown["key"] = secret.reveal().into();
                Ok(shown)
            }
        }
    }

    fn list(&self) -> anyhow::Result<Vec<Value>> {
        match self {
            Self::Server(client) => {
                Ok(client.get("/api/v1/keys")?["keys"].as_array().cloned().unwrap_or_default())
            }
            Self::Folder(folder) => Ok(folder.list()?.iter().map(view).collect()),
        }
    }

    fn revoke(&self, id: KeyId) -> anyhow::Result<()> {
        match self {
            Self::Server(client) => client.delete(&format!("/api/v1/keys/{id}")),
            Self::Folder(folder) => Ok(folder.revoke(id)?),
        }
    }
}

/// A key as the API shows it.
fn view(key: &ApiKey) -> Value {
    json!({
        "id": key.id, "name": key.name, "scopes": key.scopes,
        "files_per_day": key.quota.files_per_day, "bytes_per_day": key.quota.bytes_per_day, "used": key.used,
        "created_at": rfc3339(key.created_at_ms), "expires_at": key.expires_at_ms.map(rfc3339),
    })
}

fn lines(keys: &[Value]) -> String {
    if keys.is_empty() {
        return "no keys\n".into();
    }
    let line = |key: &Value| {
        let word = |member: &str| key[member].as_str().unwrap_or("never");
        let scopes: Vec<&str> =
            key["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let used = format!(
            "{} files, {} on its last day",
            key["used"]["files"].as_u64().unwrap_or_default(),
            text::bytes(key["used"]["bytes"].as_u64().unwrap_or_default())
        );
        format!(
            "{}  {:<12}  {used}  expires {}  {}\n",
            word("id"),
            scopes.join(","),
            word("expires_at"),
            word("name")
        )
    };
    keys.iter().map(line).collect()
}

fn id(word: &str) -> Result<KeyId, String> {
    word.parse()
        .map_err(|_| UsageError("an id has 16 hexadecimal digits; `keys list` shows them".into()).to_string())
}

fn scope(word: &str) -> Result<Scope, String> {
    serde_json::from_value(word.into()).map_err(|_| "use upload, read or admin".into())
}
