//! Conversions between types: which exist, when they apply unasked, and what type unlike arguments meet in.

use super::function::{
    Cast, Definition, ELEMENTS, FROM_TEXT, Function, MIDNIGHT, MODIFIER, RELABEL, TO_TEXT, cast_function, check_path,
};
use super::{EvalError, Scalar};
use crate::value::{Datum, OpaqueType, Type, text};

/// The type of an expression, as far as overload resolution knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// An expression of this type.
    Known(Type),
    /// A quoted literal or `NULL`: takes the type that is asked of it.
    Unknown,
}

/// Why a conversion is wanted; each admits what the one before it does, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CastContext {
    /// Inserted to make an expression fit.
    Implicit,
    /// Storing into a column.
    Assignment,
    /// Written as `CAST` or `::`.
    Explicit,
}

/// Why no function, operator, aggregate, cast or common type was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ResolveError {
    /// The SQLSTATE.
    pub code: &'static str,
    /// Postgres's message.
    pub message: String,
    /// Postgres's hint.
    pub hint: Option<String>,
}

impl ResolveError {
    /// An error without a hint.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> ResolveError {
        ResolveError { code, message: message.into(), hint: None }
    }
}

impl From<EvalError> for ResolveError {
    fn from(error: EvalError) -> ResolveError {
        ResolveError { code: error.code, message: error.message, hint: None }
    }
}

impl Argument {
    /// The type's name for a message.
    pub(super) fn name(&self) -> String {
        match self {
            Argument::Known(ty) => ty.to_string(),
            Argument::Unknown => "unknown".into(),
        }
    }
}

/// Postgres's type categories, `pg_type.typcategory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Category {
    Array,
    Boolean,
    DateTime,
    Enum,
    Numeric,
    String,
    Timespan,
    User,
}

pub(super) fn category(ty: &Type) -> Category {
    match ty {
        Type::Bool => Category::Boolean,
        Type::Int2 | Type::Int4 | Type::Int8 | Type::Float4 | Type::Float8 | Type::Numeric => Category::Numeric,
        Type::Text | Type::Varchar | Type::Char => Category::String,
        Type::Date | Type::Time | Type::Timestamp | Type::Timestamptz => Category::DateTime,
        Type::Interval => Category::Timespan,
        Type::Bytea | Type::Uuid | Type::Json | Type::Jsonb | Type::Opaque(_) => Category::User,
        Type::Enum(_) => Category::Enum,
        Type::Array(_) => Category::Array,
    }
}

/// Whether the type is the preferred one of its category.
pub(super) fn is_preferred(ty: &Type) -> bool {
    matches!(ty, Type::Bool | Type::Float8 | Type::Text | Type::Timestamptz | Type::Interval)
}

