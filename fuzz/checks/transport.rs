//! A far side that says the same whatever it is asked.

use async_trait::async_trait;
use http::{HeaderValue, StatusCode};
use sync_core::http::{Request, Response, Transport, TransportError};

/// Answers with status 429 and these bytes as `Retry-After` and as body. Without bytes, it does not answer.
#[derive(Debug, Default)]
pub(crate) struct Limiting(pub(crate) Option<Vec<u8>>);

#[async_trait]
impl Transport for Limiting {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        let Some(text) = &self.0 else { return Err(TransportError::NotSent("nobody is there".to_owned())) };
        let mut response = Response::new(text.clone().into());
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        let date = HeaderValue::from_static("Tue, 15 Jul 2025 21:12:00 GMT");
        response.headers_mut().insert("date", date);
        if let Ok(value) = HeaderValue::from_bytes(text) {
            response.headers_mut().insert("retry-after", value);
        }
        Ok(response)
    }
}
