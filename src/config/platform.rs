//! Where this program runs, as far as the environment tells, and what follows from that.
//!
//! Platforms set variables of their own; nobody else does. Opens no file: a plain container is often told by files
//! alone, which `doctor` looks at. The facts are the platforms' documented defaults, and were read in November 2026.

use std::path::PathBuf;
use std::time::Duration;

/// Where this program runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Which one.
    pub kind: Kind,
    /// How long it waits between asking the program to stop and killing it, where that is known.
    pub stop_time: Option<Duration>,
    /// A folder that outlasts restarts and new versions, where the platform names one.
    pub volume: Option<PathBuf>,
}

/// The platforms that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A Replit deployment.
    ReplitDeployment,
    /// A Replit workspace, started by its run button.
    ReplitWorkspace,
    /// Railway.
    Railway,
    /// Render.
    Render,
    /// Fly.io.
    Fly,
    /// Heroku.
    Heroku,
    /// A pod in Kubernetes.
    Kubernetes,
    /// A container of some other kind.
    Container,
    /// A service of systemd.
    Systemd,
    /// A machine with nothing special about it.
    Plain,
}

impl Kind {
    /// Whether requests come from a router of the platform for certain: such a server listens on every address by itself. A
    /// container does not: it may share the network of its host.
    #[must_use]
    pub fn is_routed(self) -> bool {
        use Kind::{Fly, Heroku, Railway, Render, ReplitDeployment, ReplitWorkspace};
        matches!(self, ReplitDeployment | ReplitWorkspace | Railway | Render | Fly | Heroku)
    }
}

/// A variable that gives a platform away.
const SIGNS: [(&str, Kind); 12] = [
    ("REPLIT_DEPLOYMENT", Kind::ReplitDeployment),
    ("REPL_ID", Kind::ReplitWorkspace),
    ("RAILWAY_ENVIRONMENT_ID", Kind::Railway),
    ("RAILWAY_PROJECT_ID", Kind::Railway),
    ("RAILWAY_SERVICE_ID", Kind::Railway),
    ("RENDER", Kind::Render),
    ("FLY_APP_NAME", Kind::Fly),
    ("DYNO", Kind::Heroku),
    ("KUBERNETES_SERVICE_HOST", Kind::Kubernetes),
    ("container", Kind::Container),
    // Whatever systemd starts has it, a login session too; a service alone has the stream of its log.
    ("JOURNAL_STREAM", Kind::Systemd),
    ("NOTIFY_SOCKET", Kind::Systemd),
];

impl Platform {
    /// Tells it from variables.
    pub(super) fn detect(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let is_set = |name: &str| env(name).is_some_and(|value| !value.trim().is_empty());
        let found = SIGNS.iter().find(|(name, _)| is_set(name));
        let kind = found.map_or(Kind::Plain, |&(_, kind)| kind);
        let draining_s =
            env("RAILWAY_DEPLOYMENT_DRAINING_SECONDS").and_then(|value| value.trim().parse().ok());
        let stop_time = match (kind, draining_s) {
            (Kind::Railway, Some(seconds)) => Some(Duration::from_secs(seconds)),
            _ => kind.stop_time(),
        };
        let volume = env("RAILWAY_VOLUME_MOUNT_PATH").filter(|path| !path.trim().is_empty());
        let volume = volume.filter(|_| kind == Kind::Railway).map(PathBuf::from);
        Self { kind, stop_time, volume }
    }
}

impl Kind {
    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ReplitDeployment => "Replit deployment",
            Self::ReplitWorkspace => "Replit workspace",
            Self::Railway => "Railway",
            Self::Render => "Render",
            Self::Fly => "Fly.io",
            Self::Heroku => "Heroku",
            Self::Kubernetes => "Kubernetes",
            Self::Container => "container",
            Self::Systemd => "systemd service",
            Self::Plain => "plain machine",
        }
    }

    /// Whether requests usually come from outside, so that listening on this machine alone would be of no use.
    #[must_use]
    pub fn routes_from_outside(self) -> bool {
        !matches!(self, Self::Systemd | Self::Plain)
    }

    /// Whether what is written outside of a volume is still there after a restart and after the next version.
    #[must_use]
    pub fn keeps_disk(self) -> bool {
        matches!(self, Self::ReplitWorkspace | Self::Systemd | Self::Plain)
    }

    /// How long it waits by default between asking a program to stop and killing it, where that is known.
    #[must_use]
    pub fn stop_time(self) -> Option<Duration> {
        let seconds = match self {
            Self::Railway => 0,
            Self::Fly => 5,
            Self::Container => 10,
            Self::Render | Self::Heroku | Self::Kubernetes => 30,
            Self::Systemd => 90,
            Self::ReplitDeployment | Self::ReplitWorkspace | Self::Plain => return None,
        };
        Some(Duration::from_secs(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(variables: &[(&str, &str)]) -> Platform {
        Platform::detect(&|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn each_platform_is_told_by_its_own_variables() {
        for (name, value, kind) in [
            ("REPL_ID", "0f3a", Kind::ReplitWorkspace),
            ("RAILWAY_PROJECT_ID", "p", Kind::Railway),
            ("RENDER", "true", Kind::Render),
            ("FLY_APP_NAME", "glb", Kind::Fly),
            ("DYNO", "web.1", Kind::Heroku),
            ("KUBERNETES_SERVICE_HOST", "10.0.0.1", Kind::Kubernetes),
            ("container", "podman", Kind::Container),
            ("JOURNAL_STREAM", "8:1", Kind::Systemd),
            ("HOME", "/root", Kind::Plain),
            ("DYNO", " ", Kind::Plain),
        ] {
            assert_eq!(on(&[(name, value)]).kind, kind, "{name}");
        }
        let deployed = on(&[("REPL_ID", "0f3a"), ("REPLIT_DEPLOYMENT", "1")]);
        assert_eq!(deployed.kind, Kind::ReplitDeployment);
        assert!(!deployed.kind.keeps_disk() && deployed.kind.routes_from_outside());
    }

    #[test]
    fn railway_kills_at_once_unless_told_otherwise() {
        let railway = ("RAILWAY_SERVICE_ID", "s");
        assert_eq!(on(&[railway]).stop_time, Some(Duration::ZERO));
        let told = on(&[railway, ("RAILWAY_DEPLOYMENT_DRAINING_SECONDS", "20")]);
        assert_eq!(told.stop_time, Some(Duration::from_secs(20)));
        let with_volume = on(&[railway, ("RAILWAY_VOLUME_MOUNT_PATH", "/data")]);
        assert_eq!(with_volume.volume, Some("/data".into()));
    }
}
