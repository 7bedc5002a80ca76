//! A reader of JSON that refuses a key twice and too deep nesting, where serde_json takes the last of the keys.
//!
//! Where some crate of the program turns on serde_json's `arbitrary_precision`, a number comes as an object with one
//! reserved key. A document may have that key, too, and would be read as a number: it is refused. The two are told
//! apart by where the bytes of the key are: those of a number are a constant, and not in the document.

use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The key that stands for a number.
const NUMBER: &str = "$serde_json::private::Number";

/// Reads `bytes` as one document.
pub(super) fn parse(bytes: &[u8], depth: usize) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let begin = bytes.as_ptr().addr();
    let value = Strict { depth, document: (begin, begin + bytes.len()) }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Reads one value below which so many levels are allowed.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
    /// The addresses of the document: the first, and the one behind the last.
    document: (usize, usize),
}

/// A key, and whether its bytes are not the document's.
struct Key {
    text: String,
    is_constant: bool,
}

/// Reads a key of the document at these addresses.
struct KeyOf(Range<usize>);

impl<'de> DeserializeSeed<'de> for KeyOf {
    type Value = Key;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Key, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeyOf {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key, E> {
        Ok(Key { text: text.to_owned(), is_constant: !self.0.contains(&text.as_ptr().addr()) })
    }

    // It had escapes.
    fn visit_str<E>(self, text: &str) -> Result<Key, E> {
        Ok(Key { text: text.to_owned(), is_constant: false })
    }
}

/// A number as its text: a whole one that 64 bits hold, or a finite one.
fn number<E: Error>(text: &str) -> Result<Value, E> {
    if let Ok(whole) = text.parse::<u64>() {
        return Ok(Value::Number(whole.into()));
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Ok(Value::Number(whole.into()));
    }
    let finite = text.parse().ok().and_then(Number::from_f64);
    finite.map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
}

impl Strict {
    /// For what is in this array or object. An error when it is nested too deeply.
    fn below(self) -> Result<Self, ()> {
        self.depth.checked_sub(1).map(|depth| Self { depth, ..self }).ok_or(())
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let below = self.below().map_err(|()| A::Error::custom("it is nested too deeply"))?;
        let mut values = Vec::new();
        while let Some(value) = from.next_element_seed(below)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let below = self.below();
        let key_of = || KeyOf(self.document.0..self.document.1);
        while let Some(Key { text: key, is_constant }) = from.next_key_seed(key_of())? {
            if key == NUMBER {
                return match is_constant {
                    true => number(&from.next_value::<String>()?),
                    false => Err(A::Error::custom(format_args!("the key {key:?} is reserved"))),
                };
            }
            let below = match &below {
                Ok(below) => *below,
                Err(()) => return Err(A::Error::custom("it is nested too deeply")),
            };
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key {key:?} stands twice in one object")));
            }
            let value = from.next_value_seed(below)?;
            object.insert(key, value);
        }
        match below {
            Ok(_) => Ok(Value::Object(object)),
            Err(()) => Err(A::Error::custom("it is nested too deeply")),
        }
    }
}
