//! One native name for two canonical ones, without ever tearing a name apart wrongly.

use super::FieldMapping;
use crate::model::{Field, Fields, Properties, Value};

/// Shows a single `name` property as first and last name.
///
/// One text cannot say where the first name ends, so two further properties keep the halves. They are trusted only
/// while their join equals `name`: whoever edits `name` alone makes them stale. A stale name is split by the old halves:
///
/// 1. a last half that still ends the name stays, and what is before it is the first name;
/// 2. a name that looks like a company's is not split but taken as first name;
/// 3. a first half that still begins the name stays, and what is behind it is the last name;
/// 4. otherwise the last word is guessed to be the last name. A single word is a first name, and so is the whole of a
///    name in Chinese, Japanese or Korean script, where the family name comes first.
///
/// A split leaves out the space around what is new, but `name` itself is rewritten only when a half is to change.
#[derive(Debug, Clone)]
pub struct FullName {
    fields: [Field; 2],
    properties: [String; 3],
}

impl FullName {
    /// `name` shows `first` and `last`; `first_half` and `last_half` are properties that keep the halves.
    pub fn new(
        [first, last]: [Field; 2],
        name: impl Into<String>,
        [first_half, last_half]: [String; 2],
    ) -> Self {
        Self { fields: [first, last], properties: [name.into(), first_half, last_half] }
    }

    fn half(&self, native: &Properties, index: usize) -> Option<Value> {
        native.get(&self.properties[index]).cloned().flatten()
    }
}

impl FieldMapping for FullName {
    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn properties(&self) -> &[String] {
        &self.properties
    }

    fn get(&self, native: &Properties) -> Fields {
        let Some(name) = native.get(&self.properties[0]) else { return Fields::new() };
        let halves = [self.half(native, 1), self.half(native, 2)];
        let [first, last] = match name {
            None => [None, None],
            Some(name) if join(&halves).as_ref() == Some(name) => halves,
            Some(name) => split(name, &halves),
        };
        Fields::from([(self.fields[0].clone(), first), (self.fields[1].clone(), last)])
    }

    fn put(&self, fields: &Fields, native: &mut Properties) {
        let shown = self.get(native);
        let want = |i: usize| fields.get(&self.fields[i]).or_else(|| shown.get(&self.fields[i])).cloned();
        if want(0) == shown.get(&self.fields[0]).cloned() && want(1) == shown.get(&self.fields[1]).cloned() {
            return;
        }
        let halves = [want(0).flatten(), want(1).flatten()];
        native.insert(self.properties[0].clone(), join(&halves));
        let [first, last] = halves;
        native.insert(self.properties[1].clone(), first);
        native.insert(self.properties[2].clone(), last);
    }
}

fn join([first, last]: &[Option<Value>; 2]) -> Option<Value> {
    match (first, last) {
        (Some(first), Some(last)) => Value::new(format!("{} {}", first.as_str(), last.as_str())),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    }
}

/// Splits a name that the old halves no longer spell.
fn split(name: &Value, [old_first, old_last]: &[Option<Value>; 2]) -> [Option<Value>; 2] {
    let text = name.as_str().trim();
    let whole = || [Value::new(text), None];
    if old_first.as_ref().is_some_and(|first| first.as_str() == text) {
        return whole();
    }
    if let Some(last) = old_last
        && let Some(first) = text.strip_suffix(last.as_str())
        && (first.is_empty() || first.ends_with(char::is_whitespace))
    {
        return [Value::new(first.trim_end()), Some(last.clone())];
    }
    if looks_like_company(text) {
        return whole();
    }
    if let Some(first) = old_first
        && let Some(last) = text.strip_prefix(first.as_str())
        && last.starts_with(char::is_whitespace)
    {
        return [Some(first.clone()), Value::new(last.trim_start())];
    }
    match text.rsplit_once(char::is_whitespace) {
        Some((first, last)) if !text.contains(is_east_asian) => {
            [Value::new(first.trim_end()), Value::new(last)]
        }
        _ => whole(),
    }
}

/// Han, kana and hangul.
fn is_east_asian(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..='\u{3ffff}')
}

/// Legal forms and collective words that end a company's name and hardly ever a person's.
const COMPANY_WORDS: [&str; 36] = [
    "ab",
    "ag",
    "as",
    "bv",
    "b.v.",
    "co",
    "co.",
    "company",
    "corp",
    "corp.",
    "corporation",
    "e.v.",
    "enterprises",
    "foundation",
    "gbr",
    "gmbh",
    "group",
    "holding",
    "holdings",
    "inc",
    "inc.",
    "kg",
    "limited",
    "llc",
    "llp",
    "ltd",
    "ltd.",
    "nv",
    "oy",
    "plc",
    "pty",
    "s.a.",
    "sa",
    "sarl",
    "srl",
    "ug",
];

