//! The two emulated systems as the simulator sees them.

use connector_hubspot::fake::FakeHubSpot;
use connector_stripe::fake::FakeStripe;
use http::Method;
use sync_core::http::Request;
use sync_core::testing::fake::OracleLog;

use super::wire::Emulator;

/// Where webhooks go. Nobody listens there: the simulator hands them over itself.
pub(super) const ADDRESS: &str = "http://engine.test";

impl Emulator for FakeHubSpot {
    const NAME: &'static str = "hubspot";

    fn oracle(&self) -> &OracleLog {
        self.oracle()
    }

    fn updated(request: &Request) -> Vec<String> {
        let path = request.uri().path();
        if let (&Method::PATCH, Some((_, id))) = (request.method(), path.rsplit_once('/')) {
            return vec![id.to_owned()];
        }
        if !path.ends_with("/batch/update") {
            return Vec::new();
        }
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let inputs = body["inputs"].as_array().cloned().unwrap_or_default();
        inputs.iter().filter_map(|row| row["id"].as_str().map(str::to_owned)).collect()
    }
}

impl Emulator for FakeStripe {
    const NAME: &'static str = "stripe";

    fn oracle(&self) -> &OracleLog {
        self.oracle()
    }

    fn updated(request: &Request) -> Vec<String> {
        let id = request.uri().path().strip_prefix("/v1/customers/");
        id.filter(|_| request.method() == Method::POST).map(str::to_owned).into_iter().collect()
    }
}
