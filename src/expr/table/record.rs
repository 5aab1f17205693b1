//! Objects as rows of the columns that a query defines, or that a table has.

use super::{Call, Cells, Definition, Result};
use crate::expr::EvalError;
use crate::expr::function::Kind::{self, Json, Jsonb};
use crate::expr::function::{JsonParts, json_parts, json_text};
use crate::value::json::{self, Json as Value};
use crate::value::{Array, Datum, Type, text};
use std::borrow::Cow;
use std::sync::Arc;

const fn of(name: &'static str, arguments: &'static [Kind], body: super::Body) -> Definition {
    Definition::new(name, arguments, &[], true, body)
}

pub(super) static FUNCTIONS: &[Definition] = &[
    of("jsonb_to_record", &[Jsonb], one).sees_nulls(),
    of("json_to_record", &[Json], one).sees_nulls(),
    of("jsonb_populate_record", &[Jsonb], one).sees_nulls(),
    of("json_populate_record", &[Json], one).sees_nulls(),
    of("jsonb_to_recordset", &[Jsonb], |call, rows| all("jsonb_to_recordset", call, rows)),
    of("json_to_recordset", &[Json], |call, rows| all("json_to_recordset", call, rows)),
    of("jsonb_populate_recordset", &[Jsonb], |call, rows| all("jsonb_populate_recordset", call, rows)),
    of("json_populate_recordset", &[Json], |call, rows| all("json_populate_recordset", call, rows)),
];

fn refused(message: impl Into<String>) -> EvalError {
    EvalError::new("22023", message)
}

fn one(call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    let value = call.value(0);
    let Some(document) = Document::of(&value) else { return record(call, None, rows) };
    match document.members()? {
        Some(members) => record(call, Some(members), rows),
        None if matches!(document.shape()?, Shape::Array(_)) => {
            Err(refused("cannot call populate_composite on an array"))
        }
        None => Err(refused("cannot call populate_composite on a scalar")),
    }
}

fn all(name: &str, call: &Call<'_>, rows: &mut Cells) -> Result<()> {
    let value = call.value(0);
    let document = Document::of(&value).ok_or_else(EvalError::mistyped)?;
    let Shape::Array(items) = document.shape()? else {
        return Err(refused(match (document, document.members()?) {
            (Document::Binary(_), _) => format!("cannot call {name} on a non-array"),
            (Document::Raw(_), Some(_)) => format!("cannot call {name} on an object"),
            (Document::Raw(_), None) => format!("cannot call {name} on a scalar"),
        }));
    };
    items.into_iter().try_for_each(|item| match item.members()? {
        Some(members) => record(call, Some(members), rows),
        None => Err(refused(format!("argument of {name} must be an array of objects"))),
    })
}

/// The members of the columns' names, each as its column's type; what is missing is null.
fn record(call: &Call<'_>, members: Option<Members<'_>>, rows: &mut Cells) -> Result<()> {
    for column in call.columns {
        let member = members.as_ref().and_then(|members| members.get(&column.name));
        let value = member.map_or(Ok(Datum::Null), |member| typed(member, &column.ty, column.modifier));
        rows.push(&value?);
    }
    rows.end_row()
}

