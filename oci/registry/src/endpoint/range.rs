//! The `Range` header (RFC 9110, 14.2): one range of bytes.

/// The requested part of a blob.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Range {
    /// All of it: there is no such header, or one that RFC 9110 requires to be ignored.
    All,
    /// This part, which is not empty.
    Part {
        /// The first byte.
        first: u64,
        /// The number of bytes.
        length: u64,
    },
    /// No byte of it is in the blob: 416.
    Unsatisfiable,
}

/// The part of `size` bytes that `header` requests. Several ranges, and anything but a byte range, are ignored, as RFC
/// 9110 allows and requires.
pub fn parse(header: Option<&str>, size: u64) -> Range {
    let Some((unit, ranges)) = header.and_then(|header| header.split_once('=')) else { return Range::All };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Range::All;
    }
    let Some((first, last)) = ranges.trim().split_once('-') else { return Range::All };
    let number = |text: &str| -> Option<u64> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
        // A number too large to parse is beyond the end of every blob.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (first, last) {
        ("", suffix) => match number(suffix) {
            None => Range::All,
            Some(0) => Range::Unsatisfiable,
            // Satisfiable (14.1.2), but no Content-Range can express it.
            Some(_) if size == 0 => Range::All,
            Some(count) => {
                let length = count.min(size);
                Range::Part { first: size - length, length }
            }
        },
        (first, last) => {
            let (Some(first), last) =
                (number(first), if last.is_empty() { Some(u64::MAX) } else { number(last) })
            else {
                return Range::All;
            };
            match last {
                None => Range::All,
                Some(last) if last < first => Range::All,
                Some(_) if first >= size => Range::Unsatisfiable,
                Some(last) => Range::Part { first, length: last.min(size - 1) - first + 1 },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_single_range_is_a_part_and_anything_else_is_the_whole() {
        let part = |first, length| Range::Part { first, length };
        for (header, size, wanted) in [
            ("bytes=0-0", 10, part(0, 1)),
            ("bytes=0-", 10, part(0, 10)),
            ("bytes=3-5", 10, part(3, 3)),
            ("bytes=3-500", 10, part(3, 7)),
            ("Bytes = 3-4", 10, part(3, 2)),
            ("bytes=-3", 10, part(7, 3)),
            ("bytes=-30", 10, part(0, 10)),
            ("bytes=0-99999999999999999999999", 10, part(0, 10)),
            ("bytes=10-", 10, Range::Unsatisfiable),
            ("bytes=99999999999999999999999-", 10, Range::Unsatisfiable),
            ("bytes=-0", 10, Range::Unsatisfiable),
            ("bytes=0-", 0, Range::Unsatisfiable),
            ("bytes=-1", 0, Range::All),
            ("bytes=5-3", 10, Range::All),
            ("bytes=0-1,3-4", 10, Range::All),
            ("bytes=+1-2", 10, Range::All),
            ("bytes=a-b", 10, Range::All),
            ("bytes=-", 10, Range::All),
            ("bytes=", 10, Range::All),
            ("lines=0-1", 10, Range::All),
            ("0-1", 10, Range::All),
        ] {
            assert_eq!(parse(Some(header), size), wanted, "{header} of {size}");
        }
        assert_eq!(parse(None, 10), Range::All);
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_blob(header in "(bytes=)?[0-9,-]{0,24}", size in any::<u64>()) {
            if let Range::Part { first, length } = parse(Some(&header), size) {
                prop_assert!(length > 0 && first.checked_add(length).is_some_and(|end| end <= size));
            }
        }
    }
}
