//! Conversions between types, as in Postgres's `pg_cast`, and the function that applies a type's modifier.

use super::Kind::*;
use super::argument::{Date as Day, TimeOfDay, Timestamp as Instant, Timestamptz as Moment};
use super::math::{int2_range, int4_range, int8_range};
use super::network::read as network;
use super::{Definition, Function, Kind, lift, partial, total};
use crate::expr::coercion::CastContext::{self, Assignment, Explicit, Implicit};
use crate::expr::{EvalError, Scalar, cast};
use crate::value::calendar::date_to_timestamp;
use crate::value::json::Json as JsonValue;
use crate::value::numeric::Numeric as Decimal;
use crate::value::{Array as List, Datum, Interval as Span, Type, text};
use std::sync::Arc;

type Result<X> = std::result::Result<X, EvalError>;

/// A conversion by a function of one argument.
pub(in crate::expr) struct Cast {
    /// The least context in which it applies.
    pub(in crate::expr) context: CastContext,
    /// The function; its name is the target type's.
    pub(in crate::expr) function: Definition,
}

const fn cast_in(context: CastContext, function: Definition) -> Cast {
    Cast { context, function }
}

/// The same datum, of a type that shares its form.
pub(in crate::expr) static RELABEL: Definition = total("relabel", &[Any], Any, lift!(|x: &Datum| Ok(x.clone())));

/// By the text output function, to any string type.
pub(in crate::expr) static TO_TEXT: Definition = total("cast", &[Any], Text, |values, ty| match values {
    [value] => {
        let mut out = String::new();
        text::write(value, &mut out);
        Ok(if *ty == Type::Char { Datum::Char(out.into()) } else { Datum::text(out) })
    }
    _ => Err(EvalError::mistyped()),
});

/// By the text input function of the result's type.
pub(in crate::expr) static FROM_TEXT: Definition = partial("cast", &[Text], Any, |values, ty| match values {
    [Datum::Text(input) | Datum::Char(input)] => Ok(text::parse(ty, -1, input)?),
    _ => Err(EvalError::mistyped()),
});

/// An array by its elements.
pub(in crate::expr) static ELEMENTS: Definition = partial("cast", &[Any], Any, |values, ty| match (values, ty) {
    ([Datum::Array(list)], Type::Array(element)) => each_item(list, element),
    _ => Err(EvalError::mistyped()),
});

/// Casts the items as literals; a cast that does not exist was refused when the array's was bound.
fn each_item(list: &List, element: &Type) -> Result<Datum> {
    let mut items = Vec::with_capacity(list.items.len());
    for item in &list.items {
        let item = Scalar::Literal(item.clone(), list.element.clone());
        let converted = cast(item, element, -1, Explicit).map_err(|_| EvalError::mistyped())?;
        items.push(converted.eval(&[])?);
    }
    Ok(Datum::Array(Arc::new(List { element: element.clone(), dimensions: list.dimensions.clone(), items })))
}

/// A day's midnight for comparing: days that no timestamp reaches come after all but infinity, as for Postgres.
pub(in crate::expr) static MIDNIGHT: Definition = total("midnight", &[Date], Any, |values, ty| match (values, ty) {
    ([Datum::Date(day)], Type::Timestamp) => Ok(Datum::Timestamp(midnight(*day))),
    ([Datum::Date(day)], Type::Timestamptz) => Ok(Datum::Timestamptz(midnight(*day))),
    _ => Err(EvalError::mistyped()),
});

pub(super) fn midnight(day: i32) -> i64 {
    date_to_timestamp(day).unwrap_or(i64::MAX - 1)
}

/// The conversion function between two types, if there is one.
pub(in crate::expr) fn cast_function(from: &Type, to: &Type) -> Option<&'static Cast> {
    CASTS.iter().find(|cast| {
        let function = &cast.function;
        function.result.concrete().as_ref() == Some(to) && function.arguments[0].concrete().as_ref() == Some(from)
    })
}

