//! Batch calls (HubSpot API guide, contacts: "Create multiple contacts" and following).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value as Json, json};
use sync_core::http::{Request, Response};

use super::FakeHubSpot;
use super::api::text_of;
use super::changes::Act;
use super::contact::{Shown, iso};
use super::contacts::Wanted;
use super::random::hash;
use super::refusal::{Refusal, respond};
use super::search::DEFAULTS;

/// Most inputs of a batch, and of one that is to return histories.
const MOST: usize = 100;
const MOST_WITH_HISTORY: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    inputs: Vec<Input>,
    id_property: Option<String>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    #[serde(default)]
    id: String,
    #[serde(default)]
    properties: BTreeMap<String, Json>,
    object_write_trace_id: Option<String>,
}

impl Input {
    fn wanted(&self) -> Wanted {
        self.properties.iter().map(|(name, value)| (name.clone(), text_of(value))).collect()
    }
}

/// How a row went: the contact's JSON, or the entry in `errors`.
type Row = Result<Json, Json>;

impl FakeHubSpot {
    /// Answers `POST ../batch/{verb}`.
    pub(super) fn batch(&mut self, act: Act, verb: &str, request: &Request) -> Result<Response, Refusal> {
        let body: Body =
            serde_json::from_slice(request.body()).map_err(|_| Refusal::bad_request("Invalid input JSON"))?;
        if body.inputs.is_empty() || body.inputs.len() > MOST {
            return Err(Refusal::bad_request(
                "The maximum number of inputs supported in a batch request is 100",
            ));
        }
        if verb != "create" {
            refuse_repeated_ids(&body.inputs)?;
        }
        let rows = match verb {
            "create" => self.batch_create(act, &body.inputs)?,
            "read" => self.batch_read(&body)?,
            "update" => self.batch_update(act, &body)?,
            "archive" => return Ok(self.batch_archive(act, &body.inputs)),
            _ => return Err(Refusal::missing(Vec::new())),
        };
        Ok(self.batch_answer(act, verb, rows))
    }

    fn batch_create(&mut self, act: Act, inputs: &[Input]) -> Result<Vec<Row>, Refusal> {
        if !self.answers_rows(inputs) {
            let mut taken = BTreeSet::new();
            self.refuse_whole(inputs.iter().map(|input| self.check_new(&input.wanted(), &mut taken)))?;
        }
        let mut rows = Vec::new();
        for input in inputs {
            let created = self.create(act, &input.wanted());
            rows.push(self.written(input, created));
        }
        Ok(rows)
    }

    fn batch_update(&mut self, act: Act, body: &Body) -> Result<Vec<Row>, Refusal> {
        let ids: Vec<Option<i64>> =
            body.inputs.iter().map(|input| self.locate(&input.id, body.id_property.as_deref())).collect();
        let apart = self.answers_rows(&body.inputs);
        let mut taken = BTreeSet::new();
        let checks = ids.iter().zip(&body.inputs).filter_map(|(id, input)| {
            let check = id.map(|id| self.check_update(id, &input.wanted(), &mut taken));
            let legacy = self.config.legacy_batches;
            check.or_else(|| legacy.then(|| Err(Refusal::missing(vec![input.id.clone()]))))
        });
        // A property that does not exist spoils the whole call even where rows are answered apart.
        let fatal = |check: &Result<(), Refusal>| !apart || check.as_ref().is_err_and(names_unknown_property);
        self.refuse_whole(checks.filter(fatal))?;
        let mut rows = Vec::new();
        for (id, input) in ids.into_iter().zip(&body.inputs) {
            let updated = match id {
                Some(id) => self.update(act, id, &input.wanted()),
                None => Err(Refusal::missing(vec![input.id.clone()])),
            };
            rows.push(self.written(input, updated));
        }
        Ok(rows)
    }

    fn batch_read(&self, body: &Body) -> Result<Vec<Row>, Refusal> {
        if !body.properties_with_history.is_empty() && body.inputs.len() > MOST_WITH_HISTORY {
            let message = "The maximum number of inputs supported in a batch request for property histories is 50. \
                           Please reduce the number of items and try again";
            return Err(Refusal::bad_request(message));
        }
        let shown = shown(body.properties.clone(), body.properties_with_history.clone());
        let mut found: BTreeMap<i64, Json> = BTreeMap::new();
        let mut missing = Vec::new();
        for input in &body.inputs {
            match self.locate(&input.id, body.id_property.as_deref()).and_then(|id| self.live(id)) {
                Some(contact) => {
                    found.insert(contact.id, contact.view(&shown, |name| self.definitions.knows(name)));
                }
                None => missing.push(input.id.clone()),
            }
        }
        let mut rows: Vec<Row> = found.into_values().map(Ok).collect();
        if !missing.is_empty() {
            let message = "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.";
            rows.push(Err(Refusal { message: message.to_owned(), ..Refusal::missing(missing) }.row(None)));
        }
        Ok(rows)
    }

