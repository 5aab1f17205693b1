//! SQL's own phrases (`IS`, `BETWEEN`, `EXTRACT`, `TRIM` …): each is a call of the function or operator Postgres has for it.

use super::expression::{Binder, call_function, operator};
use super::name;
use super::operand::{Operand, unified};
use super::row::rows_of;
use super::types;
use crate::expr::{Argument, CastContext, Scalar};
use crate::sql::error::{Bound, Fault};
use crate::sql::tokens::SYMMETRIC;
use crate::value::text::IntervalField;
use crate::value::{Datum, Type};
use sqlparser::ast::{
    BinaryOperator, CeilFloorKind, DateTimeField, Expr, ExtractSyntax, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Interval, TrimWhereField,
};

impl Binder<'_> {
    /// Binds what `bind_kind` leaves.
    pub(super) fn special(&mut self, expr: &Expr) -> Bound<Operand> {
        match expr {
            Expr::IsNull(inner) => self.test("is null", inner),
            Expr::IsNotNull(inner) => self.test("is not null", inner),
            Expr::IsTrue(inner) => self.truth("is true", inner),
            Expr::IsNotTrue(inner) => self.truth("is not true", inner),
            Expr::IsFalse(inner) => self.truth("is false", inner),
            Expr::IsNotFalse(inner) => self.truth("is not false", inner),
            Expr::IsUnknown(inner) => self.truth("is unknown", inner),
            Expr::IsNotUnknown(inner) => self.truth("is not unknown", inner),
            Expr::IsDistinctFrom(a, b) => self.apply("is distinct from", [&**a, b]),
            Expr::IsNotDistinctFrom(a, b) => self.apply("is not distinct from", [&**a, b]),
            Expr::Between { expr, negated, low, high } => self.between(expr, *negated, low, high),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(if *negated { "!~~" } else { "~~" }, expr, pattern, escape_char.as_deref())
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(if *negated { "!~~*" } else { "~~*" }, expr, pattern, escape_char.as_deref())
            }
            Expr::Like { negated, any: true, expr, pattern, escape_char: None } => {
                self.apply(if *negated { "!~~ any" } else { "~~ any" }, [&**expr, pattern])
            }
            Expr::ILike { negated, any: true, expr, pattern, escape_char: None } => {
                self.apply(if *negated { "!~~* any" } else { "~~* any" }, [&**expr, pattern])
            }
            Expr::SimilarTo { negated, expr, pattern, escape_char } => {
                let value = self.bind(expr)?;
                let pattern = [&**pattern].into_iter().chain(escape_char.as_deref());
                let pattern = self.call("similar_to_escape", pattern)?;
                operator(if *negated { "!~" } else { "~" }, vec![value, pattern])
            }
            Expr::AnyOp { left, compare_op, right, .. } => self.quantified(left, compare_op, "any", right),
            Expr::AllOp { left, compare_op, right } => self.quantified(left, compare_op, "all", right),
            Expr::Extract { field, syntax: ExtractSyntax::From, expr } => {
                let operand = self.bind(expr)?;
                call_function("extract", vec![text(field_name(field)), operand])
            }
            Expr::Position { expr, r#in } => self.call("position", [&**r#in, expr]),
            Expr::Substring { expr, substring_from, substring_for, shorthand, .. } => {
                self.substring(expr, substring_from.as_deref(), substring_for.as_deref(), *shorthand)
            }
            Expr::Trim { expr, trim_where, trim_what, trim_characters } => {
                let what = trim_what.as_deref().into_iter().chain(trim_characters.iter().flatten());
                self.trim(expr, *trim_where, what)
            }
            Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                self.call("overlay", [&**expr, overlay_what, overlay_from].into_iter().chain(overlay_for.as_deref()))
            }
            Expr::AtTimeZone { timestamp, time_zone } => self.call("timezone", [&**time_zone, timestamp]),
            Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.call("ceil", [&**expr])
            }
            Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.call("floor", [&**expr])
            }
            Expr::Interval(interval) => self.interval(interval),
            Expr::IsNormalized { expr, form, negated } => {
                let mut operands = vec![self.bind(expr)?];
                operands.extend(form.map(|form| text(form.to_string())));
                let normalized = call_function("is_normalized", operands)?;
                if *negated { operator("not", vec![normalized]) } else { Ok(normalized) }
            }
            Expr::IsJson { expr, kind, unique_keys, negated } => {
                self.is_json(expr, kind.as_ref(), unique_keys.as_ref(), *negated)
            }
            Expr::Array(array) if array.named => self.array(&array.elem),
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            Expr::Collate { expr, collation } if collation.to_string().trim_matches('"') == "C" => self.bind(expr),
            other => Err(refused(other)),
        }
    }

    fn test(&mut self, name: &str, inner: &Expr) -> Bound<Operand> {
        let operand = self.bind(inner)?;
        operator(name, vec![operand])
    }

    /// A test of a condition.
    fn truth(&mut self, name: &str, inner: &Expr) -> Bound<Operand> {
        let operand = self.condition(inner, &name.to_uppercase())?;
        operator(name, vec![Operand::new(operand)])
    }

    /// `ARRAY[…]`: of arrays, it has one dimension more than they.
    fn array(&mut self, elements: &[Expr]) -> Bound<Operand> {
        if elements.is_empty() {
            return Err(Fault::new("42P18", "cannot determine type of empty array")
                .hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
        }
        let is_bare = |element: &Expr| matches!(element, Expr::Array(array) if !array.named);
        let operand = |element: &Expr| match element {
            // Where the elements are arrays, they need no word before them.
            Expr::Array(array) if !array.named && elements.iter().all(is_bare) => self.array(&array.elem),
            element => self.bind(element),
        };
        let operands = elements.iter().map(operand).collect::<Bound<Vec<_>>>()?;
        let nested = operands.iter().any(|operand| matches!(operand.argument(), Argument::Known(Type::Array(_))));
        let (scalars, _) = unified("ARRAY", operands)?;
        let operands = scalars.into_iter().map(Operand::new).collect();
        call_function(if nested { "array of arrays" } else { "array" }, operands)
    }

    fn apply<'e>(&mut self, name: &str, exprs: impl IntoIterator<Item = &'e Expr>) -> Bound<Operand> {
        let operands = self.bind_all(exprs)?;
        operator(name, operands)
    }

    fn call<'e>(&mut self, name: &str, exprs: impl IntoIterator<Item = &'e Expr>) -> Bound<Operand> {
        let operands = self.bind_all(exprs)?;
        call_function(name, operands)
    }

    /// Two comparisons; the compared expression is evaluated for each, as in Postgres.
    fn between(&mut self, expr: &Expr, negated: bool, low: &Expr, high: &Expr) -> Bound<Operand> {
        let (low, symmetric) = either_way(low);
        let (value, low, high) = (self.bind(expr)?, self.bind(low)?, self.bind(high)?);
        let within = |low: &Operand, high: &Operand| {
            let (above, below) = if negated { ("<", ">") } else { (">=", "<=") };
            let above = operator(above, vec![value.clone(), low.clone()])?.condition("BETWEEN")?;
            let below = operator(below, vec![value.clone(), high.clone()])?.condition("BETWEEN")?;
            let both = vec![above, below];
            Ok::<_, Fault>(if negated { Scalar::Or(both) } else { Scalar::And(both) })
        };
        let mut found = within(&low, &high)?;
        if symmetric {
            let both = vec![found, within(&high, &low)?];
            found = if negated { Scalar::And(both) } else { Scalar::Or(both) };
        }
        Ok(Operand::new(found))
    }

    /// Two periods, each a start and an end or a length.
    pub(super) fn overlaps(&mut self, left: &[&Expr], right: &[&Expr]) -> Bound<Operand> {
        let mut ends = Vec::with_capacity(4);
        for period in [left, right] {
            let [start, end] = period else {
                return Err(Fault::syntax("wrong number of parameters of OVERLAPS expression"));
            };
            let (start, mut end) = (self.bind(start)?, self.bind(end)?);
            if end.argument() == Argument::Known(Type::Interval) {
                end = operator("+", vec![start.clone(), end])?;
            }
            ends.extend([start, end]);
        }
        call_function("overlaps", ends)
    }

    /// Equalities with every item, as one common type if there is one.
    fn in_list(&mut self, expr: &Expr, list: &[Expr], negated: bool) -> Bound<Operand> {
        if let Some(row) = rows_of(expr) {
            return self.row_in_list(&row, list, negated);
        }
        let value = self.bind(expr)?;
        let mut operands = vec![value];
        operands.extend(self.bind_all(list)?);
        if let Ok((scalars, _)) = unified("IN", operands.clone()) {
            operands = scalars.into_iter().map(Operand::new).collect();
        }
        let mut operands = operands.into_iter();
        let Some(value) = operands.next() else { return Err(Fault::syntax("IN needs a list")) };
        let compare = if negated { "<>" } else { "=" };
        let mut tests = operands
            .zip(list)
            .map(|(item, written)| {
                let test = operator(compare, vec![value.clone(), item]).and_then(|test| test.condition("IN"));
                test.map_err(|fault| fault.within(written))
            })
            .collect::<Bound<Vec<Scalar>>>()?;
        Ok(Operand::new(match (tests.len(), negated) {
            (1, _) => tests.remove(0),
            (_, true) => Scalar::And(tests),
            (_, false) => Scalar::Or(tests),
        }))
    }

    fn row_in_list(&mut self, row: &[&Expr], list: &[Expr], negated: bool) -> Bound<Operand> {
        let op = if negated { BinaryOperator::NotEq } else { BinaryOperator::Eq };
        let tests = list.iter().map(|item| {
            let Some(other) = rows_of(item) else {
                return Err(Fault::syntax("a row of several values is expected").within(item));
            };
            self.row_comparison(row, &op, &other)?.condition("IN").map_err(|fault| fault.within(item))
        });
        let tests = tests.collect::<Bound<Vec<Scalar>>>()?;
        Ok(Operand::new(if negated { Scalar::And(tests) } else { Scalar::Or(tests) }))
    }

    fn like(&mut self, name: &str, expr: &Expr, pattern: &Expr, escape: Option<&Expr>) -> Bound<Operand> {
        let value = self.bind(expr)?;
        let pattern = match escape {
            None => self.bind(pattern)?,
            Some(escape) => self.call("like_escape", [pattern, escape])?,
        };
        operator(name, vec![value, pattern])
    }

    fn quantified(&mut self, left: &Expr, op: &BinaryOperator, quantifier: &str, right: &Expr) -> Bound<Operand> {
        if let Expr::Subquery(query) = right {
            return self.quantified_query(left, op, quantifier, query);
        }
        self.apply(&format!("{op} {quantifier}"), [left, right])
    }

    fn substring(&mut self, expr: &Expr, from: Option<&Expr>, length: Option<&Expr>, short: bool) -> Bound<Operand> {
        let mut operands = vec![self.bind(expr)?];
        match from {
            Some(from) => operands.push(self.bind(from)?),
            None => operands.push(Operand::literal(Datum::Int4(1), Type::Int4)),
        }
        if let Some(length) = length {
            operands.push(self.bind(length)?);
        }
        call_function(if short { "substr" } else { "substring" }, operands)
    }

    fn trim<'e>(
        &mut self,
        expr: &'e Expr,
        side: Option<TrimWhereField>,
        what: impl Iterator<Item = &'e Expr>,
    ) -> Bound<Operand> {
        let name = match side {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            Some(TrimWhereField::Both) | None => "btrim",
        };
        self.call(name, std::iter::once(expr).chain(what))
    }

    fn interval(&mut self, interval: &Interval) -> Bound<Operand> {
        let Interval { leading_field, leading_precision, last_field, fractional_seconds_precision, .. } = interval;
        let range = match (leading_field, last_field) {
            (None, _) if leading_precision.is_some() => return Err(Fault::syntax("a precision without a field")),
            (None, _) => None,
            (Some(first), None) => Some((interval_field(first)?, interval_field(first)?)),
            (Some(first), Some(last)) => Some((interval_field(first)?, interval_field(last)?)),
        };
        if range.is_some_and(|(first, last)| !may_range(first, last)) {
            return Err(Fault::syntax("an interval has no such range of fields"));
        }
        let modifier = types::interval(range, leading_precision.or(*fractional_seconds_precision))?;
        match self.bind(&interval.value)? {
            literal @ Operand::Unknown(Some(_)) => literal.cast(&Type::Interval, modifier, CastContext::Explicit),
            _ => Err(Fault::syntax("a quoted literal is expected after INTERVAL")),
        }
    }
}

