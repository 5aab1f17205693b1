//! Arguments by name: `make_interval(days => 10)`. A function's parameters stand in a table here, with what those are that may
//! be left out; the call becomes one with every argument in its place.

use super::expression::{Binder, plain_argument};
use super::name::{fold, type_name};
use super::operand::Operand;
use crate::sql::error::{Bound, Fault};
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
}

impl Default {
    fn operand(self) -> Operand {
        match self {
            Default::Int(value) => Operand::literal(Datum::Int4(value), Type::Int4),
            Default::Float(value) => Operand::literal(Datum::Float8(value), Type::Float8),
            Default::Bool(value) => Operand::literal(Datum::Bool(value), Type::Bool),
            Default::Text(value) => Operand::literal(Datum::text(value), Type::Text),
            Default::Json(value) => Operand::Unknown(Some(value.to_owned())),
        }
    }
}

const fn required(name: &'static str) -> Parameter {
    (name, None)
}

const fn optional(name: &'static str, default: Default) -> Parameter {
    (name, Some(default))
}

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
    ("jsonb_path_match", PATH),
    ("jsonb_path_query", PATH),
    ("jsonb_path_query_array", PATH),
    ("jsonb_path_query_first", PATH),
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
    let literal = matches!(literal, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)));
    literal && type_name(ty).is_ok_and(|name| name == "jsonpath")
}

impl Binder<'_> {
    /// The arguments in their places, if the function's parameters have names: those given, and those left out. None if there
    /// is no such function, or the call is not of one.
    pub(super) fn named(&mut self, name: &str, arguments: &[FunctionArg]) -> Bound<Option<Vec<Operand>>> {
        let Some((_, parameters)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else { return Ok(None) };
        let mut places: Vec<Option<&Expr>> = vec![None; parameters.len()];
        let mut by_name = false;
        for (position, argument) in arguments.iter().enumerate() {
            let (place, value) = match parts(argument) {
                Some((ident, value)) => {
                    by_name = true;
                    let written = fold(ident);
                    (parameters.iter().position(|(known, _)| *known == written), value)
                }
                None if by_name => {
                    return Err(Fault::syntax("positional argument cannot follow named argument").within(argument));
                }
                None => (Some(position), plain_argument(argument)?),
            };
            match place.and_then(|place| places.get_mut(place)) {
                Some(place) if place.is_none() => *place = Some(value),
                Some(_)
                    if by_name && parts(argument).is_some_and(|(ident, _)| repeats(ident, &arguments[..position])) =>
                {
                    return Err(Fault::syntax("argument name used more than once").within(argument));
                }
                _ if by_name => {
                    return Err(Fault::new("42883", format!("function {name} has no such arguments")).within(argument));
                }
                _ => return Ok(None),
            }
        }
        let filled = places.into_iter().zip(*parameters).map(|(given, (_, default))| match (given, default) {
            (Some(value), _) => self.bind(path_literal(value)).map(Some),
            (None, default) => Ok(default.map(Default::operand)),
        });
        let operands: Vec<Option<Operand>> = filled.collect::<Bound<_>>()?;
        Ok(operands.into_iter().collect())
    }
}
