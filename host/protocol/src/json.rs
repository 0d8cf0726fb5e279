//! JSON as strict as a security protocol needs it: duplicate members and deep
//! nesting are refused, where `serde_json` would take the last and recurse.

use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Number, Value};

/// How deep arrays and objects may nest.
pub const MAX_DEPTH: usize = 32;

/// Why a document was refused.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, a duplicate member, too deep, or trailing characters.
    #[error("not acceptable JSON: {0}")]
    Syntax(#[source] serde_json::Error),
    /// JSON, but not of the expected shape.
    #[error("unexpected JSON: {0}")]
    Shape(#[source] serde_json::Error),
}

/// Parses a whole document, refusing duplicate members and nesting deeper than [`MAX_DEPTH`].
pub fn from_slice_strict<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: MAX_DEPTH }.deserialize(&mut deserializer).map_err(JsonError::Syntax)?;
    deserializer.end().map_err(JsonError::Syntax)?;
    T::deserialize(value).map_err(JsonError::Shape)
}

/// Parses a document that is described by its members, at every depth. Derived implementations would also take an
/// array of their values, in an order that nobody promised.
pub fn from_object_strict<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    let value: Value = from_slice_strict(bytes)?;
    if value.is_array() {
        return Err(JsonError::Shape(not_an_object()));
    }
    T::deserialize(ByName(value)).map_err(JsonError::Shape)
}

fn not_an_object() -> serde_json::Error {
    serde_json::Error::invalid_type(Unexpected::Seq, &"an object")
}

/// A value whose structs are objects, never arrays.
struct ByName(Value);

impl IntoDeserializer<'_, serde_json::Error> for ByName {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for ByName {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Array(elements) => {
                SeqDeserializer::new(elements.into_iter().map(ByName)).deserialize_any(visitor)
            }
            Value::Object(members) => {
                MapDeserializer::new(members.into_iter().map(|(name, value)| (name, ByName(value))))
                    .deserialize_any(visitor)
            }
            plain => plain.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        if self.0.is_array() { Err(not_an_object()) } else { self.deserialize_any(visitor) }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// A seed that builds a [`Value`] and counts down the depth that is left.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(seed)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(seed)?;
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("duplicate member {name:?}")));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Value, JsonError> {
        from_slice_strict(text.as_bytes())
    }

    #[test]
    fn ordinary_documents_pass() {
        let text = r#"{"a":[1,-2,3.5,null,true,"x"],"b":{}}"#;
        assert_eq!(parse(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_duplicate_member_is_refused_at_any_depth() {
        assert!(parse(r#"{"a":1,"a":1}"#).is_err());
        assert!(parse(r#"[{"x":{"a":1,"\u0061":2}}]"#).is_err());
    }

    #[test]
    fn deep_nesting_is_refused() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert!(parse(&nested(MAX_DEPTH + 1)).is_err());
        assert!(parse(&nested(100_000)).is_err());
    }

    #[test]
    fn trailing_characters_and_broken_text_are_refused() {
        for text in ["", "{} {}", "{", "nul", "\"\\ud800\"", "01", "[1,]", "{\"a\":1e999}"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(from_slice_strict::<Value>(b"\"\xff\"").is_err());
    }

    #[test]
    fn an_array_of_values_is_no_object() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Named {
            name: String,
        }
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Owned {
            owner: Option<Named>,
            #[serde(default)]
            guests: Vec<Named>,
        }
        let named = |name: &str| Named { name: name.to_owned() };
        assert_eq!(from_object_strict::<Named>(br#"{"name":"x"}"#).unwrap(), named("x"));
        for other in [&br#"["x"]"#[..], b"null", b"\"x\"", b"[]"] {
            assert!(matches!(from_object_strict::<Named>(other), Err(JsonError::Shape(_))), "{other:?}");
        }
        let owned =
            from_object_strict::<Owned>(br#"{"owner":{"name":"x"},"guests":[{"name":"y"}],"more":[[]]}"#);
        assert_eq!(owned.unwrap(), Owned { owner: Some(named("x")), guests: vec![named("y")] });
        assert_eq!(from_object_strict::<Owned>(br#"{"owner":null}"#).unwrap().owner, None);
        for other in [&br#"{"owner":["x"]}"#[..], br#"{"owner":null,"guests":[["y"]]}"#] {
            assert!(matches!(from_object_strict::<Owned>(other), Err(JsonError::Shape(_))), "{other:?}");
        }
        assert!(matches!(
            from_object_strict::<Named>(br#"{"name":"x","name":"x"}"#),
            Err(JsonError::Syntax(_))
        ));
    }
}
