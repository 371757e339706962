//! The two emulated systems as the simulator sees them.

use connector_hubspot::fake::FakeHubSpot;
use connector_stripe::fake::FakeStripe;
use http::Method;
use sync_core::http::Request;
use sync_core::testing::fake::OracleLog;

use super::wire::{Emulator, Update};

/// Where webhooks go. Nobody listens there: the simulator hands them over itself.
pub(super) const ADDRESS: &str = "http://engine.test";

impl Emulator for FakeHubSpot {
    const NAME: &'static str = "hubspot";

    fn oracle(&self) -> &OracleLog {
        self.oracle()
    }

    fn updated(request: &Request) -> Vec<Update> {
        let path = request.uri().path();
        let names = |row: &serde_json::Value| {
            row["properties"].as_object().map(|p| p.keys().cloned().collect()).unwrap_or_default()
        };
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
        if let (&Method::PATCH, Some((_, id))) = (request.method(), path.rsplit_once('/')) {
            return vec![(id.to_owned(), names(&body))];
        }
        if !path.ends_with("/batch/update") {
            return Vec::new();
        }
        let inputs = body["inputs"].as_array().cloned().unwrap_or_default();
        inputs.iter().filter_map(|row| Some((row["id"].as_str()?.to_owned(), names(row)))).collect()
    }
}

impl Emulator for FakeStripe {
    const NAME: &'static str = "stripe";

    fn oracle(&self) -> &OracleLog {
        self.oracle()
    }

    fn updated(request: &Request) -> Vec<Update> {
        let id = request.uri().path().strip_prefix("/v1/customers/");
        let body = String::from_utf8_lossy(request.body());
        // Metadata only repeats what is in the name.
        let names = body.split('&').filter_map(|pair| Some(pair.split_once('=')?.0));
        let names: Vec<String> =
            names.filter(|name| !name.starts_with("metadata")).map(str::to_owned).collect();
        id.filter(|_| request.method() == Method::POST).map(|id| (id.to_owned(), names)).into_iter().collect()
    }
}
