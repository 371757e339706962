//! Names that trip up careless software go over once, and then all is quiet.

use sync_core::model::entity::{FIRST_NAME, LAST_NAME, PHONE};

use crate::support::{Stage, stage};

async fn stays_put(stage: Stage, emails: &[&str], expected: &[(&str, &str)]) {
    stage.in_step(emails).await;
    stage.quiet().await;
    let truth = stage.truth();
    for (email, names) in emails.iter().zip(expected) {
        let contact = truth.contact(email).unwrap();
        let customer = truth.customer(email).unwrap();
        assert_eq!(&(contact.text(&FIRST_NAME), contact.text(&LAST_NAME)), names, "in HubSpot");
        assert_eq!(&(customer.text(&FIRST_NAME), customer.text(&LAST_NAME)), names, "in Stripe");
    }
}

#[tokio::test]
async fn do_odd_names_typed_in_hubspot_stay_as_they_are() {
    let stage = stage().await;
    let long = "x".repeat(256);
    let names = [
        ("Mary Ann", "Smith"),
        ("李小龙", ""),
        ("Prince", ""),
        ("", "Madonna"),
        ("Zoë 🦊", "O'Neill & Söhne"),
        ("مريم", "الزهراء"),
        (&long, ""),
        (" Spaced ", " Out "),
    ];
    let emails: Vec<String> = (0..names.len()).map(|n| format!("odd{n}@example.com")).collect();
    for (email, (first, last)) in emails.iter().zip(names) {
        stage.contact([email, first, last, ""]);
    }
    let emails: Vec<&str> = emails.iter().map(String::as_str).collect();
    stays_put(stage, &emails, &names).await;
}

#[tokio::test]
async fn do_odd_names_typed_in_stripe_stay_as_they_are() {
    let stage = stage().await;
    let long = "y".repeat(256);
    let names = [
        ("ACME GmbH", ("ACME GmbH", "")),
        ("Smith & Sons", ("Smith & Sons", "")),
        ("李小龙", ("李小龙", "")),
        ("Prince", ("Prince", "")),
        ("Mary Ann Evans", ("Mary Ann", "Evans")),
        ("🦊 Fox", ("🦊", "Fox")),
        (&long, (&long, "")),
    ];
    let emails: Vec<String> = (0..names.len()).map(|n| format!("odd{n}@example.com")).collect();
    for (email, (name, _)) in emails.iter().zip(names) {
        stage.customer([email, name, ""]);
    }
    let emails: Vec<&str> = emails.iter().map(String::as_str).collect();
    stays_put(stage, &emails, &names.map(|(_, halves)| halves)).await;
}

#[tokio::test]
async fn is_a_name_that_stripe_finds_too_long_set_aside_and_not_fought_over() {
    let stage = stage().await;
    stage.contact(["long@example.com", &"z".repeat(300), "Long", "+15550100"]);
    let shown = |truth: &stage::Truth| truth.customer("long@example.com").is_some();
    let truth = stage.until("the rest of the contact", shown).await;
    assert_eq!(truth.customer("long@example.com").unwrap().text(&PHONE), "+15550100");
    assert!(!stage.dead_letters().await.contains("zzz"), "P13: the reason quotes the name");
    stage.quiet().await;
    stage.edit_contact("long@example.com", &[("firstname", Some("Zoe"))]);
    stage.in_step(&["long@example.com"]).await;
    stage.quiet().await;
}
