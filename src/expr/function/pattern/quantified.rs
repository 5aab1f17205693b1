//! Patterns in an array: `LIKE ANY`, `~ ALL`.

use super::{Expression, like};
use crate::expr::EvalError;
use crate::expr::function::Kind::*;
use crate::expr::function::compare::quantify;
use crate::expr::function::text::lower;
use crate::expr::function::{Argument, Definition, partial};
use crate::value::Datum;

type Result<X> = std::result::Result<X, EvalError>;

macro_rules! quantified {
    ($($any:literal, $all:literal, |$s:ident, $pattern:ident| $fits:expr;)*) => {
        &[$(
            partial($any, &[Text, TextArray], Bool, |values, _| {
                quantify(values, true, |value, item| { let ($s, $pattern) = texts(value, item)?; $fits })
            }).sees_nulls(),
            partial($all, &[Text, TextArray], Bool, |values, _| {
                quantify(values, false, |value, item| { let ($s, $pattern) = texts(value, item)?; $fits })
            }).sees_nulls(),
        )*]
    };
}

pub(in crate::expr::function) static FUNCTIONS: &[Definition] = quantified! {
    "~~ any", "~~ all", |s, pattern| like(s, pattern);
    "!~~ any", "!~~ all", |s, pattern| like(s, pattern).map(|x| !x);
    "~~* any", "~~* all", |s, pattern| like(&lower(s), &lower(pattern));
    "!~~* any", "!~~* all", |s, pattern| like(&lower(s), &lower(pattern)).map(|x| !x);
    "~ any", "~ all", |s, pattern| matches(s, pattern, "");
    "!~ any", "!~ all", |s, pattern| matches(s, pattern, "").map(|x| !x);
    "~* any", "~* all", |s, pattern| matches(s, pattern, "i");
    "!~* any", "!~* all", |s, pattern| matches(s, pattern, "i").map(|x| !x);
};

fn texts<'v>(value: &'v Datum, item: &'v Datum) -> Result<(&'v str, &'v str)> {
    Ok((<&str>::of(value)?, <&str>::of(item)?))
}

fn matches(s: &str, pattern: &str, flags: &str) -> Result<bool> {
    Expression::of(pattern, flags)?.is_match(s)
}
