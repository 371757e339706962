//! An edit on one side reaches the other, and touches nothing else.

use sync_core::model::entity::{EMAIL, FIRST_NAME, LAST_NAME, PHONE};

use crate::support::{Stage, stage, written};

async fn one_person() -> Stage {
    let stage = stage().await;
    stage.contact(["ann@example.com", "Mary Ann", "Smith", "+15550100"]);
    stage.in_step(&["ann@example.com"]).await;
    stage
}

#[tokio::test]
async fn does_every_edit_in_hubspot_reach_stripe() {
    let stage = one_person().await;
    let edits = [
        ("ann@example.com", ("firstname", Some("Mary Lou"))),
        ("ann@example.com", ("lastname", Some("van der Berg"))),
        ("ann@example.com", ("phone", None)),
        ("new@example.com", ("email", Some("new@example.com"))),
    ];
    let mut email = "ann@example.com";
    for (after, edit) in edits {
        stage.edit_contact(email, &[edit]);
        email = after;
        stage.in_step(&[email]).await;
    }
    let truth = stage.truth();
    let customer = truth.customers.first().unwrap();
    let shown = [&EMAIL, &FIRST_NAME, &LAST_NAME, &PHONE].map(|field| customer.text(field));
    assert_eq!(shown, ["new@example.com", "Mary Lou", "van der Berg", ""]);
    assert_eq!((truth.contacts.len(), truth.customers.len()), (1, 1));
    stage.quiet().await;
}

#[tokio::test]
async fn does_every_edit_in_stripe_reach_hubspot() {
    let stage = one_person().await;
    let from = stage.truth().hubspot.len();
    let edits = [
        ("ann@example.com", ("name", Some("Mary Lou Smith"))),
        ("ann@example.com", ("phone", Some("+15550199"))),
        ("ann@example.com", ("phone", None)),
        ("new@example.com", ("email", Some("new@example.com"))),
    ];
    let mut email = "ann@example.com";
    for (after, edit) in edits {
        stage.edit_customer(email, &[edit]);
        email = after;
        stage.in_step(&[email]).await;
    }
    let truth = stage.truth();
    let contact = truth.contacts.first().unwrap();
    let shown = [&EMAIL, &FIRST_NAME, &LAST_NAME, &PHONE].map(|field| contact.text(field));
    assert_eq!(shown, ["new@example.com", "Mary Lou", "Smith", ""]);
    stage.quiet().await;
    assert_eq!(
        written(&stage.truth().hubspot, from).concat(),
        ["firstname", "phone", "phone", "email"],
        "P7: only what was edited, once"
    );
}

#[tokio::test]
async fn does_a_name_survive_what_happens_to_other_fields() {
    let stage = one_person().await;
    let from = stage.truth().hubspot.len();
    stage.edit_customer("ann@example.com", &[("phone", Some("+15550199"))]);
    stage.in_step(&["ann@example.com"]).await;
    stage.quiet().await;
    assert_eq!(written(&stage.truth().hubspot, from), [["phone"]], "P7: the names are left alone");

    let from = stage.truth().hubspot.len();
    stage.edit_customer("ann@example.com", &[("name", Some("Mary Ann Jones"))]);
    let truth = stage
        .until("the new name", |truth| truth.contact("ann@example.com").unwrap().text(&LAST_NAME) == "Jones")
        .await;
    assert_eq!(truth.contact("ann@example.com").unwrap().text(&FIRST_NAME), "Mary Ann");
    stage.quiet().await;
    assert_eq!(written(&stage.truth().hubspot, from), [["lastname"]], "P7: only the last name was edited");
}

#[tokio::test]
async fn does_the_last_of_many_hasty_edits_stand() {
    let stage = one_person().await;
    for n in 0..10 {
        stage.edit_contact("ann@example.com", &[("lastname", Some(&format!("Name {n}")))]);
        stage.edit_customer("ann@example.com", &[("phone", Some(&format!("+1555020{n}")))]);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let truth = stage
        .until("the last words", |truth| {
            truth.customer("ann@example.com").unwrap().text(&LAST_NAME) == "Name 9"
                && truth.contact("ann@example.com").unwrap().text(&PHONE) == "+15550209"
        })
        .await;
    assert_eq!(truth.contact("ann@example.com").unwrap().text(&LAST_NAME), "Name 9");
    stage.quiet().await;
    assert!(stage.truth().is_in_step("ann@example.com"));
    assert_eq!(stage.truth().customer("ann@example.com").unwrap().text(&PHONE), "+15550209");
}
