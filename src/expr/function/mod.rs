//! Scalar functions, operators and casts: one line of a family's table each.
//!
//! To add one, add a line to the table of its family. A line gives the SQL name, the argument kinds, the result kind and the
//! body. `total` bodies have a value for every row; `partial` bodies may fail, and rewrites never evaluate them on rows the
//! original would not. Both are strict: null for a null argument, without a call. `lenient` bodies see the nulls.

mod argument;
mod array;
mod bucket;
mod bytes;
mod cast;
mod compare;
mod condition;
mod enumeration;
mod extract;
mod format;
mod json;
mod jsonpath;
mod kind;
mod make;
mod math;
mod network;
mod overlap;
mod pattern;
mod quote;
mod regexp;
mod slice;
mod text;
mod time;
mod trigonometry;
mod unicode;
mod zone;

pub(super) use argument::{Argument, IntoDatum};
pub(super) use cast::{Cast, ELEMENTS, FROM_TEXT, MIDNIGHT, MODIFIER, RELABEL, TO_TEXT, call_as_cast, cast_function};
pub(super) use json::{JsonParts, json_parts, json_text, key_name, to_jsonb};
pub(super) use jsonpath::{check_path, path_values};
pub(super) use kind::Kind;
pub(super) use regexp::{all_matches, pieces};
pub(super) use time::divide_interval;
pub(super) use time::{bin, bin_length};

use super::EvalError;
use crate::value::{Datum, Type};
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

/// What computes a function: the arguments' values and the result's type (which only conversions look at).
type Body = fn(&[Datum], &Type) -> Result<Datum, EvalError>;

/// One overload of a function or operator.
pub(super) struct Definition {
    /// The SQL name, folded.
    pub(super) name: &'static str,
    /// What it takes.
    pub(super) arguments: &'static [Kind],
    /// Whether the last argument may repeat.
    pub(super) variadic: bool,
    /// What it gives.
    pub(super) result: Kind,
    strict: bool,
    fallible: bool,
    body: Body,
}

impl Definition {
    const fn new(
        name: &'static str,
        arguments: &'static [Kind],
        result: Kind,
        fallible: bool,
        body: Body,
    ) -> Definition {
        Definition { name, arguments, variadic: false, result, strict: true, fallible, body }
    }

    /// The name and the types of a function that returns rows, which has no single value.
    pub(super) const fn of_rows(
        name: &'static str,
        arguments: &'static [Kind],
        result: Kind,
        fallible: bool,
    ) -> Definition {
        Definition::new(name, arguments, result, fallible, |_, _| Err(EvalError::mistyped()))
    }

    /// Whether it may give an error.
    pub(super) fn is_fallible(&self) -> bool {
        self.fallible
    }

    const fn sees_nulls(mut self) -> Definition {
        self.strict = false;
        self
    }

    const fn repeats_last(mut self) -> Definition {
        self.variadic = true;
        self
    }
}

/// A strict function that has a value for every row.
const fn total(name: &'static str, arguments: &'static [Kind], result: Kind, body: Body) -> Definition {
    Definition::new(name, arguments, result, false, body)
}

/// A strict function that may fail.
const fn partial(name: &'static str, arguments: &'static [Kind], result: Kind, body: Body) -> Definition {
    Definition::new(name, arguments, result, true, body)
}

/// A body whose arguments are taken as Rust types: `lift!(|a: i32, b: i32| …)`, the value a `Result`.
macro_rules! lift {
    (|$($name:ident: $kind:ty),*| $body:expr) => {
        |values: &[crate::value::Datum], _: &crate::value::Type| match values {
            [$($name),*] => {
                $(let $name = <$kind as crate::expr::function::Argument>::of($name)?;)*
                let result: std::result::Result<_, crate::expr::EvalError> = $body;
                result.map(crate::expr::function::IntoDatum::into_datum)
            }
            _ => Err(crate::expr::EvalError::mistyped()),
        }
    };
}
use lift;

/// A scalar function, operator or cast: one overload.
#[derive(Clone, Copy)]
pub struct Function {
    definition: &'static Definition,
    /// Whether the last argument is an array of what the function is called with.
    spread: bool,
}

impl Function {
    pub(super) fn of(definition: &'static Definition) -> Function {
        Function { definition, spread: false }
    }

    /// The function called with `VARIADIC` before its last argument.
    pub(super) fn spread(definition: &'static Definition) -> Function {
        Function { definition, spread: true }
    }

    /// Whether the last argument is an array of arguments.
    pub fn is_spread(&self) -> bool {
        self.spread
    }

    /// Its SQL name; several overloads share one.
    pub fn name(&self) -> &'static str {
        self.definition.name
    }

    /// Whether it may give an error.
    pub fn is_fallible(&self) -> bool {
        self.definition.fallible
    }

    /// Whether a null argument makes the result null.
    pub fn is_strict(&self) -> bool {
        self.definition.strict
    }

    /// The value for these arguments; `ty` is the result's type.
    #[inline]
    pub fn call(&self, arguments: &[Datum], ty: &Type) -> Result<Datum, EvalError> {
        if self.spread {
            return self.call_spread(arguments, ty);
        }
        if self.definition.strict && arguments.iter().any(Datum::is_null) {
            return Ok(Datum::Null);
        }
        (self.definition.body)(arguments, ty)
    }

    /// With the elements of the last argument in its place. Of no array there is no value, but the text of `format` is one.
    fn call_spread(&self, arguments: &[Datum], ty: &Type) -> Result<Datum, EvalError> {
        let Some((last, first)) = arguments.split_last() else { return Err(EvalError::mistyped()) };
        match last {
            Datum::Array(list) => (self.definition.body)(&[first, &list.items].concat(), ty),
            Datum::Null if self.name() == "format" => (self.definition.body)(first, ty),
            Datum::Null => Ok(Datum::Null),
            _ => Err(EvalError::mistyped()),
        }
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Function) -> bool {
        std::ptr::eq(self.definition, other.definition) && self.spread == other.spread
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.definition.name)
    }
}

/// Every table: a function is known if, and only if, it stands in one of them.
static FAMILIES: [&[Definition]; 29] = [
    math::FUNCTIONS,
    trigonometry::FUNCTIONS,
    bucket::FUNCTIONS,
    compare::FUNCTIONS,
    compare::ARRAY_FUNCTIONS,
    condition::FUNCTIONS,
    text::FUNCTIONS,
    quote::FUNCTIONS,
    unicode::FUNCTIONS,
    bytes::FUNCTIONS,
    pattern::FUNCTIONS,
    pattern::QUANTIFIED,
    regexp::OPERATORS,
    regexp::FUNCTIONS,
    time::FUNCTIONS,
    make::FUNCTIONS,
    overlap::FUNCTIONS,
    extract::FUNCTIONS,
    zone::FUNCTIONS,
    json::FUNCTIONS,
    json::CHANGES,
    json::TEXTS,
    json::STANDARD,
    jsonpath::FUNCTIONS,
    array::FUNCTIONS,
    enumeration::FUNCTIONS,
    network::FUNCTIONS,
    slice::FUNCTIONS,
    format::FUNCTIONS,
];

/// The overloads of a name.
pub(super) fn overloads(name: &str) -> &'static [&'static Definition] {
    static BY_NAME: LazyLock<HashMap<&'static str, Vec<&'static Definition>>> = LazyLock::new(|| {
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        for definition in FAMILIES.iter().copied().flatten() {
            by_name.entry(definition.name).or_default().push(definition);
        }
        by_name
    });
    BY_NAME.get(name).map_or(&[], Vec::as_slice)
}
