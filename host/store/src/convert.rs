//! From what a column may hold to what we ever write there.

use time::OffsetDateTime;

use crate::StoreError;

/// A digest.
pub(crate) fn digest(
    bytes: &[u8],
    table: &'static str,
    column: &'static str,
) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::corrupt(table, column))
}

/// A count or a number, which PostgreSQL keeps signed.
pub(crate) fn unsigned(number: i32, table: &'static str, column: &'static str) -> Result<u32, StoreError> {
    number.try_into().map_err(|_| StoreError::corrupt(table, column))
}

/// The number of a status list, which PostgreSQL keeps signed.
pub(crate) fn list_number(number: i64, table: &'static str) -> Result<u64, StoreError> {
    number.try_into().map_err(|_| StoreError::corrupt(table, "list"))
}

/// The same, as PostgreSQL keeps it.
pub(crate) fn signed_list(number: u64, table: &'static str) -> Result<i64, StoreError> {
    number.try_into().map_err(|_| StoreError::corrupt(table, "list"))
}

/// The other way round.
pub(crate) fn signed(number: u32, table: &'static str, column: &'static str) -> Result<i32, StoreError> {
    number.try_into().map_err(|_| StoreError::corrupt(table, column))
}

/// The hour in which the instant lies, or which it begins. Nothing finer is kept of an issuance.
pub(crate) fn hour_of(at: OffsetDateTime) -> OffsetDateTime {
    let seconds = at.unix_timestamp().div_euclid(3600) * 3600;
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(at)
}

/// The first full hour that is not before the instant.
pub(crate) fn hour_after(at: OffsetDateTime) -> OffsetDateTime {
    hour_of(at + time::Duration::HOUR - time::Duration::NANOSECOND)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn hours_enclose_an_instant() {
        let at = datetime!(2026-03-01 10:59:59.5 UTC);
        assert_eq!(hour_of(at), datetime!(2026-03-01 10:00 UTC));
        assert_eq!(hour_after(at), datetime!(2026-03-01 11:00 UTC));
        let full = datetime!(2026-03-01 10:00 UTC);
        assert_eq!((hour_of(full), hour_after(full)), (full, full));
    }
}
