//! Speaks to a running server, for the commands that need one. Blocking: such a command does one thing at a time.
//!
//! Plain HTTP only: servers are on this machine or behind something that adds encryption. An `https` address is
//! refused with a sentence.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};
use url::Url;

use crate::config::{Remote, RemoteFlags};
use crate::secrets::{self, Secret};

/// How long to wait for a connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long to wait for the beginning of an answer.
const ANSWER_TIME: Duration = Duration::from_secs(60);
/// The same for an upload: a server that keeps no jobs answers when the work is done, after all attempts.
const UPLOAD_ANSWER_TIME: Duration = Duration::from_secs(3_600);
/// How long `/health` may take: whoever asks wants an answer within 10 seconds, and a late one is none.
const HEALTH_TIME: Duration = Duration::from_secs(8);
/// And how long nothing may come of an answer that has begun: events come with signs of life in between.
const SILENCE: Duration = Duration::from_secs(60);
/// The longest refusal that is read, in bytes.
const MAX_PROBLEM_BYTES: u64 = 64 << 10;

/// A running server.
pub(super) struct Client {
    agent: Agent,
    remote: Remote,
    token: Option<Secret>,
}

/// What the server refused, in its own words.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(super) struct Refused {
    status: StatusCode,
    detail: String,
}

impl Refused {
    /// Whether the request was at fault, and not the server or the state of the job.
    pub(super) fn is_bad_input(&self) -> bool {
        matches!(self.status.as_u16(), 400 | 404 | 413 | 415 | 422)
    }
}

/// What happened to a job: the name of the event, and the job or its progress.
pub(super) struct Event {
    pub(super) name: String,
    pub(super) body: Value,
}

