//! `AT TIME ZONE`, which is the function `timezone`.

use super::Kind::*;
use super::argument::{Timestamp as Instant, Timestamptz as Moment};
use super::{Definition, lift, partial};
use crate::expr::EvalError;
use crate::value::calendar::SECOND;
use crate::value::{Datum, Interval as Span, zone::Zone};

type Result<X> = std::result::Result<X, EvalError>;

pub(super) static FUNCTIONS: &[Definition] = &[
    partial(
        "timezone",
        &[Text, Timestamp],
        Timestamptz,
        lift!(|zone: &str, t: Instant| Ok(Moment(Zone::parse(zone)?.to_utc(t.0)?))),
    ),
    partial(
        "timezone",
        &[Text, Timestamptz],
        Timestamp,
        lift!(|zone: &str, t: Moment| Ok(Instant(Zone::parse(zone)?.to_local(t.0)?))),
    ),
    partial(
        "timezone",
        &[Interval, Timestamp],
        Timestamptz,
        lift!(|zone: Span, t: Instant| Ok(Moment(fixed(zone)?.to_utc(t.0)?))),
    ),
    partial(
        "timezone",
        &[Interval, Timestamptz],
        Timestamp,
        lift!(|zone: Span, t: Moment| Ok(Instant(fixed(zone)?.to_local(t.0)?))),
    ),
];

/// The zone so far east of UTC.
fn fixed(offset: Span) -> Result<Zone> {
    if offset.months != 0 || offset.days != 0 {
        let shown = super::text::shown(&Datum::Interval(offset));
        let message = format!("interval time zone \"{shown}\" must not include months or days");
        return Err(EvalError::new("22023", message));
    }
    let seconds =
        i32::try_from(offset.micros / SECOND).map_err(|_| EvalError::new("22008", "timestamp out of range"))?;
    Ok(Zone::Fixed(seconds))
}
