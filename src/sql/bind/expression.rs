//! Expressions: syntax to [`Operand`].

use super::aggregate::Aggregates;
use super::clause::Clause;
use super::missing;
use super::name;
use super::named::path_literal;
use super::operand::{Operand, arguments, call, common_modifier, unified};
use super::row::{is_row, rows_of, surest};
use super::scope::Scope;
use super::subquery::{Applied, Queries, query_of};
use super::types;
use super::window::Windows;
use crate::expr::{
    CastContext, Scalar, is_aggregate, is_table_function, is_window, resolve_function, resolve_operator,
};
use crate::plan::TableCall;
use crate::sql::catalog::Catalog;
use crate::sql::error::{Bound, Fault};
use crate::value::{Datum, Type};
use sqlparser::ast::{
    Array, BinaryOperator, CaseWhen, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, NamedWindowDefinition, UnaryOperator, Value,
};

/// Recursion stops here.
const MAX_DEPTH: usize = 100;
/// Longest chain of binary operators at one level.
const MAX_CHAIN: usize = 400;

/// Binds expressions over a scope.
pub(in crate::sql) struct Binder<'a> {
    pub(in crate::sql) catalog: &'a Catalog,
    pub(in crate::sql) scope: &'a Scope,
    pub(in crate::sql) clause: Clause,
    /// The aggregates met so far; their results are columns behind the input's.
    pub(in crate::sql) aggregates: Aggregates,
    /// Lowers subqueries, where there may be some.
    pub(in crate::sql) queries: Option<&'a mut dyn Queries>,
    /// The subqueries met so far.
    pub(in crate::sql) applied: Vec<Applied>,
    /// What the WINDOW clause defines.
    pub(super) named_windows: &'a [NamedWindowDefinition],
    /// The window calls met so far.
    pub(in crate::sql) windows: Windows,
    /// The calls met so far of functions that return rows.
    pub(in crate::sql) calls: Vec<TableCall>,
    /// What an expression is part of that may not evaluate it, where no such call may stand.
    pub(super) conditional: Option<&'static str>,
    depth: usize,
}

