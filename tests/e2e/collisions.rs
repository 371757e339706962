//! People on both sides at once.

use sync_core::model::entity::{FIRST_NAME, PHONE};

use crate::support::{stage, stage_with};

#[tokio::test]
async fn do_edits_of_different_fields_on_both_sides_both_survive() {
    let stage = stage().await;
    stage.contact(["ann@example.com", "Ann", "Smith", "+15550100"]);
    stage.in_step(&["ann@example.com"]).await;
    stage.edit_contact("ann@example.com", &[("phone", Some("+49 40 555"))]);
    stage.edit_customer("ann@example.com", &[("name", Some("Sally Smith"))]);
    stage
        .until("both edits", |truth| {
            let cards =
                [truth.contact("ann@example.com").unwrap(), truth.customer("ann@example.com").unwrap()];
            cards.iter().all(|card| card.text(&PHONE) == "+49 40 555" && card.text(&FIRST_NAME) == "Sally")
        })
        .await;
    stage.quiet().await;
    assert!(stage.truth().is_in_step("ann@example.com"));
}

#[tokio::test]
async fn does_one_of_two_edits_of_one_field_stand_on_both_sides() {
    let stage = stage().await;
    let emails = ["a@example.com", "b@example.com", "c@example.com"];
    for email in emails {
        stage.contact([email, "Ann", "Smith", ""]);
    }
    stage.in_step(&emails).await;
    for email in emails {
        stage.edit_contact(email, &[("firstname", Some("Left"))]);
        stage.edit_customer(email, &[("name", Some("Right Smith"))]);
    }
    stage
        .until("one of the two", |truth| {
            emails.iter().all(|email| {
                truth.is_in_step(email) && truth.contact(email).unwrap().text(&FIRST_NAME) != "Ann"
            })
        })
        .await;
    stage.quiet().await;
    let truth = stage.truth();
    for email in emails {
        let name = truth.contact(email).unwrap().text(&FIRST_NAME);
        assert!(["Left", "Right"].contains(&name), "P5: {name:?} was typed by nobody");
        assert!(truth.is_in_step(email), "L1");
    }
}

/// Stripe's clock knows only whole seconds; being a second ahead must not make its edits win.
#[tokio::test]
async fn does_a_later_edit_win_over_one_it_was_made_in_view_of_when_the_clocks_are_wrong() {
    let stage = stage_with(|config| config.stripe.clock_skew = 60_000).await;
    stage.contact(["ann@example.com", "Ann", "Smith", ""]);
    stage.in_step(&["ann@example.com"]).await;
    let name = |name: &'static str| {
        move |truth: &stage::Truth| {
            let cards =
                [truth.contact("ann@example.com").unwrap(), truth.customer("ann@example.com").unwrap()];
            cards.iter().all(|card| card.text(&FIRST_NAME) == name)
        }
    };
    stage.edit_customer("ann@example.com", &[("name", Some("First Smith"))]);
    stage.until("the first edit", name("First")).await;
    stage.quiet().await;
    stage.edit_contact("ann@example.com", &[("firstname", Some("Second"))]);
    stage.until("the second edit", name("Second")).await;
    stage.quiet().await;
    assert!(name("Second")(&stage.truth()));
}