/// Applies a type's modifier to a value of the type: of the value, the modifier, and whether the cast was explicit.
pub(in crate::expr) static MODIFIER: Definition =
    partial("modifier", &[Any, Int4, Bool], Any, |values, ty| match values {
        [value, Datum::Int4(modifier), Datum::Bool(explicit)] => {
            Ok(text::apply_modifier(ty, *modifier, value.clone(), *explicit)?)
        }
        _ => Err(EvalError::mistyped()),
    });

/// A call `type_name(argument)` that means a cast: the function, what it takes and gives. An unknown argument is read as the type.
pub(in crate::expr) fn call_as_cast(name: &str, from: Option<&Type>) -> Option<(Function, Type, Type)> {
    let to = TYPE_NAMES.iter().find(|(known, _)| *known == name)?.1.concrete()?;
    let Some(from) = from else { return Some((Function::of(&RELABEL), to.clone(), to)) };
    if *from == to {
        return Some((Function::of(&RELABEL), to.clone(), to));
    }
    let function = match cast_function(from, &to) {
        Some(cast) => &cast.function,
        None if matches!(to, Type::Text | Type::Varchar) => &TO_TEXT,
        None if matches!(from, Type::Text | Type::Varchar | Type::Char) => &FROM_TEXT,
        None => return None,
    };
    Some((Function::of(function), from.clone(), to))
}

static TYPE_NAMES: &[(&str, Kind)] = &[
    ("bool", Bool),
    ("int2", Int2),
    ("int4", Int4),
    ("int8", Int8),
    ("float4", Float4),
    ("float8", Float8),
    ("numeric", Numeric),
    ("text", Text),
    ("varchar", Varchar),
    ("bpchar", Char),
    ("date", Date),
    ("time", Time),
    ("timestamp", Timestamp),
    ("timestamptz", Timestamptz),
    ("interval", Interval),
    ("uuid", Uuid),
    ("jsonb", Jsonb),
];

