//! The values that a path leads to.

use super::convert::converted;
use super::layout::offset;
use super::parse::number;
use super::syntax::{Arithmetic, Expression, Method, Path, Predicate, Step};
use crate::expr::EvalError;
use crate::value::json::Json;
use crate::value::numeric::Numeric;
use std::borrow::Cow;
use std::cell::Cell;

/// Why there is no value.
#[derive(Debug)]
pub(super) enum Failure {
    /// A value is not as the path wants it: unknown to a predicate, and passed over if told so.
    Soft(EvalError),
    /// The path is wrong.
    Hard(EvalError),
}

pub(super) type Run<X> = std::result::Result<X, Failure>;

pub(super) fn soft<X>(code: &'static str, message: impl Into<String>) -> Run<X> {
    Err(Failure::Soft(EvalError::new(code, message)))
}

/// Where the evaluation stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'v> {
    pub(super) path: &'v Path,
    pub(super) root: &'v Json,
    pub(super) variables: &'v Json,
    /// `@`
    pub(super) current: &'v Json,
    /// What objects are told apart in: the document, the variables, or an object that `.keyvalue()` made; and its number.
    origin: (&'v Json, i64),
    /// The number of the next object that is made.
    made: &'v Cell<i64>,
    /// The length of the array that is being subscripted.
    length: usize,
    /// Whether what is not there is passed over also in strict mode.
    forgiving: bool,
}

/// The kind of a value, as `.type()` and messages name it.
fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// Every value, with those before a failure.
pub(super) fn values(path: &Path, root: &Json, variables: &Json) -> (Vec<Json>, Run<()>) {
    // The document is the first origin, and the variables are the second.
    let made = Cell::new(2);
    let origin = (root, 0);
    let place = Place { path, root, variables, current: root, origin, made: &made, length: 0, forgiving: false };
    let mut out = Vec::new();
    let end = place.values(&path.expression, &mut out);
    (out, end)
}

impl<'v> Place<'v> {
    fn lax(&self) -> bool {
        self.path.lax
    }

    /// Whether a structure that is not there is a failure.
    fn minds(&self) -> bool {
        !self.lax() && !self.forgiving
    }

