//! What types look like in `types.rs` and `methods`.

/// Makes an enum that keeps values which it does not have, since a newer platform may send them.
macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$value_meta:meta])* $value:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$value_meta])* $value,)*
            /// A value that was not declared when this crate was made.
            Unrecognized(String),
        }

        impl $name {
            /// The value as it travels.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$value => $text,)*
                    Self::Unrecognized(text) => text,
                }
            }

            /// Whether the value was declared when this crate was made.
            pub fn is_known(&self) -> bool {
                !matches!(self, Self::Unrecognized(_))
            }
        }

        impl Default for $name {
            /// None of the values, which the platform refuses.
            fn default() -> Self {
                Self::Unrecognized(String::new())
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$value,)*
                    _ => Self::Unrecognized(text.to_owned()),
                }
            }
        }

        text!($name);
    };
}

/// Makes the type of references to the objects of a class.
macro_rules! reference {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The reference as it travels.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        text!($name);
    };
}

/// Lets what is made of text travel as such.
macro_rules! text {
    ($name:ident) => {
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::from(text.as_str())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                to.write_str(self.as_str())
            }
        }

        impl crate::runtime::Encode for $name {
            fn encode(&self) -> Json {
                Json::from(self.as_str())
            }
        }

        impl crate::runtime::Decode for $name {
            fn decode(json: Json) -> std::result::Result<Self, crate::runtime::Misfit> {
                <String as crate::runtime::Decode>::decode(json).map(Self::from)
            }
        }

        impl Key for $name {
            fn write(&self) -> String {
                self.as_str().to_owned()
            }

            fn read(text: String) -> std::result::Result<Self, crate::runtime::Misfit> {
                Ok(Self::from(text))
            }
        }
    };
}

/// Makes a record: each field is `required`, `optional`, or has a default in braces.
macro_rules! record {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$field_meta:meta])* $shown:ident $field:ident: $type:ty = $kind:tt $wire:literal,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
        }

        impl $name {
            /// Writes the record as it travels, secrets included.
            pub fn to_json(&self) -> String {
                crate::runtime::Encode::encode(self).to_string()
            }

            /// Reads a record as it travels.
            ///
            /// # Errors
            ///
            /// It is none.
            pub fn from_json(text: &str) -> Result<Self> {
                let json = Json::parse(text.as_bytes()).map_err(crate::Error::Usage)?;
                let read: std::result::Result<Self, _> = crate::runtime::Decode::decode(json);
                read.map_err(|misfit| crate::Error::Usage(misfit.to_string()))
            }
        }

        impl Default for $name {
            /// The defaults of the declaration; required fields are empty, and for the caller to set.
            fn default() -> Self {
                Self {
                    $($field: field_default!($kind),)*
                }
            }
        }

        secretive!($name { $($shown $field,)* });

        impl crate::runtime::Encode for $name {
            fn encode(&self) -> Json {
                #[allow(unused_mut)]
                let mut made = Members::default();
                $(field_put!(made, $wire, self.$field, $kind);)*
                Json::Object(made.0)
            }
        }

        impl crate::runtime::Decode for $name {
            fn decode(json: Json) -> std::result::Result<Self, crate::runtime::Misfit> {
                #[allow(unused_mut, unused_variables)]
                let mut object = Object::of(json)?;
                Ok(Self {
                    $($field: field_take!(object, $wire, $kind),)*
                })
            }
        }
    };
}

macro_rules! field_default {
    (required) => {
        Default::default()
    };
    (optional) => {
        Default::default()
    };
    ($default:block) => {
        $default
    };
}

macro_rules! field_put {
    ($made:ident, $wire:literal, $value:expr, optional) => {
        $made.put_unless_absent($wire, &$value)
    };
    ($made:ident, $wire:literal, $value:expr, $other:tt) => {
        $made.put($wire, &$value)
    };
}

macro_rules! field_take {
    ($object:ident, $wire:literal, required) => {
        $object.require($wire)?
    };
    ($object:ident, $wire:literal, optional) => {
        $object.take($wire)?.unwrap_or_default()
    };
    ($object:ident, $wire:literal, $default:block) => {
        $object.take($wire)?.unwrap_or_else(|| $default)
    };
}

/// Prints a struct without its secrets.
macro_rules! secretive {
    ($name:ident { $($shown:ident $field:ident,)* }) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = to.debug_struct(stringify!($name));
                $(field_debug!(shown, self, $field, $shown);)*
                shown.finish()
            }
        }
    };
}

macro_rules! field_debug {
    ($shown:ident, $self:ident, $field:ident, secret) => {
        $shown.field(stringify!($field), &"***")
    };
    ($shown:ident, $self:ident, $field:ident, pub) => {
        $shown.field(stringify!($field), &$self.$field)
    };
}

/// Makes what may be left out of a call.
macro_rules! options {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$field_meta:meta])* $shown:ident $field:ident: $type:ty = $wire:literal,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Default, PartialEq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: Option<$type>,)*
        }

        impl $name {
            fn put_into(&self, call: &mut Call) {
                $(call.members.put_some($wire, &self.$field);)*
            }
        }

        secretive!($name { $($shown $field,)* });
    };
}
