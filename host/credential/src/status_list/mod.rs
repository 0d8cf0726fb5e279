//! Token Status List (draft-ietf-oauth-status-list): two bits per credential,
//! compressed, signed, the same for everybody who asks. Out of the same list come those of W3C credentials.

mod bitstring;
mod cwt;
mod foreign;
mod permutation;
mod token;

use std::io::{Read as _, Write as _};

use chancery_domain::CredentialStatus;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::jose::base64url;

pub use bitstring::{Bitstring, Purpose, StatusEntryReference, list_uri, sign_bitstring, verify_bitstring};
pub(crate) use bitstring::{entry, read_entry};
pub use cwt::{CWT, sign_cwt};
pub use foreign::{ForeignList, verify_foreign};
pub use permutation::IndexPermutation;
pub use token::{InvalidStatusList, StatusListToken, sign, verify};

const BITS: u8 = 2;
const ENTRIES_PER_BYTE: u32 = 4;

/// The longest list that is read: four million entries.
const MAX_BYTES: u64 = 1 << 20;

/// The statuses of one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusList {
    /// Index 0 in the least significant bits of the first byte.
    bytes: Vec<u8>,
}

/// The list has no such index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the status list ends before index {0}")]
pub struct BeyondTheList(pub u32);

/// `lst` is not base64url of a ZLIB stream of acceptable length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the compressed status list is malformed")]
pub struct MalformedList;

impl StatusList {
    /// A list of at least `size` entries, all valid: allocated or not, they look alike.
    pub fn valid(size: u32) -> Self {
        Self { bytes: vec![0; byte_of(size.div_ceil(ENTRIES_PER_BYTE))] }
    }

    /// A list of at least `size` entries, all revoked: allocated or not.
    pub fn revoked(size: u32) -> Self {
        let entry = CredentialStatus::Revoked.bits();
        let full = entry | entry << 2 | entry << 4 | entry << 6;
        Self { bytes: vec![full; byte_of(size.div_ceil(ENTRIES_PER_BYTE))] }
    }

    /// Sets the status of one credential.
    pub fn set(&mut self, index: u32, status: CredentialStatus) -> Result<(), BeyondTheList> {
        let (byte, shift) = position(index);
        let entry = self.bytes.get_mut(byte).ok_or(BeyondTheList(index))?;
        *entry = (*entry & !(0b11 << shift)) | (status.bits() << shift);
        Ok(())
    }

    /// The status of one credential; none beyond the list and for values that are not ours.
    pub fn get(&self, index: u32) -> Option<CredentialStatus> {
        let (byte, shift) = position(index);
        CredentialStatus::from_bits((self.bytes.get(byte)? >> shift) & 0b11)
    }

    /// How many entries there are.
    pub fn size(&self) -> u32 {
        u32::try_from(self.bytes.len()).map_or(u32::MAX, |bytes| bytes.saturating_mul(ENTRIES_PER_BYTE))
    }

    /// The entries that are not valid, in order, as far as their values are ours.
    pub fn not_valid(&self) -> impl Iterator<Item = (u32, CredentialStatus)> {
        let entries = (0..).zip(&self.bytes).filter(|(_, byte)| **byte != 0).flat_map(|(place, byte)| {
            (0..ENTRIES_PER_BYTE).map(move |entry| {
                let bits = (byte >> (entry * u32::from(BITS))) & 0b11;
                (place * ENTRIES_PER_BYTE + entry, CredentialStatus::from_bits(bits))
            })
        });
        entries
            .filter_map(|(index, status)| Some((index, status?)))
            .filter(|(_, status)| *status != CredentialStatus::Valid)
    }

    #[cfg(test)]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value of `lst`: ZLIB (RFC 1950), then base64url.
    pub fn to_lst(&self) -> String {
        base64url::encode(deflate(&self.bytes))
    }

    /// Reads `lst` back, with a bound on what it inflates to.
    pub fn from_lst(lst: &str) -> Result<Self, MalformedList> {
        Ok(Self { bytes: inflate(lst)? })
    }
}

fn inflate(lst: &str) -> Result<Vec<u8>, MalformedList> {
    let compressed = base64url::decode(lst).ok_or(MalformedList)?;
    let mut bytes = Vec::new();
    let mut decoder = ZlibDecoder::new(compressed.as_slice()).take(MAX_BYTES + 1);
    decoder.read_to_end(&mut bytes).map_err(|_| MalformedList)?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_BYTES);
    if fits { Ok(bytes) } else { Err(MalformedList) }
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    #[expect(clippy::expect_used, reason = "writing to memory does not fail")]
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("a vector takes every byte")
}

fn position(index: u32) -> (usize, u32) {
    (byte_of(index / ENTRIES_PER_BYTE), (index % ENTRIES_PER_BYTE) * u32::from(BITS))
}

fn byte_of(number: u32) -> usize {
    // Saturates only where pointers have 16 bits.
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_as_it_was_set_and_leaves_its_neighbours_alone() {
        let mut list = StatusList::valid(16);
        list.set(5, CredentialStatus::Revoked).unwrap();
        list.set(6, CredentialStatus::Suspended).unwrap();
        list.set(6, CredentialStatus::Valid).unwrap();
        list.set(7, CredentialStatus::Suspended).unwrap();
        let read = StatusList::from_lst(&list.to_lst()).unwrap();
        for index in 0..16 {
            let expected = match index {
                5 => CredentialStatus::Revoked,
                7 => CredentialStatus::Suspended,
                _ => CredentialStatus::Valid,
            };
            assert_eq!(read.get(index), Some(expected), "index {index}");
        }
    }

    #[test]
    fn what_is_not_valid_is_listed_in_order() {
        let mut list = StatusList::valid(1 << 10);
        let entries = [
            (0, CredentialStatus::Suspended),
            (3, CredentialStatus::Revoked),
            (700, CredentialStatus::Revoked),
            (1023, CredentialStatus::Suspended),
        ];
        for (index, status) in entries {
            list.set(index, status).unwrap();
        }
        assert_eq!((list.not_valid().collect::<Vec<_>>(), list.size()), (entries.to_vec(), 1 << 10));
    }

    #[test]
    fn index_zero_is_the_least_significant() {
        let mut list = StatusList::valid(8);
        list.set(0, CredentialStatus::Revoked).unwrap();
        list.set(3, CredentialStatus::Suspended).unwrap();
        assert_eq!(list.bytes, [0b1000_0001, 0]);
    }

    #[test]
    fn a_list_of_revoked_entries_says_so_of_each() {
        let list = StatusList::revoked(9);
        assert!((0..12).all(|index| list.get(index) == Some(CredentialStatus::Revoked)));
    }

    #[test]
    fn nothing_lies_beyond_the_list() {
        let mut list = StatusList::valid(4);
        assert_eq!(list.set(4, CredentialStatus::Revoked), Err(BeyondTheList(4)));
        assert_eq!(list.get(4), None);
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = base64url::encode(deflate(&vec![0; (1 << 20) + 1]));
        assert_eq!(StatusList::from_lst(&bomb), Err(MalformedList));
        for broken in ["", "AAAA", "e", "eNrb="] {
            assert_eq!(StatusList::from_lst(broken), Err(MalformedList), "{broken}");
        }
    }
}
