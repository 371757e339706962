//! What one event costs us, without any I/O: `cargo bench --bench micro`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops when something is wrong")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use connector_stripe::fake::sign;
use connector_stripe::{Stripe, StripeConfig};
use criterion::{Criterion, criterion_group, criterion_main};
use sync_core::connector::{Connector, Delivery};
use sync_core::decide::{
    Effect, Heard, LastWriterWins, Observation, Op, Outcome, Over, Policy, Source, agree, intend, observe,
    plan, settle,
};
use sync_core::http::{Request, Response, Transport, TransportError};
use sync_core::journal::{Arrival, Journal};
use sync_core::model::entity::{EMAIL, FIRST_NAME, LAST_NAME, PHONE};
use sync_core::model::{
    Author, Edit, Entity, Fields, News, Pair, PairId, PerSide, Properties, Record, RecordId, Side, Sighting,
    Timestamp, Value,
};
use sync_core::quota::{Quota, Window};
use sync_core::stores::{GroupCommit, MemoryStore};

/// Nobody is called in these benches.
struct Nobody;

#[async_trait::async_trait]
impl Transport for Nobody {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        Err(TransportError::NotSent("nobody is there".to_owned()))
    }
}

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const SECRET: &str = "whsec_bench";

/// A `customer.created` event as Stripe sends it, about 1 KB.
fn event() -> String {
    let customer = serde_json::json!({
        "id": "cus_bench", "object": "customer", "address": null, "balance": 0, "created": 1_800_000_000,
        "currency": null, "default_source": null, "delinquent": false, "description": null, "discount": null,
        "email": "ada@example.com", "invoice_prefix": "ABCDEF", "invoice_settings": {"custom_fields": null,
        "default_payment_method": null, "footer": null, "rendering_options": null}, "livemode": false,
        "metadata": {}, "name": "Ada Lovelace", "next_invoice_sequence": 1, "phone": "+15550100",
        "preferred_locales": [], "shipping": null, "tax_exempt": "none", "test_clock": null
    });
    serde_json::json!({
        "id": "evt_bench", "object": "event", "api_version": "2026-10-28.endive", "created": 1_800_000_000,
        "data": {"object": customer}, "livemode": false, "pending_webhooks": 1,
        "request": {"id": "req_bench", "idempotency_key": "5e0c"}, "type": "customer.created"
    })
    .to_string()
}

fn decode(c: &mut Criterion) {
    let config = StripeConfig::new("http://127.0.0.1:1", "sk_test_bench".into(), vec![SECRET.into()]);
    let stripe = Stripe::new(config, Arc::new(Nobody)).unwrap();
    let body = event();
    let mut delivery = Delivery::new(body.clone().into());
    let signature = sign(&[SECRET.to_owned()], NOW, body.as_bytes());
    delivery.headers_mut().insert("stripe-signature", signature.parse().unwrap());
    assert_eq!(stripe.decode(&delivery, NOW).unwrap().len(), 1);
    c.bench_function("verify and decode a Stripe event", |b| {
        b.iter(|| stripe.decode(black_box(&delivery), NOW))
    });
}

fn fields(last: &str) -> Fields {
    let value = |text: &str| Value::new(text);
    Fields::from([
        (EMAIL, value("ada@example.com")),
        (FIRST_NAME, value("Ada")),
        (LAST_NAME, value(last)),
        (PHONE, value("+15550100")),
    ])
}

fn map(c: &mut Criterion) {
    let mapping = connector_stripe::mapping();
    let native: Properties = mapping.create(&fields("Lovelace"));
    assert_eq!(mapping.get(&native), fields("Lovelace"));
    c.bench_function("map a customer", |b| b.iter(|| mapping.get(black_box(&native))));
}

fn told(side: Side, last: &str, at: i64) -> Observation {
    let at = Timestamp::from_secs(at);
    let heard = |value: Option<Value>| Heard {
        edits: vec![Edit { value: value.clone(), at, author: Author::Other }],
        value,
        over: Over::Untold,
    };
    let fields = fields(last).into_iter().map(|(field, value)| (field, heard(value))).collect();
    Observation { id: RecordId::new(side.as_str()), at, source: Source::Event, fields }
}