    fn base(&self, expression: &'v Expression) -> Run<Option<Cow<'v, Json>>> {
        Ok(Some(match expression {
            Expression::Root => Cow::Borrowed(self.root),
            Expression::Current => Cow::Borrowed(self.current),
            Expression::Last => Cow::Owned(Json::Number(Numeric::from(self.length as i64 - 1))),
            Expression::Literal(value) => Cow::Borrowed(value),
            Expression::Variable(name) => match self.variables.get(name) {
                Some(value) => Cow::Borrowed(value),
                None => {
                    let message = format!("could not find jsonpath variable \"{name}\"");
                    return Err(Failure::Hard(EvalError::new("42704", message)));
                }
            },
            _ => return Ok(None),
        }))
    }

    fn values(&self, expression: &'v Expression, out: &mut Vec<Json>) -> Run<()> {
        if let Some(value) = self.base(expression)? {
            out.push(value.into_owned());
            return Ok(());
        }
        match expression {
            Expression::Steps(base, steps) => match self.base(base)? {
                Some(value) => {
                    let origin = match **base {
                        Expression::Root => (self.root, 0),
                        Expression::Variable(_) => (self.variables, 1),
                        _ => self.origin,
                    };
                    Place { origin, ..*self }.follow(steps, &value, self.lax(), out)
                }
                None => {
                    let mut bases = Vec::new();
                    self.values(base, &mut bases)?;
                    bases.iter().try_for_each(|value| self.follow(steps, value, self.lax(), out))
                }
            },
            Expression::Arithmetic(operator, left, right) => {
                out.push(Json::Number(self.arithmetic(*operator, left, right)?));
                Ok(())
            }
            Expression::Sign { minus, operand } => {
                for value in self.unwrapped(operand)? {
                    match value {
                        Json::Number(value) => out.push(Json::Number(if *minus { value.neg() } else { value })),
                        _ => {
                            let sign = if *minus { "-" } else { "+" };
                            let message = format!("operand of unary jsonpath operator {sign} is not a numeric value");
                            return soft("2203B", message);
                        }
                    }
                }
                Ok(())
            }
            Expression::Predicate(predicate) => {
                out.push(self.truth(predicate)?.map_or(Json::Null, Json::Bool));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The values, arrays among them replaced by their elements in lax mode.
    pub(super) fn unwrapped(&self, expression: &'v Expression) -> Run<Vec<Json>> {
        let mut found = Vec::new();
        self.values(expression, &mut found)?;
        if !self.lax() {
            return Ok(found);
        }
        let unwrap = |value| match value {
            Json::Array(items) => items,
            other => vec![other],
        };
        Ok(found.into_iter().flat_map(unwrap).collect())
    }

    pub(super) fn all(&self, expression: &'v Expression) -> (Vec<Json>, Run<()>) {
        let mut out = Vec::new();
        let end = self.values(expression, &mut out);
        (out, end)
    }

    fn arithmetic(&self, operator: Arithmetic, left: &'v Expression, right: &'v Expression) -> Run<Numeric> {
        let name = match operator {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Remainder => "%",
        };
        let operand = |expression, side: &str| match self.unwrapped(expression)?.as_slice() {
            [Json::Number(number)] => Ok(number.clone()),
            _ => soft("22038", format!("{side} operand of jsonpath operator {name} is not a single numeric value")),
        };
        let (left, right) = (operand(left, "left")?, operand(right, "right")?);
        let result = match operator {
            Arithmetic::Add => left.add(&right),
            Arithmetic::Subtract => left.sub(&right),
            Arithmetic::Multiply => left.mul(&right),
            Arithmetic::Divide => left.div(&right),
            Arithmetic::Remainder => left.rem(&right),
        };
        result.map_err(|error| Failure::Soft(error.into()))
    }

    /// Appends what the steps lead to from a value. `unwraps`: whether an array stands for its elements, where one is expected.
    fn follow(&self, steps: &'v [Step], value: &Json, unwraps: bool, out: &mut Vec<Json>) -> Run<()> {
        let Some((step, rest)) = steps.split_first() else {
            out.push(value.clone());
            return Ok(());
        };
        if let (Json::Array(items), true, true) = (value, unwraps, wants_single(step)) {
            return items.iter().try_for_each(|item| self.follow(steps, item, false, out));
        }
        match step {
            Step::Member(name) => self.member(name, rest, value, out),
            Step::Members => match value {
                Json::Object(members) => members.iter().try_for_each(|(_, value)| self.next(rest, value, out)),
                _ if self.minds() => {
                    soft("2203C", "jsonpath wildcard member accessor can only be applied to an object")
                }
                _ => Ok(()),
            },
            Step::Elements => match value {
                Json::Array(items) => items.iter().try_for_each(|item| self.next(rest, item, out)),
                _ if self.lax() => self.next(rest, value, out),
                _ if self.minds() => soft("22039", "jsonpath wildcard array accessor can only be applied to an array"),
                _ => Ok(()),
            },
            Step::Subscripts(subscripts) => self.subscripts(subscripts, rest, value, out),
            Step::Levels { from, to } => {
                let forgiving = Place { forgiving: true, ..*self };
                if *from == Some(0) {
                    forgiving.next(rest, value, out)?;
                }
                forgiving.levels((*from, *to), 1, rest, value, out)
            }
            Step::Filter(condition) => self.filter(condition, rest, value, out),
            Step::Method(Method::KeyValue) => self.members(rest, value, out),
            Step::Method(method) => {
                let result = self.method(*method, value)?;
                self.next(rest, &result, out)
            }
        }
    }

    fn next(&self, rest: &'v [Step], value: &Json, out: &mut Vec<Json>) -> Run<()> {
        self.follow(rest, value, self.lax(), out)
    }

    fn member(&self, name: &str, rest: &'v [Step], value: &Json, out: &mut Vec<Json>) -> Run<()> {
        match value {
            Json::Object(_) => match value.get(name) {
                Some(member) => self.next(rest, member, out),
                None if self.minds() => soft("2203A", format!("JSON object does not contain key \"{name}\"")),
                None => Ok(()),
            },
            _ if self.minds() => soft("2203A", "jsonpath member accessor can only be applied to an object"),
            _ => Ok(()),
        }
    }

    /// Children, children of children, and so on, from one level to another; none is where there are no more children.
    fn levels(
        &self,
        bounds: (Option<u32>, Option<u32>),
        level: u32,
        rest: &'v [Step],
        value: &Json,
        out: &mut Vec<Json>,
    ) -> Run<()> {
        let children: Vec<&Json> = match value {
            Json::Array(items) => items.iter().collect(),
            Json::Object(members) => members.iter().map(|(_, value)| value).collect(),
            _ => return Ok(()),
        };
        let (from, to) = (bounds.0.unwrap_or(u32::MAX), bounds.1.unwrap_or(u32::MAX));
        for child in children {
            let leaf = bounds == (None, None) && !matches!(child, Json::Array(_) | Json::Object(_));
            if level >= from || leaf {
                self.next(rest, child, out)?;
            }
            if level < to {
                self.levels(bounds, level + 1, rest, child, out)?;
            }
        }
        Ok(())
    }

    fn subscripts(
        &self,
        subscripts: &'v [(Expression, Option<Expression>)],
        rest: &'v [Step],
        value: &Json,
        out: &mut Vec<Json>,
    ) -> Run<()> {
        let items = match value {
            Json::Array(items) => items.as_slice(),
            _ if self.lax() => std::slice::from_ref(value),
            _ if self.minds() => return soft("22039", "jsonpath array accessor can only be applied to an array"),
            _ => return Ok(()),
        };
        let within = Place { length: items.len(), ..*self };
        for (from, to) in subscripts {
            let from = within.index(from)?;
            let to = to.as_ref().map_or(Ok(from), |to| within.index(to))?;
            if self.minds() && (from < 0 || from > to || to >= items.len() as i64) {
                return soft("22033", "jsonpath array subscript is out of bounds");
            }
            for at in from.max(0)..=to.min(items.len() as i64 - 1) {
                self.next(rest, &items[at as usize], out)?;
            }
        }
        Ok(())
    }

    fn index(&self, expression: &'v Expression) -> Run<i64> {
        let mut found = Vec::new();
        self.values(expression, &mut found)?;
        match found.as_slice() {
            [Json::Number(number)] => match number.truncate(0).to_integer::<i32>("integer") {
                Ok(index) => Ok(index.into()),
                Err(_) => soft("22033", "jsonpath array subscript is out of integer range"),
            },
            _ => soft("22033", "jsonpath array subscript is not a single numeric value"),
        }
    }

    fn filter(&self, condition: &'v Predicate, rest: &'v [Step], value: &Json, out: &mut Vec<Json>) -> Run<()> {
        let within = Place { current: value, ..shorter(*self) };
        match within.truth(condition)? {
            Some(true) => self.next(rest, value, out),
            _ => Ok(()),
        }
    }

    /// Each member as an object of its own.
    fn members(&self, rest: &'v [Step], value: &Json, out: &mut Vec<Json>) -> Run<()> {
        let Json::Object(members) = value else {
            return soft("2203C", "jsonpath item method .keyvalue() can only be applied to an object");
        };
        let within = offset(self.origin.0, value).unwrap_or(0) as i64;
        let id = Json::Number(Numeric::from(within + self.origin.1 * 10_000_000_000));
        for (key, value) in members {
            let member = [("id", id.clone()), ("key", Json::String(key.clone())), ("value", value.clone())];
            let member = Json::object(member.into_iter().map(|(name, value)| (name.into(), value)).collect());
            let number = self.made.replace(self.made.get() + 1);
            let within = Place { origin: (&member, number), ..shorter(*self) };
            within.next(rest, &member, out)?;
        }
        Ok(())
    }

    fn method(&self, method: Method, value: &Json) -> Run<Json> {
        let not_numeric = || {
            soft("22036", format!("jsonpath item method .{}() can only be applied to a numeric value", method.name()))
        };
        match (method, value) {
            (Method::Type, value) => Ok(Json::String(kind(value).into())),
            (Method::Size, Json::Array(items)) => Ok(number(items.len())),
            (Method::Size, _) if self.lax() || self.forgiving => Ok(number(1)),
            (Method::Size, _) => soft("22039", "jsonpath item method .size() can only be applied to an array"),
            (Method::Double, Json::Number(number)) => match number.to_f64() {
                Ok(_) => Ok(value.clone()),
                Err(_) => not_numeric(),
            },
            (Method::Double, Json::String(text)) => {
                match crate::value::text::parse(&crate::value::Type::Float8, -1, text) {
                    Ok(crate::value::Datum::Float8(double)) if double.is_finite() => {
                        Ok(Json::Number(Numeric::from_f64(double)))
                    }
                    _ => soft("22036", "string argument of jsonpath item method .double() is not a valid number"),
                }
            }
            (Method::Double, _) => {
                soft("22036", "jsonpath item method .double() can only be applied to a string or numeric value")
            }
            (Method::Ceiling, Json::Number(number)) => Ok(Json::Number(number.ceil())),
            (Method::Floor, Json::Number(number)) => Ok(Json::Number(number.floor())),
            (Method::Abs, Json::Number(number)) => Ok(Json::Number(number.abs())),
            (Method::Ceiling | Method::Floor | Method::Abs, _) => not_numeric(),
            (method, value) => converted(method, value),
        }
    }
}

/// The same place for as long as a value lives that has just been found.
fn shorter<'a, 'v: 'a>(place: Place<'v>) -> Place<'a> {
    place
}

/// Whether a step is for one value rather than an array of them.
fn wants_single(step: &Step) -> bool {
    match step {
        Step::Member(_) | Step::Members | Step::Filter(_) => true,
        Step::Method(method) => !matches!(method, Method::Type | Method::Size),
        Step::Levels { .. } | Step::Elements | Step::Subscripts(_) => false,
    }
}
