//! Do connector and emulator understand each other, in memory and in virtual time?

use std::sync::{Arc, Mutex};
use std::time::Duration;

use connector_stripe::fake::{FakeConfig, FakeStripe};
use connector_stripe::{Stripe, StripeConfig};
use sync_core::clock::{Clock, TokioClock};
use sync_core::connector::{Answer, Connector, Error, Lookup, Query};
use sync_core::model::{Author, News, OpId, PairId, RecordId, Timestamp, Value};
use sync_core::quota::Window;
use sync_core::testing::fake::{Fault, InMemory};

use crate::support::{NOW, create, link, properties, secret, update, write};

struct World {
    stripe: Stripe,
    fake: Arc<Mutex<FakeStripe>>,
    clock: TokioClock,
}

impl World {
    fn new(config: FakeConfig) -> Self {
        let clock = TokioClock::starting_at(NOW);
        let fake = Arc::new(Mutex::new(FakeStripe::new(config)));
        let transport = Arc::new(InMemory::new(fake.clone(), Arc::new(clock)));
        let config = StripeConfig::new("https://api.stripe.test", secret("sk_test_wane"), vec![]);
        Self { stripe: Stripe::new(config, transport).unwrap(), fake, clock }
    }

    fn with<R>(&self, act: impl FnOnce(&mut FakeStripe, Timestamp) -> R) -> R {
        act(&mut self.fake.lock().unwrap(), self.clock.now())
    }

    fn plan(&self, fault: Fault) {
        self.with(|fake, _| fake.faults.plan(None, "/v1/customers", 1, fault));
    }

    async fn read(&self, query: Query) -> Answer {
        self.stripe.read(&query).await.unwrap()
    }

    async fn find(&self, pair: &str, email: Option<&str>) -> Answer {
        let match_value = email.and_then(Value::new);
        self.read(Query::Find(Lookup { link: link(pair, None), match_value })).await
    }
}

fn ada() -> Vec<(&'static str, Option<&'static str>)> {
    vec![("email", Some("ada@example.test")), ("name", Some("Ada L")), ("phone", Some("+1 555"))]
}

