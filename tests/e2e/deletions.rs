//! Deleting and merging.

use sync_core::model::RecordId;
use sync_core::model::entity::PHONE;

use crate::support::stage;

#[tokio::test]
async fn is_a_deleted_contact_not_created_again_when_its_customer_is_edited() {
    let stage = stage().await;
    let contact = stage.contact(["ann@example.com", "Ann", "Smith", ""]);
    stage.in_step(&["ann@example.com"]).await;
    stage.hubspot(|h, now| assert!(h.person_deletes(now, &contact)));
    stage.quiet().await;
    stage.edit_customer("ann@example.com", &[("phone", Some("+15550199"))]);
    stage.quiet().await;
    let truth = stage.truth();
    assert_eq!(
        (truth.contacts.len(), truth.customers.len()),
        (0, 1),
        "unlinked: neither revived nor deleted"
    );
}

#[tokio::test]
async fn is_a_deleted_customer_not_created_again_when_its_contact_is_edited() {
    let stage = stage().await;
    let customer = stage.customer(["ann@example.com", "Ann Smith", ""]);
    stage.in_step(&["ann@example.com"]).await;
    assert!(stage.world.stripe.with(|s, now| s.person_deletes(now, &customer)));
    stage.quiet().await;
    stage.edit_contact("ann@example.com", &[("phone", Some("+15550199"))]);
    stage.quiet().await;
    let truth = stage.truth();
    assert_eq!(
        (truth.contacts.len(), truth.customers.len()),
        (1, 0),
        "unlinked: neither revived nor deleted"
    );
}

#[tokio::test]
async fn does_a_merge_of_contacts_keep_both_customers_and_sync_one_of_them() {
    let stage = stage().await;
    let kept = stage.contact(["kept@example.com", "Kept", "Person", ""]);
    let absorbed = stage.contact(["absorbed@example.com", "Absorbed", "Person", ""]);
    stage.in_step(&["kept@example.com", "absorbed@example.com"]).await;
    stage.quiet().await;
    let into = stage.hubspot(|h, now| h.person_merges(now, &kept, &absorbed).unwrap());
    stage.quiet().await;
    let truth = stage.truth();
    assert_eq!(
        (truth.contacts.len(), truth.customers.len()),
        (1, 2),
        "nothing is merged or created silently"
    );

    // The merged contact goes on, under its new id.
    stage.hubspot(|h, now| h.person_edits(now, &into, &[("phone", Some("+15550177"))]).unwrap());
    stage
        .until("the edit of the merged contact", |truth| {
            truth.customer("kept@example.com").unwrap().text(&PHONE) == "+15550177"
        })
        .await;
    // Whoever is the other customer still buys.
    let other = stage.truth().customer("absorbed@example.com").unwrap().id.clone();
    let payment = stage.pays(Some(&other), None);
    let truth = stage.until("the purchase", |truth| !truth.events.is_empty()).await;
    assert_eq!(RecordId::new(&*truth.events[0][0]), into);
    assert_eq!(truth.events[0][1], payment);
    stage.quiet().await;
    let truth = stage.truth();
    assert_eq!((truth.contacts.len(), truth.customers.len(), truth.events.len()), (1, 2, 1));
}
