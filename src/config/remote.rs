//! Which running server a command speaks to, and what it shows there. Nothing is dialled here: see `cli/client.rs`.

use std::path::PathBuf;

use url::Url;

use super::{DEFAULT_PORT, Error, Platform, Sources, default_data_dir, path};
use crate::secrets::Secret;

/// Which server a command speaks to. What is absent comes from the environment or has a default.
#[derive(Debug, Default, clap::Args)]
pub struct RemoteFlags {
    /// The server to ask [env: GLB_OPTIMIZER_URL] [default: this machine, port PORT or 5000]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
}

/// A running server.
#[derive(Debug, Clone, PartialEq)]
pub struct Remote {
    /// Its address, without a slash at the end.
    pub server: String,
    /// What to show there, if anything was said: the admin token or an API key.
    pub token: Option<Secret>,
    /// The data folder of a server on this machine; its admin token is in there.
    pub data_dir: PathBuf,
}

impl Remote {
    /// Resolves it from `flags` and the process's environment, and the settings file of a server on this machine.
    ///
    /// # Errors
    /// The address cannot be used; the error names the flag or variable.
    pub fn from_process(flags: &RemoteFlags) -> Result<Self, Error> {
        // A file that only the server may read, or that is wrong, is the server's own matter.
        let sources = Sources::of_process(None).unwrap_or_default();
        resolve(flags, &|name| sources.value(name))
    }
}

fn resolve(flags: &RemoteFlags, env: &dyn Fn(&str) -> Option<String>) -> Result<Remote, Error> {
    let var = |name: &'static str| env(name).filter(|value| !value.trim().is_empty());
    let given = flags.server.clone().map(|value| ("--server", value));
    let given = given.or_else(|| var("GLB_OPTIMIZER_URL").map(|value| ("GLB_OPTIMIZER_URL", value)));
    // In a container or on a platform, the server was told its port by the same variable.
    let port = var("PORT").unwrap_or_else(|| DEFAULT_PORT.to_string());
    let (name, value) = given.unwrap_or(("PORT", format!("http://127.0.0.1:{}", port.trim())));
    let server = value.trim().trim_end_matches('/');
    let url = Url::parse(server).ok().filter(|url| url.scheme() == "http");
    if url.is_none_or(|url| !url.username().is_empty() || url.password().is_some()) {
        let expected = "an address that begins with http:// and has no user in it, such as http://127.0.0.1:5000; encryption is not spoken";
        return Err(Error::Value { name, value, expected });
    }
    let token = var("ADMIN_TOKEN").or_else(|| var("GLB_OPTIMIZER_API_KEY"));
    let given = |name: &'static str| var(name).map(|value| (name, value));
    let data_dir =
        path(&given, "DATA_DIR").unwrap_or_else(|| default_data_dir(&given, &Platform::detect(env)));
    Ok(Remote {
        server: server.to_owned(),
        token: token.map(|token| token.trim().to_owned().into()),
        data_dir,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_to_ask_is_the_flag_or_the_variable_or_this_machine() {
        let resolved = |flag: Option<&str>, variable: Option<&str>| {
            let flags = RemoteFlags { server: flag.map(str::to_owned) };
            let env = |name: &str| variable.filter(|_| name == "GLB_OPTIMIZER_URL").map(str::to_owned);
            resolve(&flags, &env).map(|remote| remote.server).map_err(|error| error.to_string())
        };
        assert_eq!(resolved(None, None).unwrap(), "http://127.0.0.1:5000");
        assert_eq!(resolved(None, Some("http://box:8080/")).unwrap(), "http://box:8080");
        assert_eq!(resolved(Some("http://a:1"), Some("http://b:2")).unwrap(), "http://a:1");
        let disguised = resolved(Some("http://127.0.0.1:5000@elsewhere.example"), None);
        assert!(disguised.unwrap_err().contains("no user in it"));
        assert!(resolved(Some("https://a"), None).unwrap_err().starts_with("--server is \"https://a\""));
    }

    #[test]
    fn in_the_servers_own_environment_its_port_is_asked() {
        let env = |name: &str| (name == "PORT").then(|| "8080".to_owned());
        let remote = resolve(&RemoteFlags::default(), &env).unwrap();
        assert_eq!(remote.server, "http://127.0.0.1:8080");
    }
}
