//! `GET /api/v1/jobs/{id}/events`: a job's life as server-sent events.
//!
//! `state` carries the whole job, first as it is now and then after every change; `progress` carries the
//! stage and the percentage. The stream ends after a final state, and when the server stops. Every event has an id: who
//! comes back with `Last-Event-ID` is not told again what they know, and after a final state gets 204, upon which
//! browsers stop asking.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use tokio::sync::broadcast::{self, error::RecvError};

use super::documented::JobProblems;
use super::error::Problem;
use super::path::Path;
use super::{Site, jobs};
use crate::events::{self, Change};
use crate::ids::JobId;
use crate::jobs::{Error, JobView, Jobs, Status};
use crate::queue::{self, Job};

/// Reverse proxies that buffer answers would hold events back; this header makes the usual ones stop.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// A job's life, as server-sent events
///
/// `state` carries the whole job, first as it is now and then after every change; `progress` carries `stage` and
/// `percent`. The stream ends after a final state. With `Last-Event-ID` it goes on where it was.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/events", tag = "jobs",
    params(
        ("id" = String, Path, description = "The job"),
        ("last-event-id" = Option<String>, Header, description = "The id of the last event that arrived.")),
    responses(
        (status = 200, description = "The events.", body = String, content_type = "text/event-stream"),
        (status = 204, description = "The last event told of the job's end: there is nothing more."),
        JobProblems))]
pub(super) async fn listen(
    State(site): State<Site>,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = jobs::parse(&id)?;
    // Before the job is read, so that no change falls between.
    let changes = site.jobs.subscribe();
    let first = site.jobs.status(id).await?;
    let mark = mark(&first.job);
    let is_known = headers.get("last-event-id").is_some_and(|seen| knows(seen.as_bytes(), &mark));
    if is_known && first.job.state.is_final() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let unsent = (!is_known).then_some(first);
    let listener = Listener { jobs: site.jobs, id, changes, unsent, mark };
    let events = stream::unfold(Some(listener), next_event).take_until(site.stop.cancelled_owned());
    Ok(([UNBUFFERED], Sse::new(events).keep_alive(KeepAlive::default())).into_response())
}

struct Listener {
    jobs: Arc<Jobs>,
    id: JobId,
    changes: broadcast::Receiver<events::Event>,
    /// A state that was read and is still to be sent.
    unsent: Option<Status>,
    /// The id of the latest state.
    mark: String,
}

/// The id of a state: no job is twice in the same one within an attempt, unless somebody asked for that.
fn mark(job: &Job) -> String {
    format!("{}-{}", job.attempt.0, job.state)
}

/// Whether the id of an event is of this state, or of progress in it.
fn knows(seen: &[u8], mark: &str) -> bool {
    let rest = seen.strip_prefix(mark.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"-"))
}

/// What a listener is told.
enum News {
    State(Box<Status>),
    Progress(events::Progress),
}

/// The next event and the listener that goes on; none after a final state.
async fn next_event(listener: Option<Listener>) -> Option<(Result<Event, Infallible>, Option<Listener>)> {
    let mut listener = listener?;
    let news = match listener.unsent.take() {
        Some(status) => News::State(Box::new(status)),
        None => listener.next_news().await?,
    };
    Some(match news {
        News::State(status) => {
            let goes_on = !status.job.state.is_final();
            listener.mark = mark(&status.job);
            let event = event("state", &JobView::from(*status)).id(&listener.mark);
            (Ok(event), goes_on.then_some(listener))
        }
        News::Progress(progress) => {
            let id = format!("{}-{}", listener.mark, progress.percent);
            (Ok(event("progress", &progress).id(id)), Some(listener))
        }
    })
}

impl Listener {
    /// Waits for a change of this job. None when there can be no more, or the job cannot be read.
    async fn next_news(&mut self) -> Option<News> {
        loop {
            match self.changes.recv().await {
                Ok(event) if event.job != self.id && event.change != Change::Gap => {}
                Ok(events::Event { change: Change::Progress(progress), .. }) => {
                    return Some(News::Progress(progress));
                }
                Err(RecvError::Closed) => return None,
                // After falling behind, the state says all that was missed.
                told => match self.jobs.status(self.id).await {
                    Ok(status) => return Some(News::State(Box::new(status))),
                    // When Redis answers again there is a gap, and so another look. One that has forgotten everything
                    // is told of the job a little later.
                    Err(Error::RedisAway { .. }) => {}
                    Err(Error::Queue(queue::Error::UnknownJob(_))) if !is_of_the_job(&told) => {}
                    Err(_) => return None,
                },
            }
        }
    }
}

/// Whether it was told of one job, not that something was missed.
fn is_of_the_job(told: &Result<events::Event, RecvError>) -> bool {
    told.as_ref().is_ok_and(|event| event.change == Change::State)
}

fn event(name: &str, body: &impl serde::Serialize) -> Event {
    // Our own plain types always become JSON; a comment is what a client ignores.
    Event::default().event(name).json_data(body).unwrap_or_else(|_| Event::default().comment("unreadable"))
}
