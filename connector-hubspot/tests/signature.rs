//! Is a webhook really from HubSpot? Vectors were computed with the official SDKs; one is a captured delivery.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::sync::Arc;

use common::{Canned, config};
use connector_hubspot::signature::{TOLERANCE, signed_uri};
use connector_hubspot::{HubSpot, HubSpotConfig};
use serde::Deserialize;
use sync_core::connector::{Connector, Delivery, Rejection};
use sync_core::model::{News, Timestamp};

#[derive(Deserialize)]
struct Golden {
    hubspot: Vec<Vector>,
}

#[derive(Clone, Deserialize)]
struct Vector {
    id: String,
    version: String,
    secret: String,
    uri: Option<String>,
    uri_on_wire: Option<String>,
    uri_signed: Option<String>,
    timestamp_ms: Option<String>,
    body: String,
    signature: String,
    signature_if_not_decoded: Option<String>,
}

fn vectors(version: &str) -> Vec<Vector> {
    let golden: Golden = serde_json::from_str(include_str!("data/golden-signatures.json")).unwrap();
    golden.hubspot.into_iter().filter(|v| v.version == version).collect()
}

impl Vector {
    fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.timestamp_ms.as_ref().map_or(0, |ms| ms.parse().unwrap()))
    }

    /// The request as a server sees it: without scheme and host.
    fn delivery(&self) -> Delivery {
        let url = self.uri_on_wire.as_ref().or(self.uri.as_ref()).map_or("https://h/w", String::as_str);
        let uri: http::Uri = url.parse().unwrap();
        let mut builder = http::Request::post(uri.path_and_query().unwrap().as_str());
        builder = match &self.timestamp_ms {
            Some(stamp) => builder
                .header("X-HubSpot-Signature-v3", &self.signature)
                .header("X-HubSpot-Request-Timestamp", stamp),
            None => builder.header("X-HubSpot-Signature", &self.signature),
        };
        builder.body(self.body.clone().into()).unwrap()
    }

    fn config(&self) -> HubSpotConfig {
        let url = self.uri_on_wire.as_ref().or(self.uri.as_ref()).map_or("https://h/w", String::as_str);
        let (scheme, rest) = url.split_once("://").unwrap();
        let public_url = format!("{scheme}://{}", rest.split('/').next().unwrap());
        HubSpotConfig { public_url, client_secrets: vec![self.secret.clone().into()], ..config() }
    }

    fn verify(&self) -> Result<Vec<News>, Rejection> {
        verify(self.config(), &self.delivery(), self.time())
    }
}

fn verify(config: HubSpotConfig, delivery: &Delivery, now: Timestamp) -> Result<Vec<News>, Rejection> {
    HubSpot::new(config, Arc::new(Canned::default())).unwrap().decode(delivery, now)
}

#[test]
fn is_every_v3_vector_accepted() {
    let vectors = vectors("v3");
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        assert!(vector.verify().is_ok(), "{}", vector.id);
    }
}

#[test]
fn is_the_captured_delivery_understood() {
    let real = vectors("v3").into_iter().find(|v| v.id.contains("REAL")).unwrap();
    let news = real.verify().unwrap();
    assert!(matches!(&news[..], [News::Changed { id, .. }] if id.as_str() == "138017612137"));
}

#[test]
fn does_any_changed_byte_spoil_a_signature() {
    for vector in vectors("v3") {
        let mut forged = vector.clone();
        forged.body.push(' ');
        assert_eq!(forged.verify(), Err(Rejection::Forged), "body of {}", vector.id);
        let mut config = vector.config();
        config.public_url.push('x');
        assert_eq!(
            verify(config, &vector.delivery(), vector.time()),
            Err(Rejection::Forged),
            "host of {}",
            vector.id
        );
        let mut delivery = vector.delivery();
        *delivery.method_mut() = http::Method::PUT;
        assert_eq!(
            verify(vector.config(), &delivery, vector.time()),
            Err(Rejection::Forged),
            "method of {}",
            vector.id
        );
        let mut delivery = vector.delivery();
        let stamp = (vector.time().as_millis() + 1).to_string();
        delivery.headers_mut().insert("X-HubSpot-Request-Timestamp", stamp.parse().unwrap());
        assert_eq!(
            verify(vector.config(), &delivery, vector.time()),
            Err(Rejection::Forged),
            "time of {}",
            vector.id
        );
    }
}

