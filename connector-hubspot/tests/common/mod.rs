//! What several test files need: a transport with prepared answers, and short words for rows and answers.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should panic")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use connector_hubspot::fake::{FakeConfig, FakeHubSpot};
use connector_hubspot::{HubSpot, HubSpotConfig};
use serde_json::Value as Json;
use sync_core::clock::TokioClock;
use sync_core::connector::{Link, Lookup, Query, Write, WriteBody};
use sync_core::http::{Request, Response, Transport, TransportError};
use sync_core::model::{Activity, OpId, PairId, Properties, RecordId, Timestamp, Value};
use sync_core::testing::fake::InMemory;

pub(crate) const START: Timestamp = Timestamp::from_secs(1_752_613_920);
pub(crate) const TWIN: &str = "stripe_customer_id";
pub(crate) const WEBHOOKS: &str = "https://sync.example.com/webhooks/hubspot";

/// Answers each request with the next prepared answer, and keeps the requests.
#[derive(Default)]
pub(crate) struct Canned {
    answers: Mutex<VecDeque<Result<Response, TransportError>>>,
    requests: Mutex<Vec<Request>>,
}

#[async_trait]
impl Transport for Canned {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.requests.lock().unwrap().push(request);
        self.answers.lock().unwrap().pop_front().expect("no answer was prepared")
    }
}

impl Canned {
    pub(crate) fn with(answers: impl IntoIterator<Item = Result<Response, TransportError>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), requests: Mutex::default() })
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The only request that was made.
    pub(crate) fn request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1);
        requests[0].clone()
    }
}

pub(crate) fn config() -> HubSpotConfig {
    let fake = FakeConfig::default();
    HubSpotConfig {
        client_secrets: vec![fake.client_secret.clone().into()],
        public_url: "https://sync.example.com".to_owned(),
        purchase_event: Some("pe48807704_purchase".to_owned()),
        twin_property: Some(TWIN.to_owned()),
        ..HubSpotConfig::new("https://api.hubapi.com", fake.access_token, fake.portal_id, fake.app_id)
    }
}

pub(crate) fn connector(transport: Arc<dyn Transport>) -> HubSpot {
    HubSpot::new(config(), transport).unwrap()
}

pub(crate) fn answer(status: u16, body: &str) -> Response {
    let mut response = Response::new(body.to_owned().into());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response
}

pub(crate) fn with_header(mut response: Response, name: &'static str, value: &str) -> Response {
    response.headers_mut().insert(name, value.parse().unwrap());
    response
}

pub(crate) fn json_body(request: &Request) -> Json {
    serde_json::from_slice(request.body()).unwrap()
}

pub(crate) fn id(text: &str) -> RecordId {
    RecordId::new(text)
}

pub(crate) fn props(values: &[(&str, &str)]) -> Properties {
    values.iter().map(|(name, value)| ((*name).to_owned(), Value::new(*value))).collect()
}

pub(crate) fn link(twin: Option<&str>) -> Link {
    Link { pair: PairId::new("p1"), twin: twin.map(RecordId::new) }
}

pub(crate) fn create(op: &str, values: &[(&str, &str)], twin: Option<&str>) -> Write {
    Write { op: OpId::new(op), body: WriteBody::Create { properties: props(values), link: link(twin) } }
}

pub(crate) fn update(op: &str, record: &str, values: &[(&str, &str)]) -> Write {
    Write {
        op: OpId::new(op),
        body: WriteBody::Update { id: id(record), properties: props(values), link: None },
    }
}

/// Names the twin, and changes nothing else.
pub(crate) fn name_twin(op: &str, record: &str, twin: &str) -> Write {
    let link = Some(RecordId::new(twin));
    Write { op: OpId::new(op), body: WriteBody::Update { id: id(record), properties: props(&[]), link } }
}

pub(crate) fn emit(op: &str, record: &str, payment: &str) -> Write {
    let details = BTreeMap::from([("amount".to_owned(), "12.50".to_owned())]);
    let activity =
        Activity { id: payment.to_owned(), at: Timestamp::from_millis(1_752_613_922_216), details };
    Write { op: OpId::new(op), body: WriteBody::Emit { id: id(record), activity: Arc::new(activity) } }
}

pub(crate) fn find(email: Option<&str>, twin: Option<&str>) -> Query {
    Query::Find(Lookup { link: link(twin), match_value: email.and_then(Value::new) })
}

/// An emulated HubSpot with its clock, and a connector that speaks to it.
pub(crate) struct World {
    pub(crate) fake: Arc<Mutex<FakeHubSpot>>,
    pub(crate) hubspot: HubSpot,
    clock: TokioClock,
}

impl World {
    /// Must be called within a paused runtime.
    pub(crate) fn new(fake: FakeConfig) -> Self {
        Self::with(fake, config())
    }

    pub(crate) fn with(fake: FakeConfig, config: HubSpotConfig) -> Self {
        let clock = TokioClock::starting_at(START);
        let fake = Arc::new(Mutex::new(FakeHubSpot::new(fake)));
        let transport = Arc::new(InMemory::new(Arc::clone(&fake), Arc::new(clock)));
        Self { fake, hubspot: HubSpot::new(config, transport).unwrap(), clock }
    }

    pub(crate) fn now(&self) -> Timestamp {
        sync_core::clock::Clock::now(&self.clock)
    }

    /// Acts on the emulated system at the present time.
    pub(crate) fn at<R>(&self, act: impl FnOnce(&mut FakeHubSpot, Timestamp) -> R) -> R {
        act(&mut self.fake.lock().unwrap(), self.now())
    }
}
