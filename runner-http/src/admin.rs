//! What operators and their machines ask.
//!
//! | route | answer |
//! |---|---|
//! | `GET /healthz` | 200: the process is alive |
//! | `GET /readyz` | 200: the engine runs and its store works; otherwise 503 and why not |
//! | `GET /api/status` | the state of the engine |
//! | `GET /api/dead-letters` | what was set aside, and why; never what it said |
//! | `POST /api/brake/release` | says that what the brake holds back is meant |
//!
//! `/api` wants `Authorization: Bearer <token>`. Without a configured token it is closed to all: 401.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use subtle::ConstantTimeEq;
use sync_core::model::{PairId, RecordId, Timestamp};
use sync_core::store::StoreError;
use sync_core::{Engine, Status};
use tokio::sync::watch;

/// Most dead letters in one answer.
const MAX_LETTERS: usize = 1_000;

/// The engine, once it runs.
pub type Running = watch::Receiver<Option<Engine>>;

/// All routes, over an engine that may still be on its way.
pub fn routes(running: Running, token: Option<SecretString>) -> Router {
    let api = Router::new()
        .route("/status", get(status))
        .route("/dead-letters", get(dead_letters))
        .route("/brake/release", post(release))
        // Its own, so that the guard stands before it, too.
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn_with_state(token, authorize));
    Router::new()
        .route("/healthz", get(|| async { "alive" }))
        .route("/readyz", get(ready))
        .nest("/api", api)
        .with_state(running)
}

async fn authorize(State(token): State<Option<SecretString>>, request: Request, next: Next) -> Response {
    let given =
        request.headers().get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let allowed = match (given, &token) {
        (Some(given), Some(token)) => bool::from(given.ct_eq(token.expose_secret().as_bytes())),
        _ => false,
    };
    if allowed {
        next.run(request).await
    } else {
        (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response()
    }
}

async fn ready(State(running): State<Running>) -> Result<&'static str, Unready> {
    let engine = engine(&running)?;
    if let Some(trouble) = engine.status().store_trouble {
        return Err(Unready(trouble));
    }
    engine.journal().meta().await?;
    Ok("ready")
}

async fn status(State(running): State<Running>) -> Result<Json<Status>, Unready> {
    Ok(Json(engine(&running)?.status()))
}

async fn dead_letters(State(running): State<Running>) -> Result<Json<Letters>, Unready> {
    let engine = engine(&running)?;
    let mut found = engine.journal().dead_letters(MAX_LETTERS + 1).await?;
    let more = found.len() > MAX_LETTERS;
    found.truncate(MAX_LETTERS);
    let sides = engine.status().sides;
    let letter = |(id, letter): (String, sync_core::journal::DeadLetter)| Letter {
        id,
        at: letter.at,
        system: sides[letter.side].system,
        what: letter.what,
        reason: letter.reason,
        pair: letter.pair,
        record: letter.record,
    };
    Ok(Json(Letters { dead_letters: found.into_iter().map(letter).collect(), more }))
}

async fn release(State(running): State<Running>) -> Result<Json<Released>, Unready> {
    let released = engine(&running)?.release_brake().await.map_err(|error| Unready(error.to_string()))?;
    Ok(Json(Released { released }))
}

fn engine(running: &Running) -> Result<Engine, Unready> {
    running.borrow().clone().ok_or_else(|| Unready("starting".to_owned()))
}

/// How many pairs the brake held something of.
#[derive(Serialize)]
struct Released {
    released: u64,
}

/// What was set aside.
#[derive(Serialize)]
struct Letters {
    dead_letters: Vec<Letter>,
    /// Whether there are more than are shown.
    more: bool,
}

/// A dead letter without what arrived: that is personal data.
#[derive(Serialize)]
struct Letter {
    id: String,
    at: Timestamp,
    system: &'static str,
    what: String,
    reason: String,
    pair: Option<PairId>,
    record: Option<RecordId>,
}

/// Why there is no answer now.
struct Unready(String);

impl From<StoreError> for Unready {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl IntoResponse for Unready {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, self.0).into_response()
    }
}
