//! The library as it serves, between both emulated systems.

use std::time::Duration;

use connector_hubspot::fake::FakeConfig as HubSpotFakeConfig;
use runner_http::{Config, RunError};
use serde_json::Value as Json;
use sync_core::testing::fake::Call;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

async fn status(ports: Ports) -> Json {
    let (status, body) = get(&ports.admin("/api/status"), Some(ADMIN_TOKEN)).await;
    assert_eq!(status, 200);
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn is_a_malformed_webhook_acknowledged_and_set_aside_unread() {
    let world = World::new().await;
    while_serving(&world, &world.toml(), async |ports| {
        let bad = r#"{"object":"event","type":5,"email":"ada@person.example"}"#;
        assert_eq!(deliver(ports.listen, from_stripe(now(), bad)).await.status(), 200);
        let letters = eventually("a dead letter", async || {
            let (status, body) = get(&ports.admin("/api/dead-letters"), Some(ADMIN_TOKEN)).await;
            assert_eq!(status, 200);
            body.contains("reason").then_some(body)
        })
        .await;
        assert!(!letters.contains("person.example") && !letters.contains("raw"), "{letters}");
        let letters: Json = serde_json::from_str(&letters).unwrap();
        let letter = &letters["dead_letters"][0];
        assert_eq!((&letter["system"], &letter["what"]), (&"stripe".into(), &"webhook".into()));
        assert!(letter["id"].is_string() && letter["at"].is_i64() && letter["reason"].is_string());
        assert_eq!(letters["more"], false);
    })
    .await;
}

#[tokio::test]
async fn can_an_operator_release_the_brake() {
    let world = World::new().await;
    while_serving(&world, &world.toml(), async |ports| {
        let url = ports.admin("/api/brake/release");
        assert_eq!(ask("POST", &url, None).await.0, 401);
        assert_eq!(ask("GET", &url, Some(ADMIN_TOKEN)).await.0, 405);
        assert_eq!(ask("POST", &url, Some(ADMIN_TOKEN)).await, (200, r#"{"released":0}"#.to_owned()));
    })
    .await;
}

#[tokio::test]
async fn does_a_person_in_one_system_appear_in_the_other_with_both_ids_linked() {
    let world = World::new().await;
    // Without the listing, only webhooks can bring the news.
    let toml = world.toml() + "backfill = false\n";
    while_serving(&world, &toml, async |ports| {
        world.subscribe(ports.listen);
        let ada = [("email", "ada@person.example"), ("firstname", "Ada"), ("lastname", "Lovelace")];
        let contact = world.hubspot.with(|hubspot, now| hubspot.person_creates(now, &ada)).unwrap();
        let bob = Some("bob@person.example");
        let customer = world.stripe.with(|stripe, now| stripe.person_creates(now, bob, Some("Bob"), None));
        eventually("Ada at Stripe", async || {
            world.stripe.with(|stripe, _| {
                let mut twins = stripe.customers().filter(|c| c.get("email") == Some("ada@person.example"));
                let linked = twins.next()?.get("metadata.hubspot_contact_id") == Some(contact.as_str());
                linked.then_some(())
            })
        })
        .await;
        eventually("Bob at HubSpot", async || {
            world.hubspot.with(|hubspot, _| {
                let mut twins = hubspot.contacts().filter(|c| c.property("email") == bob);
                let linked = twins.next()?.property("stripe_customer_id") == Some(customer.as_str());
                linked.then_some(())
            })
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn are_webhooks_taken_while_hubspot_is_out_of_reach_at_the_start() {
    let world = World::new().await;
    let toml = world.toml().replace(&world.hubspot.base_url(), "http://127.0.0.1:1");
    while_serving(&world, &toml, async |ports| {
        let webhook = from_hubspot(now(), "/webhooks/hubspot", contact_created(1));
        assert_eq!(deliver(ports.listen, webhook).await.status(), 200);
        assert_eq!(get(&ports.admin("/readyz"), None).await.0, 200);
        eventually("a failed call", async || {
            (status(ports).await["sides"]["left"]["failures"].as_u64()? > 0).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn does_the_status_say_so_when_hubspot_does_not_let_us_in() {
    let config =
        HubSpotFakeConfig { access_token: "another token".to_owned(), ..HubSpotFakeConfig::default() };
    let world = World::with(config).await;
    let toml = world.toml();
    while_serving(&world, &toml, async |ports| {
        eventually("the reason", async || {
            status(ports).await["sides"]["left"]["halted"].as_str()?.contains("not authorised").then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn is_a_whole_window_quiet_before_and_after_the_calls_nobody_counts() {
    let world = World::new().await;
    let started = now();
    while_serving(&world, &world.toml(), async |_| {
        let calls: Vec<Call> = eventually("a call that the engine makes", async || {
            let calls = world.hubspot.with(|hubspot, _| hubspot.calls().calls().to_vec());
            calls.iter().any(|call| call.path.contains("/objects/")).then_some(calls)
        })
        .await;
        let engine = calls.iter().position(|call| call.path.contains("/objects/")).unwrap();
        let window = Duration::from_secs(1);
        assert!(engine > 0, "the twin property comes first");
        assert!(calls[0].at.since(started) >= window, "the previous process may have used up a window");
        assert!(calls[engine].at.since(calls[engine - 1].at) >= window);
        let stripe = world.stripe.with(|stripe, _| stripe.calls().calls().to_vec());
        assert!(stripe.iter().all(|call| call.at.since(started) >= window));
    })
    .await;
}

#[tokio::test]
async fn can_it_be_spawned_beside_other_work() {
    let world = World::new().await;
    let config = Config::from_toml(&world.toml()).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let serving = tokio::spawn(runner_http::serve(config, async { drop(stopped.await) }));
    let ports = Ports::of(&world.port_file()).await;
    assert_eq!(get(&ports.admin("/readyz"), None).await.0, 200);
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn is_a_header_that_is_too_large_refused_and_a_silent_connection_closed() {
    let world = World::new().await;
    while_serving(&world, &world.toml(), async |ports| {
        let answer = async |header: String| {
            let mut connection = TcpStream::connect(ports.listen).await.unwrap();
            // The server may close the connection before it has read everything.
            let _ = connection.write_all(header.as_bytes()).await;
            let mut answer = String::new();
            let _ = connection.read_to_string(&mut answer).await;
            answer
        };
        let large = format!("POST /webhooks/stripe HTTP/1.1\r\nX: {}", "x".repeat(100_000));
        let (refused, silent) = tokio::join!(answer(large), answer(String::new()));
        assert!(refused.starts_with("HTTP/1.1 431"), "{refused}");
        assert_eq!(silent, "");
    })
    .await;
}

#[tokio::test]
async fn is_a_taken_port_named_and_an_old_port_file_removed() {
    let world = World::new().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    std::fs::write(world.port_file(), "{}").unwrap();
    let toml = world.toml().replacen("127.0.0.1:0", &taken.local_addr().unwrap().to_string(), 1);
    let config = Config::from_toml(&toml).unwrap();
    let error = runner_http::serve(config, std::future::pending()).await.unwrap_err();
    assert!(matches!(error, RunError::Listen { key: "server.listen", .. }), "{error}");
    assert!(!world.port_file().exists());
}

#[tokio::test]
async fn is_what_was_acknowledged_there_after_a_restart_on_the_same_directory() {
    survives_a_restart("").await;
}

#[cfg(feature = "sled")]
#[tokio::test]
async fn is_what_was_acknowledged_there_after_a_restart_on_the_same_sled() {
    survives_a_restart("sled:").await;
}

async fn survives_a_restart(scheme: &str) {
    let world = World::new().await;
    let url = format!("{scheme}{}", world.directory.path().join("data").display());
    let toml = world.toml().replace("\"memory:\"", &format!("{url:?}"));
    let offline = toml.replace(&world.stripe.base_url(), "http://127.0.0.1:1");
    let contact = world
        .hubspot
        .with(|hubspot, now| hubspot.person_creates(now, &[("email", "ada@person.example")]).unwrap());
    while_serving(&world, &offline, async |ports| {
        let webhook =
            from_hubspot(now(), "/webhooks/hubspot", contact_created(contact.as_str().parse().unwrap()));
        assert_eq!(deliver(ports.listen, webhook).await.status(), 200);
    })
    .await;
    while_serving(&world, &toml, async |_| {
        eventually("Ada at Stripe", async || {
            world.stripe.with(|stripe, _| stripe.customers().next().map(|_| ()))
        })
        .await;
    })
    .await;
}
