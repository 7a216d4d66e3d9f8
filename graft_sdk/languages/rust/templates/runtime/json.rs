//! JSON, with integers of 64 bits that stay exact.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// How deep arrays and objects may nest.
const MAX_DEPTH: usize = 256;

/// A value of JSON: what types that are told in words only travel as.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Json {
    /// Nothing.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A number without a fraction.
    Int(i64),
    /// Any other number; one that is not finite is written as text.
    Float(f64),
    /// Text.
    String(String),
    /// Values in their order.
    Array(Vec<Json>),
    /// Values by names.
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads JSON; the error tells where it is none, and why.
    pub fn parse(text: &[u8]) -> std::result::Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let mut reader = Reader { text, place: 0 };
        let value = reader.value(0)?;
        reader.skip();
        match reader.peek() {
            None => Ok(value),
            Some(_) => Err(reader.fault("the end was expected")),
        }
    }

    /// Says what kind of value it is.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::String(_) => "text",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => to.write_str("null"),
            Self::Bool(value) => write!(to, "{value}"),
            Self::Int(value) => write!(to, "{value}"),
            // This form tells a float from an integer, and loses nothing.
            Self::Float(value) if value.is_finite() => write!(to, "{value:?}"),
            Self::Float(value) => write_text(to, float_text(*value)),
            Self::String(value) => write_text(to, value),
            Self::Array(items) => {
                to.write_char('[')?;
                for (place, item) in items.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    write!(to, "{comma}{item}")?;
                }
                to.write_char(']')
            }
            Self::Object(members) => {
                to.write_char('{')?;
                for (place, (name, item)) in members.iter().enumerate() {
                    to.write_str(if place == 0 { "" } else { "," })?;
                    write_text(to, name)?;
                    write!(to, ":{item}")?;
                }
                to.write_char('}')
            }
        }
    }
}

/// Writes a float that is not finite.
pub(crate) fn float_text(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

fn write_text(to: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    to.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' => to.write_str("\\\"")?,
            '\\' => to.write_str("\\\\")?,
            '\n' => to.write_str("\\n")?,
            '\r' => to.write_str("\\r")?,
            '\t' => to.write_str("\\t")?,
            '\0'..='\x1f' => write!(to, "\\u{:04x}", character as u32)?,
            _ => to.write_char(character)?,
        }
    }
    to.write_char('"')
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Json {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Json {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Json {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<Vec<Json>> for Json {
    fn from(value: Vec<Json>) -> Self {
        Self::Array(value)
    }
}

impl From<BTreeMap<String, Json>> for Json {
    fn from(value: BTreeMap<String, Json>) -> Self {
        Self::Object(value)
    }
}

struct Reader<'a> {
    text: &'a str,
    place: usize,
}

type Read<T> = std::result::Result<T, String>;

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.place).copied()
    }

    fn skip(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.place += 1;
        }
    }

    fn fault(&self, reason: &str) -> String {
        format!("at byte {}: {reason}", self.place)
    }

    fn take(&mut self, mark: u8) -> Read<()> {
        self.skip();
        if self.peek() != Some(mark) {
            return Err(self.fault(&format!("{:?} was expected", char::from(mark))));
        }
        self.place += 1;
        Ok(())
    }

    /// Takes a mark if it stands there.
    fn took(&mut self, mark: u8) -> bool {
        self.skip();
        let found = self.peek() == Some(mark);
        self.place += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Read<Json> {
        if depth > MAX_DEPTH {
            return Err(self.fault("it nests too deep"));
        }
        self.skip();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Json::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Read<Json> {
        let words = [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
        ];
        for (word, value) in words {
            if self.text[self.place..].starts_with(word) {
                self.place += word.len();
                return Ok(value);
            }
        }
        Err(self.fault("a value was expected"))
    }

    fn array(&mut self, depth: usize) -> Read<Json> {
        self.take(b'[')?;
        let mut items = Vec::new();
        if self.took(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.took(b']') {
                return Ok(Json::Array(items));
            }
            self.take(b',')?;
        }
    }

    fn object(&mut self, depth: usize) -> Read<Json> {
        self.take(b'{')?;
        let mut members = BTreeMap::new();
        if self.took(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip();
            let name = self.string()?;
            self.take(b':')?;
            members.insert(name, self.value(depth + 1)?);
            if self.took(b'}') {
                return Ok(Json::Object(members));
            }
            self.take(b',')?;
        }
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.place;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.place += 1;
        }
        if self.place == start {
            return Err(self.fault("a digit was expected"));
        }
        Ok(())
    }

    fn number(&mut self) -> Read<Json> {
        let start = self.place;
        self.place += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.place += 1;
        } else {
            self.digits()?;
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.place += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.place += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.place += 1;
            }
            self.digits()?;
        }
        let text = &self.text[start..self.place];
        if let (true, Ok(value)) = (whole, text.parse()) {
            return Ok(Json::Int(value));
        }
        match text.parse() {
            Ok(value) => Ok(Json::Float(value)),
            Err(_) => Err(self.fault("the number cannot be read")),
        }
    }

    fn string(&mut self) -> Read<String> {
        if self.peek() != Some(b'"') {
            return Err(self.fault("text was expected"));
        }
        self.place += 1;
        let mut found = String::new();
        loop {
            let rest = &self.text[self.place..];
            let plain = rest.find(|character| matches!(character, '"' | '\\' | '\0'..='\x1f'));
            let Some(length) = plain else {
                return Err(self.fault("the text does not end"));
            };
            found.push_str(&rest[..length]);
            self.place += length + 1;
            match rest.as_bytes()[length] {
                b'"' => return Ok(found),
                b'\\' => found.push(self.escape()?),
                _ => return Err(self.fault("a control character stands in a text")),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let mark = self.peek();
        self.place += 1;
        Ok(match mark {
            Some(mark @ (b'"' | b'\\' | b'/')) => char::from(mark),
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => self.unicode()?,
            _ => return Err(self.fault("no escape is written so")),
        })
    }

    /// Reads what follows `\u`; half of a pair becomes the character that stands for what cannot be read.
    fn unicode(&mut self) -> Read<char> {
        let first = self.four()?;
        if (0xd800..0xdc00).contains(&first) && self.text[self.place..].starts_with("\\u") {
            let after = self.place;
            self.place += 2;
            let second = self.four()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.place = after;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four(&mut self) -> Read<u32> {
        let digits = self.text.get(self.place..self.place + 4);
        let digits = digits.filter(|text| text.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|text| u32::from_str_radix(text, 16).ok()) {
            Some(code) => {
                self.place += 4;
                Ok(code)
            }
            None => Err(self.fault("four digits were expected")),
        }
    }
}
