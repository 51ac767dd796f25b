//! `GET /api/v1/jobs/{id}/events`: a job's life as server-sent events.
//!
//! `state` carries the whole job, first as it is now and then after every change; `progress` carries the
//! stage and the percentage. The stream ends after a final state, and when the server stops.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use tokio::sync::broadcast::{self, error::RecvError};

use super::error::Problem;
use super::job_view::JobView;
use super::{Site, jobs};
use crate::events::{self, Change};
use crate::ids::JobId;
use crate::jobs::{Jobs, Status};

/// Reverse proxies that buffer answers would hold events back; this header makes the usual ones stop.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

pub(super) async fn listen(State(site): State<Site>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = jobs::parse(&id)?;
    // Before the job is read, so that no change falls between.
    let changes = site.jobs.subscribe();
    let first = site.jobs.status(id).await?;
    let listener = Listener { jobs: site.jobs, id, changes, unsent: Some(first) };
    let events = stream::unfold(Some(listener), next_event).take_until(site.stop.cancelled_owned());
    Ok(([UNBUFFERED], Sse::new(events).keep_alive(KeepAlive::default())).into_response())
}

struct Listener {
    jobs: Arc<Jobs>,
    id: JobId,
    changes: broadcast::Receiver<events::Event>,
    /// A state that was read and is still to be sent.
    unsent: Option<Status>,
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
            (Ok(event("state", &JobView::from(*status))), goes_on.then_some(listener))
        }
        News::Progress(progress) => (Ok(event("progress", &progress)), Some(listener)),
    })
}

impl Listener {
    /// Waits for a change of this job. None when there can be no more, or the job cannot be read.
    async fn next_news(&mut self) -> Option<News> {
        loop {
            match self.changes.recv().await {
                Ok(event) if event.job != self.id => {}
                Ok(events::Event { change: Change::Progress(progress), .. }) => {
                    return Some(News::Progress(progress));
                }
                // After falling behind, the state says all that was missed.
                Ok(_) | Err(RecvError::Lagged(_)) => {
                    let status = self.jobs.status(self.id).await.ok()?;
                    return Some(News::State(Box::new(status)));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

fn event(name: &str, body: &impl serde::Serialize) -> Event {
    // Our own plain types always become JSON; a comment is what a client ignores.
    Event::default().event(name).json_data(body).unwrap_or_else(|_| Event::default().comment("unreadable"))
}