#[tokio::test(start_paused = true)]
async fn what_is_created_can_be_read_found_and_listed() {
    let world = World::new(FakeConfig::default());
    let receipt = write(&world.stripe, create("op-1", &ada())).await.unwrap();
    let record = receipt.record.unwrap();
    assert_eq!(
        (record.mark.clone(), record.twin.clone()),
        (Some(PairId::new("pair-1")), Some(RecordId::new("101")))
    );
    assert_eq!(record.properties["phone"], Value::new("+1 555"));
    assert_eq!(receipt.at, Some(NOW));

    let read = world.read(Query::Ids(vec![record.id.clone()])).await;
    assert_eq!((read.records.as_slice(), read.as_of), (std::slice::from_ref(&record), Some(NOW)));
    assert_eq!(world.find("x", Some("ada@example.test")).await.records, std::slice::from_ref(&record));
    assert_eq!(world.read(Query::Page(None)).await.records, std::slice::from_ref(&record));
    assert!(world.find("pair-1", None).await.records.is_empty(), "search lags");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.find("pair-1", None).await.records, [record]);
    assert!(world.find("pair-2", None).await.records.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_repeated_create_gives_the_same_customer() {
    let world = World::new(FakeConfig::default());
    let first = write(&world.stripe, create("op-1", &ada())).await.unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;
    let again = write(&world.stripe, create("op-1", &ada())).await.unwrap();
    assert_eq!(first, again, "it shows what was so then, and says so");
    assert_eq!(world.with(|fake, _| fake.customers().count()), 1);
    let changed = write(&world.stripe, create("op-1", &[("name", Some("Other"))])).await;
    assert!(matches!(changed, Err(Error::Ambiguous { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_repetition_while_the_first_is_running_is_ambiguous() {
    let world = World::new(FakeConfig::default());
    world.plan(Fault::Slow(Duration::from_secs(60)));
    let row = create("op-1", &ada());
    let impatient = tokio::time::timeout(Duration::from_secs(5), write(&world.stripe, row.clone())).await;
    assert!(impatient.is_err());
    assert!(matches!(write(&world.stripe, row.clone()).await, Err(Error::Ambiguous { .. })));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(write(&world.stripe, row).await.is_ok());
    assert_eq!(world.with(|fake, _| fake.customers().count()), 1);
}

#[tokio::test(start_paused = true)]
async fn an_update_changes_and_clears_just_what_it_names() {
    let world = World::new(FakeConfig::default());
    let record = write(&world.stripe, create("op-1", &ada())).await.unwrap().record.unwrap();
    let changes = [("phone", None), ("name", Some("Ada Ł & Co"))];
    let after =
        write(&world.stripe, update("op-2", record.id.as_str(), &changes)).await.unwrap().record.unwrap();
    let wanted = properties(&[
        ("email", Some("ada@example.test")),
        ("name", Some("Ada Ł & Co")),
        ("phone", None),
        ("metadata.wane_first_name", None),
        ("metadata.wane_last_name", None),
    ]);
    assert_eq!(after.properties, wanted);
    assert_eq!(after.mark, Some(PairId::new("pair-1")));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_ambiguous_and_looking_finds_the_customer() {
    let world = World::new(FakeConfig::default());
    world.plan(Fault::LoseAnswer);
    let lost = write(&world.stripe, create("op-1", &ada())).await;
    assert!(matches!(lost, Err(Error::Ambiguous { .. })));
    let found = world.find("pair-1", Some("ada@example.test")).await;
    assert_eq!(found.records[0].mark, Some(PairId::new("pair-1")));

    world.plan(Fault::FailAfter(500));
    for _ in 0..2 {
        let failed = write(&world.stripe, create("op-2", &ada())).await;
        assert!(matches!(failed, Err(Error::Ambiguous { .. })), "the failure is replayed");
    }
}

#[tokio::test(start_paused = true)]
async fn the_deleted_and_the_never_created_are_missing() {
    let world = World::new(FakeConfig::default());
    let id = world.with(|fake, now| {
        let id = fake.person_creates(now, None, Some("Ada"), None);
        fake.person_deletes(now, &id);
        id
    });
    for id in [id.as_str(), "cus_never"] {
        assert!(world.read(Query::Ids(vec![RecordId::new(id)])).await.records.is_empty());
        assert_eq!(write(&world.stripe, update("op", id, &ada())).await, Err(Error::Missing));
    }
}

#[tokio::test(start_paused = true)]
async fn pages_lead_through_all_customers() {
    let world = World::new(FakeConfig::default());
    let mut created = world.with(|fake, now| {
        (0..250).map(|n| fake.person_creates(now, None, Some(&n.to_string()), None)).collect::<Vec<_>>()
    });
    let (mut seen, mut cursor, mut calls) = (Vec::new(), None, 0);
    loop {
        let answer = world.read(Query::Page(cursor)).await;
        seen.extend(answer.records.into_iter().map(|record| record.id.as_str().to_owned()));
        calls += 1;
        cursor = answer.next;
        if cursor.is_none() {
            break;
        }
    }
    created.reverse();
    assert_eq!((seen, calls), (created, 3));
}

#[tokio::test(start_paused = true)]
async fn the_journal_tells_what_webhooks_would_have_told() {
    let world = World::new(FakeConfig::default());
    world.with(|fake, now| fake.person_creates(now, None, Some("too old"), None));
    tokio::time::sleep(Duration::from_secs(10)).await;
    let since = world.clock.now();
    let record = write(&world.stripe, create("op-1", &ada())).await.unwrap().record.unwrap();
    let id = record.id.as_str().to_owned();
    world.with(|fake, now| {
        fake.person_edits(now, &id, &[("description", Some("not mapped"))]);
        fake.person_edits(now, &id, &[("email", None)]);
        fake.pays(now, Some(&id), None, (500, "jpy"));
        fake.person_deletes(now, &id);
    });
    let answer = world.read(Query::ChangedSince(since, None)).await;
    let [News::Seen(creation), News::Seen(edit), News::Happened { activity, .. }, News::Gone { .. }] =
        answer.news.as_slice()
    else {
        panic!("{:?}", answer.news)
    };
    assert_eq!(activity.details["amount"], "500");
    assert_eq!(edit.previous, Some(properties(&[("email", Some("ada@example.test"))])));
    assert_eq!(edit.author, Author::Other);
    assert_eq!(creation.author, Author::Us(Some(OpId::new("op-1"))));
    assert_eq!((answer.next, answer.as_of), (None, Some(since)));
}

#[tokio::test(start_paused = true)]
async fn a_long_journal_goes_on_page_by_page() {
    let world = World::new(FakeConfig::default());
    world.with(|fake, now| {
        for n in 0..150 {
            fake.person_creates(now, None, Some(&n.to_string()), None);
        }
    });
    let first = world.read(Query::ChangedSince(NOW, None)).await;
    let second = world.read(Query::ChangedSince(NOW, first.next)).await;
    assert_eq!((first.news.len(), second.news.len(), second.next), (100, 50, None));
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_throttled_and_passes() {
    let config = FakeConfig { limits: vec![Window::per_seconds(1, 1)], ..FakeConfig::default() };
    let world = World::new(config);
    assert!(write(&world.stripe, create("op-1", &ada())).await.is_ok());
    let limited = write(&world.stripe, create("op-2", &ada())).await;
    assert!(matches!(limited, Err(Error::Throttled { .. })), "{limited:?}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(write(&world.stripe, create("op-2", &ada())).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_refused_email_is_named() {
    let world = World::new(FakeConfig::default());
    let refused = write(&world.stripe, create("op-1", &[("email", Some("nobody"))])).await.unwrap_err();
    let reason = "400 email_invalid".to_owned();
    assert_eq!(refused, Error::Refused { reason, properties: vec!["email".to_owned()] });
}
