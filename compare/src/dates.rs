//! Moments, as numbers and in texts.

/// 2001-09-09 and 2100-01-01, in seconds since 1970: with ten digits, what is between is likely a moment.
const EPOCH_RANGE: std::ops::Range<u64> = 1_000_000_000..4_102_444_800;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Seconds since 1970 as a date, and the number itself.
pub(crate) fn moment(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let Some((year, month, day)) = civil(days) else { return seconds.to_string() };
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC ({seconds})")
}

/// Days since 1970 in the Gregorian calendar, for years of four digits. Counted in eras of 400 years that begin in
/// March, so that a leap day is the last of its year.
fn civil(days: i64) -> Option<(i64, i64, i64)> {
    const ERA: i64 = 146_097;
    let days = days.checked_add(719_468)?;
    let (era, of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let of_years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_years + of_years / 4 - of_years / 100);
    let months = (5 * of_year + 2) / 153;
    let month = if months < 10 { months + 3 } else { months - 9 };
    let year = of_years + era * 400 + i64::from(month <= 2);
    (0..=9999).contains(&year).then_some((year, month, of_year - (153 * months + 2) / 5 + 1))
}

/// A date and time of MS-DOS, as zip has them.
pub(crate) fn dos(date: u16, time: u16) -> String {
    let (year, month, day) = (1980 + (date >> 9), date >> 5 & 15, date & 31);
    let (hour, minute, second) = (time >> 11, time >> 5 & 63, 2 * (time & 31));
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Whether a number of 32 bits may be a moment.
pub(crate) fn is_moment(seconds: u32) -> bool {
    EPOCH_RANGE.contains(&u64::from(seconds))
}

/// Whether something that reads as a date, a time of day or seconds since 1970 lies in `text` and meets the bytes
/// from `start` to `end`.
pub(crate) fn meets_date(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    let mut at = start.saturating_sub(40);
    while at < bytes.len() && at <= end {
        let begins = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let length = if begins || bytes[at - 1] == b'T' { date_at(&bytes[at..]) } else { 0 };
        if length > 0 && at + length >= start && at <= end {
            return true;
        }
        at += length.max(1);
    }
    false
}

/// How many bytes at the beginning are a date or time; 0 when none are.
fn date_at(bytes: &[u8]) -> usize {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = |from: usize, to: usize| -> u64 {
        bytes[from..to].iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    };
    let after = |at: usize| bytes.get(at).copied().unwrap_or(0);
    match digits {
        // Seconds, milliseconds, microseconds or nanoseconds.
        10 | 13 | 16 | 19 if EPOCH_RANGE.contains(&number(0, 10)) => digits,
        // 20261130, with or without a time.
        8 | 12 | 14 if is_date(number(0, 4), number(4, 6), number(6, 8)) => digits,
        4 if matches!(after(4), b'-' | b'/' | b'.') => {
            let Some(rest) = bytes.get(5..10) else { return 0 };
            let plain = [0, 1, 3, 4].iter().all(|&at: &usize| rest[at].is_ascii_digit());
            let fits = plain && rest[2] == bytes[4] && is_date(number(0, 4), number(5, 7), number(8, 10));
            if fits { 10 } else { 0 }
        }
        1 | 2 if after(digits) == b':' => {
            let pair = |at: usize| {
                bytes.get(at..at + 2).is_some_and(|two| two[0] <= b'5' && two.iter().all(u8::is_ascii_digit))
            };
            match number(0, digits) < 24 && pair(digits + 1) {
                true if after(digits + 3) == b':' && pair(digits + 4) => digits + 6,
                true if !after(digits + 3).is_ascii_alphanumeric() => digits + 3,
                _ => 0,
            }
        }
        // 30 Nov 2026
        1 | 2 if after(digits) == b' ' && month_at(&bytes[digits + 1..]) > 0 => {
            digits + 1 + month_at(&bytes[digits + 1..]) + year_at(&bytes[digits + 1..])
        }
        // Nov 30 2026
        0 if month_at(bytes) > 0 => {
            let month = month_at(bytes);
            let spaces = bytes[month..].iter().take_while(|byte| **byte == b' ').count();
            let day = bytes[month + spaces..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            match (spaces, day) {
                (1 | 2, 1 | 2) => month + spaces + day + year_at(&bytes[month + spaces..]),
                _ => 0,
            }
        }
        _ => 0,
    }
}

fn is_date(year: u64, month: u64, day: u64) -> bool {
    (1970..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// The length of a month's name at the beginning.
fn month_at(bytes: &[u8]) -> usize {
    let letters = bytes.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let known = |month: &&str| bytes[..3].eq_ignore_ascii_case(month.as_bytes());
    if (3..=9).contains(&letters) && MONTHS.iter().any(known) { letters } else { 0 }
}

/// The bytes up to and with a year of four digits that follows one word.
fn year_at(bytes: &[u8]) -> usize {
    let word = bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let gap = bytes[word..].iter().take_while(|byte| matches!(byte, b' ' | b',')).count();
    let rest = &bytes[word + gap..];
    let year = rest.len() >= 4 && (rest.starts_with(b"19") || rest.starts_with(b"20"));
    if year && gap > 0 && rest[2..4].iter().all(u8::is_ascii_digit) { word + gap + 4 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(moment(0), "1970-01-01 00:00:00 UTC (0)");
        assert_eq!(moment(-1), "1969-12-31 23:59:59 UTC (-1)");
        assert_eq!(moment(951_782_400), "2000-02-29 00:00:00 UTC (951782400)");
        assert_eq!(moment(1_796_004_728), "2026-11-30 02:12:08 UTC (1796004728)");
        assert_eq!(moment(i64::MAX), i64::MAX.to_string());
        assert_eq!(dos(0x5d7e, 0x1184), "2026-11-30 02:12:08");
    }

    #[test]
    fn dates_are_found_in_text_and_other_numbers_are_not() {
        for text in [
            "Nov 30 2026",
            "Nov  3 2026",
            "30 November 2026",
            "2026-11-30",
            "2026-11-30T02:12:08Z",
            "Mon Nov 30 02:12:08 UTC 2026",
            "02:12:08",
            "1796004728",
            "1796004728123456789",
            "20261130021208",
        ] {
            assert!(meets_date(text, 0, text.len()), "{text}");
        }
        for text in ["", "1.2.3", "12345", "0000000000", "99999999", "mayhem", "a:b", "99:99", "1234-99-99"] {
            assert!(!meets_date(text, 0, text.len()), "{text}");
        }
        assert!(!meets_date("built 2026-11-30 by someone else", 22, 30));
    }
}
