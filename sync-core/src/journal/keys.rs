//! The keys of the journal's rows.

use bytes::{BufMut, Bytes, BytesMut};

use crate::model::{Class, Due, PairId, RecordId, Side, Timestamp};
use crate::store::StoreError;

/// A way to find a pair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexKey(pub(super) String);

impl IndexKey {
    /// By record id.
    #[must_use]
    pub fn record(side: Side, id: &RecordId) -> Self {
        Self(["i/", side.as_str(), "/", id.as_str()].concat())
    }

    /// No record of a side comes before this.
    pub(crate) fn first(side: Side) -> Self {
        Self::record(side, &RecordId::new(""))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// By the comparable form of the match value.
    #[must_use]
    pub fn matching(key: &str) -> Self {
        Self(format!("m/{key}"))
    }
}

pub(super) fn survivor_key(absorbed: &PairId) -> String {
    format!("s/{absorbed}")
}

pub(super) fn tombstone_key(side: Side, id: &RecordId) -> String {
    format!("g/{side}/{id}")
}

/// Keys sort by pair as the pairs themselves do.
pub(super) fn pending_key(pair: &PairId, activity: &str) -> String {
    format!("p/{pair}\0{activity}")
}

/// Keys sort by side, then by order of service.
pub(super) fn due_key(due: &Due, pair: &PairId) -> Bytes {
    let mut key = BytesMut::with_capacity(10 + pair.as_str().len());
    key.put_u8(side_byte(due.side));
    key.put_u8(due.class as u8);
    key.put_i64(due.since.as_millis());
    key.put_slice(pair.as_str().as_bytes());
    key.freeze()
}

pub(super) const fn side_byte(side: Side) -> u8 {
    match side {
        Side::Left => b'l',
        Side::Right => b'r',
    }
}

pub(super) fn parse_due(key: &[u8]) -> Result<(Due, PairId), StoreError> {
    let damaged = || StoreError::Damaged("unreadable key in the due table".to_owned());
    let (head, pair) = key.split_at_checked(10).ok_or_else(damaged)?;
    let side = if head[0] == b'l' { Side::Left } else { Side::Right };
    let class = match head[1] {
        0 => Class::Edit,
        1 => Class::New,
        2 => Class::Import,
        _ => Class::Sweep,
    };
    let since = <[u8; 8]>::try_from(&head[2..]).map_err(|_| damaged())?;
    let since = Timestamp::from_millis(i64::from_be_bytes(since));
    let pair = std::str::from_utf8(pair).map_err(|_| damaged())?;
    Ok((Due { side, class, since }, PairId::new(pair)))
}

/// Keys sort by number.
pub(super) fn sequence_key(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

pub(super) fn sequence(key: &[u8]) -> Result<u64, StoreError> {
    let bytes = <[u8; 8]>::try_from(key)
        .map_err(|_| StoreError::Damaged("unreadable key in the inbox".to_owned()))?;
    Ok(u64::from_be_bytes(bytes))
}
