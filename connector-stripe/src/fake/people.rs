//! What people do at Stripe's own screen and at the checkout. Nothing here is validated: people type what they like.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sync_core::model::Timestamp;
use sync_core::testing::fake::{Actor, Change, What};

use super::FakeStripe;
use super::api::Caller;
use super::params::Edits;

impl FakeStripe {
    /// Somebody creates a customer at the dashboard. Gives its id.
    pub fn person_creates(
        &mut self,
        now: Timestamp,
        email: Option<&str>,
        name: Option<&str>,
        phone: Option<&str>,
    ) -> String {
        let caller = self.person(now);
        let edits = edits(&[("email", email), ("name", name), ("phone", phone)]);
        self.create(&caller, edits).map(|customer| customer.id.clone()).unwrap_or_default()
    }

    /// Somebody edits a customer: properties by native name (`email`, `metadata.k`), `None` to clear one.
    /// Gives whether there is such a customer.
    pub fn person_edits(&mut self, now: Timestamp, id: &str, properties: &[(&str, Option<&str>)]) -> bool {
        let caller = self.person(now);
        self.update(&caller, id, edits(properties)).is_ok()
    }

    /// Somebody deletes a customer. Gives whether there was one.
    pub fn person_deletes(&mut self, now: Timestamp, id: &str) -> bool {
        let caller = self.person(now);
        self.delete(&caller, id).is_ok()
    }

    /// Somebody pays, as a customer or (`None`) as a guest. Gives the payment intent's id.
    ///
    /// As in reality two events tell of it: the charge's, which names the intent, and the intent's.
    pub fn pays(
        &mut self,
        now: Timestamp,
        customer: Option<&str>,
        receipt_email: Option<&str>,
        (minor, currency): (i64, &str),
    ) -> String {
        let caller = self.person(now);
        let (intent, charge) = (self.new_id("pi_3"), self.new_id("ch_3"));
        let created = self.system_time(now).as_secs();
        let common = json!({
            "amount": minor, "created": created, "currency": currency, "customer": customer,
            "livemode": self.config.livemode, "metadata": {}, "receipt_email": receipt_email, "status": "succeeded"
        });
        let charged = json!({
            "id": charge, "object": "charge", "amount_captured": minor, "amount_refunded": 0,
            "billing_details": { "address": null, "email": receipt_email, "name": null, "phone": null },
            "captured": true, "paid": true, "payment_intent": intent, "refunded": false
        });
        let paid = json!({
            "id": intent, "object": "payment_intent", "amount_received": minor, "latest_charge": charge
        });
        self.tell(&caller, "charge.succeeded", joined(&common, charged), None);
        self.tell(&caller, "payment_intent.succeeded", joined(&common, paid), None);
        let details = BTreeMap::from([
            ("amount_minor".to_owned(), Some(minor.to_string())),
            ("currency".to_owned(), Some(currency.to_owned())),
            ("payment_id".to_owned(), Some(intent.clone())),
            ("receipt_email".to_owned(), receipt_email.map(str::to_owned)),
        ]);
        self.oracle.push(Change {
            at: now,
            actor: Actor::Person,
            what: What::Happened,
            record: customer.unwrap_or_default().to_owned(),
            properties: details,
        });
        intent
    }

    /// The dashboard calls the API too, with a key of its own for each write.
    fn person(&mut self, now: Timestamp) -> Caller {
        let (request, key) = (self.new_id("req_"), self.new_id(""));
        Caller { now, actor: Actor::Person, request, key: Some(key) }
    }
}

fn edits(properties: &[(&str, Option<&str>)]) -> Edits {
    let set = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
    let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), set(*value))).collect();
    Edits { properties, clear_metadata: false }
}

fn joined(common: &Value, own: Value) -> Value {
    let parts = [common.clone(), own];
    Value::Object(parts.into_iter().filter_map(|part| part.as_object().cloned()).flatten().collect())
}
