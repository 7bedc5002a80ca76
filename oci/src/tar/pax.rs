//! The records of a pax header: `LENGTH KEY=VALUE`, each on its own line.

/// Records, in the order in which they are added.
#[derive(Default)]
pub(super) struct Records {
    bytes: Vec<u8>,
    binary: bool,
}

impl Records {
    /// A text. pax requires values in UTF-8; others are preceded by a record that declares them binary.
    pub(super) fn text(&mut self, key: &str, value: &[u8]) {
        if std::str::from_utf8(value).is_err() && !self.binary {
            self.binary = true;
            let mut all = record("hdrcharset", b"BINARY");
            all.append(&mut self.bytes);
            self.bytes = all;
        }
        self.bytes.extend(record(key, value));
    }

    /// The bytes of an extended attribute: readers take them as they are.
    pub(super) fn bytes(&mut self, key: &str, value: &[u8]) {
        self.bytes.extend(record(key, value));
    }

    /// A number, in decimal.
    pub(super) fn number(&mut self, key: &str, value: u64) {
        self.bytes.extend(record(key, value.to_string().as_bytes()));
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// One record. Its length counts itself, and is found by iteration.
fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = 1 + key.len() + 1 + value.len() + 1;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length += 1;
    }
    let mut bytes = format!("{length} {key}=").into_bytes();
    bytes.extend_from_slice(value);
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length_even_where_the_digits_grow() {
        for length in 0..2000 {
            let bytes = record("path", &vec![b'x'; length]);
            let (digits, _) = bytes.split_at(bytes.iter().position(|&b| b == b' ').unwrap());
            assert_eq!(std::str::from_utf8(digits).unwrap().parse::<usize>().unwrap(), bytes.len());
        }
    }
}
