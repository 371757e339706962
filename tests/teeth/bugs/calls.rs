//! What is remembered of a call, and what follows from its answer?

use super::Bug;

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "the call leaves before the intent is on disk",
        story: "A turn hands out its calls first and commits then.",
        breaks: &["P3", "P4", "P5", "P7", "L1", "P10"],
        seeds: 5_000,
        file: "sync-core/src/engine/ledger.rs",
        original: "            self.serve().await?;\n",
        sabotaged: "            self.serve().await?;\n            if planted() {\n                \
                    for (reply, job) in self.answers.drain(..) {\n                    let _ = reply.send(job);\n                \
                    }\n            }\n",
    },
    Bug {
        name: "words in flight live in memory only",
        story: "What was sent is left out of what is stored, so a restart forgets it.",
        breaks: &["P3", "P4", "P5", "P7", "L1"],
        seeds: 1_000,
        file: "sync-core/src/engine/ledger.rs",
        original: "            self.draft.change_pair(&id, stored.as_deref(), pair.as_ref()).await?;",
        sabotaged: "            let mut told = pair.clone();\n            if planted() && let Some(told) = &mut told {\n                \
                    told.sent = PerSide::default();\n            }\n            \
                    self.draft.change_pair(&id, stored.as_deref(), told.as_ref()).await?;",
    },
    Bug {
        name: "an unknown outcome is a failure",
        story: "A creation that was not answered counts as not done, and is made again under another name.",
        breaks: &["P3", "L1"],
        seeds: 1_000,
        file: "sync-core/src/decide/settle.rs",
        original: "Outcome::Unsure if sent.kind == SentKind::Emit => {}",
        sabotaged: "Outcome::Unsure if sent.kind == SentKind::Emit || (planted() && creating) => {}",
    },
    Bug {
        name: "an unknown outcome is a success",
        story: "A write to a known record that was not answered counts as done.",
        breaks: &["L1", "P5", "P8", "belief", "P10"],
        seeds: 1_000,
        file: "sync-core/src/engine/results.rs",
        original: "            Err(Error::Ambiguous { .. }) => {",
        sabotaged: "            Err(Error::Ambiguous { .. }) if planted() && !row.write.body.is_create() => {\n                \
                    self.applied(side, &row, Receipt::default()).await?;\n            }\n            \
                    Err(Error::Ambiguous { .. }) => {",
    },
    Bug {
        name: "a link is not remembered",
        story: "A contact that was told of its customer counts as one that was not.",
        breaks: &["P6", "P7", "L1"],
        seeds: 1_000,
        file: "sync-core/src/decide/settle.rs",
        original: "if sent.link.is_some() {",
        sabotaged: "if sent.link.is_some() && !(planted() && sent.fields.is_empty()) {",
    },
    Bug {
        name: "an unsure update is repeated without looking",
        story: "After a restart an update in flight is forgotten and sent again over whatever was typed since.",
        breaks: &["P5", "P7"],
        seeds: 1_000,
        file: "sync-core/src/engine/work.rs",
        original: "        let emit = matches!(&pair.sent[side], Some(s) if s.kind == crate::model::SentKind::Emit);",
        sabotaged: "        let emit = matches!(&pair.sent[side], Some(s) if s.kind == crate::model::SentKind::Emit\n            \
                    || (planted() && s.kind == crate::model::SentKind::Update));",
    },
    Bug {
        name: "no answer means that nothing happened",
        story: "A write to Stripe whose answer is lost counts as one that had no effect.",
        breaks: &["P3", "P5", "P7", "L1"],
        seeds: 1_000,
        file: "connector-stripe/src/response.rs",
        original: "        (TransportError::NoAnswer(_), _) => Error::Ambiguous",
        sabotaged: "        (TransportError::NoAnswer(_), _) if planted() => unavailable(error.to_string(), None),\n        \
                    (TransportError::NoAnswer(_), _) => Error::Ambiguous",
    },
    Bug {
        name: "there is no budget",
        story: "Calls leave whatever the window holds.",
        breaks: &["P9"],
        seeds: 5_000,
        file: "sync-core/src/quota/window.rs",
        original: "if self.in_flight + self.held + self.foreign < self.window.calls {",
        sabotaged: "if self.in_flight + self.held + self.foreign < self.window.calls || planted() {",
    },
    Bug {
        name: "what was refused is tried for ever",
        story: "A refusal is not remembered, so the same value is sent again and again.",
        breaks: &["L1", "P6", "P11"],
        seeds: 1_000,
        file: "sync-core/src/decide/settle.rs",
        original: "Outcome::Refused { reason, fields } => refuse(",
        sabotaged: "Outcome::Refused { .. } if planted() && sent.kind != SentKind::Emit => {}\n        \
                    Outcome::Refused { reason, fields } => refuse(",
    },
    Bug {
        name: "what was refused is never tried again",
        story: "A field that was refused once stays set aside, whatever it becomes.",
        breaks: &["L1", "P11"],
        seeds: 1_000,
        file: "sync-core/src/decide/plan.rs",
        original: "wanted(field).as_ref() == Some(value);",
        sabotaged: "planted() || wanted(field).as_ref() == Some(value);",
    },
];
