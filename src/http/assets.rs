//! The web page: its files, built by build.rs and embedded in the executable.
//!
//! Nothing is read from disk or compressed at run time: the build puts a gzip copy beside each file that gains from
//! one. Security headers are set for every answer in [`super`]. The sources of the page are in assets/web.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::error::Problem;

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/web"]
struct Page;

const INDEX: &str = "index.html";
/// Files in here have a hash of their content in their name, so a copy of one never goes out of date.
const HASHED: &str = "assets/";

/// Answers with a file of the page: compressed where the client takes that, "not modified" where it has it already.
pub(super) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => INDEX,
        path => path,
    };
    // The copies are an inner matter; asked for by name they would come with a wrong content type.
    if path.ends_with(".gz") {
        return Problem::not_found().into_response();
    }
    let Some(plain) = Page::get(path) else {
        return Problem::not_found().into_response();
    };
    match Page::get(&format!("{path}.gz")) {
        Some(packed) if accepts_gzip(&headers) => answer(path, packed, Some("gzip"), &headers),
        _ => answer(path, plain, None, &headers),
    }
}

fn answer(path: &str, file: EmbeddedFile, encoding: Option<&'static str>, request: &HeaderMap) -> Response {
    let etag = etag(&file);
    let mut response = if is_known(request, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.data).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching(path)));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::ETAG, etag);
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// An own table: what the page consists of is known, and a wrong type would stop it under `nosniff`.
fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

fn caching(path: &str) -> &'static str {
    if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn etag(file: &EmbeddedFile) -> HeaderValue {
    let hash: String = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    // A quoted hexadecimal number is always a valid header value; without one the client just fetches again.
    HeaderValue::from_str(&format!("\"{hash}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn is_known(request: &HeaderMap, etag: &HeaderValue) -> bool {
    list(request, header::IF_NONE_MATCH)
        .any(|known| known.trim_start_matches("W/").as_bytes() == etag.as_bytes())
}

fn accepts_gzip(request: &HeaderMap) -> bool {
    list(request, header::ACCEPT_ENCODING).any(|offer| {
        let (name, weight) = offer.split_once(';').unwrap_or((offer, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// The comma-separated values of a header, over all its lines.
fn list(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(path: &str, headers: &[(header::HeaderName, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        serve(path.parse().unwrap(), headers).await
    }

    fn shown(response: &Response, name: header::HeaderName) -> &str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn find(ending: &str) -> String {
        let found = Page::iter().find(|path| path.ends_with(ending));
        format!("/{}", found.unwrap_or_else(|| panic!("the page has no file that ends in {ending}")))
    }

    #[tokio::test]
    async fn the_page_is_at_the_root_and_is_checked_again_every_time() {
        let response = get("/", &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(shown(&response, header::CONTENT_TYPE), "text/html; charset=utf-8");
        assert_eq!(shown(&response, header::CACHE_CONTROL), "no-cache");
        let etag = shown(&response, header::ETAG).to_owned();
        let again = get("/", &[(header::IF_NONE_MATCH, &etag)]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }

    #[tokio::test]
    async fn hashed_files_are_kept_for_ever_and_typed() {
        for (ending, content_type) in [
            (".js", "text/javascript; charset=utf-8"),
            (".css", "text/css; charset=utf-8"),
            (".wasm", "application/wasm"),
        ] {
            let response = get(&find(ending), &[]).await;
            assert_eq!(shown(&response, header::CONTENT_TYPE), content_type);
            assert!(shown(&response, header::CACHE_CONTROL).contains("immutable"), "{ending}");
        }
    }

    #[tokio::test]
    async fn compressed_files_go_only_to_those_who_take_them() {
        let path = find(".css");
        for (offer, encoding) in [("br, gzip;q=0.8", "gzip"), ("GZIP", "gzip"), ("gzip;q=0", ""), ("br", "")]
        {
            let response = get(&path, &[(header::ACCEPT_ENCODING, offer)]).await;
            assert_eq!(shown(&response, header::CONTENT_ENCODING), encoding, "{offer}");
            assert_eq!(shown(&response, header::CONTENT_TYPE), "text/css; charset=utf-8");
        }
    }

    #[tokio::test]
    async fn what_is_not_part_of_the_page_is_not_found() {
        let packed = find(".css.gz");
        for path in ["/nothing", "/assets/", packed.as_str()] {
            assert_eq!(get(path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn nothing_in_the_page_is_inline() {
        let index = Page::get(INDEX).unwrap();
        let html = std::str::from_utf8(&index.data).unwrap();
        assert!(!html.contains("style=") && !html.contains("<style") && !html.contains("onload="), "{html}");
        assert!(
            html.matches("<script").count()
                == html.matches("<script type=\"module\" crossorigin src=\"./").count()
        );
    }
}