/// A document, or as much of one as its text.
#[derive(Clone, Copy)]
enum Document<'j> {
    Binary(&'j Value),
    Raw(&'j str),
}

/// What a document is.
enum Shape<'j> {
    Null,
    String(Cow<'j, str>),
    Array(Vec<Document<'j>>),
    Other,
}

/// What an object consists of.
enum Members<'j> {
    Binary(&'j Value),
    Raw(Vec<(Cow<'j, str>, &'j str)>),
}

impl<'j> Members<'j> {
    /// The last member of that name.
    fn get(&self, name: &str) -> Option<Document<'j>> {
        match self {
            Members::Binary(object) => object.get(name).map(Document::Binary),
            Members::Raw(members) => {
                members.iter().rev().find(|(known, _)| known == name).map(|(_, value)| Document::Raw(value))
            }
        }
    }
}

impl<'j> Document<'j> {
    fn of(value: &'j Datum) -> Option<Document<'j>> {
        match value {
            Datum::Jsonb(document) => Some(Document::Binary(document)),
            Datum::Json(text) => Some(Document::Raw(text.trim())),
            _ => None,
        }
    }

    fn members(self) -> Result<Option<Members<'j>>> {
        match self {
            Document::Binary(value @ Value::Object(_)) => Ok(Some(Members::Binary(value))),
            Document::Binary(_) => Ok(None),
            Document::Raw(text) => match json_parts(text)? {
                JsonParts::Object(members) => Ok(Some(Members::Raw(members))),
                JsonParts::Array(_) | JsonParts::Scalar => Ok(None),
            },
        }
    }

    fn shape(self) -> Result<Shape<'j>> {
        Ok(match self {
            Document::Binary(Value::Null) | Document::Raw("null") => Shape::Null,
            Document::Binary(Value::String(text)) => Shape::String(Cow::Borrowed(text)),
            Document::Binary(Value::Array(items)) => Shape::Array(items.iter().map(Document::Binary).collect()),
            Document::Binary(_) => Shape::Other,
            Document::Raw(text) if text.starts_with('"') => {
                json_text(text)?.map_or(Shape::Null, |text| Shape::String(Cow::Owned(text)))
            }
            Document::Raw(text) => match json_parts(text)? {
                JsonParts::Array(items) => Shape::Array(items.into_iter().map(Document::Raw).collect()),
                JsonParts::Object(_) | JsonParts::Scalar => Shape::Other,
            },
        })
    }

    /// The document as it is written.
    fn text(self) -> Cow<'j, str> {
        match self {
            Document::Raw(text) => Cow::Borrowed(text),
            Document::Binary(value) => {
                let mut shown = String::new();
                value.write(&mut shown);
                Cow::Owned(shown)
            }
        }
    }
}

/// A value as that type, read as the type's input would read it.
fn typed(value: Document<'_>, ty: &Type, modifier: i32) -> Result<Datum> {
    match (value.shape()?, ty) {
        (Shape::Null, _) => Ok(Datum::Null),
        (shape, Type::Jsonb) => Ok(Datum::Jsonb(Arc::new(match (value, shape) {
            (Document::Binary(value), _) => value.clone(),
            (_, Shape::String(text)) => Value::String(text.into()),
            (value, _) => Value::parse(&value.text())?,
        }))),
        (Shape::String(text), Type::Json) => {
            let mut quoted = String::new();
            json::write_string(&text, &mut quoted);
            Ok(Datum::Json(quoted.into()))
        }
        (Shape::String(text), ty) => Ok(text::parse(ty, modifier, &text)?),
        (Shape::Array(items), Type::Array(element)) => list(items, element, modifier),
        (_, Type::Array(_)) => Err(EvalError::new("22P02", "expected JSON array")),
        (_, ty) => Ok(text::parse(ty, modifier, &value.text())?),
    }
}

/// An array; where the first element is an array, all are, and of the same extents.
fn list(items: Vec<Document<'_>>, element: &Type, modifier: i32) -> Result<Datum> {
    let (mut extents, mut level) = (vec![items.len()], items);
    // Elements of json and jsonb are arrays themselves, and no dimension.
    let nests = !matches!(element, Type::Json | Type::Jsonb);
    loop {
        let shapes = level.iter().map(|item| item.shape()).collect::<Result<Vec<Shape<'_>>>>()?;
        if !nests || !matches!(shapes.first(), Some(Shape::Array(_))) {
            break;
        }
        let mut inner = Vec::new();
        let mut extent = None;
        for shape in shapes {
            let Shape::Array(items) = shape else { return Err(EvalError::new("22P02", "expected JSON array")) };
            if *extent.get_or_insert(items.len()) != items.len() {
                return Err(EvalError::new("22P02", "malformed JSON array"));
            }
            inner.extend(items);
        }
        extents.extend(extent);
        level = inner;
    }
    let items = level.into_iter().map(|item| typed(item, element, modifier)).collect::<Result<Vec<Datum>>>()?;
    let dimensions =
        if items.is_empty() { Vec::new() } else { extents.into_iter().map(|extent| (extent, 1)).collect() };
    Ok(Datum::Array(Arc::new(Array { element: element.clone(), dimensions, items })))
}
