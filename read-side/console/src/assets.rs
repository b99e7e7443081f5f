//! Style, script and picture: in the program, under names that change with their content.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::access::hash;
use crate::session::hex;

/// A file under its own name.
pub(crate) struct Asset {
    pub(crate) path: String,
    kind: &'static str,
    bytes: &'static [u8],
}

pub(crate) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("console", "css", "text/css; charset=utf-8", include_str!("../assets/console.css"))
});
pub(crate) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("console", "js", "text/javascript; charset=utf-8", include_str!("../assets/console.js"))
});
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("../assets/icon.svg")));

impl Asset {
    fn new(name: &str, extension: &str, kind: &'static str, content: &'static str) -> Self {
        let digest = &hex(&hash(content))[..12];
        Self { path: format!("/assets/{name}-{digest}.{extension}"), kind, bytes: content.as_bytes() }
    }
}

pub(crate) fn router() -> Router {
    [&STYLE, &SCRIPT, &ICON].into_iter().fold(Router::new(), |router, asset| {
        let headers = [
            (header::CONTENT_TYPE, asset.kind),
            (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        ];
        router.route(&asset.path, get(move || async move { (headers, asset.bytes).into_response() }))
    })
}
