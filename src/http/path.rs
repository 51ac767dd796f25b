//! The variable part of an address. One that cannot be read is one where nothing is.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::Site;
use super::error::Problem;

/// An id out of the address, not yet looked at.
#[derive(Debug)]
pub(super) struct Path(pub(super) String);

impl FromRequestParts<Site> for Path {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let found = axum::extract::Path::<String>::from_request_parts(parts, site).await;
        found.map(|axum::extract::Path(id)| Self(id)).map_err(|_| Problem::unknown_job("with such an id"))
    }
}
