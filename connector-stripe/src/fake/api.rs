//! The endpoints: who may call, what is called, what it changes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use sync_core::http::Request;
use sync_core::model::Timestamp;
use sync_core::testing::fake::{Actor, Change, What};

use super::FakeStripe;
use super::answer::{Answer, Outcome, Problem};
use super::customers::{FakeCustomer, Previous};
use super::events::{Event, Telling};
use super::list::{self, Listed};
use super::params::{self, Edits, Params};
use super::search::Search;

/// On whose behalf something changes.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) now: Timestamp,
    pub(super) actor: Actor,
    /// `req_...`
    pub(super) request: String,
    /// The idempotency key.
    pub(super) key: Option<String>,
}

impl Listed for FakeCustomer {
    const WHAT: &'static str = "customer";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> i64 {
        self.created.as_secs()
    }
}

impl FakeStripe {
    /// Lets a request in, if it has the key and the limits allow it.
    pub(super) fn admit(&mut self, now: Timestamp, request: &Request) -> Result<(), Answer> {
        if !self.knows_key(request) {
            return Err(Problem::invalid(401, "Invalid API Key provided.").into());
        }
        let endpoint = endpoint(request);
        let (total, each) = (&self.config.limits, &self.config.endpoint_limits);
        self.limiter
            .admit(now, &endpoint, total, each)
            .map_err(|limit| Answer::from(Problem::rate_limit()).with("stripe-rate-limited-reason", limit))
    }

    /// Does what the request asks for.
    pub(super) fn route(&mut self, caller: &Caller, request: &Request, params: &Params) -> Outcome {
        let segments: Vec<String> = segments(request);
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let check_email = self.config.check_email;
        match (request.method(), segments.as_slice()) {
            (&Method::POST, ["v1", "customers"]) => {
                let edits = params::customer_edits(params, check_email)?;
                let livemode = self.config.livemode;
                self.create(caller, edits).map(|customer| customer.json(livemode))
            }
            (&Method::GET, ["v1", "customers"]) => self.list_customers(params),
            (&Method::GET, ["v1", "customers", "search"]) => self.search(caller.now, params),
            (&Method::GET, ["v1", "customers", id]) => self.show(id),
            (&Method::POST, ["v1", "customers", id]) => {
                let edits = params::customer_edits(params, check_email)?;
                self.update(caller, id, edits)?;
                self.show(id)
            }
            (&Method::DELETE, ["v1", "customers", id]) => {
                self.delete(caller, id)?;
                self.show(id)
            }
            (&Method::GET, ["v1", "events"]) => self.events.list(self.system_time(caller.now), params),
            (&Method::GET, ["v1", "events", id]) => {
                self.events.get(id).map(Event::json).ok_or_else(|| Problem::no_such("event", id, "id"))
            }
            (method, _) => {
                let message = format!("Unrecognized request URL ({method}: {}).", request.uri().path());
                Err(Problem::invalid(404, message))
            }
        }
    }

    pub(super) fn create(&mut self, caller: &Caller, edits: Edits) -> Result<&FakeCustomer, Problem> {
        let id = self.new_id("cus_");
        let times = (caller.now, self.system_time(caller.now));
        let livemode = self.config.livemode;
        let customer = self.customers.create(times, id.clone(), edits)?;
        let snapshot = customer.json(livemode);
        let blank = customer.properties.keys().map(|name| (name.clone(), None)).collect();
        self.log(caller, What::Created, &id, &blank);
        self.tell(caller, "customer.created", snapshot, None);
        self.customers.get(&id).ok_or_else(|| Problem::no_such("customer", &id, "id"))
    }

    pub(super) fn update(&mut self, caller: &Caller, id: &str, edits: Edits) -> Result<(), Problem> {
        let previous = self.customers.update(caller.now, self.config.search_lag, id, edits)?;
        if !previous.is_empty() {
            let snapshot = self.show(id)?;
            self.log(caller, What::Updated, id, &previous);
            self.tell(caller, "customer.updated", snapshot, Some(previous));
        }
        Ok(())
    }

