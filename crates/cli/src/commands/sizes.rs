//! Sizes and times as people write them.

/// `90s`, `15m`, `2h`, `7d`, `250ms`; in nanoseconds.
pub(crate) fn parse_time(text: &str) -> Result<i64, String> {
    const UNITS: [(&str, i64); 5] = [
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ];
    parse(text, &UNITS).ok_or_else(|| format!("`{text}` is not a time, as 250ms, 90s, 15m, 2h or 7d"))
}

/// `4096`, `64KiB`, `10MiB`, `1GiB`, also `KB`, `MB`, `GB` of 1,000; in bytes.
pub(crate) fn parse_bytes(text: &str) -> Result<i64, String> {
    const UNITS: [(&str, i64); 8] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("", 1),
    ];
    parse(text, &UNITS)
        .ok_or_else(|| format!("`{text}` is not a number of bytes, as 4096, 64KiB, 10MiB or 1GiB"))
}

fn parse(text: &str, units: &[(&str, i64)]) -> Option<i64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<i64>().ok().filter(|number| *number > 0)?.checked_mul(*factor)
}

/// Bytes for people: at most four digits and a unit.
pub(crate) fn show_bytes(bytes: u64) -> String {
    let mut shown = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if shown < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{shown:.1} {unit}") };
        }
        shown /= 1024.0;
    }
    format!("{shown:.1} TiB")
}

/// Nanoseconds for people, in the largest unit that shows them whole.
pub(crate) fn show_time(nanoseconds: i64) -> String {
    let units = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
    ];
    match units.iter().find(|(_, unit)| nanoseconds % unit == 0) {
        Some((name, unit)) => format!("{}{name}", nanoseconds / unit),
        None => format!("{nanoseconds}ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_and_shown() {
        assert_eq!(parse_time("90s"), Ok(90_000_000_000));
        assert_eq!(parse_time("7d").map(show_time).as_deref(), Ok("7d"));
        assert_eq!(parse_time("1500ms").map(show_time).as_deref(), Ok("1500ms"));
        assert_eq!(parse_bytes("4096"), Ok(4096));
        assert_eq!(parse_bytes("10MiB"), Ok(10 << 20));
        assert_eq!((show_bytes(1023), show_bytes(1536)), ("1023 B".into(), "1.5 KiB".into()));
        for wrong in ["", "s", "5", "0s", "-1s", "9999999999999d", "1y"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "KiB", "0", "1 KiB", "99999999TiB"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }
}
