//! The `Stripe-Signature` header.

use std::time::Duration;

use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use sync_core::connector::Rejection;
use sync_core::model::Timestamp;

/// How far the signed time may be from ours, in either direction (Stripe docs, webhook signatures).
const TOLERANCE: Duration = Duration::from_secs(300);

/// Accepts a body if any `v1` signature was made with any of the secrets, close to `now`.
///
/// # Errors
/// [`Rejection::Unsigned`] for a header without time or `v1`, [`Rejection::Forged`], [`Rejection::Stale`].
pub(super) fn verify(
    header: &str,
    body: &[u8],
    secrets: &[SecretString],
    now: Timestamp,
) -> Result<(), Rejection> {
    let (time, signatures) = parse(header).ok_or(Rejection::Unsigned)?;
    let at: i64 = time.parse().map_err(|_| Rejection::Unsigned)?;
    let genuine = secrets.iter().any(|secret| signed_with(secret, time, body, &signatures));
    if !genuine {
        return Err(Rejection::Forged);
    }
    let at = Timestamp::from_secs(at);
    if at.since(now).max(now.since(at)) > TOLERANCE {
        return Err(Rejection::Stale);
    }
    Ok(())
}

/// `t=<unix seconds>,v1=<hex>[,v1=<hex>...]`; other schemes (`v0`) are none of our business.
fn parse(header: &str) -> Option<(&str, Vec<&str>)> {
    let mut time = None;
    let mut signatures = Vec::new();
    for item in header.split(',') {
        match item.trim().split_once('=') {
            Some(("t", value)) => time = Some(value),
            Some(("v1", value)) => signatures.push(value),
            _ => {}
        }
    }
    time.filter(|_| !signatures.is_empty()).map(|time| (time, signatures))
}

/// The whole secret is the key, `whsec_` included. The comparison takes the same time whatever differs.
fn signed_with(secret: &SecretString, time: &str, body: &[u8], signatures: &[&str]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else { return false };
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    signatures.iter().filter_map(|hex| from_hex(hex)).any(|bytes| mac.clone().verify_slice(&bytes).is_ok())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|d| d.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
