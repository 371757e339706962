//! Lists: newest first, with cursors.

use serde_json::{Value, json};

use super::answer::{Outcome, Problem};
use super::params::{self, Params};

/// Something a list holds.
pub(super) trait Listed {
    /// What the list is of, in words.
    const WHAT: &'static str;
    fn id(&self) -> &str;
    /// Unix seconds.
    fn created(&self) -> i64;
}

/// The page of `items` (oldest first) that `params` ask for, of those that `fits` lets through.
///
/// # Errors
/// The [`Problem`] of an unusable limit or cursor.
pub(super) fn page<T: Listed>(
    items: &[T],
    params: &Params,
    fits: impl Fn(&T) -> bool,
    show: impl Fn(&T) -> Value,
    url: &str,
) -> Outcome {
    let limit = limit(params)?;
    let place = |cursor: &str| match params::get(params, cursor) {
        Some(id) => match items.iter().position(|item| item.id() == id) {
            Some(place) => Ok(Some(place)),
            None => Err(Problem::no_such(T::WHAT, id, cursor)),
        },
        None => Ok(None),
    };
    let (after, before) = (place("starting_after")?, place("ending_before")?);
    let times = created_bounds(params)?;
    let fits = |item: &&T| times.contain(item.created()) && fits(item);
    let mut found: Vec<&T> = match before {
        Some(before) => items[before + 1..].iter().filter(fits).take(limit + 1).collect(),
        None => items[..after.unwrap_or(items.len())].iter().rev().filter(fits).take(limit + 1).collect(),
    };
    let has_more = found.len() > limit;
    found.truncate(limit);
    if before.is_some() {
        found.reverse();
    }
    let data: Vec<Value> = found.into_iter().map(show).collect();
    Ok(json!({ "object": "list", "data": data, "has_more": has_more, "url": url }))
}

/// `limit`, 1 to 100, 10 if not given.
///
/// # Errors
/// The [`Problem`] of anything else.
pub(super) fn limit(params: &Params) -> Result<usize, Problem> {
    let Some(text) = params::get(params, "limit") else { return Ok(10) };
    match text.parse::<usize>() {
        Ok(limit @ 1..=100) => Ok(limit),
        Ok(_) => Err(Problem::invalid(400, "This value must be between 1 and 100.").param("limit")),
        Err(_) => Err(not_a_number("limit")),
    }
}

struct Bounds {
    first: i64,
    last: i64,
}

impl Bounds {
    fn contain(&self, second: i64) -> bool {
        (self.first..=self.last).contains(&second)
    }
}

fn created_bounds(params: &Params) -> Result<Bounds, Problem> {
    let mut bounds = Bounds { first: i64::MIN, last: i64::MAX };
    for (name, value) in params.iter().filter(|(name, _)| name.starts_with("created")) {
        let second: i64 = value.parse().map_err(|_| not_a_number(name))?;
        match name.as_str() {
            "created[gte]" => bounds.first = second,
            "created[gt]" => bounds.first = second.saturating_add(1),
            "created[lte]" => bounds.last = second,
            "created[lt]" => bounds.last = second.saturating_sub(1),
            _ => bounds = Bounds { first: second, last: second },
        }
    }
    Ok(bounds)
}

fn not_a_number(param: &str) -> Problem {
    Problem::invalid(400, "Invalid integer").code("parameter_invalid_integer").param(param)
}
