//! Numbers that count from 1970 as timestamps.

use super::config::Unit;
use super::decode::POSTGRES_EPOCH;
use crate::value::{Datum, Type, ValueError};

/// The microseconds since 1970 that a number counts, cut where it is finer; none if the text is no number.
pub(super) fn read(text: &str, unit: Unit) -> Option<Result<i128, ValueError>> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    // How many digits after the point are microseconds.
    let places = match unit {
        Unit::Seconds => 6,
        Unit::Milliseconds => 3,
        Unit::Microseconds => 0,
    };
    let fraction = fraction.bytes().chain(std::iter::repeat(b'0')).take(places).map(char::from);
    let micros = whole.chars().chain(fraction).collect::<String>().parse::<i128>();
    Some(micros.map(|micros| if negative { -micros } else { micros }).map_err(|_| out_of_range(text)))
}

/// The timestamp so many microseconds after 1970.
pub(super) fn timestamp(ty: &Type, micros: i128) -> Result<Datum, ValueError> {
    // The ends of the number line are Postgres's infinities, which no count means.
    let since_2000 = i64::try_from(micros - POSTGRES_EPOCH).ok().filter(|m| !matches!(*m, i64::MIN | i64::MAX));
    let micros = since_2000.ok_or_else(|| out_of_range(&micros.to_string()))?;
    Ok(if *ty == Type::Timestamp { Datum::Timestamp(micros) } else { Datum::Timestamptz(micros) })
}

fn out_of_range(text: &str) -> ValueError {
    ValueError::new("22008", format!("timestamp out of range: \"{text}\""))
}
