//! Messages as they are sent: JSON-RPC 2.0, each after a header with its length.

use std::io::{self, BufRead, Read, Write};

use serde_json::{Value, json};

/// The maximum length in bytes of a message: a file of recipes has at most 1 MiB.
const MAX_MESSAGE: usize = 16 << 20;
/// The maximum length in bytes of a line of a header.
const MAX_HEADER: u64 = 4096;
/// The maximum number of lines of a header.
const MAX_LINES: usize = 32;

/// Codes of JSON-RPC 2.0 and of the Language Server Protocol.
pub const PARSE_ERROR: i64 = -32700;
pub const INVALID_REQUEST: i64 = -32600;
pub const METHOD_NOT_FOUND: i64 = -32601;
pub const INVALID_PARAMS: i64 = -32602;
pub const NOT_INITIALIZED: i64 = -32002;

/// Reads a message; `None` when there is no more.
///
/// # Errors
/// When the bytes are no message, it is too long, or reading fails.
pub fn read(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut length = None;
    for at in 0..MAX_LINES {
        let mut line = Vec::new();
        from.by_ref().take(MAX_HEADER).read_until(b'\n', &mut line)?;
        if line.is_empty() && at == 0 {
            return Ok(None);
        }
        let line = line.strip_suffix(b"\n").ok_or_else(|| invalid("a line of a header does not end"))?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            let length = length.ok_or_else(|| invalid("a header without Content-Length"))?;
            if length > MAX_MESSAGE {
                return Err(invalid(&format!("a message of more than {MAX_MESSAGE} bytes")));
            }
            // Not allocated at once: only the bytes that come take memory.
            let mut message = Vec::new();
            from.by_ref().take(length as u64).read_to_end(&mut message)?;
            return match message.len() == length {
                true => Ok(Some(message)),
                false => Err(invalid("it ends within a message")),
            };
        }
        let line = std::str::from_utf8(line).map_err(|_| invalid("a header that is not text"))?;
        let (name, value) = line.split_once(':').ok_or_else(|| invalid("a header without a colon"))?;
        if name.eq_ignore_ascii_case("Content-Length") {
            let value = value.trim().parse::<usize>();
            length = Some(value.map_err(|_| invalid("a Content-Length that is not a number"))?);
        }
    }
    Err(invalid("a header of too many lines"))
}

/// Writes a message.
///
/// # Errors
/// When writing fails.
pub fn write(to: &mut impl Write, message: &Value) -> io::Result<()> {
    let text = message.to_string();
    write!(to, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    to.flush()
}

/// A request, when `id` is there, or else a notification.
#[derive(Debug)]
pub struct Call {
    /// By which the answer is assigned to it.
    pub id: Option<Value>,
    /// What is asked.
    pub method: String,
    /// The arguments.
    pub params: Value,
}

/// Why there is no result.
#[derive(Debug)]
pub struct CallError {
    /// One of those above.
    pub code: i64,
    /// In words.
    pub message: String,
}

impl CallError {
    /// An error with this code.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl Call {
    /// Reads a message; `None` for an answer to a request, of which this server sends none.
    ///
    /// # Errors
    /// When it is neither: with the `id` to answer to.
    pub fn parse(message: &[u8]) -> Result<Option<Self>, (Value, CallError)> {
        let message: Value = serde_json::from_slice(message)
            .map_err(|e| (Value::Null, CallError::new(PARSE_ERROR, format!("not JSON: {e}"))))?;
        let Value::Object(mut fields) = message else {
            return Err((Value::Null, CallError::new(INVALID_REQUEST, "a message is an object")));
        };
        let id = fields.remove("id");
        let params = fields.remove("params").unwrap_or_default();
        match fields.remove("method") {
            Some(Value::String(method)) => Ok(Some(Self { id, method, params })),
            None if fields.contains_key("result") || fields.contains_key("error") => Ok(None),
            _ => {
                let error = CallError::new(INVALID_REQUEST, "a message has a method");
                Err((id.unwrap_or_default(), error))
            }
        }
    }
}

/// The answer to a request.
pub fn answer(id: &Value, result: Result<Value, CallError>) -> Value {
    match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(CallError { code, message }) => {
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
        }
    }
}

/// A notification.
pub fn notification(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_an_error() {
        for text in [
            "garbage",
            "garbage\r\n\r\n",
            "Content-Length: x\r\n\r\n",
            "Content-Length: -1\r\n\r\n",
            "Content-Length: 18446744073709551615\r\n\r\n",
            "Content-Length: 99999999999\r\n\r\n{}",
            "Content-Length: 3\r\n\r\n{}",
            "Content-Length: 3",
            "Content-Type: x\r\n\r\n{}",
            "\r\n\r\n",
            &"a: b\r\n".repeat(100),
            &"x".repeat(100_000),
        ] {
            assert!(read(&mut text.as_bytes()).is_err(), "{text}");
        }
        assert!(read(&mut &b"\xff: 1\r\n\r\n"[..]).is_err());
    }

    #[test]
    fn messages_follow_each_other() {
        let mut bytes = Vec::new();
        write(&mut bytes, &json!({ "a": "ü" })).unwrap();
        bytes.extend(b"content-length:2\nContent-Type: x\n\n{}");
        let mut from = &bytes[..];
        assert_eq!(read(&mut from).unwrap().unwrap(), "{\"a\":\"ü\"}".as_bytes());
        assert_eq!(read(&mut from).unwrap().unwrap(), b"{}");
        assert!(read(&mut from).unwrap().is_none());
    }

    #[test]
    fn an_invalid_call_says_to_whom_it_is_answered() {
        let code =
            |text: &str| Call::parse(text.as_bytes()).map_err(|(id, error)| (id, error.code)).unwrap_err();
        assert_eq!(code("{"), (Value::Null, PARSE_ERROR));
        assert_eq!(code(&"[".repeat(100_000)), (Value::Null, PARSE_ERROR));
        assert_eq!(code("[]"), (Value::Null, INVALID_REQUEST));
        assert_eq!(code("{\"id\":3}"), (json!(3), INVALID_REQUEST));
        assert_eq!(code("{\"id\":3,\"method\":{}}"), (json!(3), INVALID_REQUEST));
        assert!(Call::parse(b"{\"id\":3,\"result\":null}").unwrap().is_none());
    }
}
