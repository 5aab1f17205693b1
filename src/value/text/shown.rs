//! The short way for values as Postgres shows them, which is how nearly all of them come.
//!
//! What is here reads one form of a type and knows no errors: nothing is given for any other form, and for what is wrong.
//! Those are for the type's parser, which reads the same value from this form too.

use crate::value::calendar::{self, Civil, HOUR, MINUTE, SECOND};
use crate::value::encoding;
use crate::value::numeric::Numeric;
use crate::value::{Datum, Type};

/// So many bytes are a number that fits 64 bits, whatever digits they are.
const MOST_DIGITS: usize = 18;

/// Appends the value as rows hold it, without a modifier; or nothing, and gives nothing.
pub(super) fn encode(ty: &Type, input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let value = match ty {
        Type::Text | Type::Varchar => return is_plain(input).then(|| encoding::plain(encoding::TEXT, input, out)),
        Type::Char => return is_plain(input).then(|| encoding::plain(encoding::CHAR, input, out)),
        Type::Bool => Datum::Bool(boolean(input)?),
        Type::Int2 => Datum::Int2(integer(input)?.try_into().ok()?),
        Type::Int4 => Datum::Int4(integer(input)?.try_into().ok()?),
        Type::Int8 => Datum::Int8(integer(input)?),
        Type::Numeric => Datum::Numeric(numeric(input)?),
        Type::Date => Datum::Date(date(input)?),
        Type::Time => Datum::Time(time(input)?),
        Type::Timestamp => Datum::Timestamp(timestamp(input)?),
        Type::Timestamptz => Datum::Timestamptz(timestamp(input.strip_suffix(b"+00")?)?),
        Type::Uuid => Datum::Uuid(uuid(input)?),
        _ => return None,
    };
    encoding::encode(&value, out);
    Some(())
}

/// Whether these bytes are ASCII and none is zero: text that is valid, and encoded as it is.
fn is_plain(input: &[u8]) -> bool {
    // What is not has its high bit set, a zero once it wraps. Without an early end many bytes are looked at in one go.
    input.iter().fold(0, |bits, byte| bits | byte | byte.wrapping_sub(1)) < 0x80
}

fn boolean(input: &[u8]) -> Option<bool> {
    match input {
        b"t" => Some(true),
        b"f" => Some(false),
        _ => None,
    }
}

fn integer(input: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(input)?;
    match append(0, digits) {
        (value, []) => Some(if negative { -value } else { value }),
        _ => None,
    }
}

fn numeric(input: &[u8]) -> Option<Numeric> {
    let (negative, digits) = sign(input)?;
    let (value, fraction) = match append(0, digits) {
        (value, []) => (value, &[][..]),
        (whole, [b'.', fraction @ ..]) => match append(whole, fraction) {
            (value, []) => (value, fraction),
            _ => return None,
        },
        _ => return None,
    };
    Some(Numeric::Small(i128::from(if negative { -value } else { value }), fraction.len() as u16))
}

