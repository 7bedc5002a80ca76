//! Who may read and who may write: bearer tokens (RFC 6750).

use sha2::{Digest as _, Sha256};

/// What a client may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Read.
    Reader,
    /// Read and write.
    Writer,
}

/// The hash of a token: comparing hashes tells nothing about the token by the time that it takes.
type Token = [u8; 32];

/// Who may do what.
#[derive(Clone, Default, Debug)]
pub struct Access {
    read: Option<Token>,
    write: Option<Token>,
    all_write: bool,
}

impl Access {
    /// With tokens for reading and for writing. Without one for reading, everybody reads; without one for writing,
    /// nobody writes, unless `all_write`: then whoever may read may write.
    pub fn new(read: Option<&str>, write: Option<&str>, all_write: bool) -> Self {
        Self { read: read.map(hashed), write: write.map(hashed), all_write }
    }

    /// What a client with that `Authorization` may do; nothing if it is unknown.
    pub(crate) fn role(&self, authorization: Option<&str>) -> Option<Role> {
        let known = |role| if self.all_write { Role::Writer } else { role };
        if self.read.is_none() && self.write.is_none() {
            return Some(known(Role::Reader));
        }
        let Some(authorization) = authorization else {
            return self.read.is_none().then(|| known(Role::Reader));
        };
        let (scheme, token) = authorization.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let token = Some(hashed(token.trim()));
        match token {
            _ if token == self.write => Some(Role::Writer),
            _ if token == self.read => Some(known(Role::Reader)),
            _ => None,
        }
    }
}

fn hashed(token: &str) -> Token {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_writes_without_the_token_for_it() {
        let access = Access::new(None, Some("secret"), false);
        assert_eq!(access.role(None), Some(Role::Reader));
        for wrong in ["Bearer secre", "Bearer secrets", "Bearer", "Bearer ", "secret", "Basic secret", ""] {
            assert_eq!(access.role(Some(wrong)), None, "{wrong}");
        }
        assert_eq!(access.role(Some("Bearer secret")), Some(Role::Writer));
        assert_eq!(access.role(Some("bearer secret")), Some(Role::Writer));
        assert_eq!(Access::default().role(Some("Bearer anything")), Some(Role::Reader));
    }

    #[test]
    fn nobody_reads_without_a_token_where_one_is_needed() {
        let access = Access::new(Some("read"), Some("write"), false);
        assert_eq!(access.role(None), None);
        assert_eq!(access.role(Some("Bearer read")), Some(Role::Reader));
        assert_eq!(access.role(Some("Bearer write")), Some(Role::Writer));
        let access = Access::new(Some("read"), None, true);
        assert_eq!(access.role(None), None);
        assert_eq!(access.role(Some("Bearer write")), None);
        assert_eq!(access.role(Some("Bearer read")), Some(Role::Writer));
    }
}
