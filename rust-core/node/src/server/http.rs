//! The HTTP port, for people, probes and Prometheus: `/healthz`, `/readyz`, `/metrics`.
//!
//! It tells and never changes anything, and needs no credential; whoever may reach it may read it. A peer that sends its
//! request slowly, or a head that is too long, is cut.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use holdfast_system::net::{TcpListener, TcpStream};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::metrics;
use super::shared::Shared;
use crate::log::Level;

/// Connections at once; more wait in the listener's queue.
const MOST_CONNECTIONS: usize = 128;
/// A request's head must be here within this time, which is also how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A whole request and its answer, however slowly the peer reads.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(30);
/// Longest head in bytes.
const MOST_HEAD: usize = 16 * 1024;
/// What is left to others when the system refuses to accept, for want of descriptors for instance.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(200);

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves until the node has stopped; while it stops, probes are still answered.
pub(crate) async fn serve_http(listener: TcpListener, shared: Arc<Shared>) {
    let routes = routes(Arc::clone(&shared));
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    let accept = async {
        loop {
            let permit = Arc::clone(&room)
                .acquire_owned()
                .await
                .expect("this semaphore is never closed");
            match listener.accept().await {
                Ok((stream, _)) => {
                    let routes = routes.clone();
                    connections.spawn(async move {
                        let _permit = permit;
                        connection(stream, routes).await;
                    });
                }
                Err(error) => {
                    shared
                        .options()
                        .log
                        .line(Level::Debug, &format!("http: cannot accept: {error}"));
                    tokio::time::sleep(ACCEPT_BACK_OFF).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        () = accept => {}
        () = shared.stopped() => {}
    }
}

/// Answers the requests of one connection. What becomes of it concerns nobody but its peer.
async fn connection(stream: TcpStream, routes: Router) {
    let _ = stream.set_nodelay(true);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let _ = tokio::time::timeout(CONNECTION_LIFETIME, served).await;
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .fallback((
            StatusCode::NOT_FOUND,
            "there are only /, /healthz, /readyz and /metrics\n",
        ))
        .with_state(shared)
}

/// The process answers.
async fn healthz() -> impl IntoResponse {
    answer(StatusCode::OK, TEXT, "ok\n".to_owned())
}

/// Whether traffic may be sent here.
async fn readyz(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    match not_ready(&shared) {
        None => answer(StatusCode::OK, TEXT, "ready\n".to_owned()),
        Some(reason) => answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{reason}\n")),
    }
}

/// Why traffic should go elsewhere.
pub(crate) fn not_ready(shared: &Shared) -> Option<String> {
    if shared.is_stopping() {
        return Some("the node is stopping".to_owned());
    }
    #[cfg(feature = "cluster")]
    if let Some(cluster) = shared.cluster() {
        return cluster.not_ready();
    }
    shared.node().failure()
}

async fn scrape(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    answer(StatusCode::OK, OPEN_METRICS, metrics::exposition(&shared))
}

async fn index(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    // A node's name has no characters that HTML gives a meaning.
    let page = format!(
        "<!doctype html><html lang=\"en\"><title>Holdfast node {name}</title><h1>Holdfast node {name}</h1>\
         <p>Version {version}.</p><ul><li><a href=\"/healthz\">/healthz</a>: the process answers\
         <li><a href=\"/readyz\">/readyz</a>: traffic may be sent here\
         <li><a href=\"/metrics\">/metrics</a>: for Prometheus</ul></html>\n",
        name = shared.node().name(),
        version = env!("CARGO_PKG_VERSION"),
    );
    answer(StatusCode::OK, HTML, page)
}

fn answer(
    status: StatusCode,
    content_type: &'static str,
    body: String,
) -> (StatusCode, [(HeaderName, &'static str); 3], String) {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, body)
}