    pub(super) fn delete(&mut self, caller: &Caller, id: &str) -> Result<(), Problem> {
        let former = self.customers.delete(id)?;
        self.log(caller, What::Deleted, id, &Previous::new());
        self.tell(caller, "customer.deleted", former.json(self.config.livemode), None);
        Ok(())
    }

    /// Makes an event and sends it on its way.
    pub(super) fn tell(
        &mut self,
        caller: &Caller,
        kind: &'static str,
        object: Value,
        previous: Option<Previous>,
    ) {
        let at = self.system_time(caller.now);
        let telling =
            Telling { kind, at, object, previous, request: (caller.request.clone(), caller.key.clone()) };
        let event = Event::new(self.new_id("evt_1"), telling, &self.config);
        self.publish(caller.now, event);
    }

    fn show(&self, id: &str) -> Outcome {
        let customer = self.customers.get(id).ok_or_else(|| Problem::no_such("customer", id, "id"))?;
        Ok(customer.json(self.config.livemode))
    }

    fn list_customers(&self, params: &Params) -> Outcome {
        params::only(params, &["email", "limit", "starting_after", "ending_before", "created", "created["])?;
        let email = params::get(params, "email");
        let fits = |customer: &FakeCustomer| {
            !customer.deleted && email.is_none_or(|email| customer.get("email") == Some(email))
        };
        let show = |customer: &FakeCustomer| customer.json(self.config.livemode);
        list::page(self.customers.all(), params, fits, show, "/v1/customers")
    }

    /// Finds by what the index knows, shows what is true now.
    fn search(&self, now: Timestamp, params: &Params) -> Outcome {
        params::only(params, &["query", "limit", "page"])?;
        let query = params::get(params, "query").ok_or_else(|| {
            Problem::invalid(400, "Missing required param: query.").code("parameter_missing")
        })?;
        let search = Search::parse(query)?;
        let limit = list::limit(params)?;
        let skip = params::get(params, "page").and_then(|page| page.parse().ok()).unwrap_or(0_usize);
        let lag = self.config.search_lag;
        let mut found = self
            .customers
            .all()
            .iter()
            .rev()
            .filter(|customer| {
                !customer.deleted && customer.indexed(now, lag).is_some_and(|c| search.fits(c))
            })
            .skip(skip);
        let data: Vec<Value> = found.by_ref().take(limit).map(|c| c.json(self.config.livemode)).collect();
        let next = found.next().map(|_| (skip + limit).to_string());
        Ok(json!({
            "object": "search_result", "data": data, "has_more": next.is_some(), "next_page": next,
            "url": "/v1/customers/search"
        }))
    }

    /// Tells the oracle: the changed properties, with what they are now.
    fn log(&mut self, caller: &Caller, what: What, id: &str, changed: &Previous) {
        let customer = self.customers.get(id);
        let now_is = |name: &String| customer.and_then(|c| c.get(name)).map(str::to_owned);
        let properties = changed.keys().map(|name| (name.clone(), now_is(name))).collect();
        let record = id.to_owned();
        self.oracle.push(Change { at: caller.now, actor: caller.actor.clone(), what, record, properties });
    }

    /// As a bearer token, or as the user of basic authentication.
    fn knows_key(&self, request: &Request) -> bool {
        let header = request.headers().get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        match header.and_then(|text| text.split_once(' ')) {
            Some(("Bearer", key)) => key == self.config.api_key,
            Some(("Basic", pair)) => {
                let pair = STANDARD.decode(pair).unwrap_or_default();
                pair.split(|byte| *byte == b':').next() == Some(self.config.api_key.as_bytes())
            }
            _ => false,
        }
    }
}

/// The parameters of a request, wherever they are.
pub(super) fn request_params(request: &Request) -> Params {
    let mut params = params::parse(request.uri().query().unwrap_or_default().as_bytes());
    params.extend(params::parse(request.body()));
    params
}

/// Method and path, with ids left out.
fn endpoint(request: &Request) -> String {
    let mut segments = segments(request);
    if let Some(last) = segments.get_mut(2).filter(|last| *last != "search") {
        "{id}".clone_into(last);
    }
    format!("{} {}", request.method(), segments.join("/"))
}

fn segments(request: &Request) -> Vec<String> {
    let path = request.uri().path().trim_start_matches('/');
    path.split('/')
        .map(|part| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect()
}
