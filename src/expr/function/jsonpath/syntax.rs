//! What a path says.

use crate::value::json::Json;

/// A path: an expression, and how strict it is.
#[derive(Debug)]
pub(super) struct Path {
    /// Whether arrays are unwrapped where single values are expected, and what is not there is passed over.
    pub(super) lax: bool,
    pub(super) expression: Expression,
}

/// An expression gives a sequence of values; a predicate is true, false or unknown.
#[derive(Debug)]
pub(super) enum Expression {
    /// `$`
    Root,
    /// `@`
    Current,
    /// The last place of the array that is being subscripted.
    Last,
    /// `$name`
    Variable(String),
    Literal(Json),
    /// What further steps lead to.
    Steps(Box<Expression>, Vec<Step>),
    Arithmetic(Arithmetic, Box<Expression>, Box<Expression>),
    Sign {
        minus: bool,
        operand: Box<Expression>,
    },
    Predicate(Predicate),
}

#[derive(Debug)]
pub(super) enum Step {
    /// `.name`
    Member(String),
    /// `.*`
    Members,
    /// `.**{from to to}`; none is the deepest level.
    Levels {
        from: Option<u32>,
        to: Option<u32>,
    },
    /// `[*]`
    Elements,
    /// `[a, b to c]`
    Subscripts(Vec<(Expression, Option<Expression>)>),
    /// `? (…)`
    Filter(Predicate),
    Method(Method),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Type,
    Size,
    Double,
    Ceiling,
    Floor,
    Abs,
    KeyValue,
    Boolean,
    BigInt,
    Integer,
    Number,
    Text,
}

impl Method {
    pub(super) fn name(self) -> &'static str {
        match self {
            Method::Type => "type",
            Method::Size => "size",
            Method::Double => "double",
            Method::Ceiling => "ceiling",
            Method::Floor => "floor",
            Method::Abs => "abs",
            Method::KeyValue => "keyvalue",
            Method::Boolean => "boolean",
            Method::BigInt => "bigint",
            Method::Integer => "integer",
            Method::Number => "number",
            Method::Text => "string",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug)]
pub(super) enum Predicate {
    Compare(Comparison, Box<Expression>, Box<Expression>),
    And(Box<Predicate>, Box<Predicate>),
    Or(Box<Predicate>, Box<Predicate>),
    Not(Box<Predicate>),
    IsUnknown(Box<Predicate>),
    Exists(Box<Expression>),
    StartsWith(Box<Expression>, Box<Expression>),
    /// The pattern, and flags of regular expressions.
    LikeRegex(Box<Expression>, String, String),
}
