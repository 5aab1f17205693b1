//! `now()` in WHERE: rows that come and go because time passes.
//!
//! `now()`, or `now()` more or less a constant interval, stands alone on one side of `<`, `<=`, `>`, `>=` or in BETWEEN. Months are
//! no constant length: `at > now() - '1 month'` is refused, and `at + '1 month' > now()` is not.

use crate::expr::{Scalar, comparable};
use crate::plan::rewrite::conjuncts;
use crate::plan::{ClockOrder, ClockTest};
use crate::sql::bind::subquery::reads_applied;
use crate::sql::error::{Bound, Fault};
use crate::value::calendar::DAY;
use crate::value::{Datum, Interval, Type};

/// What a condition asks of the clock, and the rest of it.
pub(super) fn split(condition: Scalar) -> Bound<(Vec<ClockTest>, Scalar)> {
    let (clock, rest): (Vec<Scalar>, Vec<Scalar>) = conjuncts(condition).into_iter().partition(reads_clock);
    let tests = clock.iter().map(|conjunct| test(conjunct).ok_or_else(refused)).collect::<Bound<_>>()?;
    Ok((tests, Scalar::And(rest)))
}

/// Whether an expression reads the clock.
fn reads_clock(scalar: &Scalar) -> bool {
    let mut any = is_now(scalar);
    scalar.for_each_operand(&mut |operand| any |= reads_clock(operand));
    any
}

fn refused() -> Fault {
    Fault::unsupported("now() other than compared with a time is").hint(
        "Compare it by <, <=, >, >= or BETWEEN, with AND between such conditions: at > now() - interval '1 hour'. An interval of \
         months or years goes to the other side: at + interval '1 month' > now().",
    )
}

/// A comparison of the clock with a time.
fn test(conjunct: &Scalar) -> Option<ClockTest> {
    let (name, [left, right]) = call(conjunct)? else { return None };
    let order = ClockOrder::of(name)?;
    compared(left, right, order).or_else(|| compared(right, left, order.reversed()))
}

/// `clock ORDER time`, the clock being `now()`, `now()` and a constant interval, or `now() - time` beside a constant interval.
fn compared(clock: &Scalar, time: &Scalar, order: ClockOrder) -> Option<ClockTest> {
    if let Some(offset) = offset(clock) {
        return Some(ClockTest { order, at: instant(time)?, after: -offset });
    }
    let ("-", [now, at]) = call(clock)? else { return None };
    let after = length(time).filter(|_| is_now(now))?;
    Some(ClockTest { order, at: instant(at)?, after })
}

/// A time of the row as the clock is compared with it.
fn instant(time: &Scalar) -> Option<Scalar> {
    let is_time = matches!(time.ty(), Type::Timestamptz | Type::Timestamp | Type::Date);
    if !is_time || reads_clock(time) || reads_applied(time) {
        return None;
    }
    comparable(time, &Type::Timestamptz)
}

/// How far from `now()` an expression is, if that is constant.
fn offset(scalar: &Scalar) -> Option<i64> {
    if is_now(scalar) {
        return Some(0);
    }
    match call(scalar)? {
        ("+", [now, interval]) | ("+", [interval, now]) if is_now(now) => length(interval),
        ("-", [now, interval]) if is_now(now) => length(interval)?.checked_neg(),
        _ => None,
    }
}

fn is_now(scalar: &Scalar) -> bool {
    matches!(call(scalar), Some(("now", [])))
}

/// A call's name and arguments.
fn call(scalar: &Scalar) -> Option<(&'static str, &[Scalar])> {
    match scalar {
        Scalar::Call { function, arguments, .. } => Some((function.name(), arguments)),
        _ => None,
    }
}

/// The microseconds of a constant interval.
pub(super) fn length(scalar: &Scalar) -> Option<i64> {
    let mut constant = !reads_clock(scalar);
    scalar.columns(&mut |_| constant = false);
    match scalar.eval(&[]).ok().filter(|_| constant)? {
        Datum::Interval(Interval { months: 0, days, micros }) => i64::from(days).checked_mul(DAY)?.checked_add(micros),
        _ => None,
    }
}
