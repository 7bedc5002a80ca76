//! The output of asm, computed independently in Rust from its page. Macros are replaced by their words first; then
//! there is one list of pieces, which are laid out and filled in.

use std::collections::BTreeMap;

use super::BASE;

/// Where `reserve` begins.
const MEMORY: i64 = 0x1000_0000;

/// A name, and the label that it belongs to when it begins with a dot.
type Scoped = (usize, String);

/// A piece of the output whose bytes are known once all names are.
struct Hole {
    line: usize,
    sign: u8,
    value: String,
    scope: usize,
    at: usize,
}

#[derive(Default)]
pub(crate) struct Assembly {
    macros: BTreeMap<String, Vec<String>>,
    labels: BTreeMap<Scoped, i64>,
    constants: BTreeMap<Scoped, i64>,
    holes: Vec<Hole>,
    bytes: Vec<u8>,
    scope: usize,
    open: Option<usize>,
    reserved: i64,
}

/// The words of a line: a text or a character with white space in it is part of one.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut escaped) = (Vec::new(), String::new(), None, false);
    for it in line.chars() {
        if let Some(end) = quote {
            word.push(it);
            quote = (escaped || it != end).then_some(end);
            escaped = !escaped && it == '\\';
        } else if it.is_ascii_whitespace() {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        } else if word.is_empty() && (it == ';' || it == '#') {
            return words;
        } else {
            quote = ((it == '"' && word.is_empty()) || it == '\'').then_some(it);
            word.push(it);
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// The bytes between quotes.
fn unescaped(text: &str) -> Vec<u8> {
    let (mut bytes, mut escaped) = (Vec::new(), false);
    for byte in text.bytes() {
        if byte == b'\\' && !escaped {
            escaped = true;
            continue;
        }
        bytes.push(match byte {
            b'n' if escaped => b'\n',
            b't' if escaped => b'\t',
            b'0' if escaped => 0,
            _ => byte,
        });
        escaped = false;
    }
    bytes
}

impl Assembly {
    /// The output for the texts; otherwise the first wrong line.
    pub(crate) fn of(texts: &[String]) -> Result<Vec<u8>, usize> {
        let mut it = Self { reserved: MEMORY, ..Self::default() };
        for text in texts {
            for (number, line) in (1..).zip(text.lines()) {
                it.line(&words(line), number)?;
            }
        }
        for Hole { line, sign, value, scope, at } in std::mem::take(&mut it.holes) {
            let place = i64::try_from(BASE + at).expect("small");
            let value = match sign {
                b'~' => it.labels.get(&scoped(&value, scope)).ok_or(line)? - place - 1,
                b'%' => it.labels.get(&scoped(&value, scope)).ok_or(line)? - place - 4,
                _ => it.value(&value, scope).ok_or(line)?,
            };
            let size = width(sign);
            it.bytes[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
        }
        Ok(it.bytes)
    }

    fn line(&mut self, words: &[String], number: usize) -> Result<(), usize> {
        match words {
            [first, name, body @ ..] if first == "macro" => {
                self.macros.insert(name.clone(), body.to_vec()).map_or(Ok(()), |_| Err(number))
            }
            [first, name, value, rest @ ..] if first == "const" || first == "reserve" => {
                let mut value = self.value(value, self.scope).ok_or(number)?;
                if first == "reserve" {
                    self.reserved += value;
                    value = self.reserved - value;
                }
                self.constants.insert(scoped(name, self.scope), value);
                self.line(rest, number)
            }
            [first, rest @ ..] => {
                self.word(first, number)?;
                self.line(rest, number)
            }
            [] => Ok(()),
        }
    }

    fn word(&mut self, word: &str, line: usize) -> Result<(), usize> {
        let (sign, rest) = (word.as_bytes()[0], &word[1..]);
        match sign {
            b':' => {
                self.scope += usize::from(!rest.starts_with('.'));
                let place = i64::try_from(BASE + self.bytes.len()).expect("small");
                self.labels.insert(scoped(rest, self.scope), place).map_or(Ok(()), |_| Err(line))
            }
            b'~' | b'%' | b'!' | b'@' | b'&' | b'=' => {
                let hole =
                    Hole { line, sign, value: rest.to_owned(), scope: self.scope, at: self.bytes.len() };
                self.holes.push(hole);
                self.bytes.resize(self.bytes.len() + width(sign), 0);
                Ok(())
            }
            b'"' => {
                self.bytes.extend(unescaped(rest.strip_suffix('"').ok_or(line)?));
                Ok(())
            }
            b'[' => {
                self.open = Some(self.bytes.len());
                self.bytes.push(0);
                Ok(())
            }
            b']' => {
                let open = self.open.take().ok_or(line)?;
                self.bytes[open] = u8::try_from(self.bytes.len() - open - 1).map_err(|_| line)?;
                Ok(())
            }
            _ if word.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                let pairs = (0..word.len()).step_by(2).map(|at| u8::from_str_radix(&word[at..at + 2], 16));
                self.bytes.extend(pairs.collect::<Result<Vec<_>, _>>().map_err(|_| line)?);
                Ok(())
            }
            _ => {
                let body = self.macros.get(word).cloned().ok_or(line)?;
                self.line(&body, line)
            }
        }
    }

    /// A sum of terms, when all names in it are known.
    fn value(&self, text: &str, scope: usize) -> Option<i64> {
        let (mut sum, mut rest, mut sign) = (0_i64, text, 1);
        loop {
            while let Some(tail) = rest.strip_prefix('-') {
                (sign, rest) = (-sign, tail);
            }
            let end = match rest.strip_prefix('\'') {
                Some(tail) => 3 + usize::from(tail.starts_with('\\')),
                None => rest.find(['+', '-']).unwrap_or(rest.len()),
            };
            sum = sum.wrapping_add(self.term(&rest[..end], scope)?.wrapping_mul(sign));
            match rest[end..].bytes().next() {
                None => return Some(sum),
                Some(b'+') => sign = 1,
                _ => sign = -1,
            }
            rest = &rest[end + 1..];
        }
    }

    fn term(&self, term: &str, scope: usize) -> Option<i64> {
        if let Some(quoted) = term.strip_prefix('\'') {
            return Some(unescaped(quoted.strip_suffix('\'')?)[0].into());
        }
        if let Some(digits) = term.strip_prefix("0x") {
            return u64::from_str_radix(digits, 16).ok().map(u64::cast_signed);
        }
        if term.starts_with(|it: char| it.is_ascii_digit()) {
            return term.parse::<u64>().ok().map(u64::cast_signed);
        }
        let name = scoped(term, scope);
        self.labels.get(&name).or_else(|| self.constants.get(&name)).copied()
    }
}

fn scoped(name: &str, scope: usize) -> Scoped {
    (if name.starts_with('.') { scope } else { 0 }, name.to_owned())
}

fn width(sign: u8) -> usize {
    match sign {
        b'~' | b'!' => 1,
        b'@' => 2,
        b'=' => 8,
        _ => 4,
    }
}
