//! Bitstring Status List 1.0 (W3C): one bit per credential and purpose, out of the same list.

use std::io::{Read as _, Write as _};

use chancery_domain::CredentialStatus;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::{ENTRIES_PER_BYTE, MAX_BYTES, StatusList, StatusListToken};
use crate::jose::{self, Header, Jwk, Jws, base64url};
use crate::keys::SignError;
use crate::w3c::{Issuer, Model};

/// `BitstringStatusListEntry`
const ENTRY: &str = "BitstringStatusListEntry";
const TYP: &str = "vc+jwt";
/// Herd privacy: no list is shorter (§3.1).
pub(super) const FEWEST_ENTRIES: usize = 131_072;

/// What a set bit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// It is over for good.
    Revocation,
    /// It does not count for now.
    Suspension,
}

impl Purpose {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Revocation, Self::Suspension];

    /// `statusPurpose`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revocation => "revocation",
            Self::Suspension => "suspension",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == word)
    }

    fn is_set(self, status: CredentialStatus) -> bool {
        match self {
            Self::Revocation => status == CredentialStatus::Revoked,
            Self::Suspension => status == CredentialStatus::Suspended,
        }
    }
}

/// Where the list of one purpose is published, beside the token of the same list.
pub fn list_uri(status_list_uri: &str, purpose: Purpose) -> String {
    format!("{status_list_uri}/{}", purpose.as_str())
}

/// The entry in a credential (§2.1).
pub(crate) fn entry(status_list_uri: &str, purpose: Purpose, index: u32) -> Value {
    json!({
        "type": ENTRY,
        "statusPurpose": purpose.as_str(),
        "statusListIndex": index.to_string(),
        "statusListCredential": list_uri(status_list_uri, purpose),
    })
}

/// Where the status of a credential is published, for one purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusEntryReference {
    /// `statusListCredential`.
    pub uri: String,
    /// `statusListIndex`.
    pub index: u32,
}

/// Reads an entry; it is a string of digits.
pub(crate) fn read_entry(entry: &Value) -> Option<(Purpose, StatusEntryReference)> {
    let text = |name: &str| entry.get(name)?.as_str();
    if text("type")? != ENTRY {
        return None;
    }
    let index = text("statusListIndex")?.parse().ok()?;
    let uri = text("statusListCredential")?.to_owned();
    Some((Purpose::parse(text("statusPurpose")?)?, StatusEntryReference { uri, index }))
}

/// One bit per credential, the first of them the left-most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitstring(Vec<u8>);

impl Bitstring {
    /// The bits of a list, for one purpose.
    pub fn of(list: &StatusList, purpose: Purpose) -> Self {
        let entries = list.bytes.len() * 4;
        let mut bytes = vec![0; entries.max(FEWEST_ENTRIES).div_ceil(8)];
        for (place, packed) in list.bytes.iter().enumerate().filter(|(_, packed)| **packed != 0) {
            for within in 0..ENTRIES_PER_BYTE {
                let status = CredentialStatus::from_bits((packed >> (within * 2)) & 0b11);
                let index = place * 4 + usize::try_from(within).unwrap_or(0);
                if status.is_some_and(|status| purpose.is_set(status))
                    && let Some(byte) = bytes.get_mut(index / 8)
                {
                    *byte |= 0x80 >> (index % 8);
                }
            }
        }
        Self(bytes)
    }

    /// Whether the bit of one credential is set; none beyond the list.
    pub fn get(&self, index: u32) -> Option<bool> {
        let index = usize::try_from(index).ok()?;
        Some(self.0.get(index / 8)? & (0x80 >> (index % 8)) != 0)
    }

    /// `encodedList`: GZIP, then multibase base64url.
    fn encoded(&self) -> String {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // A Vec takes everything.
        let _ = encoder.write_all(&self.0);
        format!("u{}", base64url::encode(encoder.finish().unwrap_or_default()))
    }

    fn decode(text: &str) -> Option<Self> {
        let compressed = base64url::decode(text.strip_prefix('u')?)?;
        let mut bytes = Vec::new();
        GzDecoder::new(compressed.as_slice()).take(MAX_BYTES + 1).read_to_end(&mut bytes).ok()?;
        (u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_BYTES)
            && bytes.len() * 8 >= FEWEST_ENTRIES)
            .then_some(Self(bytes))
    }
}

