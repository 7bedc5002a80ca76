//! Moments as seconds since 1970-01-01 00:00 UTC, and their RFC 3339 text. Nothing here asks a clock.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, in whole seconds since the epoch. Fractions are dropped when one is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Time(pub i64);

/// Seconds in a day.
pub const DAY: i64 = 86_400;

/// Why a text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a moment as RFC 3339 writes it, such as 2026-11-30T04:20:00Z")]
pub struct ParseTimeError {
    /// The text.
    pub text: String,
}

/// Days from the epoch to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // The year begins in March, so that a leap day is its last (H. Hinnant, "chrono-compatible date algorithms").
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date that is so many days after the epoch.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// A moment by its calendar fields, in UTC; `None` when there is no such moment.
pub(crate) fn of_fields(date_fields: [i64; 3], clock: [i64; 3]) -> Option<Time> {
    let ([year, month, day], [hour, minute, second]) = (date_fields, clock);
    let in_range = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    if !in_range || !(0..=9999).contains(&year) || date(days(year, month, day)) != (year, month, day) {
        return None;
    }
    Some(Time(days(year, month, day) * DAY + hour * 3_600 + minute * 60 + second))
}

/// The number that exactly `text` spells in digits.
pub(crate) fn digits(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

fn parse(text: &str) -> Option<Time> {
    // YYYY-MM-DDTHH:MM:SS, then perhaps a fraction, then Z or an offset.
    let (fixed, rest) = text.split_at_checked(19)?;
    let field = |at: usize, length: usize| digits(fixed.get(at..at + length)?);
    let separators = [(4, '-'), (7, '-'), (10, 'T'), (13, ':'), (16, ':')];
    if separators.iter().any(|(at, sign)| fixed.get(*at..=*at) != Some(sign.encode_utf8(&mut [0; 4]))) {
        return None;
    }
    let moment =
        of_fields([field(0, 4)?, field(5, 2)?, field(8, 2)?], [field(11, 2)?, field(14, 2)?, field(17, 2)?])?;
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let end = fraction.find(|c: char| !c.is_ascii_digit())?;
            fraction.get(end..).filter(|_| end > 0)?
        }
        None => rest,
    };
    if zone == "Z" {
        return Some(moment);
    }
    let (sign, offset) = zone.split_at_checked(1)?;
    let (hours, minutes) = offset.split_once(':').filter(|_| offset.len() == 5)?;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    let offset = (hours < 24 && minutes < 60).then_some(hours * 3_600 + minutes * 60)?;
    match sign {
        "+" => Some(Time(moment.0 - offset)),
        "-" => Some(Time(moment.0 + offset)),
        _ => None,
    }
}

impl FromStr for Time {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseTimeError { text: text.chars().take(40).collect() })
    }
}

impl Time {
    /// So many seconds after the epoch.
    pub fn from_seconds(seconds: u64) -> Self {
        Self(i64::try_from(seconds).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026-11-30",
            "2026-11-30T04:20:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-11-30T24:00:00Z",
            "2026-11-30 04:20:00Z",
            "2026-11-30T04:20:00.Z",
            "2026-11-30T04:20:00+2:00",
            "2026-11-30T04:20:00z",
            "+026-11-30T04:20:00Z",
            "2026-11-30T04:20:0éZ",
        ] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }

    #[test]
    fn moments_are_read_with_fractions_and_offsets() {
        let seconds = |text: &str| text.parse::<Time>().unwrap().0;
        assert_eq!(seconds("1970-01-01T00:00:00Z"), 0);
        assert_eq!(seconds("2023-07-12T15:56:36Z"), 1_689_177_396);
        assert_eq!(seconds("2023-07-12T15:56:36.999Z"), 1_689_177_396);
        assert_eq!(seconds("2023-07-12T17:56:36+02:00"), 1_689_177_396);
        assert_eq!(seconds("2023-07-12T10:26:36-05:30"), 1_689_177_396);
        assert_eq!(seconds("2024-02-29T00:00:00Z"), 1_709_164_800);
    }

    proptest! {
        #[test]
        fn a_moment_is_read_as_it_was_written(seconds in -62_000_000_000_i64..250_000_000_000) {
            prop_assert_eq!(Time(seconds).to_string().parse::<Time>(), Ok(Time(seconds)));
        }
    }
}