/// How a value of one type becomes one of another.
enum Pathway {
    /// The same datum serves.
    Relabel,
    /// By a function of one argument.
    Call(&'static Cast),
    /// By the type's text output.
    Output,
    /// By the type's text input.
    Input,
    /// Element by element, by this pathway's function.
    Elements,
}

/// The conversion between two different types that `context` admits, if there is one.
fn pathway(from: &Type, to: &Type, context: CastContext) -> Option<Pathway> {
    use Type::{Array, Char, Text, Varchar};
    let (pathway, least) = match (from, to) {
        (Text, Varchar) | (Varchar, Text) => (Pathway::Relabel, CastContext::Implicit),
        (Array(from), Array(to)) => return self::pathway(from, to, context).map(|_| Pathway::Elements),
        _ => match cast_function(from, to) {
            Some(cast) => (Pathway::Call(cast), cast.context),
            None if matches!(to, Text | Varchar | Char) => (Pathway::Output, CastContext::Assignment),
            None if matches!(from, Text | Varchar | Char) => (Pathway::Input, CastContext::Explicit),
            None => return None,
        },
    };
    (context >= least).then_some(pathway)
}

/// Whether a value of one type becomes one of the other without being asked.
pub(super) fn is_implicit(from: &Type, to: &Type) -> bool {
    from == to || pathway(from, to, CastContext::Implicit).is_some()
}

/// A literal of a type whose values are kept as text, as they are kept.
pub fn read_opaque(ty: &OpaqueType, literal: &str) -> Result<String, EvalError> {
    match ty.name.as_str() {
        "jsonpath" => check_path(literal).map(|()| literal.to_owned()),
        _ => Ok(text::canonical(ty, literal)?),
    }
}

/// The type unlike expressions meet in, by the rule of `CASE`, `COALESCE`, `UNION`, `VALUES`, `GREATEST`, `IN` and `ARRAY`. The message
/// of the error lacks the construct's name in front.
pub fn common_type(arguments: &[Argument]) -> Result<Type, ResolveError> {
    let mut known = arguments.iter().filter_map(|argument| match argument {
        Argument::Known(ty) => Some(ty),
        Argument::Unknown => None,
    });
    let Some(mut common) = known.next() else { return Ok(Type::Text) };
    for ty in known.clone() {
        if ty != common && category(ty) != category(common) {
            return Err(ResolveError::new("42804", format!("types {common} and {ty} cannot be matched")));
        }
        if !is_preferred(common) && is_implicit(common, ty) && !is_implicit(ty, common) {
            common = ty;
        }
    }
    for ty in known {
        if !is_implicit(ty, common) {
            return Err(ResolveError::new("42846", format!("could not convert type {ty} to {common}")));
        }
    }
    Ok(common.clone())
}

/// Converts an expression to a type and its modifier (Postgres's `typmod`, -1 for none). What is unknown is no text and does not
/// come here: the binder reads it with the type's input function.
pub fn cast(scalar: Scalar, to: &Type, modifier: i32, context: CastContext) -> Result<Scalar, ResolveError> {
    let from = scalar.ty();
    if from == *to {
        return Ok(with_modifier(scalar, to, modifier, context));
    }
    if let Type::Opaque(opaque) = &from
        && !opaque.as_text
        && cast_function(&from, to).is_none()
    {
        return Err(ResolveError::new("0A000", format!("a cast of type {from} is not supported yet")));
    }
    let Some(pathway) = pathway(&from, to, context) else {
        return Err(ResolveError::new("42846", format!("cannot cast type {from} to {to}")));
    };
    Ok(with_modifier(convert(scalar, pathway, to), to, modifier, context))
}

/// The value as one of a type it is compared with, equal where `=` says so; none if getting there may fail.
pub fn comparable(scalar: &Scalar, to: &Type) -> Option<Scalar> {
    if let (Type::Date, Type::Timestamp | Type::Timestamptz) = (scalar.ty(), to) {
        return Some(call(&MIDNIGHT, vec![scalar.clone()], to));
    }
    let cast = cast(scalar.clone(), to, -1, CastContext::Implicit).ok()?;
    (cast.is_fallible() == scalar.is_fallible()).then_some(cast)
}

fn convert(scalar: Scalar, pathway: Pathway, to: &Type) -> Scalar {
    match (pathway, scalar) {
        (Pathway::Relabel, Scalar::Column(position, _)) => Scalar::Column(position, to.clone()),
        (Pathway::Relabel, Scalar::Literal(value, _)) => Scalar::Literal(value, to.clone()),
        (Pathway::Relabel, scalar) => call(&RELABEL, vec![scalar], to),
        (Pathway::Call(cast), scalar) => call(&cast.function, vec![scalar], to),
        (Pathway::Output, scalar) => call(&TO_TEXT, vec![scalar], to),
        (Pathway::Elements, scalar) => call(&ELEMENTS, vec![scalar], to),
        (Pathway::Input, scalar) => call(&FROM_TEXT, vec![scalar], to),
    }
}

/// Applies a modifier to a value that already has the type.
fn with_modifier(scalar: Scalar, ty: &Type, modifier: i32, context: CastContext) -> Scalar {
    if modifier == -1 {
        return scalar;
    }
    let modifier = Scalar::Literal(Datum::Int4(modifier), Type::Int4);
    let explicit = Scalar::Literal(Datum::Bool(context == CastContext::Explicit), Type::Bool);
    call(&MODIFIER, vec![scalar, modifier, explicit], ty)
}

fn call(function: &'static Definition, arguments: Vec<Scalar>, ty: &Type) -> Scalar {
    Scalar::Call { function: Function::of(function), arguments, ty: ty.clone() }
}
