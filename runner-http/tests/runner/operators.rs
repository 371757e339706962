//! What do operators and their machines learn?

use std::sync::atomic::Ordering;

use runner_http::admin::routes;
use sync_core::Engine;
use sync_core::stores::MemoryStore;
use tokio::sync::watch;

use crate::support::*;
use crate::webhooks::Failing;

/// Asks the routes over `engine`, guarded by `token`.
async fn ask(engine: Option<Engine>, token: Option<&str>, path: &str, given: Option<&str>) -> (u16, String) {
    let (_alive, running) = watch::channel(engine);
    let to = serve_routes(routes(running, token.map(Into::into))).await;
    get(&format!("http://{to}{path}"), given).await
}

#[tokio::test]
async fn is_the_process_alive_and_unready_while_the_engine_is_on_its_way() {
    assert_eq!(ask(None, None, "/healthz", None).await.0, 200);
    assert_eq!(ask(None, None, "/readyz", None).await, (503, "starting".to_owned()));
}

#[tokio::test]
async fn is_it_ready_with_an_engine_and_a_store_that_works() {
    let engine = engine(MemoryStore::new()).await;
    assert_eq!(ask(Some(engine), None, "/readyz", None).await.0, 200);
}

#[tokio::test]
async fn is_it_unready_while_the_store_fails_and_does_it_say_so() {
    let store = Failing::default();
    let engine = engine(store.clone()).await;
    store.failing.store(true, Ordering::Relaxed);
    let (status, reason) = ask(Some(engine.clone()), None, "/readyz", None).await;
    assert_eq!(status, 503);
    assert!(reason.contains("disk full"), "{reason}");
    assert_eq!(ask(Some(engine), None, "/healthz", None).await.0, 200);
}

#[tokio::test]
async fn is_the_api_closed_to_all_who_do_not_know_the_token() {
    let engine = engine(MemoryStore::new()).await;
    for path in ["/api/status", "/api/dead-letters", "/api/brake/release", "/api/other"] {
        for (token, given) in [
            (None, None),
            (None, Some("")),
            (Some("right"), None),
            (Some("right"), Some("")),
            (Some("right"), Some("wrong")),
            (Some("right"), Some("rightt")),
            (Some("right"), Some("righ")),
        ] {
            let (status, body) = ask(Some(engine.clone()), token, path, given).await;
            assert_eq!((status, body.as_str()), (401, ""), "{path} {token:?} {given:?}");
        }
    }
}

#[tokio::test]
async fn does_the_status_tell_of_both_systems() {
    let engine = engine(MemoryStore::new()).await;
    let (status, body) = ask(Some(engine), Some("right"), "/api/status", Some("right")).await;
    assert_eq!(status, 200);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["sides"]["left"]["system"], "hubspot");
    assert_eq!(body["sides"]["right"]["system"], "stripe");
    assert_eq!(body["counts"]["taken"], 0);
    assert_eq!(body["promise_feasible"], true, "nothing waits");
    assert_eq!(body["last_visible_at"], serde_json::Value::Null);
    assert_eq!(body["sides"]["right"]["classes"], serde_json::json!({}));
}
