//! Lengths of time and numbers of bytes as a configuration writes them: `"10ms"`, `"64MiB"`.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// Reads `"10ms"`, `"5s"`, `"2min"`, `"1h"` or `"0"`.
pub fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: &[(&str, u64)] = &[
        ("us", 1),
        ("ms", 1_000),
        ("s", 1_000_000),
        ("min", 60_000_000),
        ("m", 60_000_000),
        ("h", 3_600_000_000),
        ("d", 86_400_000_000),
    ];
    scaled(text, UNITS)
        .map(Duration::from_micros)
        .ok_or_else(|| format!("`{text}` is not a length of time, such as \"10ms\", \"5s\", \"1h\" or \"0\""))
}

/// Reads `"64MiB"`, `"1GB"`, `"4096B"` or a plain number of bytes.
pub fn bytes(text: &str) -> Result<usize, String> {
    const UNITS: &[(&str, u64)] = &[
        ("", 1),
        ("B", 1),
        ("kB", 1_000),
        ("KB", 1_000),
        ("KiB", 1 << 10),
        ("MB", 1_000_000),
        ("MiB", 1 << 20),
        ("GB", 1_000_000_000),
        ("GiB", 1 << 30),
    ];
    scaled(text, UNITS)
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or_else(|| format!("`{text}` is not a number of bytes, such as \"64MiB\" or \"1GB\""))
}

/// For `#[serde(deserialize_with)]` on a length of time.
pub fn deserialize_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    duration(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// A whole number and its unit in the unit's base; a bare zero needs no unit.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim_start();
    match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => number.checked_mul(*factor),
        None if unit.is_empty() && number == 0 => Some(0),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        let cases = [("0", 0), ("10ms", 10_000), (" 5 s ", 5_000_000), ("2min", 120_000_000), ("1h", 3_600_000_000)];
        for (text, micros) in cases {
            assert_eq!(duration(text), Ok(Duration::from_micros(micros)), "{text}");
        }
        for text in ["", "5", "5 parsecs", "-1s", "1.5s", "99999999999999999999s", "9999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_of_bytes() {
        for (text, number) in [("4096", 4096), ("1kB", 1000), ("64MiB", 64 << 20), ("1GB", 1_000_000_000)] {
            assert_eq!(bytes(text), Ok(number), "{text}");
        }
        assert!(bytes("1 firkin").is_err() && bytes("99999999999GiB").is_err());
    }
}
