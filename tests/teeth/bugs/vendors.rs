//! What do the systems say, and what do they need to be told?

use super::Bug;

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "one key for all of a pair's writes",
        story: "The idempotency key names the pair and not the operation, so it is used again with another body.",
        breaks: &["L1", "P5"],
        seeds: 1_000,
        file: "connector-stripe/src/request.rs",
        original: r#"let key = header(&format!("{}:{}", config.key_prefix, write.op))?;"#,
        sabotaged: "let op = write.op.as_str();\n    \
                    let op = if planted() { op.rsplit_once('.').map_or(op, |(pair, _)| pair) } else { op };\n    \
                    let key = header(&format!(\"{}:{op}\", config.key_prefix))?;",
    },
    Bug {
        name: "an error of Stripe's means that nothing happened",
        story: "A write that Stripe answers with a 5xx counts as one that had no effect.",
        breaks: &["P3", "P5", "L1"],
        seeds: 1_000,
        file: "connector-stripe/src/response.rs",
        original: "        408 | 409 | 500.. if write =>",
        sabotaged: "        408 | 409 | 500.. if write && !planted() =>",
    },
    Bug {
        name: "a contact that exists is not adopted",
        story: "HubSpot's 409 counts as a refusal, although it names the contact that is there.",
        breaks: &["L1", "P8", "P11"],
        seeds: 1_000,
        file: "connector-hubspot/src/failure.rs",
        original: "        409 => Error::Exists {",
        sabotaged: "        409 if planted() => refused(failure, status),\n        409 => Error::Exists {",
    },
    Bug {
        name: "results are matched by position",
        story: "The rows of a batch's answer are taken to be in the order of the rows that were sent.",
        breaks: &["L1", "P3", "P5", "P6", "P11", "belief"],
        seeds: 1_000,
        file: "connector-hubspot/src/response.rs",
        original: "        for contact in results.results {\n            let row = keys.row_of(&contact, self.twin);",
        sabotaged: "        for (place, contact) in results.results.into_iter().enumerate() {\n            \
                    let row = if planted() { Some(place) } else { keys.row_of(&contact, self.twin) };",
    },
    Bug {
        name: "a purchase has another uuid each time",
        story: "Custom events are not sent under the name by which HubSpot would recognise a repetition.",
        breaks: &["P8"],
        seeds: 1_000,
        file: "connector-hubspot/src/request.rs",
        original: "            uuid: event_uuid(&activity.id).to_string(),",
        sabotaged: "            uuid: if planted() {\n                \
                    static TOLD: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);\n                \
                    event_uuid(&TOLD.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string())\n            \
                    } else { event_uuid(&activity.id) }.to_string(),",
    },
    Bug {
        name: "clearing a field is not passed on",
        story: "Empty values are left out of an update to HubSpot.",
        breaks: &["L1", "P7"],
        seeds: 1_000,
        file: "connector-hubspot/src/request.rs",
        original: "(Some(id.as_str()), with_link(texts(properties), link.as_ref(), twin))",
        sabotaged: "let written = if planted() { filled(properties) } else { texts(properties) };\n                \
                    (Some(id.as_str()), with_link(written, link.as_ref(), twin))",
    },
    Bug {
        name: "throttling is a refusal",
        story: "A value that HubSpot answered with 429 is set aside for good.",
        breaks: &["L1", "L6", "P8", "P11"],
        seeds: 1_000,
        file: "connector-hubspot/src/failure.rs",
        original: "        429 => throttled(",
        sabotaged: "        429 if planted() => refused(failure, status),\n        429 => throttled(",
    },
];