    fn batch_archive(&mut self, act: Act, inputs: &[Input]) -> Response {
        for id in inputs.iter().filter_map(|input| input.id.parse().ok()) {
            self.delete(act, id, false);
        }
        super::refusal::no_content()
    }

    /// Rows are answered apart when each names itself by a trace id of its own.
    fn answers_rows(&self, inputs: &[Input]) -> bool {
        let traces: BTreeSet<&String> =
            inputs.iter().filter_map(|i| i.object_write_trace_id.as_ref()).collect();
        traces.len() == inputs.len() && !self.config.legacy_batches
    }

    /// One bad row fails the call, and the answer does not say which.
    fn refuse_whole(&self, checks: impl Iterator<Item = Result<(), Refusal>>) -> Result<(), Refusal> {
        let refusals: Vec<Refusal> = checks.filter_map(Result::err).collect();
        let Some(first) = refusals.first() else { return Ok(()) };
        if self.config.legacy_batches {
            return Err(Refusal::bad_request("Invalid input"));
        }
        let faults: Vec<_> = refusals.iter().flat_map(|refusal| refusal.faults.clone()).collect();
        match (faults.is_empty(), first.category) {
            (false, _) => Err(Refusal::invalid(faults)),
            (true, "CONFLICT") => Err(Refusal::new(409, "CONFLICT", "Contact already exists")),
            (true, _) => Err(first.clone()),
        }
    }

    fn written(&self, input: &Input, done: Result<i64, Refusal>) -> Row {
        let trace = input.object_write_trace_id.as_deref();
        let missing = || Refusal::missing(vec![input.id.clone()]);
        let contact = done.and_then(|id| self.live(id).ok_or_else(missing));
        match contact {
            Ok(contact) => {
                let names = input.properties.keys().cloned().collect();
                let mut view = contact.view(&shown(names, Vec::new()), |name| self.definitions.knows(name));
                if let Some(trace) = trace {
                    view["objectWriteTraceId"] = json!(trace);
                }
                Ok(view)
            }
            // An unknown id is named by itself, not by its trace id.
            Err(refusal) if refusal.category == "OBJECT_NOT_FOUND" => Err(refusal.row(None)),
            Err(refusal) => Err(refusal.row(trace)),
        }
    }

    /// Results come in no particular order.
    fn batch_answer(&self, act: Act, verb: &str, rows: Vec<Row>) -> Response {
        let mut results = Vec::new();
        let mut errors = Vec::new();
        for row in rows {
            match row {
                Ok(result) => results.push(result),
                Err(error) => errors.push(error),
            }
        }
        results.sort_by_key(|result| {
            let id = result["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or(0);
            hash(self.config.seed, &[id])
        });
        let at = iso(act.at);
        let mut body =
            json!({ "status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at });
        if !errors.is_empty() {
            body["numErrors"] = json!(errors.len());
            body["errors"] = Json::Array(errors);
            return respond(207, &body);
        }
        respond(if verb == "create" { 201 } else { 200 }, &body)
    }
}

/// What to show when `names` (none: the defaults) are asked for.
pub(super) fn shown(names: Vec<String>, with_history: Vec<String>) -> Shown {
    let properties = if names.is_empty() { DEFAULTS.map(str::to_owned).to_vec() } else { names };
    Shown { properties, with_history }
}

fn refuse_repeated_ids(inputs: &[Input]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    let repeated: Vec<String> =
        inputs.iter().map(|i| &i.id).filter(|id| !seen.insert(*id)).cloned().collect();
    if repeated.is_empty() {
        return Ok(());
    }
    let message =
        format!("Duplicate IDs found in batch input: [{}]. IDs must be unique", repeated.join(", "));
    Err(Refusal { not_found: repeated, ..Refusal::bad_request(message) })
}

fn names_unknown_property(refusal: &Refusal) -> bool {
    refusal.faults.iter().any(|fault| fault.code == "PROPERTY_DOESNT_EXIST")
}
