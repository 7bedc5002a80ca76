//! Times and sizes as people write them.

/// How long: `90s`, `15m`, `12h`, `30d`, `2w`; a number alone is of days. In seconds.
pub fn age(text: &str) -> Result<u64, String> {
    let seconds = |unit: &str| match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        "d" | "" => Some(86400),
        "w" => Some(7 * 86400),
        _ => None,
    };
    parse(text, seconds).ok_or_else(|| "write a number and s, m, h, d or w: 12h, 30d".to_owned())
}

/// How much: `800M`, `20G`, `1T`, in powers of 1024 (`20GiB` is the same); a number alone is of bytes.
pub fn size(text: &str) -> Result<u64, String> {
    let bytes = |unit: &str| {
        let unit = unit.to_ascii_lowercase();
        match unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit) {
            "" => Some(1),
            "k" => Some(1 << 10),
            "m" => Some(1 << 20),
            "g" => Some(1 << 30),
            "t" => Some(1 << 40),
            _ => None,
        }
    };
    parse(text, bytes).ok_or_else(|| "write a number and K, M, G or T: 500M, 20G".to_owned())
}

fn parse(text: &str, unit: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    number.parse::<u64>().ok()?.checked_mul(unit(rest.trim())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_units() {
        assert_eq!(age("90s"), Ok(90));
        assert_eq!(age("30"), Ok(30 * 86400));
        assert_eq!(age("2w"), Ok(14 * 86400));
        assert_eq!(size("1"), Ok(1));
        assert_eq!(size("20G"), Ok(20 << 30));
        assert_eq!(size("20GiB"), Ok(20 << 30));
        assert_eq!(size("3 kb"), Ok(3 << 10));
        for wrong in ["", "G", "-1", "1.5G", "12y", "99999999999999999999", "18446744073709551615T"] {
            assert!(age(wrong).is_err() && size(wrong).is_err(), "{wrong}");
        }
    }
}
