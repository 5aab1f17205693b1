//! Conditions of a path: true, false, or none of both where a value is not as they want it.

use super::run::{Failure, Place, Run};
use super::syntax::{Comparison, Expression, Predicate};
use crate::expr::EvalError;
use crate::expr::function::pattern::Expression as Regex;
use crate::value::json::Json;
use std::cmp::Ordering;

type Truth = Option<bool>;

fn hard(error: EvalError) -> Failure {
    Failure::Hard(error)
}

impl<'v> Place<'v> {
    pub(super) fn truth(&self, predicate: &'v Predicate) -> Run<Truth> {
        match predicate {
            Predicate::And(left, right) => match self.truth(left)? {
                Some(false) => Ok(Some(false)),
                left => Ok(match self.truth(right)? {
                    Some(true) => left,
                    right => right,
                }),
            },
            Predicate::Or(left, right) => match self.truth(left)? {
                Some(true) => Ok(Some(true)),
                left => Ok(match self.truth(right)? {
                    Some(false) => left,
                    right => right,
                }),
            },
            Predicate::Not(inner) => Ok(self.truth(inner)?.map(|truth| !truth)),
            Predicate::IsUnknown(inner) => Ok(Some(self.truth(inner)?.is_none())),
            Predicate::Exists(expression) => self.exists(expression),
            Predicate::Compare(comparison, left, right) => {
                let (Some(left), Some(right)) = (self.known(left)?, self.known(right)?) else { return Ok(None) };
                let pairs = left.iter().flat_map(|left| right.iter().map(move |right| (left, right)));
                self.any(pairs, |(left, right)| Ok(compare(*comparison, left, right)))
            }
            Predicate::StartsWith(expression, initial) => {
                let (Some(found), Some(initial)) = (self.known(expression)?, self.known(initial)?) else {
                    return Ok(None);
                };
                self.any(found.iter(), |value| match (value, initial.as_slice()) {
                    (Json::String(text), [Json::String(initial)]) => Ok(Some(text.starts_with(initial.as_ref()))),
                    _ => Ok(None),
                })
            }
            Predicate::LikeRegex(expression, pattern, flags) => {
                let Some(found) = self.known(expression)? else { return Ok(None) };
                let regex = Regex::of(pattern, flags).map_err(hard)?;
                self.any(found.iter(), |value| match value {
                    Json::String(text) => regex.is_match(text).map(Some).map_err(hard),
                    _ => Ok(None),
                })
            }
        }
    }

    /// The values of an operand; none if it fails.
    fn known(&self, expression: &'v Expression) -> Run<Option<Vec<Json>>> {
        match self.unwrapped(expression) {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Soft(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn exists(&self, expression: &'v Expression) -> Run<Truth> {
        match self.all(expression) {
            (_, Err(Failure::Hard(error))) => Err(hard(error)),
            // Lax mode is content with the first value, and does not see what fails behind it.
            (found, Err(Failure::Soft(_))) => Ok((self.path.lax && !found.is_empty()).then_some(true)),
            (found, Ok(())) => Ok(Some(!found.is_empty())),
        }
    }

    /// Whether the test holds for any value. In strict mode none may be unknown; lax mode is content with the first it holds for.
    fn any<X>(&self, values: impl Iterator<Item = X>, test: impl Fn(X) -> Run<Truth>) -> Run<Truth> {
        let (mut found, mut unknown) = (false, false);
        for value in values {
            match test(value)? {
                Some(true) if self.path.lax => return Ok(Some(true)),
                Some(truth) => found |= truth,
                None if !self.path.lax => return Ok(None),
                None => unknown = true,
            }
        }
        Ok(if found || !unknown { Some(found) } else { None })
    }
}

fn compare(comparison: Comparison, left: &Json, right: &Json) -> Truth {
    let order = match (left, right) {
        (Json::Null, Json::Null) => Ordering::Equal,
        (Json::Null, _) | (_, Json::Null) => return Some(comparison == Comparison::NotEqual),
        (Json::Bool(left), Json::Bool(right)) => left.cmp(right),
        (Json::Number(left), Json::Number(right)) => left.cmp(right),
        (Json::String(left), Json::String(right)) => left.cmp(right),
        // Neither values of unlike kinds nor containers can be compared.
        _ => return None,
    };
    Some(match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    })
}
