//! Values to JSON and back, by their types.

use std::collections::BTreeMap;

use super::json::{float_text, Json};
use super::time::DateTime;

/// Why JSON is no value of a type: where, and what was expected. The value itself may be a secret, and is not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    place: String,
    reason: String,
}

impl Misfit {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            place: String::new(),
            reason: reason.into(),
        }
    }

    /// Tells what was expected in place of a value.
    pub(crate) fn wanted(expected: &str, found: &Json) -> Self {
        Self::new(format!(
            "{expected} was expected in place of {}",
            found.kind()
        ))
    }

    /// Tells where the value is in what holds it.
    pub(crate) fn at(mut self, place: &str) -> Self {
        self.place.insert_str(0, place);
        self
    }
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.place.is_empty() {
            write!(to, "{}: ", self.place.trim_start_matches('.'))?;
        }
        to.write_str(&self.reason)
    }
}

/// What reads a value.
pub type Decoded<T> = std::result::Result<T, Misfit>;

/// A type whose values can be sent.
pub trait Encode {
    /// Whether null is one of its values, so that an option of it needs another form for none.
    const NULLABLE: bool = false;

    /// Writes a value.
    fn encode(&self) -> Json;

    /// Whether a record leaves a field out that has this value.
    fn is_absent(&self) -> bool {
        false
    }
}

/// A type whose values can be received.
pub trait Decode: Encode + Sized {
    /// Reads a value.
    fn decode(json: Json) -> Decoded<Self>;
}

/// A type whose values can be keys of maps, which travel as text.
pub trait Key: Ord + Sized {
    /// Writes a key.
    fn write(&self) -> String;

    /// Reads a key.
    fn read(text: String) -> Decoded<Self>;
}

impl<T: Encode + ?Sized> Encode for &T {
    const NULLABLE: bool = T::NULLABLE;

    fn encode(&self) -> Json {
        (**self).encode()
    }

    fn is_absent(&self) -> bool {
        (**self).is_absent()
    }
}

impl<T: Encode> Encode for Box<T> {
    const NULLABLE: bool = T::NULLABLE;

    fn encode(&self) -> Json {
        (**self).encode()
    }
}

impl<T: Decode> Decode for Box<T> {
    fn decode(json: Json) -> Decoded<Self> {
        T::decode(json).map(Box::new)
    }
}

impl Encode for () {
    fn encode(&self) -> Json {
        Json::Null
    }
}

impl Decode for () {
    fn decode(_: Json) -> Decoded<Self> {
        Ok(())
    }
}

impl Encode for str {
    fn encode(&self) -> Json {
        Json::from(self)
    }
}

impl Encode for String {
    fn encode(&self) -> Json {
        Json::from(self.as_str())
    }
}

impl Decode for String {
    fn decode(json: Json) -> Decoded<Self> {
        match json {
            Json::String(text) => Ok(text),
            other => Err(Misfit::wanted("text", &other)),
        }
    }
}

impl Key for String {
    fn write(&self) -> String {
        self.clone()
    }

    fn read(text: String) -> Decoded<Self> {
        Ok(text)
    }
}

impl Encode for i64 {
    fn encode(&self) -> Json {
        Json::Int(*self)
    }
}

impl Decode for i64 {
    fn decode(json: Json) -> Decoded<Self> {
        match json {
            Json::Int(number) => Ok(number),
            other => Err(Misfit::wanted("an integer of 64 bits", &other)),
        }
    }
}

impl Key for i64 {
    fn write(&self) -> String {
        self.to_string()
    }

    fn read(text: String) -> Decoded<Self> {
        text.parse()
            .map_err(|_| Misfit::new("a key is no integer of 64 bits"))
    }
}

impl Encode for f64 {
    fn encode(&self) -> Json {
        if self.is_finite() {
            Json::Float(*self)
        } else {
            Json::from(float_text(*self))
        }
    }
}

impl Decode for f64 {
    fn decode(json: Json) -> Decoded<Self> {
        match &json {
            Json::Float(number) => Ok(*number),
            Json::Int(number) => Ok(*number as f64),
            Json::String(text) if text == "NaN" => Ok(f64::NAN),
            Json::String(text) if text == "Infinity" => Ok(f64::INFINITY),
            Json::String(text) if text == "-Infinity" => Ok(f64::NEG_INFINITY),
            other => Err(Misfit::wanted("a number", other)),
        }
    }
}

/// A float as a key of a map, in the order of [`f64::total_cmp`].
#[derive(Clone, Copy, Debug)]
pub struct FloatKey(pub f64);

impl PartialEq for FloatKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for FloatKey {}

impl PartialOrd for FloatKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FloatKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Key for FloatKey {
    fn write(&self) -> String {
        if self.0.is_finite() {
            format!("{:?}", self.0)
        } else {
            float_text(self.0).to_owned()
        }
    }

    fn read(text: String) -> Decoded<Self> {
        text.parse()
            .map(Self)
            .map_err(|_| Misfit::new("a key is no number"))
    }
}

