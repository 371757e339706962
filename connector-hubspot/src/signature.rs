//! Request signatures: is a webhook really from HubSpot?
//!
//! Source: HubSpot API guide, "Validating requests". Version 3 is an HMAC-SHA256, keyed with the client secret, over
//! method, URI, body and timestamp; version 1 is a plain SHA-256 over secret and body, without a time.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::CtOutput;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sync_core::connector::{Delivery, Rejection};
use sync_core::model::Timestamp;

/// Header of the version 3 signature.
pub const V3_HEADER: &str = "x-hubspot-signature-v3";
/// Header of the signed time, in milliseconds.
pub const TIMESTAMP_HEADER: &str = "x-hubspot-request-timestamp";
/// Header of the version 1 (or 2) signature.
pub const V1_HEADER: &str = "x-hubspot-signature";
/// Header that says which version [`V1_HEADER`] holds.
pub const VERSION_HEADER: &str = "x-hubspot-signature-version";

/// How far the signed time may be from now, in either direction. HubSpot's own SDKs check only for old ones.
pub const TOLERANCE: Duration = Duration::from_secs(300);

/// What a delivery is verified against.
#[derive(Debug, Clone, Copy)]
pub struct Verifier<'a> {
    /// Any one of these may have signed.
    pub secrets: &'a [SecretString],
    /// Scheme and host HubSpot posts to.
    pub public_url: &'a str,
    /// Whether version 1 will do when there is no version 3.
    pub accept_v1: bool,
}

impl Verifier<'_> {
    /// Accepts `delivery` if one of the secrets signed exactly these bytes at about `now`.
    ///
    /// # Errors
    /// [`Rejection`]; a version 3 signature that is there but wrong is never made good by another version.
    pub fn verify(&self, delivery: &Delivery, now: Timestamp) -> Result<(), Rejection> {
        match header(delivery, V3_HEADER) {
            Some(signature) => self.verify_v3(delivery, signature, now),
            None if self.accept_v1 => self.verify_v1(delivery),
            None => Err(Rejection::Unsigned),
        }
    }

    fn verify_v3(&self, delivery: &Delivery, signature: &str, now: Timestamp) -> Result<(), Rejection> {
        let signature = STANDARD.decode(signature).map_err(|_| Rejection::Unsigned)?;
        let stamp = header(delivery, TIMESTAMP_HEADER).ok_or(Rejection::Unsigned)?;
        let at = stamp.parse().map(Timestamp::from_millis).map_err(|_| Rejection::Unsigned)?;
        let path = delivery.uri().path_and_query().map_or("/", |p| p.as_str());
        let uri = signed_uri(&format!("{}{path}", self.public_url.trim_end_matches('/')));
        let message = Message { method: delivery.method().as_str(), uri: &uri, body: delivery.body(), stamp };
        let genuine =
            self.secrets.iter().filter_map(|s| message.mac(s)).any(|m| m.verify_slice(&signature).is_ok());
        if !genuine {
            return Err(Rejection::Forged);
        }
        if at.since(now).max(now.since(at)) > TOLERANCE {
            return Err(Rejection::Stale);
        }
        Ok(())
    }

    fn verify_v1(&self, delivery: &Delivery) -> Result<(), Rejection> {
        let signature = header(delivery, V1_HEADER).and_then(from_hex).ok_or(Rejection::Unsigned)?;
        if header(delivery, VERSION_HEADER).is_some_and(|version| version != "v1") {
            return Err(Rejection::Unsigned);
        }
        // `CtOutput` compares in constant time.
        let signature = CtOutput::<Sha256>::new(signature.into());
        let genuine = self.secrets.iter().any(|s| CtOutput::new(v1_digest(s, delivery.body())) == signature);
        if genuine { Ok(()) } else { Err(Rejection::Forged) }
    }
}

/// What a version 3 signature covers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    /// The HTTP method, in capitals.
    pub(crate) method: &'a str,
    /// The whole URI, as [`signed_uri`] gives it.
    pub(crate) uri: &'a str,
    /// The body, byte for byte.
    pub(crate) body: &'a [u8],
    /// The timestamp header's text.
    pub(crate) stamp: &'a str,
}

impl Message<'_> {
    fn mac(&self, secret: &SecretString) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
        for part in [self.method.as_bytes(), self.uri.as_bytes(), self.body, self.stamp.as_bytes()] {
            mac.update(part);
        }
        Some(mac)
    }

    /// The version 3 signature, as the header carries it.
    #[cfg(feature = "fake")]
    pub(crate) fn sign(&self, secret: &SecretString) -> String {
        self.mac(secret).map(|mac| STANDARD.encode(mac.finalize().into_bytes())).unwrap_or_default()
    }
}

/// The version 1 signature, as the header carries it.
#[cfg(feature = "fake")]
pub(crate) fn sign_v1(secret: &SecretString, body: &[u8]) -> String {
    v1_digest(secret, body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The URI as it goes into the signature: the escapes that HubSpot's guide lists are decoded, all others stay.
#[must_use]
pub fn signed_uri(uri: &str) -> String {
    const DECODED: [(&str, char); 12] = [
        ("3A", ':'),
        ("2F", '/'),
        ("3F", '?'),
        ("40", '@'),
        ("21", '!'),
        ("24", '$'),
        ("27", '\''),
        ("28", '('),
        ("29", ')'),
        ("2A", '*'),
        ("2C", ','),
        ("3B", ';'),
    ];
    let mut signed = String::with_capacity(uri.len());
    let mut rest = uri;
    while let Some(at) = rest.find('%') {
        let code = rest.get(at + 1..at + 3).unwrap_or_default();
        let decoded = DECODED.iter().find(|(hex, _)| hex.eq_ignore_ascii_case(code));
        signed.push_str(&rest[..at]);
        signed.push(decoded.map_or('%', |(_, plain)| *plain));
        rest = &rest[if decoded.is_some() { at + 3 } else { at + 1 }..];
    }
    signed.push_str(rest);
    signed
}

fn v1_digest(secret: &SecretString, body: &[u8]) -> hmac::digest::Output<Sha256> {
    Sha256::new().chain_update(secret.expose_secret()).chain_update(body).finalize()
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a str> {
    delivery.headers().get(name)?.to_str().ok()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    (digits.len() == 64).then(|| bytes.try_into().ok())?
}
