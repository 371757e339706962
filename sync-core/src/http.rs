//! The port to HTTP, so that connectors can be spoken to in memory as well as over sockets; and what its headers say of
//! time.

use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use thiserror::Error;

use crate::model::Timestamp;
use crate::retry::MAX_RETRY_AFTER;

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

/// When the far side answered, by its own clock: the `Date` header.
#[must_use]
pub fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

/// The wait that a `Retry-After` header asks for: seconds, or a date as seen from the answer's own `Date`.
///
/// Never longer than [`MAX_RETRY_AFTER`]; a time that has passed is no wait. What is neither is as if it were not there.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if text.starts_with(|c: char| c.is_ascii_digit()) {
        let seconds: f64 = text.parse().ok()?;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    } else {
        http_date(text)?.since(date(headers)?)
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

fn http_date(text: &str) -> Option<Timestamp> {
    let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::EPOCH.plus(since_epoch))
}

#[cfg(feature = "reqwest")]
pub use over_reqwest::ReqwestTransport;

#[cfg(feature = "reqwest")]
mod over_reqwest {
    use std::fmt;
    use std::sync::OnceLock;
    use std::time::Duration;

    use async_trait::async_trait;
    use bytes::{Bytes, BytesMut};
    use http::Uri;
    use http::uri::Authority;
    use reqwest::Url;

    use super::{Request, Response, Transport, TransportError};

    /// Largest response body accepted, in bytes. A page of 100 records is far below it.
    const MAX_RESPONSE: usize = 8 * 1024 * 1024;

    /// A [`Transport`] over one `reqwest` client. Clones share its connections; one for each server serves best.
    #[derive(Clone)]
    pub struct ReqwestTransport {
        client: reqwest::Client,
        urls: Urls,
    }

