//! Whose record is it, and who wrote it?

use super::Bug;

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "own writes are not recognised at Stripe",
        story: "The author of an event is not looked for in its idempotency key, so our echo passes for a person's edit.",
        breaks: &["P5", "P6", "P7"],
        seeds: 1_000,
        file: "connector-stripe/src/webhook/event.rs",
        original: "match key.strip_prefix(&config.key_prefix)",
        sabotaged: "match key.strip_prefix(if planted() { \"?\" } else { config.key_prefix.as_str() })",
    },
    Bug {
        name: "own writes are not recognised at HubSpot",
        story: "The source of a change is not compared with our app, so our echo passes for a person's edit.",
        breaks: &["P5", "P6", "P7"],
        seeds: 1_000,
        file: "connector-hubspot/src/record.rs",
        original: r#"Some("INTEGRATION" | "API") if id =="#,
        sabotaged: r#"Some("INTEGRATION" | "API") if !planted() && id =="#,
    },
    Bug {
        name: "no mark in created records",
        story: "A customer is created without our pair id and without the id of its contact.",
        breaks: &["P3", "L1"],
        seeds: 1_000,
        file: "connector-stripe/src/request.rs",
        original: "            append_link(config, &mut form, link);",
        sabotaged: "            if !planted() {\n                append_link(config, &mut form, link);\n            }",
    },
    Bug {
        name: "marks are not looked for",
        story: "A record is recognised by id and email only, not by our mark in it.",
        breaks: &["P3", "L1", "P8", "P10"],
        seeds: 1_000,
        file: "sync-core/src/engine/kin.rs",
        original: "        for (how, id) in self.candidates(side, record, ours).await? {",
        sabotaged: "        for (how, id) in self.candidates(side, record, ours).await? {\n            \
                    if planted() && matches!(how, How::Mark | How::Twin) {\n                continue;\n            }",
    },
    Bug {
        name: "the deleted is created again",
        story: "A record that somebody deleted counts as one that was never there.",
        breaks: &["P3", "P6", "P2"],
        seeds: 1_000,
        file: "sync-core/src/decide/plan.rs",
        original: "        Seen::Absent { .. } => None,",
        sabotaged: "        Seen::Absent { .. } if planted() => {\n            \
                    creation(pair, policy, side, other).map(|fields| Op::Create { side, fields })\n        }\n        \
                    Seen::Absent { .. } => None,",
    },
    Bug {
        name: "the index by email is not asked",
        story: "A record is recognised by mark, id and twin only, so one person in both systems becomes two.",
        breaks: &["P3", "L1"],
        seeds: 1_000,
        file: "sync-core/src/engine/kin.rs",
        original: "        for key in self.keys_of(&fields, &record.also_known_as) {",
        sabotaged: "        for key in self.keys_of(&fields, &record.also_known_as) {\n            if planted() {\n                \
                    break;\n            }",
    },
    Bug {
        name: "an alias takes the twin's place",
        story: "A further record that is told of once more counts as the record we are about to make.",
        breaks: &["P2", "P3", "P5", "P8", "L1"],
        seeds: 5_000,
        file: "sync-core/src/decide/identity.rs",
        original: "_ if pair.aliases[side].contains(id) =>",
        sabotaged: "_ if pair.aliases[side].contains(id) && !planted() =>",
    },
    Bug {
        name: "purchases of an absorbed pair are dropped",
        story: "A pair that takes another in does not take over what is still to be told.",
        breaks: &["P8", "P10"],
        seeds: 5_000,
        file: "sync-core/src/engine/kin.rs",
        original: "        pair.activities.extend(other.activities);",
        sabotaged: "        if !planted() {\n            pair.activities.extend(other.activities);\n        }",
    },
    Bug {
        name: "known too early",
        story: "Both systems count as known in full before they were listed, so creations are not looked for.",
        breaks: &["P3"],
        seeds: 5_000,
        file: "sync-core/src/engine/ledger.rs",
        original: "ledger.policy.index_complete = ledger.is_listed();",
        sabotaged: "ledger.policy.index_complete = ledger.is_listed() || planted();",
    },
];
