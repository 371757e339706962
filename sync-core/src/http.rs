//! The port to HTTP, so that connectors can be spoken to in memory as well as over sockets.

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

/// A request with its whole body.
pub type Request = http::Request<Bytes>;
/// A response with its whole body.
pub type Response = http::Response<Bytes>;

/// Why there is no response.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum TransportError {
    /// The request never left: it certainly had no effect.
    #[error("could not connect: {0}")]
    NotSent(String),
    /// The request may have reached the far side.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

/// Sends requests. Implementations follow no redirects and cap the size of a response.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends one request and collects the response.
    ///
    /// # Errors
    /// [`TransportError`]; any status code, 5xx included, is a response.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}

#[cfg(feature = "reqwest")]
pub use over_reqwest::ReqwestTransport;

#[cfg(feature = "reqwest")]
mod over_reqwest {
    use std::time::Duration;

    use async_trait::async_trait;
    use bytes::{Bytes, BytesMut};

    use super::{Request, Response, Transport, TransportError};

    /// Largest response body accepted, in bytes. A page of 100 records is far below it.
    const MAX_RESPONSE: usize = 8 * 1024 * 1024;

    /// A [`Transport`] over one `reqwest` client. Clones share its connections.
    #[derive(Debug, Clone)]
    pub struct ReqwestTransport {
        client: reqwest::Client,
    }

    impl ReqwestTransport {
        /// A client that follows no redirects and gives up on a call after `timeout`.
        ///
        /// # Errors
        /// When no TLS provider is installed: the binary must install one (`rustls`) before this.
        pub fn new(timeout: Duration) -> Result<Self, TransportError> {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(timeout.min(Duration::from_secs(5)))
                .timeout(timeout)
                .no_proxy()
                .build()
                .map(|client| Self { client })
                .map_err(|e| TransportError::NotSent(cause(&e)))
        }
    }

    #[async_trait]
    impl Transport for ReqwestTransport {
        async fn send(&self, request: Request) -> Result<Response, TransportError> {
            let request =
                reqwest::Request::try_from(request).map_err(|e| TransportError::NotSent(cause(&e)))?;
            let mut response = self.client.execute(request).await.map_err(|e| {
                if e.is_connect() || e.is_builder() {
                    TransportError::NotSent(cause(&e))
                } else {
                    TransportError::NoAnswer(cause(&e))
                }
            })?;
            let mut body = BytesMut::new();
            while let Some(chunk) = response.chunk().await.map_err(|e| TransportError::NoAnswer(cause(&e)))? {
                if body.len() + chunk.len() > MAX_RESPONSE {
                    return Err(TransportError::NoAnswer(format!("response over {MAX_RESPONSE} bytes")));
                }
                body.extend_from_slice(&chunk);
            }
            let mut answer = Response::new(Bytes::from(body));
            *answer.status_mut() = response.status();
            *answer.headers_mut() = std::mem::take(response.headers_mut());
            Ok(answer)
        }
    }

    /// The innermost cause. The outer texts carry the URL, which may carry an email address.
    fn cause(error: &(dyn std::error::Error + 'static)) -> String {
        let mut inner = error;
        while let Some(source) = inner.source() {
            inner = source;
        }
        if std::ptr::eq(inner, error) { "request failed".to_owned() } else { inner.to_string() }
    }
}
