//! The kind of thing being synchronised, and when two of its values count as the same.

use crate::model::{Field, Fields, Value};

/// A person's email address; also how the same person is recognised in two systems.
pub const EMAIL: Field = Field::named("email");
/// A person's given name or names.
pub const FIRST_NAME: Field = Field::named("first_name");
/// A person's family name.
pub const LAST_NAME: Field = Field::named("last_name");
/// A person's telephone number.
pub const PHONE: Field = Field::named("phone");

/// When two values of a field mean the same. Comparison never rewrites: a value is passed on as it was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Character by character.
    Exact,
    /// Ignoring letter case and surrounding space, as email addresses are compared.
    CaseFolded,
    /// By digits only, keeping a leading `+`, as telephone numbers are compared.
    Phone,
}

impl Compare {
    /// The form in which two equal values are identical.
    #[must_use]
    pub fn key(self, value: &Value) -> String {
        let text = value.as_str().trim();
        match self {
            Self::Exact => value.as_str().to_owned(),
            Self::CaseFolded => text.to_lowercase(),
            Self::Phone => phone_key(text),
        }
    }

    /// Whether two optional values mean the same; empty equals only empty.
    #[must_use]
    pub fn same(self, a: Option<&Value>, b: Option<&Value>) -> bool {
        match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) => a == b || self.key(a) == self.key(b),
            _ => false,
        }
    }
}

/// `+` and digits when the text is a number as people write them (`+1 (555) 010-0100`, `00` for `+`); otherwise the text.
fn phone_key(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_number =
        !digits.is_empty() && text.chars().all(|c| c.is_ascii_digit() || " +-./()\u{a0}".contains(c));
    if !is_number {
        return text.to_owned();
    }
    match (text.starts_with('+'), digits.strip_prefix("00")) {
        (true, _) => format!("+{digits}"),
        (false, Some(rest)) => format!("+{rest}"),
        (false, None) => digits,
    }
}

/// One field of an entity.
#[derive(Debug, Clone)]
struct Rule {
    field: Field,
    compare: Compare,
}

/// The kind of record two systems share: its fields, how each is compared, and how one is recognised.
#[derive(Debug, Clone)]
pub struct Entity {
    name: &'static str,
    rules: Vec<Rule>,
    match_field: Option<Field>,
    naming: Vec<Field>,
    one_text: Vec<Field>,
}

impl Entity {
    /// An entity without fields; add them with [`Entity::field`].
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, rules: Vec::new(), match_field: None, naming: Vec::new(), one_text: Vec::new() }
    }

    /// The ready-made person: email (by which people are matched), first name, last name, phone.
    #[must_use]
    pub fn person() -> Self {
        Self::new("person")
            .field(EMAIL, Compare::CaseFolded)
            .field(FIRST_NAME, Compare::Exact)
            .field(LAST_NAME, Compare::Exact)
            .field(PHONE, Compare::Phone)
            .match_by(EMAIL)
            .needs_one_of([EMAIL, FIRST_NAME, LAST_NAME])
            .one_text([FIRST_NAME, LAST_NAME])
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, field: Field, compare: Compare) -> Self {
        self.rules.push(Rule { field, compare });
        self
    }

    /// Two records of different systems with the same value here are taken to be the same thing.
    #[must_use]
    pub fn match_by(mut self, field: Field) -> Self {
        self.match_field = Some(field);
        self
    }

    /// A record is worth creating elsewhere only when at least one of these fields has a value.
    #[must_use]
    pub fn needs_one_of(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.naming = fields.into_iter().collect();
        self
    }

    /// Some systems keep these fields as one text. When two records that show the same text meet for the first time, its
    /// parts come from the one that tells them apart.
    #[must_use]
    pub fn one_text(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.one_text = fields.into_iter().collect();
        self
    }

    /// The fields that are one text together with `field`, itself included; none if it stands alone.
    #[must_use]
    pub fn text_of(&self, field: &Field) -> &[Field] {
        if self.one_text.contains(field) { &self.one_text } else { &[] }
    }

    /// What the entity is called in logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its fields, in the order they were added.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.rules.iter().map(|r| &r.field)
    }

    /// The field by which records are matched, if any.
    #[must_use]
    pub fn match_field(&self) -> Option<&Field> {
        self.match_field.as_ref()
    }

    /// How `field` is compared; exactly when the entity does not know it.
    #[must_use]
    pub fn compare(&self, field: &Field) -> Compare {
        self.rules.iter().find(|r| &r.field == field).map_or(Compare::Exact, |r| r.compare)
    }

    /// Whether two values of `field` mean the same.
    #[must_use]
    pub fn same(&self, field: &Field, a: Option<&Value>, b: Option<&Value>) -> bool {
        self.compare(field).same(a, b)
    }

    /// The comparable form of the match field's value, if it has one.
    #[must_use]
    pub fn match_key(&self, fields: &Fields) -> Option<String> {
        let field = self.match_field.as_ref()?;
        fields.get(field)?.as_ref().map(|v| self.compare(field).key(v))
    }

    /// Whether there is enough to create a record from.
    #[must_use]
    pub fn is_nameable(&self, fields: &Fields) -> bool {
        self.naming.is_empty() || self.naming.iter().any(|f| matches!(fields.get(f), Some(Some(_))))
    }
}
