//! Elements of arrays and members of objects, of `jsonb` and of `json`.

use super::{Call, Cells, Definition, Result, named, unnamed};
use crate::expr::EvalError;
use crate::expr::function::Kind::*;
use crate::expr::function::{JsonParts, json_parts, json_text, path_values};
use crate::value::Datum;
use crate::value::encoding::{self, Parts, Value};

type Columns = &'static [super::Output];

const DOCUMENTS: Columns = &[named("value", Jsonb, false)];
const TEXTS: Columns = &[named("value", Text, true)];
const MEMBERS: Columns = &[named("key", Text, false), named("value", Jsonb, false)];
const TEXT_MEMBERS: Columns = &[named("key", Text, false), named("value", Text, true)];
const RAW_DOCUMENTS: Columns = &[named("value", Json, false)];
const RAW_MEMBERS: Columns = &[named("key", Text, false), named("value", Json, false)];

/// A function of one document, which it may refuse.
const fn of(name: &'static str, argument: &'static [super::Kind], columns: Columns, body: super::Body) -> Definition {
    Definition::new(name, argument, columns, true, body)
}

pub(super) static FUNCTIONS: &[Definition] = &[
    of("jsonb_array_elements", &[Jsonb], DOCUMENTS, |call, rows| elements(call, rows, document)),
    of("jsonb_array_elements_text", &[Jsonb], TEXTS, |call, rows| elements(call, rows, text)),
    of("jsonb_each", &[Jsonb], MEMBERS, |call, rows| members("jsonb_each", call, rows, document)).keyed_by(0),
    of("jsonb_each_text", &[Jsonb], TEXT_MEMBERS, |call, rows| members("jsonb_each_text", call, rows, text))
        .keyed_by(0),
    of("jsonb_object_keys", &[Jsonb], &const { unnamed(Text, false) }, keys).keyed_by(0),
    of("jsonb_path_query", &[Jsonb, Jsonpath, Jsonb, Bool], &const { unnamed(Jsonb, false) }, |call, rows| {
        path_values(&call.values())?.iter().try_for_each(|value| rows.push_row(value))
    }),
    of("jsonb_path_query_tz", &[Jsonb, Jsonpath, Jsonb, Bool], &const { unnamed(Jsonb, false) }, |call, rows| {
        path_values(&call.values())?.iter().try_for_each(|value| rows.push_row(value))
    }),
    of("json_array_elements", &[Json], RAW_DOCUMENTS, |call, rows| {
        raw_elements("json_array_elements", call, rows, raw_document)
    }),
    of("json_array_elements_text", &[Json], TEXTS, |call, rows| {
        raw_elements("json_array_elements_text", call, rows, raw_text)
    }),
    of("json_each", &[Json], RAW_MEMBERS, |call, rows| raw_members(call, rows, raw_document)),
    of("json_each_text", &[Json], TEXT_MEMBERS, |call, rows| raw_members(call, rows, raw_text)),
    of("json_object_keys", &[Json], &const { unnamed(Text, false) }, raw_keys),
];

fn refused(message: impl Into<String>) -> EvalError {
    EvalError::new("22023", message)
}

/// How a value becomes a column.
type Form = fn(Value<'_>, &mut Vec<u8>);

fn document(value: Value<'_>, out: &mut Vec<u8>) {
    value.document(out);
}

fn text(value: Value<'_>, out: &mut Vec<u8>) {
    value.text(out);
}

fn elements(call: &Call<'_>, rows: &mut Cells, form: Form) -> Result<()> {
    match encoding::parts(call.encoded(0)) {
        Parts::Array(mut values) => values.try_for_each(|value| {
            form(value, &mut rows.bytes);
            rows.end_row()
        }),
        Parts::Object(_) => Err(refused("cannot extract elements from an object")),
        Parts::Scalar => Err(refused("cannot extract elements from a scalar")),
    }
}

fn members(name: &str, call: &Call<'_>, rows: &mut Cells, form: Form) -> Result<()> {
    match encoding::parts(call.encoded(0)) {
        Parts::Object(mut members) => members.try_for_each(|(name, value)| {
            name.text(&mut rows.bytes);
            form(value, &mut rows.bytes);
            rows.end_row()
        }),
        Parts::Array(_) | Parts::Scalar => Err(refused(format!("cannot call {name} on a non-object"))),
    }
}

fn keys(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    match encoding::parts(call.encoded(0)) {
        Parts::Object(mut members) => members.try_for_each(|(name, _)| {
            name.text(&mut rows.bytes);
            rows.end_row()
        }),
        Parts::Array(_) => Err(refused("cannot call jsonb_object_keys on an array")),
        Parts::Scalar => Err(refused("cannot call jsonb_object_keys on a scalar")),
    }
}

/// How a part of a text becomes a column.
type RawForm = fn(&str, &mut Cells) -> Result<()>;

fn raw_document(value: &str, rows: &mut Cells) -> Result<()> {
    rows.push(&Datum::Json(value.into()));
    Ok(())
}

fn raw_text(value: &str, rows: &mut Cells) -> Result<()> {
    match json_text(value)? {
        Some(text) => rows.push_text(&text),
        None => rows.push(&Datum::Null),
    }
    Ok(())
}

/// What is done with the parts of a `json` argument.
fn with_raw(call: &Call<'_>, mut read: impl FnMut(JsonParts<'_>) -> Result<()>) -> Result<()> {
    match call.value(0) {
        Datum::Json(json) => read(json_parts(&json)?),
        _ => Err(EvalError::mistyped()),
    }
}

fn raw_elements(name: &str, call: &Call<'_>, rows: &mut Cells, form: RawForm) -> Result<()> {
    with_raw(call, |parts| match parts {
        JsonParts::Array(values) => values.into_iter().try_for_each(|value| {
            form(value, rows)?;
            rows.end_row()
        }),
        JsonParts::Object(_) => Err(refused(format!("cannot call {name} on a non-array"))),
        JsonParts::Scalar => Err(refused(format!("cannot call {name} on a scalar"))),
    })
}

fn raw_members(call: &Call<'_>, rows: &mut Cells, form: RawForm) -> Result<()> {
    with_raw(call, |parts| match parts {
        JsonParts::Object(members) => members.into_iter().try_for_each(|(name, value)| {
            rows.push_text(&name);
            form(value, rows)?;
            rows.end_row()
        }),
        JsonParts::Array(_) => Err(refused("cannot deconstruct an array as an object")),
        JsonParts::Scalar => Err(refused("cannot deconstruct a scalar")),
    })
}

fn raw_keys(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    with_raw(call, |parts| match parts {
        JsonParts::Object(members) => members.into_iter().try_for_each(|(name, _)| {
            rows.push_text(&name);
            rows.end_row()
        }),
        JsonParts::Array(_) => Err(refused("cannot call json_object_keys on an array")),
        JsonParts::Scalar => Err(refused("cannot call json_object_keys on a scalar")),
    })
}
