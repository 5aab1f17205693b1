//! `jsonpath`: whether a path leads to anything in a document, and to what.

mod convert;
mod layout;
mod lexer;
mod parse;
mod predicate;
mod run;
mod syntax;

use super::Kind::*;
use super::{Definition, partial};
use crate::expr::EvalError;
use crate::value::json::Json as Value;
use crate::value::{Datum, Type, text};
use run::Failure;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use syntax::Path;

type Result<X> = std::result::Result<X, EvalError>;

/// What may be left out is filled in by the binder.
pub(super) static FUNCTIONS: &[Definition] = &[
    partial("jsonb_path_exists", &[Jsonb, Jsonpath, Jsonb, Bool], Bool, |values, _| Search::of(values)?.exists()),
    partial("jsonb_path_match", &[Jsonb, Jsonpath, Jsonb, Bool], Bool, |values, _| Search::of(values)?.is_match()),
    partial("jsonb_path_query_array", &[Jsonb, Jsonpath, Jsonb, Bool], Jsonb, |values, _| {
        Ok(json(Value::Array(Search::of(values)?.values()?)))
    }),
    partial("jsonb_path_query_first", &[Jsonb, Jsonpath, Jsonb, Bool], Jsonb, |values, _| {
        Ok(Search::of(values)?.values()?.into_iter().next().map_or(Datum::Null, json))
    }),
    // With the session's time zone, which no path reads here.
    partial("jsonb_path_exists_tz", &[Jsonb, Jsonpath, Jsonb, Bool], Bool, |values, _| Search::of(values)?.exists()),
    partial("jsonb_path_match_tz", &[Jsonb, Jsonpath, Jsonb, Bool], Bool, |values, _| Search::of(values)?.is_match()),
    partial("jsonb_path_query_array_tz", &[Jsonb, Jsonpath, Jsonb, Bool], Jsonb, |values, _| {
        Ok(json(Value::Array(Search::of(values)?.values()?)))
    }),
    partial("jsonb_path_query_first_tz", &[Jsonb, Jsonpath, Jsonb, Bool], Jsonb, |values, _| {
        Ok(Search::of(values)?.values()?.into_iter().next().map_or(Datum::Null, json))
    }),
    partial("json_exists", &[Jsonb, Jsonpath], Bool, |values, _| match Search::silently(values)?.exists()? {
        Datum::Null => Ok(Datum::Bool(false)),
        exists => Ok(exists),
    }),
    partial("json_query", &[Jsonb, Jsonpath], Jsonb, |values, _| {
        Ok(Search::silently(values)?.only()?.map_or(Datum::Null, json))
    }),
    partial("json_value", &[Jsonb, Jsonpath, Int4], Text, |values, ty| match values {
        [values @ .., Datum::Int4(modifier)] => Ok(scalar(Search::silently(values)?.only()?, ty, *modifier)),
        _ => Err(EvalError::mistyped()),
    }),
    partial("@?", &[Jsonb, Jsonpath], Bool, |values, _| Search::silently(values)?.exists()),
    partial("@@", &[Jsonb, Jsonpath], Bool, |values, _| Search::silently(values)?.is_match()),
];

fn json(value: Value) -> Datum {
    Datum::Jsonb(Arc::new(value))
}

/// A value that is no document, as the type reads its text; null if it is none.
fn scalar(value: Option<Value>, ty: &Type, modifier: i32) -> Datum {
    let text = match value {
        Some(Value::String(text)) => text.to_string(),
        Some(Value::Bool(truth)) => if truth { "t" } else { "f" }.to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => return Datum::Null,
    };
    text::parse(ty, modifier, &text).unwrap_or(Datum::Null)
}

fn invalid(what: &str) -> EvalError {
    EvalError::new("42601", format!("{what} of jsonpath input"))
}

/// Parsed paths kept per thread.
const CACHED: usize = 256;

/// The parsed path; paths are nearly always constants.
fn parsed(text: &str) -> Result<Rc<Path>> {
    thread_local! {
        static CACHE: RefCell<HashMap<String, Rc<Path>>> = RefCell::new(HashMap::new());
    }
    CACHE.with_borrow_mut(|cache| {
        if let Some(path) = cache.get(text) {
            return Ok(path.clone());
        }
        let path = Rc::new(parse::parse(text)?);
        if cache.len() == CACHED {
            cache.clear();
        }
        cache.insert(text.to_owned(), path.clone());
        Ok(path)
    })
}

/// An error unless the text is a path.
pub(in crate::expr) fn check_path(text: &str) -> Result<()> {
    parsed(text).map(|_| ())
}

/// What a path leads to, each a value of its own.
pub(in crate::expr) fn path_values(values: &[Datum]) -> Result<Vec<Datum>> {
    Ok(Search::of(values)?.values()?.into_iter().map(json).collect())
}

/// A document, a path through it, and whether failures are passed over.
struct Search<'v> {
    document: &'v Value,
    path: Rc<Path>,
    variables: &'v Value,
    silent: bool,
}

const NO_VARIABLES: &Value = &Value::Object(Vec::new());

impl<'v> Search<'v> {
    fn of(values: &'v [Datum]) -> Result<Search<'v>> {
        match values {
            [Datum::Jsonb(document), Datum::Text(path), Datum::Jsonb(variables), Datum::Bool(silent)] => {
                if !matches!(variables.as_ref(), Value::Object(_)) {
                    return Err(EvalError::new("22023", "\"vars\" argument is not an object"));
                }
                Ok(Search { document, path: parsed(path)?, variables, silent: *silent })
            }
            _ => Err(EvalError::mistyped()),
        }
    }

    fn silently(values: &'v [Datum]) -> Result<Search<'v>> {
        match values {
            [Datum::Jsonb(document), Datum::Text(path)] => {
                Ok(Search { document, path: parsed(path)?, variables: NO_VARIABLES, silent: true })
            }
            _ => Err(EvalError::mistyped()),
        }
    }

    /// The values found, and whether all were.
    fn found(&self) -> Result<(Vec<Value>, Option<EvalError>)> {
        match run::values(&self.path, self.document, self.variables) {
            (found, Ok(())) => Ok((found, None)),
            (found, Err(Failure::Soft(error))) => Ok((found, Some(error))),
            (_, Err(Failure::Hard(error))) => Err(error),
        }
    }

    /// The one value, if there is one and no failure.
    fn only(&self) -> Result<Option<Value>> {
        let (mut found, failure) = self.found()?;
        Ok(found.pop().filter(|_| found.is_empty() && failure.is_none()))
    }

    fn values(&self) -> Result<Vec<Value>> {
        match self.found()? {
            (_, Some(error)) if !self.silent => Err(error),
            (found, _) => Ok(found),
        }
    }

    fn exists(&self) -> Result<Datum> {
        match self.found()? {
            // Lax mode is content with the first value.
            (found, Some(_)) if self.path.lax && !found.is_empty() => Ok(Datum::Bool(true)),
            (_, Some(error)) if !self.silent => Err(error),
            (_, Some(_)) => Ok(Datum::Null),
            (found, None) => Ok(Datum::Bool(!found.is_empty())),
        }
    }

    fn is_match(&self) -> Result<Datum> {
        match self.values()?.as_slice() {
            [Value::Bool(truth)] => Ok(Datum::Bool(*truth)),
            [Value::Null] => Ok(Datum::Null),
            _ if self.silent => Ok(Datum::Null),
            _ => Err(EvalError::new("22038", "single boolean result is expected")),
        }
    }
}
