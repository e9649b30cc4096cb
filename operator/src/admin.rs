// SPDX-License-Identifier: Apache-2.0
//! The admin port: `/livez`, `/readyz` and `/metrics`.
//!
//! An operator that stands by is ready: it can take over at any time. Until then, `/readyz` lists what is missing.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};

use crate::metrics::Metrics;

/// What the operator waits for before it is ready; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    pending: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl Readiness {
    /// Waits for one more thing.
    pub fn await_(&self, what: &'static str) {
        self.lock().insert(what);
    }

    /// The thing is there.
    pub fn reached(&self, what: &'static str) {
        self.lock().remove(what);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<&'static str>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone)]
struct Admin {
    readiness: Readiness,
    metrics: Metrics,
}

/// The routes of the admin port.
pub fn router(readiness: Readiness, metrics: Metrics) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .with_state(Admin { readiness, metrics })
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    let pending = admin.readiness.lock();
    if pending.is_empty() {
        return (StatusCode::OK, "ok\n".into());
    }
    let list: Vec<&str> = pending.iter().copied().collect();
    (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {}\n", list.join(", ")))
}

async fn scrape(State(admin): State<Admin>) -> Result<impl IntoResponse, StatusCode> {
    let type_ = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    // Elsewhere, as percentiles of many runs take a while: nobody else is held up by it.
    let text = tokio::task::spawn_blocking(move || admin.metrics.encode()).await;
    let text = text.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(header::CONTENT_TYPE, type_)], text))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn get(router: &Router, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readiness_lists_what_is_missing_until_nothing_is() {
        let readiness = Readiness::default();
        readiness.await_("resource definitions");
        readiness.await_("leader election");
        let router = router(readiness.clone(), Metrics::default());
        assert_eq!(get(&router, "/livez").await.0, StatusCode::OK);
        let (status, body) = get(&router, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body, "waiting for leader election, resource definitions\n");
        readiness.reached("resource definitions");
        readiness.reached("leader election");
        assert_eq!(get(&router, "/readyz").await, (StatusCode::OK, "ok\n".into()));
        assert!(get(&router, "/metrics").await.1.contains("upsurge_leader 0"));
    }
}
