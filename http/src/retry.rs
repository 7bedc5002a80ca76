//! Retries: how many, and with which delays.

use std::time::{Duration, SystemTime};

use crate::error::{HttpError, is_transient};
use crate::response::Response;

/// How often a request is attempted, and with which delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The total number of attempts.
    pub tries: u32,
    /// The first delay.
    pub pause: Duration,
    /// The factor by which each delay grows.
    pub factor: u32,
    /// If a server asks for a longer delay, the client gives up.
    pub max_pause: Duration,
}

impl Retry {
    /// For mirrors: there are others.
    pub const MIRROR: Self =
        Self { tries: 3, pause: Duration::from_millis(500), factor: 3, max_pause: Duration::from_secs(20) };
    /// For registries: there is no other source.
    pub const REGISTRY: Self =
        Self { tries: 5, pause: Duration::from_millis(500), factor: 2, max_pause: Duration::from_secs(60) };

    /// The delay after the attempt of this number, counted from 1, that failed with `error`. `None` to give up.
    pub fn after(&self, tries: u32, error: &HttpError) -> Option<Duration> {
        let asked = match error {
            HttpError::Status { pause, .. } => *pause,
            _ => None,
        };
        if error.may_pass() { self.pause_after(tries, asked) } else { None }
    }

    /// The same for an answer.
    pub fn after_answer(&self, tries: u32, answer: &Response) -> Option<Duration> {
        if is_transient(answer.status()) { self.pause_after(tries, answer.retry_after()) } else { None }
    }

    fn pause_after(&self, tries: u32, asked: Option<Duration>) -> Option<Duration> {
        let own = || self.pause.saturating_mul(self.factor.saturating_pow(tries.saturating_sub(1)));
        let pause = asked.unwrap_or_else(|| own().min(self.max_pause));
        (tries < self.tries && pause <= self.max_pause).then_some(pause)
    }
}

/// The delay in `Retry-After`: seconds, or a date (RFC 9110, §10.2.3).
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit is longer than any limit.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_delay_is_replaced_by_ours() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:17 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value:?}");
        }
    }

    #[test]
    fn delays_grow_end_and_follow_the_server() {
        let retry =
            Retry { tries: 4, pause: Duration::from_secs(1), factor: 3, max_pause: Duration::from_secs(5) };
        let status = |status, pause| HttpError::Status { status, pause };
        let seconds = |tries, error: HttpError| retry.after(tries, &error).map(|it| it.as_secs());
        let pauses: Vec<_> = (1..=4).map(|tries| seconds(tries, status(503, None))).collect();
        assert_eq!(pauses, [Some(1), Some(3), Some(5), None]);
        assert_eq!(seconds(1, status(429, Some(Duration::from_secs(4)))), Some(4));
        assert_eq!(seconds(1, status(429, Some(Duration::from_secs(6)))), None);
        for status_code in [200, 404, 501, 505] {
            assert_eq!(seconds(1, status(status_code, None)), None, "{status_code}");
        }
    }
}