static CASTS: &[Cast] = &[
    cast_in(Implicit, total("int4", &[Int2], Int4, lift!(|x: i16| Ok(i32::from(x))))),
    cast_in(Assignment, total("text", &[Inet], Text, lift!(|x: &str| Ok(whole(x))))),
    cast_in(Assignment, total("text", &[Cidr], Text, lift!(|x: &str| Ok(whole(x))))),
    cast_in(Assignment, total("varchar", &[Inet], Varchar, lift!(|x: &str| Ok(whole(x))))),
    cast_in(Assignment, total("varchar", &[Cidr], Varchar, lift!(|x: &str| Ok(whole(x))))),
    cast_in(Assignment, total("bpchar", &[Inet], Char, lift!(|x: &str| Ok(Datum::Char(whole(x).into()))))),
    cast_in(Assignment, total("bpchar", &[Cidr], Char, lift!(|x: &str| Ok(Datum::Char(whole(x).into()))))),
    cast_in(Implicit, partial("inet", &[Cidr], Inet, lift!(|x: &str| network(x).map(|network| network.shown(false))))),
    cast_in(Assignment, partial("cidr", &[Inet], Cidr, lift!(|x: &str| network(x).map(|x| x.whole().shown(true))))),
    cast_in(Explicit, total("bytea", &[Int2], Bytea, lift!(|x: i16| Ok(x.to_be_bytes().to_vec())))),
    cast_in(Explicit, total("bytea", &[Int4], Bytea, lift!(|x: i32| Ok(x.to_be_bytes().to_vec())))),
    cast_in(Explicit, total("bytea", &[Int8], Bytea, lift!(|x: i64| Ok(x.to_be_bytes().to_vec())))),
    cast_in(
        Explicit,
        partial("int2", &[Bytea], Int2, lift!(|x: &[u8]| padded(x).map(i16::from_be_bytes).ok_or_else(int2_range))),
    ),
    cast_in(
        Explicit,
        partial("int4", &[Bytea], Int4, lift!(|x: &[u8]| padded(x).map(i32::from_be_bytes).ok_or_else(int4_range))),
    ),
    cast_in(
        Explicit,
        partial("int8", &[Bytea], Int8, lift!(|x: &[u8]| padded(x).map(i64::from_be_bytes).ok_or_else(int8_range))),
    ),
    cast_in(Implicit, total("int8", &[Int2], Int8, lift!(|x: i16| Ok(i64::from(x))))),
    cast_in(Implicit, total("float4", &[Int2], Float4, lift!(|x: i16| Ok(f32::from(x))))),
    cast_in(Implicit, total("float8", &[Int2], Float8, lift!(|x: i16| Ok(f64::from(x))))),
    cast_in(Implicit, total("numeric", &[Int2], Numeric, lift!(|x: i16| Ok(Decimal::from(i64::from(x)))))),
    cast_in(Assignment, partial("int2", &[Int4], Int2, lift!(|x: i32| i16::try_from(x).map_err(|_| int2_range())))),
    cast_in(Implicit, total("int8", &[Int4], Int8, lift!(|x: i32| Ok(i64::from(x))))),
    cast_in(Implicit, total("float4", &[Int4], Float4, lift!(|x: i32| Ok(x as f32)))),
    cast_in(Implicit, total("float8", &[Int4], Float8, lift!(|x: i32| Ok(f64::from(x))))),
    cast_in(Implicit, total("numeric", &[Int4], Numeric, lift!(|x: i32| Ok(Decimal::from(i64::from(x)))))),
    cast_in(Assignment, partial("int2", &[Int8], Int2, lift!(|x: i64| i16::try_from(x).map_err(|_| int2_range())))),
    cast_in(Assignment, partial("int4", &[Int8], Int4, lift!(|x: i64| i32::try_from(x).map_err(|_| int4_range())))),
    cast_in(Implicit, total("float4", &[Int8], Float4, lift!(|x: i64| Ok(x as f32)))),
    cast_in(Implicit, total("float8", &[Int8], Float8, lift!(|x: i64| Ok(x as f64)))),
    cast_in(Implicit, total("numeric", &[Int8], Numeric, lift!(|x: i64| Ok(Decimal::from(x))))),
    cast_in(
        Assignment,
        partial(
            "int2",
            &[Float4],
            Int2,
            lift!(|x: f32| float_to_int(x.into()).and_then(|x| i16::try_from(x).ok()).ok_or_else(int2_range)),
        ),
    ),
    cast_in(
        Assignment,
        partial(
            "int4",
            &[Float4],
            Int4,
            lift!(|x: f32| float_to_int(x.into()).and_then(|x| i32::try_from(x).ok()).ok_or_else(int4_range)),
        ),
    ),
    cast_in(
        Assignment,
        partial("int8", &[Float4], Int8, lift!(|x: f32| float_to_int(x.into()).ok_or_else(int8_range))),
    ),
    cast_in(Implicit, total("float8", &[Float4], Float8, lift!(|x: f32| Ok(f64::from(x))))),
    cast_in(Assignment, total("numeric", &[Float4], Numeric, lift!(|x: f32| Ok(Decimal::from_f32(x))))),
    cast_in(
        Assignment,
        partial(
            "int2",
            &[Float8],
            Int2,
            lift!(|x: f64| float_to_int(x).and_then(|x| i16::try_from(x).ok()).ok_or_else(int2_range)),
        ),
    ),
    cast_in(
        Assignment,
        partial(
            "int4",
            &[Float8],
            Int4,
            lift!(|x: f64| float_to_int(x).and_then(|x| i32::try_from(x).ok()).ok_or_else(int4_range)),
        ),
    ),
    cast_in(Assignment, partial("int8", &[Float8], Int8, lift!(|x: f64| float_to_int(x).ok_or_else(int8_range)))),
    cast_in(Assignment, partial("float4", &[Float8], Float4, lift!(|x: f64| narrow(x)))),
    cast_in(Assignment, total("numeric", &[Float8], Numeric, lift!(|x: f64| Ok(Decimal::from_f64(x))))),
    cast_in(Assignment, partial("int2", &[Numeric], Int2, lift!(|x: &Decimal| Ok(x.to_integer::<i16>("smallint")?)))),
    cast_in(Assignment, partial("int4", &[Numeric], Int4, lift!(|x: &Decimal| Ok(x.to_integer::<i32>("integer")?)))),
    cast_in(Assignment, partial("int8", &[Numeric], Int8, lift!(|x: &Decimal| Ok(x.to_integer::<i64>("bigint")?)))),
    cast_in(Implicit, partial("float4", &[Numeric], Float4, lift!(|x: &Decimal| Ok(x.to_f32()?)))),
    cast_in(Implicit, partial("float8", &[Numeric], Float8, lift!(|x: &Decimal| Ok(x.to_f64()?)))),
    cast_in(Explicit, total("bool", &[Int4], Bool, lift!(|x: i32| Ok(x != 0)))),
    cast_in(Explicit, total("int4", &[Bool], Int4, lift!(|x: bool| Ok(i32::from(x))))),
    cast_in(Assignment, total("text", &[Bool], Text, lift!(|x: bool| Ok(bool_text(x))))),
    cast_in(Assignment, total("varchar", &[Bool], Varchar, lift!(|x: bool| Ok(bool_text(x))))),
    cast_in(Assignment, total("bpchar", &[Bool], Char, lift!(|x: bool| Ok(Datum::Char(bool_text(x).into()))))),
    cast_in(Implicit, total("text", &[Char], Text, lift!(|x: &str| Ok(x.trim_end_matches(' '))))),
    cast_in(Implicit, total("varchar", &[Char], Varchar, lift!(|x: &str| Ok(x.trim_end_matches(' '))))),
    cast_in(Implicit, total("bpchar", &[Text], Char, lift!(|x: &str| Ok(Datum::Char(x.into()))))),
    cast_in(Implicit, total("bpchar", &[Varchar], Char, lift!(|x: &str| Ok(Datum::Char(x.into()))))),
    cast_in(Implicit, partial("timestamp", &[Date], Timestamp, lift!(|x: Day| Ok(Instant(date_to_timestamp(x.0)?))))),
    cast_in(
        Implicit,
        partial("timestamptz", &[Date], Timestamptz, lift!(|x: Day| Ok(Moment(date_to_timestamp(x.0)?)))),
    ),
    cast_in(Implicit, total("timestamptz", &[Timestamp], Timestamptz, lift!(|x: Instant| Ok(Moment(x.0))))),
    cast_in(Assignment, total("timestamp", &[Timestamptz], Timestamp, lift!(|x: Moment| Ok(Instant(x.0))))),
    cast_in(Assignment, total("date", &[Timestamp], Date, lift!(|x: Instant| Ok(micros_to_date(x.0))))),
    cast_in(Assignment, total("date", &[Timestamptz], Date, lift!(|x: Moment| Ok(micros_to_date(x.0))))),
    cast_in(Assignment, total("time", &[Timestamp], Time, lift!(|x: Instant| Ok(micros_to_time(x.0))))),
    cast_in(Assignment, total("time", &[Timestamptz], Time, lift!(|x: Moment| Ok(micros_to_time(x.0))))),
    cast_in(Assignment, total("time", &[Interval], Time, lift!(|x: Span| Ok(TimeOfDay(x.micros.rem_euclid(DAY)))))),
    cast_in(
        Implicit,
        total("interval", &[Time], Interval, lift!(|x: TimeOfDay| Ok(Span { months: 0, days: 0, micros: x.0 }))),
    ),
    cast_in(Assignment, partial("jsonb", &[Json], Jsonb, lift!(|x: &str| Ok(text::parse(&Type::Jsonb, -1, x)?)))),
    cast_in(Assignment, total("json", &[Jsonb], Json, lift!(|x: &Datum| Ok(jsonb_to_json(x))))),
    cast_in(Explicit, partial("bool", &[Jsonb], Bool, lift!(|x: &JsonValue| jsonb_bool(x)))),
    cast_in(
        Explicit,
        partial("numeric", &[Jsonb], Numeric, lift!(|x: &JsonValue| jsonb_number(x, "numeric").cloned())),
    ),
    cast_in(
        Explicit,
        partial(
            "int2",
            &[Jsonb],
            Int2,
            lift!(|x: &JsonValue| Ok(jsonb_number(x, "smallint")?.to_integer::<i16>("smallint")?)),
        ),
    ),
    cast_in(
        Explicit,
        partial(
            "int4",
            &[Jsonb],
            Int4,
            lift!(|x: &JsonValue| Ok(jsonb_number(x, "integer")?.to_integer::<i32>("integer")?)),
        ),
    ),
    cast_in(
        Explicit,
        partial(
            "int8",
            &[Jsonb],
            Int8,
            lift!(|x: &JsonValue| Ok(jsonb_number(x, "bigint")?.to_integer::<i64>("bigint")?)),
        ),
    ),
    cast_in(
        Explicit,
        partial("float4", &[Jsonb], Float4, lift!(|x: &JsonValue| Ok(jsonb_number(x, "real")?.to_f32()?))),
    ),
    cast_in(
        Explicit,
        partial("float8", &[Jsonb], Float8, lift!(|x: &JsonValue| Ok(jsonb_number(x, "double precision")?.to_f64()?))),
    ),
];

