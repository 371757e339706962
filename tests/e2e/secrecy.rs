//! What is said of people and secrets in the log, at the most talkative level: nothing.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use sync_core::testing::fake::Fault;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::support::stage_with;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The runtime of this test has one thread, so a subscriber of this thread hears everything and nothing else.
#[tokio::test]
async fn is_no_person_and_no_secret_ever_in_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _heard = subscriber.finish().set_default();

    let mut stage = stage_with(|config| config.hubspot.legacy_batches = true).await;
    stage.contact(["zebedee@example.com", "Zebedee", "Quagmire", "+4930987654"]);
    let customer = stage.customer(["yolanda@example.com", "Yolanda Pickwick", "+15550177"]);
    stage.customer(["xavier@example.con", "Xavier Invalid", ""]);
    stage.in_step(&["zebedee@example.com", "yolanda@example.com"]).await;
    stage.pays(Some(&customer), None);
    stage.pays(None, Some("wilhelmina@example.com"));
    for fault in [Fault::LoseAnswer, Fault::FailAfter(502), Fault::Refuse(503, None)] {
        stage.hubspot(|h, _| h.faults.plan(None, "/", 1, fault.clone()));
        stage.world.stripe.with(|s, _| s.faults.plan(None, "/", 1, fault));
    }
    stage.edit_contact("zebedee@example.com", &[("email", Some("vladimir@example.com"))]);
    stage.edit_customer("yolanda@example.com", &[("email", Some("ursula@example.com"))]);
    // A second customer of the same person, and news that makes no sense.
    stage.customer(["ursula@example.com", "Yolanda Again", ""]);
    stage.post_as_stripe(&serde_json::json!({ "type": 7, "email": "tabitha@example.com" })).await;
    stage.contact(["sebastian@example.com", "Sebastian", "Rumpel", ""]);
    stage
        .until("all edits", |truth| {
            truth.is_in_step("vladimir@example.com") && truth.is_in_step("sebastian@example.com")
        })
        .await;
    stage.dead_letters().await;
    let secrets = stage.hubspot(|h, _| [h.config.access_token.clone(), h.config.client_secret.clone()]);
    let more =
        stage.world.stripe.with(|s, _| [s.config.api_key.clone(), s.config.webhooks.secrets[0].clone()]);
    stage.world.stop_engine().await.unwrap();

    let log = String::from_utf8_lossy(&log.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
    assert!(log.contains("sync_core"), "the log was heard");
    let people = "zebedee quagmire 987654 yolanda pickwick 550177 xavier example.co wilhelmina vladimir ursula again tabitha \
                  sebastian rumpel";
    let words = people.split_whitespace().map(str::to_owned).chain(secrets).chain(more);
    for word in words {
        let found = log.lines().find(|line| line.to_lowercase().contains(&word));
        assert_eq!(found, None, "P13: {word:?} is in the log");
    }
}