    impl fmt::Debug for ReqwestTransport {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            // An address may have a password in it.
            f.debug_struct("ReqwestTransport").finish_non_exhaustive()
        }
    }

    impl ReqwestTransport {
        /// A client that follows no redirects, uses no proxy whatever the environment says, and gives up on a call after
        /// `timeout`, on connecting after at most 5 s.
        ///
        /// # Errors
        /// [`TransportError::NotSent`] when the client cannot be built.
        ///
        /// # Panics
        /// When no TLS provider is installed: the binary must install one (`rustls`) before this.
        pub fn new(timeout: Duration) -> Result<Self, TransportError> {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(timeout.min(Duration::from_secs(5)))
                .timeout(timeout)
                .no_proxy()
                .build()
                .map(|client| Self { client, urls: Urls::default() })
                .map_err(|e| TransportError::NotSent(cause(&e)))
        }
    }

    #[async_trait]
    impl Transport for ReqwestTransport {
        async fn send(&self, request: Request) -> Result<Response, TransportError> {
            let (parts, body) = request.into_parts();
            let mut request = reqwest::Request::new(parts.method, self.urls.of(&parts.uri)?);
            *request.headers_mut() = parts.headers;
            *request.body_mut() = Some(body.into());
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

    /// Addresses as the client wants them. Requests nearly always go where the first one went, so its server is parsed only once.
    #[derive(Clone, Default)]
    struct Urls(OnceLock<(Authority, Url)>);

    impl Urls {
        fn of(&self, uri: &Uri) -> Result<Url, TransportError> {
            let known = self.0.get().filter(|(server, url)| {
                // To compare authorities as such would pass over the case of a password.
                uri.scheme_str() == Some(url.scheme())
                    && uri.authority().map(Authority::as_str) == Some(server.as_str())
            });
            if let Some((_, url)) = known {
                let mut url = url.clone();
                url.set_path(uri.path());
                url.set_query(uri.query());
                return Ok(url);
            }
            let url = Url::parse(&uri.to_string()).map_err(|e| TransportError::NotSent(e.to_string()))?;
            if let Some(server) = uri.authority().filter(|_| url.has_host()) {
                let mut root = url.clone();
                // What is asked of it may be about a person, and this is kept.
                root.set_path("/");
                root.set_query(None);
                // Another may have been the first by a hair: one will do.
                let _ = self.0.set((server.clone(), root));
            }
            Ok(url)
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

    #[cfg(test)]
    mod tests {
        use proptest::prelude::*;

        use super::*;

        /// The client's own way to read a request's address is the measure.
        fn compare(urls: &Urls, uri: &str) -> Result<(), TestCaseError> {
            let Ok(uri) = uri.parse::<Uri>() else { return Ok(()) };
            let request = http::Request::get(uri.clone()).body(Bytes::new()).unwrap();
            let theirs = reqwest::Request::try_from(request).map(|request| request.url().clone());
            prop_assert_eq!(urls.of(&uri).ok(), theirs.ok(), "{}", uri);
            Ok(())
        }

        #[test]
        fn are_odd_urls_read_as_the_client_reads_them() {
            let odd = [
                "http://u:Secret@a:1/b?c",
                "http://u:SECRET@a:1/x",
                "http://A:1",
                "http://a?x",
                "https://a:1/",
                "http://[::1]:80/%2e%2e/a/../b?q",
                "http://[::1]:80/b/./%2E/c//?",
                "/no/server",
                "a:443",
            ];
            for first in odd {
                let urls = Urls::default();
                std::iter::once(first).chain(odd).for_each(|uri| compare(&urls, uri).unwrap());
            }
        }

        #[test]
        fn is_of_what_was_asked_nothing_kept() {
            let urls = Urls::default();
            urls.of(&Uri::from_static("http://a/zoe@example.com?zoe")).unwrap();
            assert!(!format!("{:?}", urls.0).contains("zoe"));
        }

        proptest! {
            #[test]
            fn is_every_url_read_as_the_client_reads_it(
                uris in prop::collection::vec("https?://(a|B:80|u@a|127.0.0.1:1)(/(\\.|%2e|[!-~]){0,8}){0,3}", 1..6),
            ) {
                let urls = Urls::default();
                for uri in uris {
                    compare(&urls, &uri)?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn wait(text: &[u8], dated: bool) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        if dated {
            headers.insert(DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        }
        if let Ok(value) = HeaderValue::from_bytes(text) {
            headers.insert(RETRY_AFTER, value);
        }
        retry_after(&headers)
    }

    #[test]
    fn is_every_way_to_ask_for_patience_understood_and_nonsense_ignored() {
        const SECONDS: fn(u64) -> Option<Duration> = |s| Some(Duration::from_secs(s));
        let table = [
            ("30", SECONDS(30)),
            (" 0 ", SECONDS(0)),
            ("1.5", Some(Duration::from_millis(1_500))),
            ("Sun, 06 Nov 1994 08:50:07 GMT", SECONDS(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", SECONDS(30)),
            ("Sun Nov  6 08:50:07 1994", SECONDS(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", SECONDS(0)),
            ("Sat, 06 Nov 2094 08:00:00 GMT", Some(MAX_RETRY_AFTER)),
            ("86400", Some(MAX_RETRY_AFTER)),
            ("99999999999999999999999", Some(MAX_RETRY_AFTER)),
            ("1e300", Some(MAX_RETRY_AFTER)),
            ("1e999", Some(MAX_RETRY_AFTER)),
            ("-5", None),
            ("+5", None),
            ("inf", None),
            ("NaN", None),
            ("soon", None),
            ("5 minutes", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(wait(text.as_bytes(), true), expected, "{text}");
        }
        assert_eq!(wait(b"Sun, 06 Nov 1994 08:50:07 GMT", false), None, "seen from when?");
    }

    proptest! {
        #[test]
        fn is_no_wait_too_long_whatever_is_asked(text in prop::collection::vec(any::<u8>(), 0..40), dated: bool) {
            prop_assert!(wait(&text, dated).unwrap_or_default() <= MAX_RETRY_AFTER);
        }

        #[test]
        fn are_seconds_taken_at_their_word(seconds in 0..=MAX_RETRY_AFTER.as_secs()) {
            prop_assert_eq!(wait(seconds.to_string().as_bytes(), false), Some(Duration::from_secs(seconds)));
        }
    }
}