/// An address with the length of its network, also where that is all of it.
fn whole(shown: &str) -> String {
    text::Network::parse(shown).map_or_else(|| shown.to_owned(), |network| network.shown(true))
}

/// Bytes with zeros before them; none if they are too many.
fn padded<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let mut padded = [0; N];
    padded.get_mut(N.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    Some(padded)
}

/// Microseconds in a day.
pub(super) const DAY: i64 = 86_400_000_000;

fn bool_text(x: bool) -> &'static str {
    if x { "true" } else { "false" }
}

/// The nearest integer, ties to even, if it is a `bigint`.
fn float_to_int(x: f64) -> Option<i64> {
    let rounded = x.round_ties_even();
    let in_range = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded);
    in_range.then_some(rounded as i64)
}

fn narrow(x: f64) -> Result<f32> {
    let narrow = x as f32;
    if narrow.is_infinite() && x.is_finite() {
        return Err(EvalError::new("22003", "value out of range: overflow"));
    }
    if narrow == 0.0 && x != 0.0 {
        return Err(EvalError::new("22003", "value out of range: underflow"));
    }
    Ok(narrow)
}

fn micros_to_date(micros: i64) -> Day {
    match micros {
        i64::MIN => Day(i32::MIN),
        i64::MAX => Day(i32::MAX),
        micros => Day(micros.div_euclid(DAY) as i32),
    }
}