impl<'a> Binder<'a> {
    pub(in crate::sql) fn new(catalog: &'a Catalog, scope: &'a Scope, clause: Clause, width: usize) -> Binder<'a> {
        let (aggregates, applied, windows) = (Aggregates::new(width), Vec::new(), Windows::default());
        let (queries, named_windows, calls, conditional) = (None, &[][..], Vec::new(), None);
        let depth = 0;
        Binder {
            catalog,
            scope,
            clause,
            aggregates,
            queries,
            applied,
            named_windows,
            windows,
            calls,
            conditional,
            depth,
        }
    }

    /// The binder, with somebody who lowers subqueries.
    pub(in crate::sql) fn with_queries(self, queries: &'a mut dyn Queries) -> Binder<'a> {
        Binder { queries: Some(queries), ..self }
    }

    /// A condition: an expression that must be boolean.
    pub(in crate::sql) fn condition(&mut self, expr: &Expr, clause: &str) -> Bound<Scalar> {
        self.bind(expr)?.condition(clause).map_err(|fault| fault.within(expr))
    }

    /// Binds an expression; a fault without a place is placed here.
    pub(in crate::sql) fn bind(&mut self, expr: &Expr) -> Bound<Operand> {
        if self.depth >= MAX_DEPTH {
            return Err(Fault::new("54001", format!("the expression nests deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let bound = self.bind_kind(expr);
        self.depth -= 1;
        bound.map_err(|fault| fault.within(expr))
    }

    pub(super) fn bind_all<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) -> Bound<Vec<Operand>> {
        exprs.into_iter().map(|expr| self.bind(expr)).collect()
    }

    fn bind_kind(&mut self, expr: &Expr) -> Bound<Operand> {
        match expr {
            Expr::Identifier(ident) => self.identifier(ident),
            Expr::CompoundIdentifier(idents) => self.compound(idents),
            Expr::Nested(inner) => self.bind(inner),
            Expr::Exists { subquery, negated } => self.exists(subquery, *negated),
            Expr::Subquery(query) => self.scalar_subquery(query),
            Expr::InSubquery { expr, subquery, negated } => self.in_subquery(expr, subquery, *negated),
            Expr::Value(value) => self.value(&value.value),
            Expr::BinaryOp { left, op, right } => match (rows_of(left), rows_of(right)) {
                (Some(left), Some(right)) if *op == BinaryOperator::Overlaps => self.overlaps(&left, &right),
                (Some(left), Some(right)) => self.row_comparison(&left, op, &right),
                (Some(row), None) if let Some(query) = query_of(right) => self.row_with_query(&row, op, query),
                _ => self.chain(expr),
            },
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::Cast { kind, expr, data_type, format } => match (kind, format) {
                (CastKind::Cast | CastKind::DoubleColon, None) => self.cast(expr, data_type),
                _ => Err(Fault::unsupported("this form of CAST is")),
            },
            Expr::TypedString(typed) if !typed.uses_odbc_syntax => match self.value(&typed.value.value)? {
                literal @ Operand::Unknown(Some(_)) => self.cast_to(literal, &typed.data_type),
                _ => Err(Fault::syntax("a quoted literal is expected after the type")),
            },
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Function(function) => self.function(function),
            _ => self.special(expr),
        }
    }

    fn identifier(&mut self, ident: &Ident) -> Bound<Operand> {
        match self.scope.column(ident) {
            Ok(column) => {
                column.readable()?;
                let (position, ty, modifier) = (column.position, column.ty.clone(), column.modifier);
                self.aggregates.saw(position, ident.span);
                Ok(Operand::Typed(Scalar::Column(position, ty), modifier))
            }
            Err(fault) if fault.code == "42703" && ident.quote_style.is_none() => {
                if let Some(now) = self.clock(&name::fold(ident)) {
                    return now;
                }
                match self.scope.knows_table(ident) {
                    true => Err(Fault::unsupported("a whole row as a value is").at(ident.span)),
                    false => Err(fault),
                }
            }
            Err(fault) => Err(fault),
        }
    }

    fn compound(&mut self, idents: &[Ident]) -> Bound<Operand> {
        let Some((ident, qualifier)) = idents.split_last() else { return Err(Fault::syntax("an empty name")) };
        let column = self.scope.qualified(qualifier, ident)?;
        column.readable()?;
        let (position, ty, modifier) = (column.position, column.ty.clone(), column.modifier);
        self.aggregates.saw(position, ident.span);
        Ok(Operand::Typed(Scalar::Column(position, ty), modifier))
    }

    fn value(&mut self, value: &Value) -> Bound<Operand> {
        match value {
            Value::Number(digits, false) => number(digits),
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) | Value::UnicodeStringLiteral(text) => {
                Ok(Operand::Unknown(Some(text.clone())))
            }
            Value::DollarQuotedString(text) => Ok(Operand::Unknown(Some(text.value.clone()))),
            Value::Boolean(truth) => Ok(Operand::literal(Datum::Bool(*truth), Type::Bool)),
            Value::Null => Ok(Operand::Unknown(None)),
            Value::Placeholder(_) => Err(Fault::new("42P02", "a view has no parameters")),
            other => Err(Fault::unsupported(format!("the literal {other} is"))),
        }
    }

    /// A run of binary operators, from the innermost left operand out, without recursion.
    fn chain(&mut self, expr: &Expr) -> Bound<Operand> {
        let mut spine = Vec::new();
        let mut first = expr;
        while let Expr::BinaryOp { left, op, right } = first {
            if rows_of(left).is_some() && (rows_of(right).is_some() || query_of(right).is_some()) {
                break;
            }
            spine.push((first, op, &**right));
            first = left;
        }
        if spine.len() > MAX_CHAIN && !spine.iter().all(|(_, op, _)| connects(op)) {
            return Err(Fault::new("54001", format!("more than {MAX_CHAIN} operators in a row")).within(first));
        }
        let operands = std::iter::once(first).chain(spine.iter().rev().map(|(_, _, right)| *right));
        let following = spine.iter().rev().map(|(_, op, _)| Some(*op)).chain(std::iter::once(None));
        operands.zip(following).try_for_each(|(operand, next)| refuse_unclear(operand, next))?;
        let mut bound = self.bind(first)?;
        let mut left_op = None;
        for (whole, op, right) in spine.into_iter().rev() {
            if is_comparison(op) && left_op.is_some_and(is_comparison) {
                return Err(Fault::syntax(format!("syntax error at or near \"{op}\""))
                    .hint("Comparisons do not chain: combine them with AND.")
                    .within(right));
            }
            bound = match op {
                BinaryOperator::And | BinaryOperator::Or => self.connect(bound, op, right),
                op => {
                    let right = self.bind(path_literal(right))?;
                    binary(op, bound, right)
                }
            }
            .map_err(|fault| fault.within(whole))?;
            left_op = Some(op);
        }
        Ok(bound)
    }

    fn connect(&mut self, left: Operand, op: &BinaryOperator, right: &Expr) -> Bound<Operand> {
        let name = op.to_string();
        let left = left.condition(&name)?;
        let right = self.condition(right, &name)?;
        Ok(Operand::new(match (op, left) {
            (BinaryOperator::And, Scalar::And(mut operands)) => {
                operands.push(right);
                Scalar::And(operands)
            }
            (BinaryOperator::And, left) => Scalar::And(vec![left, right]),
            (_, Scalar::Or(mut operands)) => {
                operands.push(right);
                Scalar::Or(operands)
            }
            (_, left) => Scalar::Or(vec![left, right]),
        }))
    }

    fn unary(&mut self, op: UnaryOperator, expr: &Expr) -> Bound<Operand> {
        match op {
            UnaryOperator::Not => {
                let operand = self.condition(expr, "NOT")?;
                operator("not", vec![Operand::new(operand)])
            }
            UnaryOperator::Minus => match constant(expr) {
                // Postgres reads a negated number as one constant: the least integer is one.
                Some(digits) => number(&negated(&digits)),
                None if is_power(expr) => self.bind(&sign_first(expr)),
                None => {
                    let operand = self.bind(expr)?;
                    operator("-", vec![operand])
                }
            },
            op => {
                let operand = self.bind(expr)?;
                operator(&op.to_string(), vec![operand])
            }
        }
    }

    fn cast(&mut self, expr: &Expr, data_type: &DataType) -> Bound<Operand> {
        let operand = match expr {
            Expr::Array(Array { elem, named: true }) if elem.is_empty() => Operand::Unknown(Some("{}".into())),
            expr => self.bind(expr)?,
        };
        self.cast_to(operand, data_type)
    }

    pub(super) fn cast_to(&self, operand: Operand, data_type: &DataType) -> Bound<Operand> {
        let target = types::resolve(data_type, self.catalog)?;
        operand.cast(&target.ty, target.modifier, CastContext::Explicit)
    }

    fn case(&mut self, operand: Option<&Expr>, conditions: &[CaseWhen], otherwise: Option<&Expr>) -> Bound<Operand> {
        let around = self.conditional.replace("CASE");
        let case = self.case_of(operand, conditions, otherwise);
        self.conditional = around;
        case
    }

    fn case_of(&mut self, operand: Option<&Expr>, conditions: &[CaseWhen], otherwise: Option<&Expr>) -> Bound<Operand> {
        let operand = operand.map(|operand| self.bind(operand)).transpose()?;
        // The operand of a simple CASE is compared as what it is: an open literal is text.
        let operand = match operand {
            Some(operand) => Some(Operand::new(operand.settled()?.0)),
            None => None,
        };
        let (mut tests, mut results) = (Vec::new(), Vec::new());
        for CaseWhen { condition, result } in conditions {
            tests.push(match &operand {
                None => self.condition(condition, "CASE/WHEN")?,
                Some(operand) => {
                    let value = self.bind(condition)?;
                    let equal = operator("=", vec![operand.clone(), value]).map_err(|fault| fault.within(condition))?;
                    equal.condition("CASE/WHEN")?
                }
            });
            results.push(self.bind(result)?);
        }
        // Postgres puts ELSE first when it looks for the common type.
        let otherwise = otherwise.map_or(Ok(Operand::Unknown(None)), |expr| self.bind(expr))?;
        results.insert(0, otherwise);
        let modifier = common_modifier(&results);
        let (mut results, ty) = unified("CASE", results)?;
        let otherwise = Box::new(results.remove(0));
        Ok(Operand::Typed(Scalar::Case { branches: tests.into_iter().zip(results).collect(), otherwise, ty }, modifier))
    }

    fn function(&mut self, function: &Function) -> Bound<Operand> {
        let name = name::catalog(&function.name)?;
        if let Some(fault) = missing::of_a_kind(&name) {
            return Err(fault.within(&function.name));
        }
        if let Some(now) = self.clock_call(&name, function) {
            return now;
        }
        refuse_decorations(function)?;
        if let ("array", FunctionArguments::Subquery(query)) = (name.as_str(), &function.args) {
            return self.array_of_query(query);
        }
        if let Some(json) = self.standard_json(&name, function)? {
            return Ok(json);
        }
        match (&function.over, is_window(&name)) {
            (Some(over), is_window) if is_window || is_aggregate(&name) => {
                return self.window_call(&name, function, over);
            }
            (None, true) => {
                let message = format!("window function {name} requires an OVER clause");
                return Err(Fault::new("42809", message).within(&function.name));
            }
            (_, false) | (Some(_), true) => {}
        }
        if is_aggregate(&name) {
            return self.aggregate(&name, function);
        }
        if name == "grouping" && function.over.is_none() {
            return self.grouping(function);
        }
        if !function.within_group.is_empty() {
            let message = format!("WITHIN GROUP specified, but {name} is not an aggregate function");
            return Err(Fault::new("42809", message).within(&function.name));
        }
        if function.filter.is_some() {
            let message = format!("FILTER specified, but {name} is not an aggregate function");
            return Err(Fault::new("42809", message).within(&function.name));
        }
        if let FunctionArguments::List(list) = &function.args
            && let Some(call) = self.variadic(&name, &list.args)?
        {
            return Ok(call);
        }
        let around = self.conditional;
        self.conditional = if name == "coalesce" { Some("COALESCE") } else { around };
        let operands = self.function_arguments(&name, function);
        self.conditional = around;
        let operands = operands?;
        if function.over.is_some() {
            if !is_table_function(&name) {
                call_function(&name, operands)?;
            }
            let message = format!("OVER specified, but {name} is not a window function nor an aggregate function");
            return Err(Fault::new("42809", message).within(&function.name));
        }
        if is_table_function(&name) {
            return self.returning(&name, operands).map_err(|fault| fault.within(&function.name));
        }
        if name == "coalesce" && !operands.is_empty() {
            let modifier = common_modifier(&operands);
            let (scalars, ty) = unified("COALESCE", operands)?;
            return Ok(Operand::Typed(Scalar::Coalesce(scalars, ty), modifier));
        }
        match (name.as_str(), operands.as_slice()) {
            ("row_to_json" | "to_json" | "to_jsonb", [Operand::Typed(row, _)]) if is_row(row) => {
                Ok(Operand::new(row.clone()))
            }
            (name, _) => call_function(surest(name, &operands), operands),
        }
    }

    /// What a function is called with.
    pub(in crate::sql) fn function_arguments(&mut self, name: &str, function: &Function) -> Bound<Vec<Operand>> {
        match &function.args {
            FunctionArguments::None => Ok(Vec::new()),
            FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
                match self.named(name, &list.args)? {
                    Some(operands) => Ok(operands),
                    None => self.arguments(name, &list.args),
                }
            }
            FunctionArguments::List(list) => {
                let what = if list.duplicate_treatment.is_some() { "DISTINCT" } else { "ORDER BY" };
                let message = format!("{what} specified, but {name} is not an aggregate function");
                Err(Fault::new("42809", message).within(&function.name))
            }
            FunctionArguments::Subquery(_) => {
                Err(Fault::unsupported("a subquery as the argument of a function is").within(&function.name))
            }
        }
    }

    /// A binder of what an aggregate is called with.
    pub(super) fn inner(&mut self) -> Binder<'_> {
        let mut inner = Binder::new(self.catalog, self.scope, Clause::Aggregate, 0);
        inner.depth = self.depth;
        inner.applied = std::mem::take(&mut self.aggregates.applied);
        inner.queries = match &mut self.queries {
            Some(queries) => Some(&mut **queries),
            None => None,
        };
        inner
    }
}

