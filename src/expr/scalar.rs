//! `Scalar`: a typed expression over one row.

use super::Function;
use crate::value::{Datum, Type, ValueError};

/// A typed expression over the columns of a row. Built by the binder, which inserts every cast: evaluation never coerces.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A column of the input, by position.
    Column(usize, Type),
    /// A constant.
    Literal(Datum, Type),
    /// A function, operator or cast on its arguments, left to right. Functions that are strict give null for a null argument.
    Call {
        /// Which.
        function: Function,
        /// Its arguments, of the types it expects.
        arguments: Vec<Scalar>,
        /// The result's type.
        ty: Type,
    },
    /// Three-valued `AND`: false if any is false, else null if any is null. Stops at the first false.
    And(Vec<Scalar>),
    /// Three-valued `OR`. Stops at the first true.
    Or(Vec<Scalar>),
    /// The first branch whose condition is true; nothing else is evaluated. A simple `CASE x WHEN` is bound to equalities.
    Case {
        /// Condition and result.
        branches: Vec<(Scalar, Scalar)>,
        /// Otherwise; a null literal if left out.
        otherwise: Box<Scalar>,
        /// The result's type.
        ty: Type,
    },
    /// The first that is not null; later ones are not evaluated.
    Coalesce(Vec<Scalar>, Type),
}

/// Why an expression has no value for a row: a data error with Postgres's SQLSTATE and message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct EvalError {
    /// The SQLSTATE, e.g. `22012` for division by zero.
    pub code: &'static str,
    /// Postgres's message.
    pub message: String,
}

impl EvalError {
    /// An error with this SQLSTATE and message.
    pub fn new(code: &'static str, message: impl Into<String>) -> EvalError {
        EvalError { code, message: message.into() }
    }

    /// A value whose type is not the one the expression was bound with: an error in this program, not in the data.
    pub(super) fn mistyped() -> EvalError {
        EvalError::new("XX000", "a value does not have the type its expression was bound with")
    }
}

impl From<ValueError> for EvalError {
    fn from(error: ValueError) -> EvalError {
        EvalError { code: error.code, message: error.message }
    }
}

impl Scalar {
    /// The value for a row.
    pub fn eval(&self, row: &[Datum]) -> Result<Datum, EvalError> {
        match self {
            Scalar::Column(position, _) => row.get(*position).cloned().ok_or_else(EvalError::mistyped),
            Scalar::Literal(value, _) => Ok(value.clone()),
            Scalar::Call { function, arguments, ty } => match arguments.as_slice() {
                [a] => function.call(&[a.eval(row)?], ty),
                [a, b] => function.call(&[a.eval(row)?, b.eval(row)?], ty),
                [a, b, c] => function.call(&[a.eval(row)?, b.eval(row)?, c.eval(row)?], ty),
                more => {
                    let values: Vec<Datum> =
                        more.iter().map(|argument| argument.eval(row)).collect::<Result<_, _>>()?;
                    function.call(&values, ty)
                }
            },
            Scalar::And(operands) => connect(operands, row, false),
            Scalar::Or(operands) => connect(operands, row, true),
            Scalar::Case { branches, otherwise, .. } => {
                for (condition, result) in branches {
                    if condition.eval(row)? == Datum::Bool(true) {
                        return result.eval(row);
                    }
                }
                otherwise.eval(row)
            }
            Scalar::Coalesce(operands, _) => {
                for operand in operands {
                    let value = operand.eval(row)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Ok(Datum::Null)
            }
        }
    }

    /// The type of the value.
    pub fn ty(&self) -> Type {
        match self {
            Scalar::Column(_, ty) | Scalar::Literal(_, ty) | Scalar::Coalesce(_, ty) => ty.clone(),
            Scalar::Call { ty, .. } | Scalar::Case { ty, .. } => ty.clone(),
            Scalar::And(_) | Scalar::Or(_) => Type::Bool,
        }
    }

    /// Names every column that is read, as often as it is read.
    pub fn columns(&self, visit: &mut impl FnMut(usize)) {
        if let Scalar::Column(position, _) = self {
            visit(*position);
        }
        self.for_each_operand(&mut |operand| operand.columns(visit));
    }

    /// Renumbers the columns.
    pub fn map_columns(&mut self, rename: &mut impl FnMut(usize) -> usize) {
        if let Scalar::Column(position, _) = self {
            *position = rename(*position);
        }
        self.for_each_operand_mut(&mut |operand| operand.map_columns(rename));
    }

    /// Whether a row may exist for which this gives an error.
    pub fn is_fallible(&self) -> bool {
        let mut fallible = matches!(self, Scalar::Call { function, arguments, .. } if may_fail(*function, arguments));
        self.for_each_operand(&mut |operand| fallible |= operand.is_fallible());
        fallible
    }

    /// Gives every direct operand to `visit`, in order of evaluation.
    pub fn for_each_operand<'a>(&'a self, mut visit: &mut dyn FnMut(&'a Scalar)) {
        match self {
            Scalar::Column(..) | Scalar::Literal(..) => {}
            Scalar::Call { arguments: operands, .. }
            | Scalar::And(operands)
            | Scalar::Or(operands)
            | Scalar::Coalesce(operands, _) => operands.iter().for_each(&mut visit),
            Scalar::Case { branches, otherwise, .. } => {
                for (condition, result) in branches {
                    visit(condition);
                    visit(result);
                }
                visit(otherwise);
            }
        }
    }

    /// As `for_each_operand`, for rewriting.
    pub fn for_each_operand_mut(&mut self, mut visit: &mut dyn FnMut(&mut Scalar)) {
        match self {
            Scalar::Column(..) | Scalar::Literal(..) => {}
            Scalar::Call { arguments: operands, .. }
            | Scalar::And(operands)
            | Scalar::Or(operands)
            | Scalar::Coalesce(operands, _) => operands.iter_mut().for_each(&mut visit),
            Scalar::Case { branches, otherwise, .. } => {
                for (condition, result) in branches {
                    visit(condition);
                    visit(result);
                }
                visit(otherwise);
            }
        }
    }
}

/// Whether a call may fail on values that its arguments give. LIKE fails only for a pattern that ends in an escape character.
fn may_fail(function: Function, arguments: &[Scalar]) -> bool {
    match (function.name(), arguments) {
        ("~~" | "!~~" | "~~*" | "!~~*", [_, Scalar::Literal(Datum::Text(pattern), _)]) => pattern.ends_with('\\'),
        _ => function.is_fallible(),
    }
}

/// `AND` and `OR`: the first operand that `decides` ends it; a null remembered makes the rest null.
fn connect(operands: &[Scalar], row: &[Datum], decides: bool) -> Result<Datum, EvalError> {
    let mut result = Datum::Bool(!decides);
    for operand in operands {
        match operand.eval(row)? {
            Datum::Bool(value) if value == decides => return Ok(Datum::Bool(decides)),
            Datum::Bool(_) => {}
            Datum::Null => result = Datum::Null,
            _ => return Err(EvalError::mistyped()),
        }
    }
    Ok(result)
}