fn policy() -> Policy {
    Policy {
        entity: Arc::new(Entity::person()),
        resolver: Arc::new(LastWriterWins { tie: Side::Left }),
        resolution: PerSide { left: Duration::from_millis(1), right: Duration::from_secs(1) },
        index_complete: true,
        tells: PerSide::default(),
        links: PerSide::default(),
        latest: Timestamp::from_secs(2_000_000_000),
    }
}

fn decide(c: &mut Criterion) {
    let policy = policy();
    let mut agreed = Pair::new(PairId::new("bench-1"));
    for side in Side::BOTH {
        observe(&mut agreed, &policy, side, &told(side, "Lovelace", 1));
    }
    agree(&mut agreed, &policy);
    assert!(plan(&agreed, &policy).is_empty());
    let news = told(Side::Left, "King", 2);
    c.bench_function("observe, plan, intend and settle an edit", |b| {
        b.iter(|| {
            let mut pair = agreed.clone();
            observe(&mut pair, &policy, Side::Left, black_box(&news));
            let op = plan(&pair, &policy).remove(0);
            assert!(matches!(op, Op::Update { side: Side::Right, .. }));
            intend(&mut pair, &policy, &op, Properties::new(), NOW);
            let done = Outcome::Done { id: RecordId::new("right"), shown: Fields::new(), at: NOW };
            settle(&mut pair, &policy, Side::Right, done);
            pair
        });
    });
}

/// A record that is listed again and shows what it showed before: most of what a sweep does.
fn look_again(c: &mut Criterion) {
    let policy = policy();
    let mut pair = Pair::new(PairId::new("bench-1"));
    for side in Side::BOTH {
        observe(&mut pair, &policy, side, &told(side, "Lovelace", 1));
    }
    agree(&mut pair, &policy);
    let value = |value| Heard { value, edits: Vec::new(), over: Over::Untold };
    let fields = fields("Lovelace").into_iter().map(|(field, text)| (field, value(text))).collect();
    let at = Timestamp::from_secs(3);
    let listed = Observation { id: RecordId::new(Side::Left.as_str()), at, source: Source::Listed, fields };
    c.bench_function("look at a listed record that has not changed", |b| {
        b.iter(|| assert_eq!(observe(&mut pair, &policy, Side::Left, black_box(&listed)), Effect::Nothing));
    });
}

/// All of an arrival's way into the store but the disk.
fn append(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = Arc::new(GroupCommit::new(MemoryStore::new()));
    let journal = runtime.block_on(Journal::open(store)).unwrap();
    let record =
        Record::new(RecordId::new("cus_bench"), connector_stripe::mapping().create(&fields("Lovelace")));
    let arrival =
        Arrival { side: Side::Right, at: NOW, news: News::Seen(Box::new(Sighting::created(record, NOW))) };
    let mut number = 0;
    c.bench_function("append an arrival to the journal, in memory", |b| {
        b.iter(|| {
            // The same few rows again and again: the table stays small.
            number = (number + 1) % 1_000;
            let batch = Journal::arrivals(number, std::slice::from_ref(black_box(&arrival)));
            runtime.block_on(journal.commit(batch)).unwrap();
        });
    });
}

fn quota(c: &mut Criterion) {
    let windows = [Window::per_seconds(100, 1), Window::per_seconds(500, 10)];
    c.bench_function("account for a call in two windows", |b| {
        let mut quota = Quota::new(&windows);
        let mut now = Duration::ZERO;
        b.iter(|| {
            now += Duration::from_millis(21);
            black_box(quota.next(None, now));
            quota.sent(None, now);
            quota.answered(None, now);
        });
    });
}

criterion_group!(benches, decode, map, decide, look_again, append, quota);
criterion_main!(benches);
