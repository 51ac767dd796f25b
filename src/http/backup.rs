//! `GET /api/v1/backup`: the whole data folder as one archive, streamed while it is made.
//!
//! What is in it and why it is consistent: `jobs/backup.rs`. When it fails on the way it has no
//! end, which whoever receives it has to look for.

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use tokio_util::io::{ReaderStream, SyncIoBridge};

use super::Site;
use super::admin::Admin;
use super::documented::AdminProblems;
use super::error::Problem;

/// What is made ahead of a slow reader, in bytes.
const AHEAD_BYTES: usize = 256 << 10;

/// All that this server holds, as a tar archive
///
/// For `glb-optimizer restore`. For administrators.
#[utoipa::path(get, operation_id = "download_backup", path = "/api/v1/backup", tag = "server",
    responses((status = 200, description = "The archive, made while it is sent.", body = Vec<u8>, content_type = "application/x-tar"),
        AdminProblems))]
pub(super) async fn send(_admin: Admin, State(site): State<Site>) -> Result<impl IntoResponse, Problem> {
    let backup = site.jobs.begin_backup().await?;
    let (near, far) = tokio::io::duplex(AHEAD_BYTES);
    tokio::task::spawn_blocking(move || match backup.write_to(SyncIoBridge::new(near)) {
        Ok(contents) => tracing::info!(jobs = contents.jobs, blobs = contents.blobs, "made a backup"),
        // A client that went away is one of these.
        Err(error) => tracing::warn!(%error, "a backup was not finished"),
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-tar"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"glb-optimizer-backup.tar\""),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(far))))
}
