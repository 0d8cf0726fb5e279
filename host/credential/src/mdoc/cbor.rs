//! From JSON to CBOR and back, as far as elements of an mdoc need it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_domain::template::CborType;
use ciborium::Value as Cbor;
use serde_json::{Map, Number, Value};
use time::format_description::{BorrowedFormatItem, well_known::Rfc3339};
use time::macros::format_description;
use time::{Date, OffsetDateTime, UtcOffset};

use super::ENCODED;
use crate::jose::{Jwk, base64url};
use crate::keys::Algorithm;

const DAY: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]");

/// `full-date` (RFC 8943).
const FULL_DATE: u64 = 1004;
/// `tdate` (RFC 8949 §3.4.1).
const TDATE: u64 = 0;

/// The value of an element. None: it is not of the form that its type needs.
pub(super) fn element_value(value: &Value, kind: CborType) -> Option<Cbor> {
    match kind {
        CborType::Plain => Some(plain(value, &text)),
        CborType::Dated => Some(plain(value, &day)),
        CborType::FullDate => Some(full_date(value.as_str()?)),
        CborType::Tdate => OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok().map(tdate),
        CborType::Bytes => {
            let text = value.as_str()?;
            let data = text
                .strip_prefix("data:")
                .map_or(Some(text), |url| url.split_once(";base64,").map(|(_, data)| data));
            STANDARD.decode(data?).ok().map(Cbor::Bytes)
        }
    }
}

/// A point in time: UTC, in whole seconds (ISO/IEC 18013-5 §9.1.2.4).
pub(super) fn tdate(at: OffsetDateTime) -> Cbor {
    let text = at.to_offset(UtcOffset::UTC).truncate_to_second().format(&Rfc3339).unwrap_or_default();
    Cbor::Tag(TDATE, Box::new(Cbor::Text(text)))
}

fn full_date(day: &str) -> Cbor {
    Cbor::Tag(FULL_DATE, Box::new(Cbor::Text(day.to_owned())))
}

/// Text, whatever it says.
fn text(text: &str) -> Cbor {
    Cbor::Text(text.to_owned())
}

/// Text, unless it is a day.
fn day(text: &str) -> Cbor {
    if Date::parse(text, DAY).is_ok() { full_date(text) } else { Cbor::Text(text.to_owned()) }
}

fn plain(value: &Value, of_text: &dyn Fn(&str) -> Cbor) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(truth) => Cbor::Bool(*truth),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(natural), _) => Cbor::Integer(natural.into()),
            (None, Some(integer)) => Cbor::Integer(integer.into()),
            (None, None) => Cbor::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => of_text(text),
        Value::Array(elements) => {
            Cbor::Array(elements.iter().map(|element| plain(element, of_text)).collect())
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| (Cbor::Text(name.clone()), plain(value, of_text));
            Cbor::Map(members.iter().map(member).collect())
        }
    }
}

/// As JSON shows it: dates as text, bytes in base64url.
pub(super) fn as_json(value: &Cbor) -> Value {
    match value {
        Cbor::Bool(truth) => Value::Bool(*truth),
        Cbor::Integer(integer) => {
            i64::try_from(*integer).map_or_else(|_| i128::from(*integer).to_string().into(), Value::from)
        }
        Cbor::Float(float) => Number::from_f64(*float).map_or(Value::Null, Value::Number),
        Cbor::Text(text) => text.as_str().into(),
        Cbor::Bytes(bytes) => base64url::encode(bytes).into(),
        Cbor::Tag(_, inner) => as_json(inner),
        Cbor::Array(elements) => elements.iter().map(as_json).collect(),
        Cbor::Map(members) => {
            let members =
                members.iter().filter_map(|(name, value)| Some((name.as_text()?.to_owned(), as_json(value))));
            Value::Object(members.collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}

/// The public key as a `COSE_Key` (RFC 9052 §7, RFC 9053 §7).
pub(super) fn cose_key(key: &Jwk) -> Cbor {
    let raw = key.raw_public_key();
    let member = |label: i64, value: Cbor| (Cbor::Integer(label.into()), value);
    let integer = |value: i64| Cbor::Integer(value.into());
    Cbor::Map(match key.algorithm() {
        Algorithm::Es256 => {
            let (x, y) = raw.get(1..).unwrap_or_default().split_at(32);
            vec![
                member(1, integer(2)),
                member(-1, integer(1)),
                member(-2, Cbor::Bytes(x.to_vec())),
                member(-3, Cbor::Bytes(y.to_vec())),
            ]
        }
        Algorithm::EdDsa => {
            vec![member(1, integer(1)), member(-1, integer(6)), member(-2, Cbor::Bytes(raw))]
        }
    })
}

/// Reads such a key back.
pub(super) fn jwk(key: &Cbor) -> Option<Jwk> {
    let members = key.as_map()?;
    let find = |label: i64| {
        members.iter().find(|(name, _)| name.as_integer() == Some(label.into())).map(|(_, value)| value)
    };
    let coordinate = |label| find(label)?.as_bytes()?.as_slice().try_into().ok();
    match (i64::try_from(find(1)?.as_integer()?).ok()?, i64::try_from(find(-1)?.as_integer()?).ok()?) {
        (2, 1) => {
            let (x, y): ([u8; 32], [u8; 32]) = (coordinate(-2)?, coordinate(-3)?);
            Jwk::from_p256_point(&[&[4], x.as_slice(), y.as_slice()].concat())
        }
        (1, 6) => Jwk::from_ed25519(coordinate(-2)?),
        _ => None,
    }
}

/// A map with text for keys, in this order.
pub(super) fn map<const N: usize>(members: [(&str, Cbor); N]) -> Cbor {
    Cbor::Map(members.into_iter().map(|(name, value)| (Cbor::Text(name.to_owned()), value)).collect())
}

/// The member of a map.
pub(super) fn member<'a>(map: &'a Cbor, name: &str) -> Option<&'a Cbor> {
    map.as_map()?.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
}

/// The bytes of a data item. Values in memory can always be written.
pub(super) fn bytes(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = ciborium::into_writer(value, &mut bytes);
    debug_assert!(written.is_ok(), "writing to memory does not fail");
    bytes
}

/// One data item and nothing behind it.
pub(super) fn read(mut bytes: &[u8]) -> Option<Cbor> {
    let value = ciborium::de::from_reader_with_recursion_limit(&mut bytes, 32).ok()?;
    bytes.is_empty().then_some(value)
}

/// An item that is embedded as bytes, so that its digest is over those very bytes.
pub(super) fn encoded(value: &Cbor) -> Cbor {
    Cbor::Tag(ENCODED, Box::new(Cbor::Bytes(bytes(value))))
}

/// Reads an embedded item.
pub(super) fn decoded(value: &Cbor) -> Option<Cbor> {
    match value {
        Cbor::Tag(ENCODED, inner) => read(inner.as_bytes()?),
        _ => None,
    }
}
