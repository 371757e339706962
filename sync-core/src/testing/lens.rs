//! The laws of lenses, and values to try them on.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::mapping::Mapping;
use crate::model::{Fields, Properties, Value};

/// Checks the laws of [`FieldMapping`](crate::mapping::FieldMapping) for all lenses of a mapping, on these values. Run
/// it with many: property tests, with [`names`], [`emails`] and [`phones`].
///
/// # Errors
/// The law that is broken, and where; never a value.
pub fn check_mapping(mapping: &Mapping, fields: &Fields, native: &Properties) -> Result<(), String> {
    put_get(mapping, fields, native)?;
    get_put(mapping, native)?;
    create_get(mapping, fields)?;
    let shown = mapping.get(&Properties::new());
    shown.keys().next().map_or(Ok(()), |field| Err(format!("absent properties show a value of {field}")))
}

/// After `put(fields, native)`, `get(native)` gives those fields back, and all others as they were.
fn put_get(mapping: &Mapping, fields: &Fields, native: &Properties) -> Result<(), String> {
    let before = mapping.get(native);
    let after = put(mapping, fields, native);
    let shown = mapping.get(&after);
    for field in mapping.lenses().flat_map(|lens| lens.fields()) {
        match (fields.get(field), before.get(field)) {
            (Some(value), _) if shown.get(field) != Some(value) => {
                return Err(format!("put-get: {field} is not shown as it was put"));
            }
            (None, Some(value)) if shown.get(field) != Some(value) => {
                return Err(format!("put-get: {field} changed without being put"));
            }
            _ => {}
        }
    }
    same_elsewhere(mapping, native, &after)
}

/// `put(get(native), native)` changes nothing.
fn get_put(mapping: &Mapping, native: &Properties) -> Result<(), String> {
    let after = put(mapping, &mapping.get(native), native);
    if &after == native { Ok(()) } else { Err("get-put: putting back what was shown changes it".to_owned()) }
}

/// A created record shows every value it was created with.
fn create_get(mapping: &Mapping, fields: &Fields) -> Result<(), String> {
    let shown = mapping.get(&mapping.create(fields));
    for field in mapping.lenses().flat_map(|lens| lens.fields()) {
        let created = fields.get(field).cloned().flatten();
        if created.is_some() && shown.get(field) != Some(&created) {
            return Err(format!("create-get: {field} is not shown as it was created"));
        }
    }
    Ok(())
}

/// Properties that no lens reads are left alone.
fn same_elsewhere(mapping: &Mapping, before: &Properties, after: &Properties) -> Result<(), String> {
    let mut touched = before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key));
    match touched.find(|key| !mapping.properties().any(|property| property == key.as_str())) {
        Some(property) => Err(format!("a lens wrote {property}, which it does not name")),
        None => Ok(()),
    }
}

fn put(mapping: &Mapping, fields: &Fields, native: &Properties) -> Properties {
    let mut native = native.clone();
    for lens in mapping.lenses() {
        lens.put(fields, &mut native);
    }
    native
}

/// Names as people and companies have them, and as nobody should: many scripts, odd spaces, up to 256 characters.
pub fn names() -> impl Strategy<Value = Value> {
    let word = || select(&NAME_PARTS[..]).prop_map(str::to_owned);
    let spaced = vec((word(), select(&SPACES[..])), 1..5)
        .prop_map(|words| words.into_iter().map(|(word, space)| word + space).collect::<String>());
    let long = (word(), 64..=256_usize)
        .prop_map(|(word, length)| word.chars().chain([' ']).cycle().take(length).collect::<String>());
    non_empty(prop_oneof![
        3 => word(),
        6 => vec(word(), 2..5).prop_map(|words| words.join(" ")),
        3 => spaced,
        1 => long,
        1 => any::<String>(),
    ])
}

/// Email addresses, well-formed or nearly so: mixed case, tags, quotes, scripts other than Latin.
pub fn emails() -> impl Strategy<Value = Value> {
    let local =
        select(&["ada", "Ada.Lovelace", "o'brien", "a+tag", "\"quoted local\"", "jörg", "李", "x"][..]);
    let domain =
        select(&["example.com", "EXAMPLE.com", "mail.example.org", "münchen.example", "localhost", ""][..]);
    let space = select(&["", "", "", " "][..]);
    non_empty((local, domain, space).prop_map(|(local, domain, space)| format!("{local}@{domain}{space}")))
}

/// Telephone numbers as people write them, and texts that are none.
pub fn phones() -> impl Strategy<Value = Value> {
    let prefix = select(&["+1", "+49", "+353 ", "00", "0", "(0)", ""][..]);
    let separator = select(&["", " ", "-", ".", "/", "\u{a0}"][..]);
    let written = (prefix, vec(0..1000_u16, 1..5), separator).prop_map(|(prefix, groups, separator)| {
        let groups: Vec<_> = groups.iter().map(u16::to_string).collect();
        prefix.to_owned() + &groups.join(separator)
    });
    let other = select(&["ext. 12", "call my office", "+١٢٣", "☎ 5550100", "0"][..]).prop_map(str::to_owned);
    non_empty(prop_oneof![5 => written, 1 => other])
}

fn non_empty(texts: impl Strategy<Value = String>) -> impl Strategy<Value = Value> {
    texts.prop_filter_map("empty text is no value", Value::new)
}

const NAME_PARTS: [&str; 28] = [
    "Ada",
    "Mary",
    "Ann",
    "Smith",
    "van",
    "der",
    "O'Neill",
    "Jean-Luc",
    "D’Arcy",
    "Zoë",
    "Zoe\u{308}",
    "Ñandú",
    "ß",
    "李小龙",
    "山田",
    "김민준",
    "محمد",
    "שלום",
    "\u{200f}עדה",
    "Άννα",
    "Ольга",
    "🦀",
    "👩‍👩‍👧",
    "A.",
    "ACME",
    "GmbH",
    "& Co.",
    "54",
];

const SPACES: [&str; 7] = ["", " ", "  ", "\t", "\u{a0}", "\u{3000}", " \u{200b}"];
