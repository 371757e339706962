//! What the two systems post to us.
//!
//! | answer | when |
//! |---|---|
//! | 200 | the news is on disk, or there was none |
//! | 401 | the signature is missing, wrong, or not of this time |
//! | 408 | the body took longer than 10 s |
//! | 413 | the body is larger than 1 MiB |
//! | 503 | it cannot be stored now; `Retry-After` says when to try again |

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use sync_core::connector::Delivery;
use sync_core::{AcceptError, Engine};

use crate::config::System;

/// Largest body, in bytes. A hundred events of HubSpot's are about 50 KiB.
const MAX_BODY: usize = 1024 * 1024;
/// Longest a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);
/// What we ask for when we cannot store, in seconds.
const RETRY_SECONDS: &str = "5";

/// `POST /webhooks/hubspot` and `POST /webhooks/stripe`, and nothing else.
pub fn routes(engine: Engine) -> Router {
    let hubspot = |State(engine), request| receive(engine, System::HubSpot, request);
    let stripe = |State(engine), request| receive(engine, System::Stripe, request);
    Router::new()
        .route("/webhooks/hubspot", post(hubspot))
        .route("/webhooks/stripe", post(stripe))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(engine)
}

async fn receive(engine: Engine, system: System, request: Request) -> Response {
    match read(request).await {
        Ok(delivery) => accept(&engine, system, &delivery).await,
        Err(refusal) => refusal,
    }
}

/// The request with its whole body. Its URI stays as it was sent, because HubSpot signs it.
async fn read(request: Request) -> Result<Delivery, Response> {
    let (mut parts, body) = request.into_parts();
    let mut request = Request::new(body);
    // The limit is among them.
    *request.extensions_mut() = std::mem::take(&mut parts.extensions);
    match tokio::time::timeout(BODY_TIME, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok(Delivery::from_parts(parts, body)),
        Ok(Err(rejection)) => Err(rejection.into_response()),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT.into_response()),
    }
}

async fn accept(engine: &Engine, system: System, delivery: &Delivery) -> Response {
    let name = system.as_str();
    match engine.accept(system.side(), delivery).await {
        Ok(events) => {
            tracing::debug!(system = name, events, "webhook taken");
            StatusCode::OK.into_response()
        }
        Err(AcceptError::Rejected(rejection)) => {
            tracing::warn!(system = name, reason = %rejection, "webhook refused");
            (StatusCode::UNAUTHORIZED, rejection.to_string()).into_response()
        }
        Err(AcceptError::Store(error)) => {
            tracing::error!(system = name, %error, "webhook not stored");
            (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, RETRY_SECONDS)]).into_response()
        }
    }
}
