//! Arguments by name: `make_interval(days => 10)`. A function's parameters stand in a table here, with what those are that may
//! be left out; the call becomes one with every argument in its place.

use super::expression::{Binder, plain_argument};
use super::name::{fold, type_name};
use super::operand::{Operand, arguments as types, call};
use crate::expr::resolve_variadic;
use crate::sql::error::{Bound, Fault};
use crate::sql::tokens::VARIADIC;
use crate::value::{Datum, Type};
use sqlparser::ast::{
    BinaryOperator, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArgOperator, Ident, ObjectName, Value,
};

/// A parameter's name, and its value if it is left out.
type Parameter = (&'static str, Option<Default>);

#[derive(Clone, Copy)]
enum Default {
    Int(i32),
    Float(f64),
    Bool(bool),
    Json(&'static str),
    Text(&'static str),
    /// None: another overload takes fewer arguments.
    Shorter,
}

impl Default {
    fn operand(self) -> Option<Operand> {
        Some(match self {
            Default::Int(value) => Operand::literal(Datum::Int4(value), Type::Int4),
            Default::Float(value) => Operand::literal(Datum::Float8(value), Type::Float8),
            Default::Bool(value) => Operand::literal(Datum::Bool(value), Type::Bool),
            Default::Text(value) => Operand::literal(Datum::text(value), Type::Text),
            Default::Json(value) => Operand::Unknown(Some(value.to_owned())),
            Default::Shorter => return None,
        })
    }
}

const fn required(name: &'static str) -> Parameter {
    (name, None)
}

const fn optional(name: &'static str, default: Default) -> Parameter {
    (name, Some(default))
}

const fn further(name: &'static str) -> Parameter {
    (name, Some(Default::Shorter))
}

const FROM_JSON: &[Parameter] = &[required("from_json")];

const MATCH: &[Parameter] = &[required("string"), required("pattern"), further("flags")];

const PATH: &[Parameter] = &[
    required("target"),
    required("path"),
    optional("vars", Default::Json("{}")),
    optional("silent", Default::Bool(false)),
];

/// The functions whose parameters have names that are used.
static FUNCTIONS: &[(&str, &[Parameter])] = &[
    (
        "make_interval",
        &[
            optional("years", Default::Int(0)),
            optional("months", Default::Int(0)),
            optional("weeks", Default::Int(0)),
            optional("days", Default::Int(0)),
            optional("hours", Default::Int(0)),
            optional("mins", Default::Int(0)),
            optional("secs", Default::Float(0.0)),
        ],
    ),
    ("make_date", &[required("year"), required("month"), required("day")]),
    ("make_time", &[required("hour"), required("min"), required("sec")]),
    (
        "make_timestamp",
        &[required("year"), required("month"), required("mday"), required("hour"), required("min"), required("sec")],
    ),
    (
        "jsonb_set",
        &[
            required("jsonb_in"),
            required("path"),
            required("replacement"),
            optional("create_if_missing", Default::Bool(true)),
        ],
    ),
    (
        "jsonb_set_lax",
        &[
            required("jsonb_in"),
            required("path"),
            required("replacement"),
            optional("create_if_missing", Default::Bool(true)),
            optional("null_value_treatment", Default::Text("use_json_null")),
        ],
    ),
    (
        "jsonb_insert",
        &[
            required("jsonb_in"),
            required("path"),
            required("replacement"),
            optional("insert_after", Default::Bool(false)),
        ],
    ),
    ("jsonb_path_exists", PATH),
    ("jsonb_path_exists_tz", PATH),
    ("jsonb_path_match", PATH),
    ("jsonb_path_match_tz", PATH),
    ("jsonb_path_query", PATH),
    ("jsonb_path_query_tz", PATH),
    ("jsonb_path_query_array", PATH),
    ("jsonb_path_query_array_tz", PATH),
    ("jsonb_path_query_first", PATH),
    ("jsonb_path_query_first_tz", PATH),
    (
        "make_timestamptz",
        &[
            required("year"),
            required("month"),
            required("mday"),
            required("hour"),
            required("min"),
            required("sec"),
            further("timezone"),
        ],
    ),
    ("json_array_elements", FROM_JSON),
    ("json_array_elements_text", FROM_JSON),
    ("json_each", FROM_JSON),
    ("json_each_text", FROM_JSON),
    ("jsonb_array_elements", FROM_JSON),
    ("jsonb_array_elements_text", FROM_JSON),
    ("jsonb_each", FROM_JSON),
    ("jsonb_each_text", FROM_JSON),
    ("regexp_like", MATCH),
    ("regexp_match", MATCH),
    ("regexp_matches", MATCH),
    ("regexp_split_to_array", MATCH),
    ("regexp_split_to_table", MATCH),
    ("regexp_count", &[required("string"), required("pattern"), further("start"), further("flags")]),
    (
        "regexp_instr",
        &[
            required("string"),
            required("pattern"),
            further("start"),
            further("N"),
            further("endoption"),
            further("flags"),
            further("subexpr"),
        ],
    ),
    (
        "regexp_substr",
        &[
            required("string"),
            required("pattern"),
            further("start"),
            further("N"),
            further("flags"),
            further("subexpr"),
        ],
    ),
    (
        "regexp_replace",
        &[
            required("string"),
            required("pattern"),
            required("replacement"),
            further("start"),
            further("N"),
            further("flags"),
        ],
    ),
    ("regexp_replace", &[required("string"), required("pattern"), required("replacement"), further("flags")]),
    ("array_sort", &[required("array"), further("descending"), further("nulls_first")]),
    ("json_strip_nulls", &[required("target"), optional("strip_in_arrays", Default::Bool(false))]),
    ("jsonb_strip_nulls", &[required("target"), optional("strip_in_arrays", Default::Bool(false))]),
    ("parse_ident", &[required("str"), optional("strict", Default::Bool(true))]),
];

fn parts(argument: &FunctionArg) -> Option<(&Ident, &Expr)> {
    match argument {
        FunctionArg::Named {
            name,
            arg: FunctionArgExpr::Expr(value),
            operator: FunctionArgOperator::RightArrow | FunctionArgOperator::Assignment,
        } => Some((name, value)),
        FunctionArg::ExprNamed {
            name: Expr::Identifier(name),
            arg: FunctionArgExpr::Expr(value),
            operator: FunctionArgOperator::RightArrow | FunctionArgOperator::Assignment,
        } => Some((name, value)),
        // The parser takes `name := value` for an operator.
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp { left, op: BinaryOperator::Assignment, right })) => {
            match &**left {
                Expr::Identifier(name) => Some((name, right)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether an argument of that name is among those before it.
fn repeats(name: &Ident, before: &[FunctionArg]) -> bool {
    before.iter().filter_map(parts).any(|(known, _)| fold(known) == fold(name))
}

/// The normal form that `normalize(x, NFC)` names by a word.
pub(super) fn normal_form(name: &str, argument: &FunctionArg) -> Option<Operand> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(word))) if name == "normalize" => {
            let form = word.value.to_ascii_uppercase();
            let known = word.quote_style.is_none() && matches!(form.as_str(), "NFC" | "NFD" | "NFKC" | "NFKD");
            known.then(|| Operand::literal(Datum::text(form), Type::Text))
        }
        _ => None,
    }
}

/// The literal of `'…'::jsonpath`. The type has no values but literals, which are arguments, and need no cast.
pub(super) fn path_literal(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast { expr: literal, data_type: DataType::Custom(ty, _), format: None, .. }
            if is_jsonpath(ty, literal) =>
        {
            literal
        }
        Expr::Nested(inner) => path_literal(inner),
        expr => expr,
    }
}

fn is_jsonpath(ty: &ObjectName, literal: &Expr) -> bool {
    let literal = matches!(literal, Expr::Value(v) if matches!(v.value, Value::SingleQuotedString(_) | Value::Null));
    literal && type_name(ty).is_ok_and(|name| name == "jsonpath")
}

/// The array of `VARIADIC array`, if the last argument is such a one, and what stands before it.
fn variadic(arguments: &[FunctionArg]) -> Option<(&[FunctionArg], &Expr)> {
    let (last, before) = arguments.split_last()?;
    parts(last).filter(|(name, _)| name.value == VARIADIC).map(|(_, array)| (before, array))
}

/// Whether arguments are given by name: each once, and behind those that are not.
fn by_name(arguments: &[FunctionArg]) -> Bound<bool> {
    let first = arguments.iter().position(|argument| parts(argument).is_some()).unwrap_or(arguments.len());
    for (position, argument) in arguments.iter().enumerate().skip(first) {
        match parts(argument) {
            None => return Err(Fault::syntax("positional argument cannot follow named argument").within(argument)),
            Some((name, _)) if repeats(name, &arguments[..position]) => {
                let message = format!("argument name \"{}\" used more than once", fold(name));
                return Err(Fault::syntax(message).within(argument));
            }
            Some(_) => {}
        }
    }
    Ok(first < arguments.len())
}

/// What is given for each parameter, up to the last that an overload of fewer parameters may end before; none if the arguments
/// are not of such parameters.
fn placed<'a>(parameters: &[Parameter], arguments: &'a [FunctionArg]) -> Bound<Option<Vec<Result<&'a Expr, Operand>>>> {
    let mut places: Vec<Option<&Expr>> = vec![None; parameters.len()];
    for (position, argument) in arguments.iter().enumerate() {
        let (place, value) = match parts(argument) {
            Some((ident, value)) => {
                let written = fold(ident);
                (parameters.iter().position(|(known, _)| *known == written), value)
            }
            None => (Some(position), plain_argument(argument)?),
        };
        match place.and_then(|place| places.get_mut(place)) {
            Some(place) if place.is_none() => *place = Some(value),
            _ => return Ok(None),
        }
    }
    let is_left_out = |(place, (_, default)): &(&Option<&Expr>, &Parameter)| {
        place.is_none() && matches!(default, Some(Default::Shorter))
    };
    let left_out = places.iter().zip(parameters).rev().take_while(is_left_out).count();
    let given = places.len() - left_out;
    let filled = places.into_iter().zip(parameters).take(given).map(|(place, (_, default))| match (place, default) {
        (Some(value), _) => Some(Ok(value)),
        (None, default) => default.and_then(Default::operand).map(Err),
    });
    Ok(filled.collect())
}