impl Client {
    /// # Errors
    /// The address cannot be used.
    pub(super) fn new(flags: &RemoteFlags) -> anyhow::Result<Self> {
        let remote = Remote::from_process(flags)?;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIME))
            .timeout_recv_response(Some(ANSWER_TIME))
            // A proxy between this program and its own server would only be in the way.
            .proxy(None)
            .build();
        let token = remote.token.clone().or_else(|| token_of_this_machine(&remote));
        Ok(Self { agent: agent.into(), remote, token })
    }

    /// The address behind `path`, for people.
    pub(super) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.remote.server)
    }

    /// The JSON at `path`.
    ///
    /// # Errors
    /// No server answers, or it refuses.
    pub(super) fn get(&self, path: &str) -> anyhow::Result<Value> {
        json(self.open(path)?)
    }

    /// How the server does, also when it says that it does not do well.
    ///
    /// # Errors
    /// No server answers in time, or something else than one of ours.
    pub(super) fn health(&self) -> anyhow::Result<Value> {
        let request = self.agent.get(self.address("/health")).config();
        let answer = request.timeout_global(Some(HEALTH_TIME)).build().call();
        let mut answer = answer.with_context(|| self.no_answer())?;
        let health: Value = serde_json::from_reader(answer.body_mut().as_reader()).unwrap_or_default();
        if health["status"].is_string() {
            return Ok(health);
        }
        bail!("{} answered with {}; is that a GLB Optimizer?", self.remote.server, answer.status())
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// No server answers, or it refuses.
    pub(super) fn post(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.agent.post(self.address(path)).header("authorization", self.authorization());
        json(self.checked(request.send_empty())?)
    }

    /// Asks for something to be as `path` says.
    ///
    /// # Errors
    /// No server answers, or it refuses.
    pub(super) fn put(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.agent.put(self.address(path)).header("authorization", self.authorization());
        json(self.checked(request.send_empty())?)
    }

    /// Asks for something to be done as `body` says.
    ///
    /// # Errors
    /// No server answers, or it refuses.
    pub(super) fn post_json(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.agent.post(self.address(path)).header("authorization", self.authorization());
        let request = request.header("content-type", "application/json");
        json(self.checked(request.send(body.to_string()))?)
    }

    /// Deletes what is at `path`.
    ///
    /// # Errors
    /// No server answers, or it refuses.
    pub(super) fn delete(&self, path: &str) -> anyhow::Result<()> {
        let request = self.agent.delete(self.address(path)).header("authorization", self.authorization());
        self.checked(request.call()).map(|_| ())
    }

    /// Sends a file as the body, with `query` in the address. `key` makes it harmless to send it twice.
    ///
    /// # Errors
    /// No server answers, or it refuses.
    pub(super) fn upload(
        &self,
        path: &str,
        query: &[(String, String)],
        key: &str,
        file: &File,
    ) -> anyhow::Result<Value> {
        let pairs = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = self.agent.post(self.address(path)).header("authorization", self.authorization());
        let request = request.header("idempotency-key", key).query_pairs(pairs).config();
        let request = request.timeout_recv_response(Some(UPLOAD_ANSWER_TIME)).build();
        json(self.checked(request.send(file))?)
    }

    /// The bytes at `path`.
    ///
    /// # Errors
    /// No server answers, or it refuses.
    pub(super) fn download(&self, path: &str) -> anyhow::Result<impl Read + use<>> {
        Ok(self.open(path)?.into_body().into_reader())
    }

    /// The events of a job as they come, until the server ends the stream.
    ///
    /// # Errors
    /// No server answers, or it refuses.
    pub(super) fn events(&self, id: &str) -> anyhow::Result<impl Iterator<Item = Event> + use<>> {
        let body = self.open(&format!("/api/v1/jobs/{id}/events"))?.into_body();
        let mut lines = BufReader::new(body.into_reader()).lines().map_while(Result::ok);
        let mut name = String::new();
        Ok(std::iter::from_fn(move || {
            loop {
                let line = lines.next()?;
                if let Some(value) = line.strip_prefix("event: ") {
                    name = value.to_owned();
                } else if let Some(value) = line.strip_prefix("data: ")
                    && let Ok(body) = serde_json::from_str(value)
                {
                    return Some(Event { name: std::mem::take(&mut name), body });
                }
            }
        }))
    }

    fn open(&self, path: &str) -> anyhow::Result<Response<Body>> {
        let request = self.agent.get(self.address(path)).header("authorization", self.authorization());
        self.checked(request.config().timeout_per_read(Some(SILENCE)).build().call())
    }

    fn authorization(&self) -> String {
        self.token.as_ref().map(|token| format!("Bearer {}", token.reveal())).unwrap_or_default()
    }

    fn checked(&self, answer: Result<Response<Body>, ureq::Error>) -> anyhow::Result<Response<Body>> {
        let answer = match answer {
            Err(ureq::Error::Io(error)) => return Err(error).with_context(|| self.no_answer()),
            Err(
                error @ (ureq::Error::ConnectionFailed | ureq::Error::HostNotFound | ureq::Error::Timeout(_)),
            ) => {
                return Err(error).with_context(|| self.no_answer());
            }
            other => other.with_context(|| format!("{} cannot be asked", self.remote.server))?,
        };
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let mut text = String::new();
        let body = answer.into_body().into_reader().take(MAX_PROBLEM_BYTES);
        // Whatever can be read of it is better than nothing.
        let _ = BufReader::new(body).read_to_string(&mut text);
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        match problem["detail"].as_str() {
            Some(detail) => Err(Refused { status, detail: detail.to_owned() }.into()),
            None => bail!("{} answered with {status}; is that a GLB Optimizer?", self.remote.server),
        }
    }

    fn no_answer(&self) -> String {
        let server = &self.remote.server;
        format!(
            "no server answers at {server}; start one with `glb-optimizer serve`, or name another with --server"
        )
    }
}

/// The admin token of a server on this machine, out of its data folder; it is nobody else's business.
fn token_of_this_machine(remote: &Remote) -> Option<Secret> {
    let server = Url::parse(&remote.server).ok()?;
    let is_here = matches!(server.host_str()?, "127.0.0.1" | "localhost" | "[::1]");
    // Without it the server says what is missing, if it is needed at all.
    is_here.then(|| secrets::stored_admin_token(&remote.data_dir).ok().flatten()).flatten()
}

fn json(answer: Response<Body>) -> anyhow::Result<Value> {
    serde_json::from_reader(answer.into_body().into_reader()).context("the server's answer is no JSON")
}
