//! How [`Seen`] is read. What serde derives for an enum with its name inside reads everything into memory of its own first,
//! and takes twice the time; pairs are read often.

use serde::Deserialize;

use super::{ByField, Present, RecordId, Seen, Shown, Timestamp, Value};

/// All that may be in a row, whichever case it is.
#[derive(Deserialize)]
pub(super) struct SeenRow {
    seen: Case,
    #[serde(default)]
    looked: bool,
    id: Option<RecordId>,
    at: Option<Timestamp>,
    #[serde(default)]
    fields: ByField<Shown>,
    #[serde(default)]
    doubt: bool,
    #[serde(default)]
    heard: u32,
    linked: Option<RecordId>,
    #[serde(default)]
    also_known_as: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Case {
    Unknown,
    Absent,
    Present,
}

impl TryFrom<SeenRow> for Seen {
    type Error = &'static str;

    fn try_from(row: SeenRow) -> Result<Self, Self::Error> {
        let SeenRow { seen, looked, id, at, fields, doubt, heard, linked, also_known_as } = row;
        let id = id.ok_or("missing field `id`");
        Ok(match seen {
            Case::Unknown => Self::Unknown { looked },
            Case::Absent => Self::Absent { id: id?, at: at.ok_or("missing field `at`")? },
            Case::Present => {
                Self::Present(Box::new(Present { id: id?, fields, doubt, heard, linked, also_known_as }))
            }
        })
    }
}
