//! Does the emulator keep customers as Stripe does?

use std::time::Duration;

use connector_stripe::fake::{FakeConfig, FakeStripe};
use sync_core::testing::fake::{Actor, What};

use crate::support::{Answered, NOW, api, ask, keyed, later};

const CUSTOMERS: &str = "/v1/customers";

fn created(fake: &mut FakeStripe, form: &str) -> String {
    let answer = ask(fake, NOW, &api("POST", CUSTOMERS, form));
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json["id"].as_str().unwrap().to_owned()
}

fn get(fake: &mut FakeStripe, target: &str) -> Answered {
    ask(fake, NOW, &api("GET", target, ""))
}

#[test]
fn a_form_is_read_by_the_standard() {
    let mut fake = FakeStripe::default();
    let id = created(&mut fake, "name=Ada+L%26B&phone=+1555&metadata%5Bk%5D=v");
    let customer = fake.customer(&id).unwrap();
    assert_eq!(customer.get("name"), Some("Ada L&B"));
    assert_eq!(customer.get("phone"), Some(" 1555"), "a bare plus is a space");
    assert_eq!(customer.get("metadata.k"), Some("v"));
}

#[test]
fn empty_clears_and_absent_keeps() {
    let mut fake = FakeStripe::default();
    let id = created(&mut fake, "name=Ada&phone=1&metadata[a]=1&metadata[b]=2&metadata[c]=3");
    let path = format!("{CUSTOMERS}/{id}");
    let answer = ask(&mut fake, NOW, &api("POST", &path, "phone=&metadata[a]=&metadata[b]=9"));
    assert_eq!(answer.json["name"], "Ada");
    assert!(answer.json["phone"].is_null());
    assert_eq!(answer.json["metadata"], serde_json::json!({ "b": "9", "c": "3" }));
    let answer = ask(&mut fake, NOW, &api("POST", &path, "metadata="));
    assert_eq!(answer.json["metadata"], serde_json::json!({}));
}

#[test]
fn unfit_parameters_are_refused_by_name() {
    let mut fake = FakeStripe::default();
    let long = |name: &str, length: usize| format!("{name}={}", "x".repeat(length));
    let table = [
        ("pineapple=1".to_owned(), Some("parameter_unknown"), "pineapple"),
        ("email=nobody".to_owned(), Some("email_invalid"), "email"),
        ("email=a%20b%40c.test".to_owned(), Some("email_invalid"), "email"),
        (long("name", 257), None, "name"),
        (long("phone", 21), None, "phone"),
        (long("metadata[k]", 501), None, "metadata[k]"),
        (format!("metadata[{}]=1", "k".repeat(41)), None, ""),
    ];
    for (form, code, param) in table {
        let answer = ask(&mut fake, NOW, &api("POST", CUSTOMERS, &form));
        let error = &answer.json["error"];
        assert_eq!((answer.status, error["code"].as_str()), (400, code), "{form}");
        assert!(param.is_empty() || error["param"] == param, "{error}");
    }
    let many: Vec<_> = (0..51).map(|n| format!("metadata[k{n}]=1")).collect();
    assert_eq!(ask(&mut fake, NOW, &api("POST", CUSTOMERS, &many.join("&"))).status, 400);
    assert_eq!(fake.customers().count(), 0);
    assert_eq!(fake.oracle().changes().len(), 0);
}

#[test]
fn a_deleted_customer_answers_as_deleted_and_takes_no_edits() {
    let mut fake = FakeStripe::default();
    let id = created(&mut fake, "name=Ada");
    let path = format!("{CUSTOMERS}/{id}");
    assert_eq!(ask(&mut fake, NOW, &api("DELETE", &path, "")).json["deleted"], true);
    let gone = get(&mut fake, &path);
    assert_eq!((gone.status, &gone.json["deleted"]), (200, &true.into()));
    assert!(gone.json.get("name").is_none());
    assert_eq!(ask(&mut fake, NOW, &api("POST", &path, "name=x")).status, 404);
    assert!(get(&mut fake, CUSTOMERS).ids().is_empty());
    let never = get(&mut fake, "/v1/customers/cus_never");
    assert_eq!((never.status, &never.json["error"]["code"]), (404, &"resource_missing".into()));
    assert_eq!(get(&mut fake, "/v1/nonsense").status, 404);
}

