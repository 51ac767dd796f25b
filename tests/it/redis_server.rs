//! A real Redis on a port of its own; killed when dropped.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::{DEADLINE, freeze};

const POLL: Duration = Duration::from_millis(20);
const CA_FILE: &str = "ca.crt";

/// A running Redis.
pub(crate) struct Redis {
    process: Option<Child>,
    pub(crate) port: u16,
    options: Vec<String>,
    folder: TempDir,
    /// Whether it speaks TLS, and nothing else.
    is_tls: bool,
}

impl Redis {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With more options of redis-server.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut redis = Self { process: None, port: free_port(), options, folder, is_tls: false };
        redis.start_again();
        redis
    }

    /// One that speaks TLS and nothing else. Its certificate, for 127.0.0.1, is signed by an authority of its own:
    /// `ca_file`.
    pub(crate) fn start_with_tls() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &authority).unwrap();
        let mut options: Vec<String> = ["--tls-auth-clients", "no"].map(Into::into).into();
        for (name, option, pem) in [
            (CA_FILE, "--tls-ca-cert-file", authority.pem()),
            ("redis.crt", "--tls-cert-file", certificate.pem()),
            ("redis.key", "--tls-key-file", key.serialize_pem()),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, pem).unwrap();
            options.extend([option.to_owned(), path.display().to_string()]);
        }
        let mut redis = Self { process: None, port: free_port(), options, folder, is_tls: true };
        redis.start_again();
        redis
    }

    /// The authority that signed the certificate of one with TLS.
    pub(crate) fn ca_file(&self) -> String {
        self.folder.path().join(CA_FILE).display().to_string()
    }

    /// Starts it on the same port, as it was started before; it remembers nothing.
    pub(crate) fn start_again(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"]);
        let (port, none) = (self.port.to_string(), "0".to_owned());
        let (plain, tls) = if self.is_tls { (&none, &port) } else { (&port, &none) };
        command
            .args(["--port", plain, "--tls-port", tls, "--dir"])
            .arg(self.folder.path())
            .args(&self.options);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.spawn().expect("redis-server is needed: apt-get install redis-server"));
        let start = Instant::now();
        while !self.answers() {
            assert!(start.elapsed() < DEADLINE, "redis-server does not answer on port {}", self.port);
            std::thread::sleep(POLL);
        }
    }

    /// Any answer will do: one that wants a password says so. Of one with TLS, taking the connection is answer enough.
    fn answers(&self) -> bool {
        let Ok(mut socket) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        if self.is_tls {
            return true;
        }
        socket.write_all(b"PING\r\n").is_ok() && socket.read(&mut [0; 16]).is_ok_and(|read| read > 0)
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.is_tls { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// As if its machine were gone, except that the port refuses.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// It accepts connections and says nothing any more.
    pub(crate) fn freeze(&self) {
        freeze(self.process.as_ref().unwrap());
    }

    pub(crate) fn thaw(&self) {
        kill_process(Pid::from_child(self.process.as_ref().unwrap()), Signal::CONT).unwrap();
    }

    /// Sends one command and returns the first line of the answer.
    pub(crate) fn say(&self, command: &str) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        socket.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(socket).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// The whole of an answer that is one string.
    pub(crate) fn read(&self, command: &str) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        socket.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let mut reader = BufReader::new(socket);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let bytes = line.trim().trim_start_matches('$').parse().unwrap_or(0);
        let mut text = vec![0; bytes];
        reader.read_exact(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
