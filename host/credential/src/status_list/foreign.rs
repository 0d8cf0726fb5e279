//! Status lists of others, of whatever width, as a Token Status List token that a trusted chain signed.

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{InvalidStatusList, inflate};
use crate::jose::Jws;
use crate::x509::{Anchors, verify_leaf};

const TYP: &str = "statuslist+jwt";
const LEEWAY: Duration = Duration::seconds(60);

/// The statuses of one list of somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignList {
    /// How many bits an entry has: 1, 2, 4 or 8.
    bits: u32,
    /// Index 0 in the least significant bits of the first byte.
    bytes: Vec<u8>,
    /// Until when it may be relied on.
    pub good_until: OffsetDateTime,
}

impl ForeignList {
    /// Whether the entry is there and says `VALID` (0); no other value is as good.
    pub fn is_valid(&self, index: u32) -> bool {
        let per_byte = 8 / self.bits;
        let byte = usize::try_from(index / per_byte).ok().and_then(|at| self.bytes.get(at));
        let mask = u8::try_from((1_u32 << self.bits) - 1).unwrap_or(u8::MAX);
        byte.is_some_and(|byte| (byte >> ((index % per_byte) * self.bits)) & mask == 0)
    }
}

/// Verifies a list that was fetched from `uri`, signed by whom one of `anchors` certifies. It is good for `at_most`.
pub fn verify_foreign(
    token: &str,
    uri: &str,
    anchors: &Anchors,
    now: OffsetDateTime,
    at_most: Duration,
) -> Result<ForeignList, InvalidStatusList> {
    let claim = InvalidStatusList::Claim;
    let jws = Jws::parse(token)?;
    if jws.header().typ() != Some(TYP) {
        return Err(claim("typ"));
    }
    let chain = jws.header().x5c().ok_or(InvalidStatusList::UnknownKey)?;
    let leaf = verify_leaf(&chain, anchors, now).map_err(|_| InvalidStatusList::UnknownKey)?;
    let claims = jws.verify_claims(leaf.public_jwk())?;
    if claims.get("sub").and_then(Value::as_str) != Some(uri) {
        return Err(claim("sub"));
    }
    let seconds = |name| claims.get(name).map(|value| value.as_i64().ok_or(claim(name))).transpose();
    let at = now.unix_timestamp();
    if seconds("iat")?.ok_or(claim("iat"))? > at + LEEWAY.whole_seconds() {
        return Err(claim("iat"));
    }
    let expires = seconds("exp")?;
    if expires.is_some_and(|exp| at >= exp) {
        return Err(InvalidStatusList::Expired);
    }
    let ttl = seconds("ttl")?.unwrap_or(i64::MAX).max(0);
    let left = expires.map_or(i64::MAX, |exp| exp - at).min(ttl).min(at_most.whole_seconds());
    let list = claims.get("status_list").ok_or(claim("status_list"))?;
    let bits = list.get("bits").and_then(Value::as_u64).filter(|bits| [1, 2, 4, 8].contains(bits));
    let bits = bits.and_then(|bits| u32::try_from(bits).ok()).ok_or(claim("bits"))?;
    let lst = list.get("lst").and_then(Value::as_str).ok_or(claim("lst"))?;
    let bytes = inflate(lst).map_err(|_| claim("lst"))?;
    Ok(ForeignList { bits, bytes, good_until: now + Duration::seconds(left) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(bits: u32, bytes: &[u8]) -> ForeignList {
        ForeignList { bits, bytes: bytes.to_vec(), good_until: OffsetDateTime::UNIX_EPOCH }
    }

    #[test]
    fn an_entry_of_any_width_is_read_from_the_least_significant_bit_on() {
        let of_one = list(1, &[0b0000_0010, 0b1000_0000]);
        for index in 0..16 {
            assert_eq!(of_one.is_valid(index), index != 1 && index != 15, "{index}");
        }
        let of_two = list(2, &[0b0001_1100]);
        assert_eq!([0, 1, 2, 3].map(|index| of_two.is_valid(index)), [true, false, false, true]);
        assert_eq!([0, 1].map(|index| list(4, &[0x50]).is_valid(index)), [true, false]);
        assert_eq!([0, 1].map(|index| list(8, &[0, 2]).is_valid(index)), [true, false]);
    }

    #[test]
    fn nothing_beyond_the_list_is_valid() {
        assert!(!list(1, &[0]).is_valid(8) && !list(8, &[]).is_valid(0) && !list(1, &[0]).is_valid(u32::MAX));
    }
}