impl Binder<'_> {
    /// The arguments in their places, if the function's parameters have names: those given, and those left out. None if there
    /// is no such function, or the call is not of one.
    pub(super) fn named(&mut self, name: &str, arguments: &[FunctionArg]) -> Bound<Option<Vec<Operand>>> {
        let by_name = by_name(arguments)?;
        for (_, parameters) in FUNCTIONS.iter().filter(|(known, _)| *known == name) {
            if let Some(places) = placed(parameters, arguments)? {
                let operand =
                    |place: Result<&Expr, Operand>| place.map_or_else(Ok, |value| self.bind(path_literal(value)));
                return places.into_iter().map(operand).collect::<Bound<_>>().map(Some);
            }
        }
        let is_unknown = |ident: &Ident| {
            let mut known = FUNCTIONS.iter().filter(|(known, _)| *known == name);
            !known.any(|(_, parameters)| parameters.iter().any(|(known, _)| *known == fold(ident)))
        };
        let wrong = arguments.iter().filter(|argument| parts(argument).is_some());
        let unknown = wrong.clone().find(|argument| parts(argument).is_some_and(|(ident, _)| is_unknown(ident)));
        match unknown.or(wrong.clone().next()) {
            Some(argument) if by_name => {
                Err(Fault::new("42883", format!("function {name} has no such arguments")).within(argument))
            }
            _ => Ok(None),
        }
    }

    /// A call with `VARIADIC`, if it is one.
    pub(super) fn variadic(&mut self, name: &str, arguments: &[FunctionArg]) -> Bound<Option<Operand>> {
        let Some((before, array)) = variadic(arguments) else { return Ok(None) };
        let mut operands =
            before.iter().map(|argument| self.bind(plain_argument(argument)?)).collect::<Bound<Vec<_>>>()?;
        operands.push(self.bind(array)?);
        call(resolve_variadic(name, &types(&operands))?, operands).map(Some)
    }
}