fn looks_like_company(name: &str) -> bool {
    let last = name.rsplit(char::is_whitespace).next().unwrap_or_default().to_lowercase();
    COMPANY_WORDS.contains(&last.as_str()) || name.contains(['&', '@']) || name.contains(char::is_numeric)
}

#[cfg(test)]
mod tests {
    use super::FullName;
    use crate::mapping::FieldMapping;
    use crate::model::entity::{FIRST_NAME, LAST_NAME};
    use crate::model::{Fields, Properties, Value};

    fn lens() -> FullName {
        FullName::new([FIRST_NAME, LAST_NAME], "name", ["first".to_owned(), "last".to_owned()])
    }

    /// Shows `name` with halves written as `first|last`, in the same notation.
    fn shown(name: &str, halves: &str) -> String {
        let (first, last) = halves.split_once('|').unwrap();
        let native = [("name", name), ("first", first), ("last", last)];
        let native: Properties = native.map(|(key, text)| (key.to_owned(), Value::new(text))).into();
        let fields = lens().get(&native);
        let text = |field| fields[&field].as_ref().map_or("", Value::as_str).to_owned();
        format!("{}|{}", text(FIRST_NAME), text(LAST_NAME))
    }

    #[test]
    fn are_halves_trusted_that_spell_the_name() {
        assert_eq!(shown("Mary Ann Smith", "Mary Ann|Smith"), "Mary Ann|Smith");
        assert_eq!(shown("Jan van der Berg", "Jan|van der Berg"), "Jan|van der Berg");
        assert_eq!(shown("ACME GmbH", "ACME|GmbH"), "ACME|GmbH");
        assert_eq!(shown("Smith", "|Smith"), "|Smith");
        assert_eq!(shown("Mary  Smith", "Mary |Smith"), "Mary |Smith");
    }

    #[test]
    fn does_an_edit_of_one_half_leave_the_other_alone() {
        assert_eq!(shown("Mary Ann Jones", "Mary Ann|Smith"), "Mary Ann|Jones");
        assert_eq!(shown("Maria Smith", "Mary Ann|Smith"), "Maria|Smith");
        assert_eq!(shown("Jan van den Heuvel", "Jan|van der Berg"), "Jan|van den Heuvel");
        assert_eq!(shown("Mary Ann Smith", "Mary|Smith"), "Mary Ann|Smith");
        assert_eq!(shown("Mary", "Mary|Smith"), "Mary|");
        assert_eq!(shown("Smith", "Mary|Smith"), "|Smith");
        assert_eq!(shown("James", "James|James"), "James|");
        assert_eq!(shown("Prince Nelson", "Prince|"), "Prince|Nelson");
        assert_eq!(shown("Maria Sa", "Mary|Sa"), "Maria|Sa");
        assert_eq!(shown("Marylou Goldsmith", "Mary|smith"), "Marylou|Goldsmith", "halves are whole words");
    }

    #[test]
    fn is_the_last_word_guessed_when_nothing_is_known() {
        assert_eq!(shown("Mary Ann Smith", "|"), "Mary Ann|Smith");
        assert_eq!(shown("Jane Doe", "Mary|Smith"), "Jane|Doe");
        assert_eq!(shown("  Mary   Smith\u{a0}", "|"), "Mary|Smith");
        assert_eq!(shown("Seán Ó Briain", "|"), "Seán Ó|Briain");
        assert_eq!(shown("   ", "|"), "|");
    }

    #[test]
    fn are_single_names_and_companies_not_torn() {
        for name in [
            "Prince",
            "李小龙",
            "山田 太郎",
            "김\u{3000}민준",
            "ACME GmbH",
            "Smith & Sons",
            "Wane Enterprises",
            "Studio 54 Berlin",
            "Example Pty",
            "Miller Ltd.",
        ] {
            assert_eq!(shown(name, "|"), format!("{name}|"));
            assert_eq!(shown(name, "Mary|Jones"), format!("{name}|"));
        }
        assert_eq!(shown("ACME GmbH", "ACME|"), "ACME GmbH|");
        assert_eq!(shown("Anna Meyer GmbH", "Anna|Meyer"), "Anna Meyer GmbH|");
    }

    #[test]
    fn does_a_change_of_one_field_write_all_three_properties_that_belong_together() {
        let mut native: Properties =
            [("name", "Mary Ann Smith")].map(|(key, text)| (key.to_owned(), Value::new(text))).into();
        lens().put(&Fields::from([(LAST_NAME, Value::new("Jones"))]), &mut native);
        let expected = [("name", "Mary Ann Jones"), ("first", "Mary Ann"), ("last", "Jones")];
        assert_eq!(native, expected.map(|(key, text)| (key.to_owned(), Value::new(text))).into());
        lens().put(&Fields::from([(FIRST_NAME, None), (LAST_NAME, None)]), &mut native);
        assert!(native.values().all(Option::is_none));
    }

    #[test]
    fn does_an_unknown_name_show_nothing() {
        assert_eq!(lens().get(&Properties::new()), Fields::new());
    }
}