/// The number an expression is, with its sign, if it is nothing else.
fn constant(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, false) => Some(digits.clone()),
            _ => None,
        },
        Expr::Nested(inner) => constant(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => constant(expr).map(|digits| negated(&digits)),
        _ => None,
    }
}

fn negated(digits: &str) -> String {
    digits.strip_prefix('-').map_or_else(|| format!("-{digits}"), str::to_owned)
}

fn is_power(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryOp { op: BinaryOperator::PGExp | BinaryOperator::BitwiseXor, .. })
}

/// In Postgres a sign binds tighter than `^`; the parser reads -2 ^ 2 the other way.
fn sign_first(power: &Expr) -> Expr {
    let mut signed = power.clone();
    let mut first = &mut signed;
    while let Expr::BinaryOp { left, op: BinaryOperator::PGExp | BinaryOperator::BitwiseXor, .. } = first {
        first = left;
    }
    let inner = std::mem::replace(first, Expr::Value(Value::Null.into()));
    *first = Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(inner) };
    signed
}

/// In Postgres a prefix operator other than a sign takes all arithmetic behind it; the parser takes one operand only.
fn refuse_unclear(operand: &Expr, next: Option<&BinaryOperator>) -> Bound<()> {
    use BinaryOperator::{BitwiseXor, Divide, Minus, Modulo, Multiply, PGExp, Plus};
    match (operand, next) {
        (Expr::UnaryOp { op, .. }, Some(Plus | Minus | Multiply | Divide | Modulo | PGExp | BitwiseXor))
            if !matches!(op, UnaryOperator::Minus | UnaryOperator::Plus | UnaryOperator::Not) =>
        {
            Err(Fault::unsupported(format!("arithmetic behind the operator {op} without parentheses is"))
                .hint(format!("Write {op} (a + b), which is what Postgres does, or ({op} a) + b."))
                .within(operand))
        }
        _ => Ok(()),
    }
}

