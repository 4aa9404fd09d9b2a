//! Times as RFC 3339 with nanoseconds, durations as Go writes them.

/// Go's zero time, which stands for "never".
pub(super) const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// Writes ns since 1970 as RFC 3339 in UTC, without trailing zeros; 0 is Go's zero time.
pub(super) fn rfc3339(wall_ns: u64) -> String {
    if wall_ns == 0 {
        return ZERO_TIME.to_owned();
    }
    // Every u64 of nanoseconds ends in the year 2554, which jiff can hold.
    jiff::Timestamp::from_nanosecond(i128::from(wall_ns))
        .map_or_else(|_| ZERO_TIME.to_owned(), |t| t.to_string())
}

/// Reads RFC 3339 with any offset; times before 1970 are 0. `None`: not a time, or beyond the year 2554.
pub(super) fn parse_rfc3339(text: &str) -> Option<u64> {
    let ns = text.parse::<jiff::Timestamp>().ok()?.as_nanosecond();
    u64::try_from(ns.max(0)).ok()
}

/// Reads a Go duration (`1h30m`, `1.5s`, `300ms`, `10us`, `-5s`) in ns. `None`: malformed or out of range.
pub(super) fn parse_go_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit_length = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = match &rest[..unit_length] {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        rest = &rest[unit_length..];
        total += number * unit;
    }
    // 2^53 ns are 104 days; beyond that the last bits round, as in no duration that a client waits for.
    (total < 9.2e18).then_some(if negative { -(total as i64) } else { total as i64 })
}

/// Writes ns as Go prints a duration: `5s`, `1m30s`, `100ms`, `1h0m0s`.
pub(super) fn go_duration(ns: u64) -> String {
    let fraction = |value: u64, unit: u64, name: &str| {
        let text = format!("{}.{:0width$}", value / unit, value % unit, width = unit.ilog10() as usize);
        format!("{}{name}", text.trim_end_matches('0').trim_end_matches('.'))
    };
    if ns == 0 {
        return "0s".to_owned();
    }
    if ns < 1_000 {
        return format!("{ns}ns");
    }
    if ns < 1_000_000 {
        return fraction(ns, 1_000, "µs");
    }
    if ns < 1_000_000_000 {
        return fraction(ns, 1_000_000, "ms");
    }
    let minutes = ns / 60_000_000_000;
    let seconds = fraction(ns % 60_000_000_000, 1_000_000_000, "s");
    match (minutes / 60, minutes % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_both_ways() {
        for (ns, text) in [
            (1_795_354_188_943_185_102, "2026-11-22T13:29:48.943185102Z"),
            (1_704_067_200_500_000_000, "2024-01-01T00:00:00.5Z"),
            (1_704_067_200_000_000_000, "2024-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(ns), text);
            assert_eq!(parse_rfc3339(text), Some(ns));
        }
        assert_eq!(rfc3339(0), ZERO_TIME);
        assert_eq!(parse_rfc3339("2024-01-01T02:00:00.5+02:00"), Some(1_704_067_200_500_000_000));
        assert_eq!(parse_rfc3339(ZERO_TIME), Some(0));
        assert_eq!(parse_rfc3339("yesterday"), None);
        assert!(!rfc3339(u64::MAX).is_empty());
    }

    #[test]
    fn durations_as_go_reads_and_writes_them() {
        for (text, ns) in [
            ("5s", 5_000_000_000),
            ("1m30s", 90_000_000_000),
            ("300ms", 300_000_000),
            ("1h0m0s", 3_600_000_000_000),
            ("1.5s", 1_500_000_000),
        ] {
            assert_eq!(parse_go_duration(text), Some(ns));
            assert_eq!(go_duration(ns as u64), text);
        }
        assert_eq!(parse_go_duration("-5s"), Some(-5_000_000_000));
        for bad in ["", "5", "s", "5x", "1..2s", "9999999999999999h"] {
            assert_eq!(parse_go_duration(bad), None, "{bad}");
        }
    }
}
