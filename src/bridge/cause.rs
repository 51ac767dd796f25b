//! Why Redis cannot be used: every cause told apart, with a stable word and a sentence that helps.
//!
//! Sockets say errno, servers say a word at the beginning of a line; both end here. Secrets never do: what a server
//! answers is quoted, what it was sent is not.

use std::io;

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The numbers of Linux, for errors that std has no kind for.
const EADDRNOTAVAIL: i32 = 99;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// Not tried yet.
    #[error("Redis was not asked yet")]
    NotTried,
    /// ECONNREFUSED.
    #[error("nobody listens at {0} (connection refused, error 111); is Redis running, and is this its port?")]
    Refused(String),
    /// EADDRNOTAVAIL.
    #[error("this machine has no address to reach {0} from (error 99); use 127.0.0.1 or a real address")]
    NoAddress(String),
    /// The name leads nowhere.
    #[error("the name in {0} cannot be resolved: {1}; check the host")]
    Unresolvable(String, String),
    /// Connected or not, nothing came in time.
    #[error("{0} does not answer in time; it hangs, or something on the way swallows the packets")]
    TimedOut(String),
    /// NOAUTH.
    #[error("{0} wants a password and was given none (NOAUTH); put it into REDIS_URL")]
    NoPassword(String),
    /// WRONGPASS.
    #[error("{0} refuses the user or password (WRONGPASS); check REDIS_URL")]
    WrongPassword(String),
    /// SELECT failed.
    #[error("{0} does not have the database that REDIS_URL names: {1}")]
    WrongDatabase(String, String),
    /// No encrypted connection, or not with whom it should be.
    #[error(
        "no encrypted connection to {0}: {1}; use redis:// if it speaks no TLS, and name its authority with REDIS_CA_FILE if that is one of your own"
    )]
    Tls(String, String),
    /// A replica, or a primary without enough replicas.
    #[error("{0} takes no writes: it is a read-only replica; use the address of the primary")]
    ReadOnly(String),
    /// `maxmemory` is used up and nothing may go.
    #[error("{0} is out of memory (maxmemory): it takes no writes")]
    OutOfMemory(String),
    /// The user may not do what is needed.
    #[error("{0} does not let this user do what is needed: {1}")]
    NotPermitted(String, String),
    /// Anything else.
    #[error("{0} cannot be used: {1}")]
    Other(String, String),
}

impl Cause {
    /// The stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotTried => "not_tried",
            Self::Refused(_) => "refused",
            Self::NoAddress(_) => "no_address",
            Self::Unresolvable(..) => "unresolvable",
            Self::TimedOut(_) => "timed_out",
            Self::NoPassword(_) => "no_password",
            Self::WrongPassword(_) => "wrong_password",
            Self::WrongDatabase(..) => "wrong_database",
            Self::Tls(..) => "tls",
            Self::ReadOnly(_) => "read_only",
            Self::OutOfMemory(_) => "out_of_memory",
            Self::NotPermitted(..) => "not_permitted",
            Self::Other(..) => "other",
        }
    }

    /// What a socket's error means. `place` is host and port.
    #[must_use]
    pub fn of_socket(place: &str, error: &io::Error) -> Self {
        let place = place.to_owned();
        match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::ConnectionRefused, _) => Self::Refused(place),
            (io::ErrorKind::AddrNotAvailable, _) | (_, Some(EADDRNOTAVAIL)) => Self::NoAddress(place),
            (io::ErrorKind::TimedOut, _) => Self::TimedOut(place),
            _ => Self::Other(place, error.to_string()),
        }
    }

    /// What an error of the client means. `place` is host and port.
    pub(super) fn of(place: &str, is_tls: bool, error: &RedisError) -> Self {
        let (place, text) = (place.to_owned(), error.to_string());
        match error.kind() {
            _ if error.is_timeout() => Self::TimedOut(place),
            _ if text.contains("NOAUTH") => Self::NoPassword(place),
            _ if text.contains("WRONGPASS") => Self::WrongPassword(place),
            ErrorKind::AuthenticationFailed => Self::WrongPassword(place),
            _ if text.contains("DB index") => Self::WrongDatabase(place, text),
            _ if error.is_connection_refusal() => Self::Refused(place),
            ErrorKind::Server(ServerErrorKind::ReadOnly) => Self::ReadOnly(place),
            ErrorKind::Server(ServerErrorKind::NoPerm) => Self::NotPermitted(place, text),
            _ if error.code() == Some("OOM") || text.contains("OOM command") => Self::OutOfMemory(place),
            ErrorKind::Io | ErrorKind::InvalidClientConfig if is_tls => Self::Tls(place, text),
            _ => Self::Other(place, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errno_99_and_111_are_told_apart() {
        let of = |errno| Cause::of_socket("h:1", &io::Error::from_raw_os_error(errno)).code();
        assert_eq!((of(111), of(99), of(110), of(113)), ("refused", "no_address", "timed_out", "other"));
    }
}
