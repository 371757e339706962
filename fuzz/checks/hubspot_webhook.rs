//! A delivery from HubSpot's side: any bytes, unsigned and signed.
//!
//! The input's first line is taken for a signature, its second for a time, the rest for a body.

use std::sync::Arc;

use connector_hubspot::fake::{FakeConfig, FakeHubSpot};
use connector_hubspot::{HubSpot, HubSpotConfig};
use http::HeaderValue;
use sync_core::connector::{Connector, Delivery};
use sync_core::http::Transport;
use sync_core::model::{News, Timestamp};

const ADDRESS: &str = "https://sync.example.com/webhooks/hubspot";
const NOW: Timestamp = Timestamp::from_secs(1_752_613_920);

/// Unsigned, they are refused. Signed, they are news that the journal can keep.
pub(crate) fn check(input: &[u8], transport: Arc<dyn Transport>) {
    let mut fake = FakeHubSpot::new(FakeConfig::default());
    fake.config.webhooks.url = Some(ADDRESS.to_owned());
    let FakeConfig { access_token, client_secret, portal_id, app_id, .. } = fake.config.clone();
    let config = HubSpotConfig {
        client_secrets: vec![client_secret.into()],
        public_url: "https://sync.example.com".to_owned(),
        accept_v1: true,
        ..HubSpotConfig::new("https://api.hubapi.com", access_token, portal_id, app_id)
    };
    let hubspot = HubSpot::new(config, transport).expect("a usable configuration");

    for delivery in unsigned(input) {
        assert!(hubspot.decode(&delivery, NOW).is_err(), "taken without a signature");
    }
    let signed = fake.signed(NOW, input.to_vec()).expect("an address to sign");
    let news = hubspot.decode(&signed, NOW).expect("it is signed");
    let kept = serde_json::to_vec(&news).expect("news can be written");
    assert_eq!(serde_json::from_slice::<Vec<News>>(&kept).expect("and read"), news);
}

/// The same body with the headers of either version of signatures, as far as they can be headers.
fn unsigned(input: &[u8]) -> Vec<Delivery> {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (signature, stamp, body) = (line(), line(), line());
    let versions =
        [("x-hubspot-signature-v3", "x-hubspot-request-timestamp"), ("x-hubspot-signature", "x-any")];
    let delivery = |(signature_name, stamp_name): (&'static str, &'static str)| {
        let mut delivery = Delivery::new(body.to_vec().into());
        *delivery.method_mut() = http::Method::POST;
        *delivery.uri_mut() = http::Uri::from_static(ADDRESS);
        for (name, text) in [(signature_name, signature), (stamp_name, stamp)] {
            if let Ok(value) = HeaderValue::from_bytes(text) {
                delivery.headers_mut().insert(name, value);
            }
        }
        delivery
    };
    versions.map(delivery).into()
}
