//! All contacts, the values that must be unique among them, and the ids that lead to them.

use std::collections::{BTreeMap, BTreeSet};

use super::contact::Contact;
use super::properties::Definitions;
use super::refusal::{Fault, Refusal};

/// Properties to be written; the empty text clears one.
pub(super) type Wanted = BTreeMap<String, String>;

/// A property and its value, where no two contacts may share it.
type Key = (String, String);

/// The first id; real ones have long outgrown 32 bits.
const FIRST_ID: i64 = 138_017_612_137;
/// A few of the top-level domains that do not exist but are typed or used in tests.
const NO_SUCH_TLD: [&str; 6] = ["con", "invalid", "cmo", "test1", "local", "nope"];

/// The table of contacts. Archived ones stay in it but hold no unique value; merged ones leave only their id behind.
#[derive(Debug)]
pub(super) struct Contacts {
    by_id: BTreeMap<i64, Contact>,
    holders: BTreeMap<Key, i64>,
    /// Ids absorbed by a merge, and where they lead now.
    merged: BTreeMap<i64, i64>,
    next_id: i64,
}

impl Contacts {
    pub(super) fn new() -> Self {
        Self { by_id: BTreeMap::new(), holders: BTreeMap::new(), merged: BTreeMap::new(), next_id: FIRST_ID }
    }

    pub(super) fn mint_id(&mut self) -> i64 {
        self.next_id += 1;
        self.next_id
    }

    /// All that are not archived, by id.
    pub(super) fn live(&self) -> impl Iterator<Item = &Contact> {
        self.by_id.values().filter(|contact| !contact.is_archived())
    }

    /// All that are archived, by id.
    pub(super) fn archived(&self) -> impl Iterator<Item = &Contact> {
        self.by_id.values().filter(|contact| contact.is_archived())
    }

    /// The id that `id` leads to now.
    pub(super) fn resolve(&self, id: i64) -> i64 {
        self.merged.get(&id).copied().unwrap_or(id)
    }

    pub(super) fn get(&self, id: i64) -> Option<&Contact> {
        self.by_id.get(&self.resolve(id))
    }

    /// The contact that holds a unique value; for an email address, as its primary or as a further one.
    pub(super) fn holder(&self, property: &str, value: &str) -> Option<&Contact> {
        self.holders.get(&(property.to_owned(), folded(property, value))).and_then(|id| self.by_id.get(id))
    }

    /// Takes a contact into the table, in place of its former state.
    pub(super) fn put(&mut self, contact: Contact, definitions: &Definitions) {
        self.release(contact.id, definitions);
        if !contact.is_archived() {
            for key in keys(&contact.properties, definitions) {
                self.holders.insert(key, contact.id);
            }
        }
        self.by_id.insert(contact.id, contact);
    }

    /// Removes a contact for good.
    pub(super) fn remove(&mut self, id: i64, definitions: &Definitions) {
        self.release(id, definitions);
        self.by_id.remove(&id);
    }

    /// From now on `from` leads to `into`, and so does whatever led to `from`.
    pub(super) fn redirect(&mut self, from: i64, into: i64) {
        for target in self.merged.values_mut().filter(|target| **target == from) {
            *target = into;
        }
        self.merged.insert(from, into);
    }

    /// Whether contact `id` (`None`: a new one) may be given these properties. `taken` holds the unique values that
    /// other rows of the same call are about to take, and is added to.
    pub(super) fn check(
        &self,
        id: Option<i64>,
        wanted: &Wanted,
        definitions: &Definitions,
        taken: &mut BTreeSet<Key>,
    ) -> Result<(), Refusal> {
        let mut faults = definitions.check(wanted);
        for key in keys(wanted, definitions) {
            let holder = self.holders.get(&key).copied().filter(|holder| Some(*holder) != id);
            let (property, _) = &key;
            match holder {
                Some(holder) if property == "email" => return Err(Refusal::exists(holder)),
                Some(holder) => faults.push(not_unique(id, property, holder)),
                None if taken.contains(&key) => {
                    return Err(Refusal::new(409, "CONFLICT", "Contact already exists"));
                }
                None => {}
            }
            taken.insert(key);
        }
        if faults.is_empty() { Ok(()) } else { Err(Refusal::invalid(faults)) }
    }

    fn release(&mut self, id: i64, definitions: &Definitions) {
        let Some(former) = self.by_id.get(&id) else { return };
        for key in keys(&former.properties, definitions) {
            if self.holders.get(&key) == Some(&id) {
                self.holders.remove(&key);
            }
        }
    }
}

/// The form in which unique values are compared; addresses are stored like that, too.
pub(super) fn folded(property: &str, value: &str) -> String {
    if property == "email" { value.trim().to_lowercase() } else { value.to_owned() }
}

/// Whether HubSpot takes this for an address: something, `@`, a domain with a known ending.
pub(super) fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else { return false };
    let Some((host, tld)) = domain.rsplit_once('.') else { return false };
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "@,;<>\"".contains(c));
    let known = tld.len() >= 2 && tld.chars().all(char::is_alphanumeric) && !NO_SUCH_TLD.contains(&tld);
    plain(name) && plain(host) && !domain.contains("..") && known
}

fn keys(properties: &Wanted, definitions: &Definitions) -> Vec<Key> {
    let mut keys = Vec::new();
    for (name, value) in properties.iter().filter(|(_, value)| !value.is_empty()) {
        if name == "hs_additional_emails" {
            keys.extend(value.split(';').map(|email| ("email".to_owned(), folded("email", email))));
        } else if definitions.is_unique(name) {
            keys.push((name.clone(), folded(name, value)));
        }
    }
    keys
}

fn not_unique(id: Option<i64>, property: &str, holder: i64) -> Fault {
    let object = id.unwrap_or(0);
    let message = format!(
        "Cannot set PropertyValueCoordinates{{objectTypeId=0-1, objectId={object}, propertyName={property}}} on {object}. \
         {holder} already has that value."
    );
    Fault { code: "CONFLICTING_UNIQUE_VALUE", property: property.to_owned(), message }
}