/// The time of day; an infinity has none.
fn micros_to_time(micros: i64) -> Option<TimeOfDay> {
    (micros != i64::MIN && micros != i64::MAX).then(|| TimeOfDay(micros.rem_euclid(DAY)))
}

fn jsonb_to_json(value: &Datum) -> Datum {
    let mut out = String::new();
    text::write(value, &mut out);
    Datum::Json(out.into())
}

fn jsonb_bool(value: &JsonValue) -> Result<bool> {
    match value {
        JsonValue::Bool(value) => Ok(*value),
        _ => Err(cannot_cast_json(value, "boolean")),
    }
}

fn jsonb_number<'a>(value: &'a JsonValue, target: &str) -> Result<&'a Decimal> {
    match value {
        JsonValue::Number(number) => Ok(number),
        _ => Err(cannot_cast_json(value, target)),
    }
}

fn cannot_cast_json(value: &JsonValue, target: &str) -> EvalError {
    let what = match value {
        JsonValue::Null => "null",
        JsonValue::Bool(_) => "boolean",
        JsonValue::Number(_) => "numeric",
        JsonValue::String(_) => "string",
        JsonValue::Array(_) => "array",
        JsonValue::Object(_) => "object",
    };
    EvalError::new("22023", format!("cannot cast jsonb {what} to type {target}"))
}