impl Encode for bool {
    fn encode(&self) -> Json {
        Json::Bool(*self)
    }
}

impl Decode for bool {
    fn decode(json: Json) -> Decoded<Self> {
        match json {
            Json::Bool(value) => Ok(value),
            other => Err(Misfit::wanted("a truth value", &other)),
        }
    }
}

impl Key for bool {
    fn write(&self) -> String {
        self.to_string()
    }

    fn read(text: String) -> Decoded<Self> {
        text.parse()
            .map_err(|_| Misfit::new("a key is neither true nor false"))
    }
}

impl Encode for DateTime {
    fn encode(&self) -> Json {
        Json::String(self.to_string())
    }
}

impl Decode for DateTime {
    fn decode(json: Json) -> Decoded<Self> {
        Self::read(String::decode(json)?)
    }
}

impl Key for DateTime {
    fn write(&self) -> String {
        self.to_string()
    }

    fn read(text: String) -> Decoded<Self> {
        text.parse()
            .map_err(|_| Misfit::new("a point in time such as 2026-01-01T00:00:00Z was expected"))
    }
}

impl Encode for Json {
    const NULLABLE: bool = true;

    fn encode(&self) -> Json {
        self.clone()
    }

    fn is_absent(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl Decode for Json {
    fn decode(json: Json) -> Decoded<Self> {
        Ok(json)
    }
}

impl<T: Encode> Encode for Option<T> {
    const NULLABLE: bool = true;

    fn encode(&self) -> Json {
        match self {
            _ if T::NULLABLE => Json::Array(self.iter().map(T::encode).collect()),
            Some(value) => value.encode(),
            None => Json::Null,
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none() && !T::NULLABLE
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(json: Json) -> Decoded<Self> {
        match json {
            Json::Array(items) if T::NULLABLE && items.len() < 2 => {
                items.into_iter().next().map(T::decode).transpose()
            }
            other if T::NULLABLE => Err(Misfit::wanted("an array of at most one item", &other)),
            Json::Null => Ok(None),
            other => T::decode(other).map(Some),
        }
    }
}

impl<T: Encode> Encode for [T] {
    fn encode(&self) -> Json {
        Json::Array(self.iter().map(T::encode).collect())
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self) -> Json {
        self.as_slice().encode()
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(json: Json) -> Decoded<Self> {
        let Json::Array(items) = json else {
            return Err(Misfit::wanted("an array", &json));
        };
        let decoded = items.into_iter().enumerate().map(|(place, item)| {
            T::decode(item).map_err(|misfit| misfit.at(&format!("[{place}]")))
        });
        decoded.collect()
    }
}

impl<K: Key, V: Encode> Encode for BTreeMap<K, V> {
    fn encode(&self) -> Json {
        let pairs = self.iter().map(|(key, item)| (key.write(), item.encode()));
        Json::Object(pairs.collect())
    }
}

impl<K: Key, V: Decode> Decode for BTreeMap<K, V> {
    fn decode(json: Json) -> Decoded<Self> {
        let Json::Object(members) = json else {
            return Err(Misfit::wanted("an object", &json));
        };
        let mut made = Self::new();
        for (name, item) in members {
            let item = V::decode(item).map_err(|misfit| misfit.at(&format!(".{name}")))?;
            made.insert(K::read(name)?, item);
        }
        Ok(made)
    }
}

/// Gathers the members of an object.
#[derive(Default)]
pub(crate) struct Members(pub(crate) BTreeMap<String, Json>);

impl Members {
    /// Takes a member.
    pub(crate) fn put<T: Encode + ?Sized>(&mut self, name: &str, value: &T) {
        self.0.insert(name.to_owned(), value.encode());
    }

    /// Takes a member unless it may be left out; not every API has such a one.
    #[allow(dead_code)]
    pub(crate) fn put_unless_absent<T: Encode>(&mut self, name: &str, value: &T) {
        if !value.is_absent() {
            self.put(name, value);
        }
    }

    /// Takes a member if there is one; not every API has such a one.
    #[allow(dead_code)]
    pub(crate) fn put_some<T: Encode>(&mut self, name: &str, value: &Option<T>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }
}

/// The members of an object; those that nobody asks for are left.
pub(crate) struct Object(BTreeMap<String, Json>);

impl Object {
    pub(crate) fn of(json: Json) -> Decoded<Self> {
        match json {
            Json::Object(members) => Ok(Self(members)),
            other => Err(Misfit::wanted("an object", &other)),
        }
    }

    /// Reads a member if it is there.
    pub(crate) fn take<T: Decode>(&mut self, name: &str) -> Decoded<Option<T>> {
        let found = self.0.remove(name).map(T::decode).transpose();
        found.map_err(|misfit| misfit.at(&format!(".{name}")))
    }

    /// Reads a member that has to be there.
    pub(crate) fn require<T: Decode>(&mut self, name: &str) -> Decoded<T> {
        self.take(name)?
            .ok_or_else(|| Misfit::new("the field is missing").at(&format!(".{name}")))
    }
}