#[test]
fn are_the_documented_escapes_decoded_before_signing() {
    let vector = vectors("v3").into_iter().find(|v| v.uri_on_wire.is_some()).unwrap();
    assert_eq!(signed_uri(vector.uri_on_wire.as_ref().unwrap()), *vector.uri_signed.as_ref().unwrap());
    let undecoded = Vector { signature: vector.signature_if_not_decoded.clone().unwrap(), ..vector };
    assert_eq!(undecoded.verify(), Err(Rejection::Forged));
    assert_eq!(signed_uri("/a%3a%2F%3F%40%21%24%27%28%29%2A%2C%3b"), "/a:/?@!$'()*,;");
    assert_eq!(signed_uri("/%20%26%3D%zz%4"), "/%20%26%3D%zz%4");
    assert_eq!(signed_uri("/%é%2"), "/%é%2");
}

#[test]
fn is_a_delivery_too_far_from_now_stale_in_both_directions() {
    let vector = &vectors("v3")[0];
    let tick = std::time::Duration::from_millis(1);
    let at = |now| verify(vector.config(), &vector.delivery(), now).map(|_| ());
    assert_eq!(at(vector.time().plus(TOLERANCE)), Ok(()));
    assert_eq!(at(vector.time().minus(TOLERANCE)), Ok(()));
    assert_eq!(at(vector.time().plus(TOLERANCE + tick)), Err(Rejection::Stale));
    assert_eq!(at(vector.time().minus(TOLERANCE + tick)), Err(Rejection::Stale));
}

#[test]
fn does_any_one_of_several_secrets_do() {
    let vector = &vectors("v3")[0];
    let secrets = vec!["old".to_owned().into(), vector.secret.clone().into(), "new".to_owned().into()];
    let rotating = HubSpotConfig { client_secrets: secrets, ..vector.config() };
    assert!(verify(rotating, &vector.delivery(), vector.time()).is_ok());
    let none = HubSpotConfig { client_secrets: Vec::new(), ..vector.config() };
    assert_eq!(verify(none, &vector.delivery(), vector.time()), Err(Rejection::Forged));
}

#[test]
fn is_a_missing_or_garbled_signature_unsigned() {
    let vector = &vectors("v3")[0];
    for (header, value) in [
        ("X-HubSpot-Signature-v3", None),
        ("X-HubSpot-Request-Timestamp", None),
        ("X-HubSpot-Signature-v3", Some("***")),
        ("X-HubSpot-Request-Timestamp", Some("yesterday")),
    ] {
        let mut delivery = vector.delivery();
        delivery.headers_mut().remove(header);
        if let Some(value) = value {
            delivery.headers_mut().insert(header, value.parse().unwrap());
        }
        assert_eq!(
            verify(vector.config(), &delivery, vector.time()),
            Err(Rejection::Unsigned),
            "{header} {value:?}"
        );
    }
}

#[test]
fn is_version_one_accepted_only_on_request() {
    let vector = &vectors("v1")[0];
    assert_eq!(vector.verify(), Err(Rejection::Unsigned));
    let lenient = || HubSpotConfig { accept_v1: true, ..vector.config() };
    assert!(verify(lenient(), &vector.delivery(), vector.time()).is_ok());
    let mut forged = vector.clone();
    forged.body.push(' ');
    assert_eq!(verify(lenient(), &forged.delivery(), vector.time()), Err(Rejection::Forged));
    for signature in ["", "zz", "23", "é"] {
        let mut garbled = vector.delivery();
        let value = http::HeaderValue::from_bytes(signature.as_bytes()).unwrap();
        garbled.headers_mut().insert("X-HubSpot-Signature", value);
        assert_eq!(verify(lenient(), &garbled, vector.time()), Err(Rejection::Unsigned), "{signature:?}");
    }
    let mut other_version = vector.delivery();
    other_version.headers_mut().insert("X-HubSpot-Signature-Version", "v2".parse().unwrap());
    assert_eq!(verify(lenient(), &other_version, vector.time()), Err(Rejection::Unsigned));
}

#[test]
fn does_a_good_version_one_not_excuse_a_bad_version_three() {
    let vector = &vectors("v1")[0];
    let lenient = HubSpotConfig { accept_v1: true, ..vector.config() };
    let mut delivery = vector.delivery();
    delivery.headers_mut().insert("X-HubSpot-Signature-v3", "AAAA".parse().unwrap());
    delivery.headers_mut().insert("X-HubSpot-Request-Timestamp", "0".parse().unwrap());
    assert_eq!(verify(lenient, &delivery, vector.time()), Err(Rejection::Forged));
}
