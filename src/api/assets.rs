//! The console's files: built by `make web` into `web/dist`, embedded by release builds, read
//! from disk by debug ones.
//!
//! In: a path. Out: the file with its type, an entity tag and how long it may be kept.
//! Invariant: files below `assets/` carry a hash of their content in their name, so they may be
//! kept for good; all others are asked for again each time.
//! Deliberately absent: compression (the console is small, the network is near).

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::ApiError;

/// What stands in for the console where its files were not built.
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
<title>Ledgerline</title>\n<p>The console is not in this build: run <code>make web</code>, then \
build with the <code>dashboard</code> feature. The board's data is at \
<a href=\"/api/board\">/api/board</a>.</p></html>\n";

const KEEP: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";

/// One file of the console.
struct Asset {
    bytes: std::borrow::Cow<'static, [u8]>,
    media_type: String,
    tag: String,
}

/// `GET /`.
pub(super) async fn index(headers: HeaderMap) -> Response {
    match find("index.html") {
        Some(asset) => respond("index.html", asset, &headers),
        None => ([(header::CACHE_CONTROL, "no-store")], Html(NOT_BUILT)).into_response(),
    }
}

/// `GET /{path}`.
pub(super) async fn file(
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    match find(&path) {
        Some(asset) => Ok(respond(&path, asset, &headers)),
        None => Err(ApiError::NotFound { path }),
    }
}

fn respond(path: &str, asset: Asset, asked: &HeaderMap) -> Response {
    let keep = if path.starts_with("assets/") { KEEP } else { ASK_AGAIN };
    let cached = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim() == asset.tag || tag.trim() == "*");
    let kept = [(header::CACHE_CONTROL, keep.to_owned()), (header::ETAG, asset.tag)];
    if cached {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    (kept, [(header::CONTENT_TYPE, asset.media_type)], asset.bytes.into_owned()).into_response()
}

#[cfg(feature = "dashboard")]
#[derive(rust_embed::RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Dist;

#[cfg(feature = "dashboard")]
fn find(path: &str) -> Option<Asset> {
    let file = Dist::get(path)?;
    let tag = format!("\"{}\"", crate::base::hex(&file.metadata.sha256_hash()));
    let mut media_type = file.metadata.mimetype().to_owned();
    if media_type.starts_with("text/") {
        media_type.push_str("; charset=utf-8");
    }
    Some(Asset { bytes: file.data, media_type, tag })
}

#[cfg(not(feature = "dashboard"))]
fn find(_path: &str) -> Option<Asset> {
    None
}