/// Whether there is a minus, and what follows it: it begins with a digit and is not too long.
fn sign(input: &[u8]) -> Option<(bool, &[u8])> {
    let (negative, rest) = match input {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    (rest.len() <= MOST_DIGITS && rest.first()?.is_ascii_digit()).then_some((negative, rest))
}

/// The number written by these digits and those at the front of the input, and what is behind them.
fn append(mut number: i64, mut input: &[u8]) -> (i64, &[u8]) {
    while let [digit @ b'0'..=b'9', rest @ ..] = input {
        number = number * 10 + i64::from(digit - b'0');
        input = rest;
    }
    (number, input)
}

/// A date of our era, `2026-01-02`.
fn date(input: &[u8]) -> Option<i32> {
    calendar::check_date(civil(input.try_into().ok()?)?.days())
}

/// A timestamp of our era, `2026-01-02 03:04:05.006`, and no zone.
pub(super) fn timestamp(input: &[u8]) -> Option<i64> {
    let (date, time_of_day) = input.split_first_chunk()?;
    calendar::timestamp(civil(date)?.days(), time(time_of_day.strip_prefix(b" ")?)?).ok()
}

fn civil(input: &[u8; 10]) -> Option<Civil> {
    let [a, b, c, d, b'-', e, f, b'-', g, h] = *input else { return None };
    let year = two(a, b)? * 100 + two(c, d)?;
    let civil = Civil { year: year as i32, month: two(e, f)?, day: two(g, h)? };
    (year > 0 && civil.exists()).then_some(civil)
}

/// A time of day, `03:04:05.006`, and not its end, `24:00:00`.
fn time(input: &[u8]) -> Option<i64> {
    let [a, b, b':', c, d, b':', e, f, fraction @ ..] = input else { return None };
    let (hour, minute, second) = (two(*a, *b)?, two(*c, *d)?, two(*e, *f)?);
    let micros = match fraction {
        [] => 0,
        [b'.', digits @ ..] if matches!(digits.len(), 1..=6) => match append(0, digits) {
            (written, []) => written * 10i64.pow(6 - digits.len() as u32),
            _ => return None,
        },
        _ => return None,
    };
    let time = i64::from(hour) * HOUR + i64::from(minute) * MINUTE + i64::from(second) * SECOND + micros;
    (hour < 24 && minute < 60 && second < 60).then_some(time)
}

fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// Five groups of hex digits.
fn uuid(input: &[u8]) -> Option<[u8; 16]> {
    const PAIRS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let input: &[u8; 36] = input.try_into().ok()?;
    let (mut uuid, mut seen) = ([0; 16], 0);
    for (byte, at) in uuid.iter_mut().zip(PAIRS) {
        let (high, low) = (HEX[usize::from(input[at])], HEX[usize::from(input[at + 1])]);
        seen |= high | low;
        *byte = high << 4 | low;
    }
    let hyphens = [8, 13, 18, 23].iter().all(|at| input[*at] == b'-');
    (hyphens && seen < 16).then_some(uuid)
}

/// The values of hex digits, and 255 for other bytes. A table, as no branch on a digit could be foreseen.
const HEX: [u8; 256] = {
    let mut values = [255; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value] as usize] = value as u8;
        values[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::calendar::DAY;
    use crate::value::text;
    use proptest::prelude::*;

    /// What is read the short way. Changed here and there it is what is read the long way, or not at all.
    const SHOWN: &[(Type, &[&str])] = &[
        (Type::Bool, &["t", "f"]),
        (Type::Int2, &["0", "-1", "32767", "-32768"]),
        (Type::Int4, &["0", "-7", "0042", "2147483647", "-2147483648"]),
        (Type::Int8, &["0", "-0", "1234567890", "999999999999999999", "-999999999999999999"]),
        (Type::Numeric, &["0", "0.00", "-0.0", "127", "128", "-128", "-129", "1.50", "-1234.56", "99999999999999.999"]),
        (Type::Text, &["", "a", "note to order 1", "a longer text, of more bytes than are looked at in one go"]),
        (Type::Varchar, &["", "\x01\t\\ \x7f"]),
        (Type::Char, &["", "ab  "]),
        (Type::Date, &["2026-01-02", "0001-01-01", "2024-02-29", "9999-12-31"]),
        (Type::Time, &["00:00:00", "03:04:05.6", "23:59:59.999999"]),
        (Type::Timestamp, &["2026-01-02 03:04:05", "1999-12-31 23:59:59.999999", "0001-01-01 00:00:00.1"]),
        (Type::Timestamptz, &["2026-01-02 03:04:05+00", "1999-12-31 23:59:59.999999+00", "2024-02-29 00:00:00.05+00"]),
        (Type::Uuid, &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"]),
    ];

    /// What must be left to the long way.
    const OTHER: &[(Type, &[&str])] = &[
        (Type::Bool, &["", "true", "T", "x"]),
        (Type::Int2, &["32768", "-32769", "+1"]),
        (Type::Int4, &["", "-", " 1", "1 ", "2147483648", "0x1F", "1_000"]),
        (Type::Int8, &["--1", "9223372036854775807", "-9223372036854775808", "9223372036854775808"]),
        (Type::Numeric, &[".", "-", ".5", "-.5", "1.2.3", "1e3", "NaN", "Infinity", "1234567890123456789", "1.-2"]),
        (Type::Text, &["\0", "a\0b", "Grüße", "\u{80}"]),
        (Type::Char, &["ä"]),
        (Type::Date, &["0000-01-01", "2026-02-29", "2026-13-01", "2026-1-2", "20260102", "10000-01-01"]),
        (Type::Date, &["0044-03-15 BC", "2026/01/02", "infinity"]),
        (Type::Time, &["24:00:00", "23:59:60", "12:60:00", "03:04", "03:04:05.", "03:04:05.1234567", "3:04:05"]),
        (Type::Timestamp, &["2026-01-02T03:04:05", "2026-01-02", "infinity", "2026-01-02 03:04:05+00"]),
        (Type::Timestamptz, &["2026-01-02 03:04:05", "2026-01-02 03:04:05+01", "+00", "0044-03-15 00:00:00+00 BC"]),
        (Type::Uuid, &["", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
        (Type::Uuid, &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"]),
    ];

    /// Whether the short way takes this. If it does, it does what the long way does; if not, nothing.
    fn takes(ty: &Type, input: &[u8]) -> bool {
        let before = b"before".to_vec();
        let (mut short, mut long) = (before.clone(), before.clone());
        let taken = text::encode_shown(ty, input, &mut short);
        if taken {
            let mut input = String::from_utf8(input.to_vec()).expect("what is taken is text");
            if matches!(ty, Type::Timestamp | Type::Timestamptz) {
                // Their parser goes the short way too, but not with a blank before.
                input.insert(0, ' ');
            }
            text::encode(ty, &input, &mut long).unwrap_or_else(|error| panic!("{ty} {input:?} is wrong: {error:?}"));
        }
        assert_eq!(short, long, "{ty} {input:?}");
        taken
    }

    fn cases(table: &'static [(Type, &[&str])]) -> impl Iterator<Item = (&'static Type, &'static str)> {
        table.iter().flat_map(|(ty, inputs)| inputs.iter().map(move |input| (ty, *input)))
    }

    #[test]
    fn what_is_shown_is_taken_and_all_else_left() {
        cases(SHOWN).for_each(|(ty, input)| assert!(takes(ty, input.as_bytes()), "{ty} {input:?}"));
        cases(OTHER).for_each(|(ty, input)| assert!(!takes(ty, input.as_bytes()), "{ty} {input:?}"));
        assert!(!takes(&Type::Text, b"\xff"));
    }

    /// The input with some bytes replaced, removed or put in.
    fn edited(input: &str, edits: &[(u8, usize, u8)]) -> Vec<u8> {
        let mut bytes = input.as_bytes().to_vec();
        for (kind, at, byte) in edits {
            let at = at % (bytes.len() + 1);
            match kind {
                0 => bytes.insert(at, *byte),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ if at < bytes.len() => bytes[at] = *byte,
                _ => {}
            }
        }
        bytes
    }

    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![8 => b'0'..=b'9', 4 => prop::sample::select(b"+-.: ,/eEtTfaAGzZ_".as_slice()), 1 => any::<u8>()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn the_short_way_means_what_the_long_one_does(
            case in prop::sample::select(cases(SHOWN).chain(cases(OTHER)).collect::<Vec<_>>()),
            other in prop::sample::select(SHOWN),
            edits in prop::collection::vec((0u8..3, 0usize..40, byte()), 0..4),
        ) {
            let input = edited(case.1, &edits);
            takes(case.0, &input);
            takes(&other.0, &input);
        }

        #[test]
        fn values_are_taken_as_they_are_shown(
            day in -1998 * 365..7999 * 365i32,
            time in 0..DAY,
            wide in -10i64.pow(16)..10i64.pow(16),
            narrower in 0u32..50,
            scale in 0u16..=16,
            uuid in any::<[u8; 16]>(),
        ) {
            let (number, timestamp) = (wide >> narrower, i64::from(day) * DAY + time);
            for (ty, value) in [
                (Type::Int2, Datum::Int2(number as i16)),
                (Type::Int4, Datum::Int4(number as i32)),
                (Type::Int8, Datum::Int8(number)),
                (Type::Numeric, Datum::Numeric(Numeric::Small(number.into(), scale))),
                (Type::Date, Datum::Date(day)),
                (Type::Time, Datum::Time(time)),
                (Type::Timestamp, Datum::Timestamp(timestamp)),
                (Type::Timestamptz, Datum::Timestamptz(timestamp)),
                (Type::Uuid, Datum::Uuid(uuid)),
            ] {
                let mut shown = String::new();
                text::write(&value, &mut shown);
                prop_assert!(takes(&ty, shown.as_bytes()), "{} {}", ty, shown);
            }
        }
    }
}
