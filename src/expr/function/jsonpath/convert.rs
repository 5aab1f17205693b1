//! The methods of a path that make one scalar of another.

use super::run::{Run, soft};
use super::syntax::Method;
use crate::value::json::Json;
use crate::value::numeric::Numeric;
use crate::value::{Datum, Type, text};

/// A value as the method's type.
pub(super) fn converted(method: Method, value: &Json) -> Run<Json> {
    let name = method.name();
    let shown = match value {
        Json::String(text) => text.to_string(),
        Json::Number(number) => number.to_string(),
        Json::Bool(truth) => truth.to_string(),
        Json::Null | Json::Array(_) | Json::Object(_) => return unfit(method),
    };
    let invalid = |ty: &str| {
        soft("22036", format!("argument \"{shown}\" of jsonpath item method .{name}() is invalid for type {ty}"))
    };
    match (method, value) {
        (Method::Text, _) => Ok(Json::String(shown.into())),
        (Method::Boolean, Json::Bool(_)) => Ok(value.clone()),
        (Method::Boolean, Json::Number(_)) => match text::parse(&Type::Int4, -1, &shown) {
            Ok(Datum::Int4(number)) => Ok(Json::Bool(number != 0)),
            _ => invalid("boolean"),
        },
        (Method::Boolean, _) => match text::parse(&Type::Bool, -1, &shown) {
            Ok(Datum::Bool(truth)) => Ok(Json::Bool(truth)),
            _ => invalid("boolean"),
        },
        (_, Json::Bool(_)) => unfit(method),
        (Method::Number, Json::Number(number)) => Ok(Json::Number(number.clone())),
        (Method::Number, _) => match Numeric::parse(&shown) {
            Ok(number) if number.is_finite() => Ok(Json::Number(number)),
            Ok(_) => soft("22036", "NaN or Infinity is not allowed for jsonpath item method .number()"),
            Err(_) => invalid("numeric"),
        },
        (Method::BigInt, Json::Number(number)) => match number.to_integer::<i64>("bigint") {
            Ok(number) => Ok(Json::Number(number.into())),
            Err(_) => invalid("bigint"),
        },
        (Method::BigInt, _) => match text::parse(&Type::Int8, -1, &shown) {
            Ok(Datum::Int8(number)) => Ok(Json::Number(number.into())),
            _ => invalid("bigint"),
        },
        (_, Json::Number(number)) => match number.to_integer::<i32>("integer") {
            Ok(number) => Ok(Json::Number(i64::from(number).into())),
            Err(_) => invalid("integer"),
        },
        (_, _) => match text::parse(&Type::Int4, -1, &shown) {
            Ok(Datum::Int4(number)) => Ok(Json::Number(i64::from(number).into())),
            _ => invalid("integer"),
        },
    }
}

fn unfit(method: Method) -> Run<Json> {
    let fit = match method {
        Method::Text => "boolean, string, numeric, or datetime",
        Method::Boolean => "boolean, string, or numeric",
        _ => "string or numeric",
    };
    soft("22036", format!("jsonpath item method .{}() can only be applied to a {fit} value", method.name()))
}