/// Signs the list credential of one purpose; `statement` is that of the token of the same list.
pub async fn sign_bitstring(
    list: &StatusList,
    purpose: Purpose,
    statement: &StatusListToken<'_>,
    issuer: Issuer<'_>,
) -> Result<String, SignError> {
    let uri = list_uri(statement.uri, purpose);
    let mut vc = Map::new();
    vc.insert("@context".into(), json!([Model::VcJwt.base_context()]));
    vc.insert("id".into(), uri.as_str().into());
    vc.insert("type".into(), json!(["VerifiableCredential", "BitstringStatusListCredential"]));
    vc.insert("issuer".into(), issuer.name().into());
    vc.insert("validFrom".into(), crate::w3c::date_time(statement.issued_at));
    vc.insert("validUntil".into(), crate::w3c::date_time(statement.expires_at));
    let subject = json!({
        "id": format!("{uri}#list"),
        "type": "BitstringStatusList",
        "statusPurpose": purpose.as_str(),
        "encodedList": Bitstring::of(list, purpose).encoded(),
        // Milliseconds, here (§2.2).
        "ttl": u64::from(statement.ttl_seconds) * 1000,
    });
    vc.insert("credentialSubject".into(), subject);
    let mut header = issuer.header()?;
    header.insert("cty".into(), "vc".into());
    jose::sign(TYP, header, &vc, issuer.signer).await
}

/// Verifies a list credential that was fetched from `uri`: its bits, and who signed it. `None` if anything is wrong.
pub fn verify_bitstring(
    token: &str,
    uri: &str,
    purpose: Purpose,
    keys: &dyn Fn(&Header) -> Option<Jwk>,
    now: OffsetDateTime,
) -> Option<(String, Bitstring)> {
    let jws = Jws::parse(token).ok()?;
    if jws.header().typ() != Some(TYP) {
        return None;
    }
    let key = keys(jws.header())?;
    let vc = jws.verify_claims(&key).ok()?;
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let subject = vc.get("credentialSubject")?;
    let until = vc.get("validUntil")?.as_str()?;
    let until = OffsetDateTime::parse(until, &time::format_description::well_known::Rfc3339).ok()?;
    let is_it = vc.get("id").and_then(Value::as_str) == Some(uri)
        && text(subject, "statusPurpose").as_deref() == Some(purpose.as_str())
        && text(subject, "type").as_deref() == Some("BitstringStatusList")
        && now < until;
    let bits = Bitstring::decode(&text(subject, "encodedList")?)?;
    is_it.then_some((vc.get("issuer")?.as_str()?.to_owned(), bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_zero_is_the_left_most_and_each_purpose_has_its_own_bits() {
        let mut list = StatusList::valid(1 << 20);
        list.set(0, CredentialStatus::Revoked).unwrap();
        list.set(9, CredentialStatus::Suspended).unwrap();
        list.set((1 << 20) - 1, CredentialStatus::Revoked).unwrap();
        let of = |purpose| Bitstring::of(&list, purpose);
        let (revoked, suspended) = (of(Purpose::Revocation), of(Purpose::Suspension));
        assert_eq!((revoked.0[0], revoked.0[1], *revoked.0.last().unwrap()), (0x80, 0, 1));
        assert_eq!((suspended.0[0], suspended.0[1]), (0, 0x40));
        for (index, expected) in [(0, (true, false)), (9, (false, true)), (10, (false, false))] {
            assert_eq!((revoked.get(index), suspended.get(index)), (Some(expected.0), Some(expected.1)));
        }
        assert_eq!(revoked.get(1 << 20), None);
        assert_eq!(Bitstring::decode(&revoked.encoded()), Some(revoked));
    }

    #[test]
    fn a_short_list_is_filled_up_and_a_bomb_is_refused() {
        let short = Bitstring::of(&StatusList::valid(8), Purpose::Revocation);
        assert_eq!(short.0.len(), 16 * 1024);
        let bomb = Bitstring(vec![0; (1 << 20) + 1]).encoded();
        assert_eq!(Bitstring::decode(&bomb), None);
        let few = Bitstring(vec![0; 8]).encoded();
        for wrong in ["", "u", "uAAAA", &few, &short.encoded()[1..]] {
            assert_eq!(Bitstring::decode(wrong), None);
        }
    }
}