#[test]
fn lists_are_newest_first_with_cursors_both_ways() {
    let mut fake = FakeStripe::default();
    let ids: Vec<String> = (0..5).map(|n| created(&mut fake, &format!("name={n}"))).collect();
    let first = get(&mut fake, "/v1/customers?limit=2");
    assert_eq!((first.ids(), &first.json["has_more"]), (vec![ids[4].as_str(), &ids[3]], &true.into()));
    let next = get(&mut fake, &format!("/v1/customers?limit=3&starting_after={}", ids[3]));
    assert_eq!(
        (next.ids(), &next.json["has_more"]),
        (vec![ids[2].as_str(), &ids[1], &ids[0]], &false.into())
    );
    let back = get(&mut fake, &format!("/v1/customers?limit=2&ending_before={}", ids[1]));
    assert_eq!(back.ids(), [&ids[3], &ids[2]]);
    assert_eq!(get(&mut fake, "/v1/customers?limit=101").status, 400);
    assert_eq!(get(&mut fake, "/v1/customers?limit=x").status, 400);
    assert_eq!(get(&mut fake, "/v1/customers?starting_after=cus_never").status, 404);
}

#[test]
fn the_email_filter_minds_case() {
    let mut fake = FakeStripe::default();
    let id = created(&mut fake, "email=Ada%40X.test");
    assert_eq!(get(&mut fake, "/v1/customers?email=Ada%40X.test").ids(), [&id]);
    assert!(get(&mut fake, "/v1/customers?email=ada%40x.test").ids().is_empty());
}

#[test]
fn search_lags_behind() {
    let config = FakeConfig { search_lag: Duration::from_secs(5), ..FakeConfig::default() };
    let mut fake = FakeStripe::new(config);
    let id = created(&mut fake, "email=Ada%40x.test&metadata[k]=it%27s");
    let mut found = |ms, query: &str| {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let request = api("GET", &format!("/v1/customers/search?query={query}"), "");
        let answer = ask(&mut fake, later(ms), &request);
        (answer.status == 200).then(|| !answer.ids().is_empty())
    };
    let by_email = "email:'ada@X.test'";
    assert_eq!(found(4999, by_email), Some(false));
    assert_eq!(found(5000, by_email), Some(true));
    assert_eq!(found(5000, r"metadata['k']:'it\'s'"), Some(true));
    assert_eq!(found(5000, "email:'ada@x.test' AND metadata['k']:'no'"), Some(false));
    assert_eq!(found(5000, "email:'other' OR metadata[\"k\"]~\"it\""), Some(true));
    assert_eq!(found(5000, "-email:'other'"), Some(true));
    assert_eq!(found(5000, "email="), None);

    fake.person_edits(later(6000), &id, &[("email", Some("new@x.test"))]);
    let hits = |fake: &mut FakeStripe, ms| {
        let request = api("GET", "/v1/customers/search?query=email:%27new@x.test%27", "");
        ask(fake, later(ms), &request).ids().len()
    };
    assert_eq!((hits(&mut fake, 10_999), hits(&mut fake, 11_000)), (0, 1));
}

#[test]
fn the_oracle_knows_who_changed_what() {
    let mut fake = FakeStripe::default();
    let id = created(&mut fake, "name=Ada");
    fake.person_edits(NOW, &id, &[("name", None), ("phone", Some("1"))]);
    fake.person_edits(NOW, &id, &[("phone", Some("1"))]);
    fake.person_deletes(NOW, &id);
    let changes = fake.oracle().changes();
    let seen: Vec<_> = changes.iter().map(|c| (&c.actor, c.what)).collect();
    let api = Actor::Api("wane".into());
    assert_eq!(
        seen,
        [(&api, What::Created), (&Actor::Person, What::Updated), (&Actor::Person, What::Deleted)]
    );
    assert_eq!(changes[1].properties["name"], None);
    assert_eq!(changes[1].properties["phone"].as_deref(), Some("1"));
}

#[test]
fn every_answer_says_when_and_under_which_name() {
    let config = FakeConfig { clock_skew: -2000, ..FakeConfig::default() };
    let mut fake = FakeStripe::new(config);
    let mut request = keyed("k", CUSTOMERS, "name=Ada");
    request.headers_mut().insert("stripe-version", "2025-01-01.x".parse().unwrap());
    let answer = ask(&mut fake, later(999), &request);
    assert_eq!(answer.header("date"), Some("Fri, 15 Jan 2027 07:59:58 GMT"));
    assert_eq!(answer.json["created"], NOW.as_secs() - 2);
    assert_eq!(answer.header("stripe-version"), Some("2025-01-01.x"));
    assert!(answer.header("request-id").unwrap().starts_with("req_"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}
