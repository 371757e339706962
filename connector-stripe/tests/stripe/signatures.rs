//! Is exactly what Stripe signed let in?

use bytes::Bytes;
use connector_stripe::{Stripe, StripeConfig};
use serde::Deserialize;
use sync_core::connector::{Connector, Delivery, Rejection};
use sync_core::model::{News, Timestamp};

use crate::support::{answered, config, ok, secret};

#[derive(Deserialize)]
struct Golden {
    stripe: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    secret: Option<String>,
    timestamp: Option<i64>,
    payload: Option<String>,
    header: Option<String>,
}

/// The vectors that the official SDKs computed, by id: secret, payload, header. All were signed at [`SIGNED`].
fn golden(id: &str) -> (String, String, String) {
    let golden: Golden = serde_json::from_str(include_str!("../data/golden-signatures.json")).unwrap();
    let vector = golden.stripe.into_iter().find(|v| v.id == id).unwrap();
    assert_eq!(vector.timestamp, Some(SIGNED.as_secs()));
    (vector.secret.unwrap(), vector.payload.unwrap(), vector.header.unwrap())
}

const SIGNED: Timestamp = Timestamp::from_secs(1_700_000_000);

fn stripe(secrets: &[&str]) -> Stripe {
    let secrets = secrets.iter().map(|s| secret(s)).collect();
    answered(StripeConfig { webhook_secrets: secrets, ..config() }, ok()).0
}

fn delivery(header: Option<&str>, payload: &str) -> Delivery {
    let mut builder = http::Request::builder().method("POST").uri("/webhooks/stripe");
    if let Some(header) = header {
        builder = builder.header("Stripe-Signature", header);
    }
    builder.body(Bytes::from(payload.to_owned())).unwrap()
}

fn verdict(secrets: &[&str], header: &str, payload: &str, now: Timestamp) -> Result<(), Rejection> {
    stripe(secrets).decode(&delivery(Some(header), payload), now).map(|_| ())
}

#[test]
fn the_sdks_vectors_are_accepted() {
    for id in ["basic", "utf8", "node"] {
        let (secret, payload, header) = golden(id);
        assert_eq!(verdict(&[&secret], &header, &payload, SIGNED), Ok(()), "{id}");
    }
}

#[test]
fn any_signature_and_any_secret_will_do_during_a_rollover() {
    let (secret, payload, header) = golden("basic");
    let good = header.rsplit_once("v1=").unwrap().1;
    let rotation = format!("t=1700000000,v1=deadbeef,v1={good},v0=abc");
    assert_eq!(verdict(&[&secret], &rotation, &payload, SIGNED), Ok(()));
    assert_eq!(verdict(&["whsec_new", &secret], &header, &payload, SIGNED), Ok(()));
}

#[test]
fn what_stripe_did_not_sign_is_forged() {
    let (secret, payload, header) = golden("basic");
    let other_body = payload.replace("updated", "deleted");
    let other_time = header.replace("1700000000", "1700000001");
    let other_scheme = header.replace("v1=", "v1=00,v0=");
    assert_eq!(verdict(&[&secret], &header, &other_body, SIGNED), Err(Rejection::Forged));
    assert_eq!(verdict(&[&secret], &other_time, &payload, SIGNED), Err(Rejection::Forged));
    assert_eq!(verdict(&[&secret], &other_scheme, &payload, SIGNED), Err(Rejection::Forged));
    assert_eq!(verdict(&["whsec_other"], &header, &payload, SIGNED), Err(Rejection::Forged));
    // The whole text is the key, not what follows the underscore.
    assert_eq!(verdict(&["test123"], &header, &payload, SIGNED), Err(Rejection::Forged));
    assert_eq!(verdict(&[], &header, &payload, SIGNED), Err(Rejection::Forged));
}

#[test]
fn a_signature_holds_for_five_minutes_either_way() {
    let (secret, payload, header) = golden("basic");
    for (seconds, wanted) in
        [(-301, Err(Rejection::Stale)), (-300, Ok(())), (300, Ok(())), (301, Err(Rejection::Stale))]
    {
        let now = Timestamp::from_secs(SIGNED.as_secs() + seconds);
        assert_eq!(verdict(&[&secret], &header, &payload, now), wanted, "{seconds} s");
    }
}

#[test]
fn a_header_that_cannot_be_read_is_unsigned() {
    let (secret, payload, header) = golden("basic");
    let unsigned = |header: &str| verdict(&[&secret], header, &payload, SIGNED);
    assert_eq!(unsigned(""), Err(Rejection::Unsigned));
    assert_eq!(unsigned("t=1700000000"), Err(Rejection::Unsigned));
    assert_eq!(unsigned("t=soon,v1=00"), Err(Rejection::Unsigned));
    assert_eq!(unsigned(header.split_once(',').unwrap().1), Err(Rejection::Unsigned));
    assert_eq!(stripe(&[&secret]).decode(&delivery(None, &payload), SIGNED), Err(Rejection::Unsigned));
}

#[test]
fn content_is_looked_at_only_after_the_signature() {
    assert_eq!(verdict(&["whsec_x"], "t=1700000000,v1=00", "{ no json", SIGNED), Err(Rejection::Forged));
    let secrets = ["whsec_x".to_owned()];
    let header = connector_stripe::fake::sign(&secrets, SIGNED, b"{ no json");
    let news = stripe(&["whsec_x"]).decode(&delivery(Some(&header), "{ no json"), SIGNED).unwrap();
    assert!(matches!(news.as_slice(), [News::Malformed { .. }]), "{news:?}");
}
