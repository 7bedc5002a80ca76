//! Types that are one text in a document: serde reads and writes them by what `FromStr` and `Display` say.

/// Implements what `#[serde(try_from = "String", into = "String")]` asks for.
macro_rules! as_text {
    ($type:ident, $error:ident) => {
        impl TryFrom<String> for $type {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

pub(crate) use as_text;
