//! A delivery from Stripe's side: any bytes, unsigned and signed.
//!
//! The input's first line is taken for a signature, the rest for a body.

use std::sync::Arc;

use connector_stripe::{Stripe, StripeConfig};
use http::HeaderValue;
use sync_core::connector::{Connector, Delivery};
use sync_core::http::Transport;
use sync_core::model::{News, Timestamp};

const SECRET: &str = "whsec_check";
const NOW: Timestamp = Timestamp::from_secs(1_752_613_920);

/// Unsigned, they are refused. Signed, they are news that the journal can keep.
pub(crate) fn check(input: &[u8], transport: Arc<dyn Transport>) {
    let config = StripeConfig::new("https://api.stripe.com", "sk_test_check".into(), vec![SECRET.into()]);
    let stripe = Stripe::new(config, transport).expect("a usable configuration");

    let (signature, body) = match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[][..]),
    };
    let unsigned = delivery(HeaderValue::from_bytes(signature).ok(), body);
    assert!(stripe.decode(&unsigned, NOW).is_err(), "taken without a signature");

    let signature = connector_stripe::fake::sign(&[SECRET.to_owned()], NOW, input);
    let signed = delivery(HeaderValue::from_str(&signature).ok(), input);
    let news = stripe.decode(&signed, NOW).expect("it is signed");
    let kept = serde_json::to_vec(&news).expect("news can be written");
    assert_eq!(serde_json::from_slice::<Vec<News>>(&kept).expect("and read"), news);
}

fn delivery(signature: Option<HeaderValue>, body: &[u8]) -> Delivery {
    let mut delivery = Delivery::new(body.to_vec().into());
    if let Some(signature) = signature {
        delivery.headers_mut().insert("stripe-signature", signature);
    }
    delivery
}
