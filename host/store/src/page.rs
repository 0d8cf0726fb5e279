//! Lists are read a page at a time, the newest first.

use uuid::Uuid;

/// Where a listing goes on: at most `limit` rows, the newest first, all older than `before`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<Id> {
    /// The last id of the page before.
    pub before: Option<Id>,
    /// How many rows.
    pub limit: u16,
}

impl<Id: Copy> Page<Id> {
    /// What every id of the page is less than; no id is the greatest UUID.
    pub(crate) fn older_than(&self, uuid: impl Fn(Id) -> Uuid) -> Uuid {
        self.before.map_or(Uuid::max(), uuid)
    }

    /// One row more than asked for, to know whether there is a next page.
    pub(crate) fn rows_to_read(&self) -> i64 {
        i64::from(self.limit.max(1)) + 1
    }

    pub(crate) fn split<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> Id) -> (Vec<T>, Option<Id>) {
        let limit = usize::from(self.limit.max(1));
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().map(id).filter(|_| more);
        (rows, next)
    }
}
