//! The variable part of an address. One that cannot be read is one where nothing is.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Site;
use super::error::Problem;

/// What varies in an address, such as an id, not yet looked at.
#[derive(Debug)]
pub(super) struct Path<T = String>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Site> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let found = axum::extract::Path::<T>::from_request_parts(parts, site).await;
        found.map(|axum::extract::Path(id)| Self(id)).map_err(|_| Problem::unknown_job("with such an id"))
    }
}