/// The lower end of BETWEEN, and whether the ends may stand either way round.
fn either_way(low: &Expr) -> (&Expr, bool) {
    if let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = low
        && let (Ok([ident]), [FunctionArg::Unnamed(FunctionArgExpr::Expr(low))]) =
            (name::parts(name).as_deref(), list.args.as_slice())
        && ident.value == SYMMETRIC
    {
        return (low, true);
    }
    (low, false)
}

fn text(value: String) -> Operand {
    Operand::literal(Datum::text(value), Type::Text)
}

fn interval_field(field: &DateTimeField) -> Bound<IntervalField> {
    match field {
        DateTimeField::Year => Ok(IntervalField::Year),
        DateTimeField::Month => Ok(IntervalField::Month),
        DateTimeField::Day => Ok(IntervalField::Day),
        DateTimeField::Hour => Ok(IntervalField::Hour),
        DateTimeField::Minute => Ok(IntervalField::Minute),
        DateTimeField::Second => Ok(IntervalField::Second),
        other => Err(Fault::syntax(format!("{other} is no field of an interval"))
            .hint("Put other units inside the quotes: interval '2 weeks'.")),
    }
}

/// Months do not mix with days.
fn may_range(first: IntervalField, last: IntervalField) -> bool {
    use IntervalField::{Day, Month, Year};
    first == last || (first, last) == (Year, Month) || (Day <= first && first < last)
}

/// The field's name as Postgres knows it.
fn field_name(field: &DateTimeField) -> String {
    match field {
        DateTimeField::Custom(ident) => ident.value.to_ascii_lowercase(),
        field => field.to_string().to_ascii_lowercase(),
    }
}

fn refused(expr: &Expr) -> Fault {
    let what = match expr {
        Expr::RLike { .. } => return Fault::syntax("Postgres has no RLIKE").hint("Use the operator ~."),
        Expr::Like { .. } | Expr::ILike { .. } => "LIKE ANY with ESCAPE is",
        Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) => "GROUPING SETS, CUBE and ROLLUP are",
        Expr::Tuple(_) => "a row of several values as an expression is",
        Expr::Array(_) => return Fault::syntax("an array is written ARRAY[…]"),
        Expr::Collate { .. } => "a collation other than \"C\" is",
        Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => return Fault::syntax("* is not an expression"),
        other => return Fault::unsupported(format!("the expression {other} is")),
    };
    Fault::unsupported(what)
}