fn connects(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::And | BinaryOperator::Or)
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

/// An argument that is a plain expression.
pub(in crate::sql) fn plain_argument(argument: &FunctionArg) -> Bound<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
        FunctionArg::Unnamed(_) => Err(Fault::unsupported("* as an argument is").within(argument)),
        FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => {
            Err(Fault::unsupported("a named argument is").within(argument))
        }
    }
}

fn refuse_decorations(function: &Function) -> Bound<()> {
    let refused = [
        (function.null_treatment.is_some(), "IGNORE NULLS is"),
        (function.parameters != FunctionArguments::None || function.uses_odbc_syntax, "this form of a call is"),
    ];
    match refused.into_iter().find(|(present, _)| *present) {
        Some((_, what)) => Err(Fault::unsupported(what).within(&function.name)),
        None => Ok(()),
    }
}

/// A number as written: the smallest of integer, bigint and numeric that holds it.
fn number(digits: &str) -> Bound<Operand> {
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    if let Ok(value) = plain.parse::<i32>() {
        return Ok(Operand::literal(Datum::Int4(value), Type::Int4));
    }
    if let Ok(value) = plain.parse::<i64>() {
        return Ok(Operand::literal(Datum::Int8(value), Type::Int8));
    }
    Operand::Unknown(Some(plain)).cast(&Type::Numeric, -1, CastContext::Explicit)
}

/// A call of an operator by its symbol or name.
pub(in crate::sql) fn operator(name: &str, operands: Vec<Operand>) -> Bound<Operand> {
    call(resolve_operator(name, &arguments(&operands))?, operands)
}

/// A call of a function by its name.
pub(super) fn call_function(name: &str, operands: Vec<Operand>) -> Bound<Operand> {
    call(resolve_function(name, &arguments(&operands))?, operands)
}

fn binary(op: &BinaryOperator, left: Operand, right: Operand) -> Bound<Operand> {
    match op {
        BinaryOperator::Xor | BinaryOperator::Spaceship | BinaryOperator::DuckIntegerDivide => {
            Err(Fault::unsupported(format!("the operator {op} is")))
        }
        BinaryOperator::PGCustomBinaryOperator(parts) => match parts.as_slice() {
            [schema, name] if schema == "pg_catalog" => operator(name, vec![left, right]),
            [name] => operator(name, vec![left, right]),
            _ => Err(Fault::unsupported("an operator outside pg_catalog is")),
        },
        op => operator(&op.to_string(), vec![left, right]),
    }
}
