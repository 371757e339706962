//! The search language, as far as customers need it.

use std::collections::BTreeMap;

use super::answer::Problem;

/// A parsed query: clauses that must all hold, or of which one must.
#[derive(Debug)]
pub(super) struct Search {
    clauses: Vec<Clause>,
    any: bool,
}

#[derive(Debug)]
struct Clause {
    property: String,
    wanted: String,
    part: bool,
    not: bool,
}

impl Search {
    /// Parses `email:'a@b.c' AND metadata['k']:'v'`: `:` is equal, `~` contains, a leading `-` negates.
    ///
    /// # Errors
    /// The [`Problem`] of a query that is no query.
    pub(super) fn parse(query: &str) -> Result<Self, Problem> {
        let mut clauses = Vec::new();
        let mut joins = Vec::new();
        let mut rest = query.trim();
        loop {
            let (clause, after) = clause(rest).ok_or_else(malformed)?;
            clauses.push(clause);
            rest = after.trim_start();
            if rest.is_empty() {
                break;
            }
            let (join, after) = rest.split_once(' ').ok_or_else(malformed)?;
            joins.push(join.to_ascii_uppercase());
            rest = after.trim_start();
        }
        let any = joins.iter().all(|join| join == "OR") && !joins.is_empty();
        if any || joins.iter().all(|join| join == "AND") {
            Ok(Self { clauses, any })
        } else {
            Err(malformed())
        }
    }

    /// Whether content fits the query. Case does not count.
    pub(super) fn fits(&self, properties: &BTreeMap<String, String>) -> bool {
        let mut results = self.clauses.iter().map(|clause| clause.fits(properties));
        if self.any { results.any(|fits| fits) } else { results.all(|fits| fits) }
    }
}

impl Clause {
    fn fits(&self, properties: &BTreeMap<String, String>) -> bool {
        let value = properties.get(&self.property).map(|value| value.to_lowercase());
        let fits = value.is_some_and(|v| if self.part { v.contains(&self.wanted) } else { v == self.wanted });
        fits != self.not
    }
}

fn clause(text: &str) -> Option<(Clause, &str)> {
    let (not, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (property, rest) = match text.strip_prefix("metadata[") {
        Some(rest) => {
            let (key, rest) = quoted(rest)?;
            (format!("metadata.{key}"), rest.strip_prefix(']')?)
        }
        None => {
            let end = text.find([':', '~'])?;
            let field = &text[..end];
            ["email", "name", "phone"].contains(&field).then(|| (field.to_owned(), &text[end..]))?
        }
    };
    let (part, rest) = rest.strip_prefix('~').map_or((false, rest), |rest| (true, rest));
    let rest = if part { rest } else { rest.strip_prefix(':')? };
    let (wanted, rest) = quoted(rest)?;
    Some((Clause { property, wanted: wanted.to_lowercase(), part, not }, rest))
}

/// Text in single or double quotes, with backslash before a quote; and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut chars = text.char_indices();
    let (_, quote) = chars.next().filter(|(_, c)| ['\'', '"'].contains(c))?;
    let mut value = String::new();
    while let Some((place, c)) = chars.next() {
        match c {
            '\\' => value.push(chars.next()?.1),
            c if c == quote => return Some((value, &text[place + c.len_utf8()..])),
            c => value.push(c),
        }
    }
    None
}

fn malformed() -> Problem {
    Problem::invalid(400, "We were unable to parse your search query.").param("query")
}
