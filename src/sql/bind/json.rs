//! JSON as the SQL standard writes it: what makes it, what looks into it by a path, and whether a text is any.
//!
//! Each form is a call of the function that Postgres's own syntax has for it, or of one that stands beside that.

use super::clause::Clause;
use super::expression::{Binder, call_function, operator, plain_argument};
use super::named::path_literal;
use super::operand::{Operand, arguments, call, unified};
use super::row::surest;
use super::types;
use crate::expr::{CastContext, Resolved, Scalar, resolve_function};
use crate::sql::error::{Bound, Fault};
use crate::value::{Datum, Type};
use sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator,
    FunctionArgumentClause, FunctionArguments, JsonKeyUniqueness, JsonNullClause, JsonPredicateType,
};

/// What stands behind the arguments.
#[derive(Default)]
struct Clauses<'a> {
    /// Whether nulls are left out, if it is said.
    absent: Option<bool>,
    returning: Option<&'a DataType>,
}

impl<'a> Clauses<'a> {
    fn of(clauses: &'a [FunctionArgumentClause]) -> Bound<Clauses<'a>> {
        let mut found = Clauses::default();
        for clause in clauses {
            match clause {
                FunctionArgumentClause::OrderBy(_) => {}
                FunctionArgumentClause::JsonNullClause(nulls) => {
                    found.absent = Some(*nulls == JsonNullClause::AbsentOnNull);
                }
                FunctionArgumentClause::JsonReturningClause(returning) => found.returning = Some(&returning.data_type),
                _ => return Err(Fault::syntax("Postgres has no such clause in a JSON function")),
            }
        }
        Ok(found)
    }
}

/// A key and its value.
fn member(argument: &FunctionArg) -> Option<(Expr, &FunctionArgExpr)> {
    match argument {
        FunctionArg::ExprNamed { name, arg, operator: FunctionArgOperator::Colon | FunctionArgOperator::Value } => {
            Some((name.clone(), arg))
        }
        FunctionArg::Named { name, arg, operator: FunctionArgOperator::Colon | FunctionArgOperator::Value } => {
            Some((Expr::Identifier(name.clone()), arg))
        }
        _ => None,
    }
}

fn members(list: &[FunctionArg]) -> Bound<Vec<Expr>> {
    let mut found = Vec::with_capacity(2 * list.len());
    for argument in list {
        let Some((key, FunctionArgExpr::Expr(value))) = member(argument) else {
            return Err(Fault::syntax("a key and a value are expected").within(argument).hint("Write key : value."));
        };
        found.extend([key, value.clone()]);
    }
    Ok(found)
}

impl Binder<'_> {
    /// A call of one of the standard's JSON functions, if it is one.
    pub(super) fn standard_json(&mut self, name: &str, function: &Function) -> Bound<Option<Operand>> {
        let FunctionArguments::List(list) = &function.args else { return Ok(None) };
        let args = list.args.as_slice();
        let is_constructor = args.iter().any(|argument| member(argument).is_some()) || args.is_empty();
        let clauses = || Clauses::of(&list.clauses).map_err(|fault| fault.within(&function.name));
        match name {
            "json_objectagg" | "json_arrayagg" => return self.json_aggregate(name, function, &clauses()?).map(Some),
            _ if function.over.is_some() || function.filter.is_some() || list.duplicate_treatment.is_some() => {
                return Ok(None);
            }
            _ => {}
        }
        match name {
            "json_object" if is_constructor => {
                let members = members(args)?;
                self.constructed("object", &members, &clauses()?).map(Some)
            }
            "json_array" => {
                let items = args.iter().map(plain_argument).map(|item| item.cloned()).collect::<Bound<Vec<_>>>()?;
                self.constructed("array", &items, &clauses()?).map(Some)
            }
            "json" | "json_scalar" | "json_serialize" => {
                let [value] = args else { return Ok(None) };
                let value = self.bind(plain_argument(value)?)?;
                self.from_one(name, value, &clauses()?).map(Some)
            }
            "json_exists" | "json_value" | "json_query" => {
                let [document, path] = args else { return Ok(None) };
                let document = self.bind(plain_argument(document)?)?.cast(&Type::Jsonb, -1, CastContext::Explicit)?;
                let path = self.bind(path_literal(plain_argument(path)?))?;
                self.by_path(name, vec![document, path], &clauses()?).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// `JSON_OBJECT(k : v)` and `JSON_ARRAY(v)`. An object keeps its nulls and an array does not, unless told otherwise.
    fn constructed(&mut self, kind: &str, values: &[Expr], clauses: &Clauses<'_>) -> Bound<Operand> {
        let operands = self.bind_all(values)?;
        let is_jsonb = |operand: &Operand| operand.typed().is_some_and(|value| value.ty() == Type::Jsonb);
        let form = self.form(clauses, operands.iter().any(is_jsonb))?;
        let absent = if clauses.absent.unwrap_or(kind == "array") && !operands.is_empty() { ", absent" } else { "" };
        let name = format!("{form}_build_{kind}{absent}");
        let built = call_function(surest(&name, &operands), operands)?;
        self.returned(built, clauses)
    }

    /// `json` or `jsonb`: what is asked for, else what the arguments are.
    fn form(&self, clauses: &Clauses<'_>, binary: bool) -> Bound<&'static str> {
        let binary = match clauses.returning {
            Some(ty) => types::resolve(ty, self.catalog)?.ty == Type::Jsonb,
            None => binary,
        };
        Ok(if binary { "jsonb" } else { "json" })
    }

    /// A document as the type that is asked for.
    fn returned(&self, document: Operand, clauses: &Clauses<'_>) -> Bound<Operand> {
        let Some(ty) = clauses.returning else { return Ok(document) };
        let target = types::resolve(ty, self.catalog)?;
        document.cast(&target.ty, target.modifier, CastContext::Assignment)
    }

    fn from_one(&mut self, name: &str, value: Operand, clauses: &Clauses<'_>) -> Bound<Operand> {
        let as_json = |value: Operand| value.cast(&Type::Json, -1, CastContext::Explicit);
        match name {
            "json_scalar" => self.returned(call_function("to_json", vec![value])?, clauses),
            "json" => self.returned(as_json(value)?, clauses),
            _ => match clauses.returning {
                Some(_) => self.returned(as_json(value)?, clauses),
                None => as_json(value)?.cast(&Type::Text, -1, CastContext::Assignment),
            },
        }
    }

    /// `JSON_EXISTS`, `JSON_VALUE` and `JSON_QUERY`, which see nothing where a path fails.
    fn by_path(&mut self, name: &str, mut operands: Vec<Operand>, clauses: &Clauses<'_>) -> Bound<Operand> {
        let target = clauses.returning.map(|ty| types::resolve(ty, self.catalog)).transpose()?;
        let Some(target) = target else { return by_path_as(name, operands, None) };
        let refused = match (name, &target.ty) {
            ("json_exists", _) => true,
            ("json_query", Type::Jsonb | Type::Json | Type::Text) => false,
            ("json_query", _) => true,
            (_, ty) => matches!(ty, Type::Json | Type::Jsonb | Type::Array(_) | Type::Opaque(_)),
        };
        if refused {
            return Err(Fault::unsupported(format!("{} RETURNING {} is", name.to_uppercase(), target.ty)));
        }
        if name == "json_query" {
            let found = by_path_as(name, operands, None)?;
            return found.cast(&target.ty, target.modifier, CastContext::Assignment);
        }
        operands.push(Operand::literal(Datum::Int4(target.modifier), Type::Int4));
        let found = by_path_as(name, operands, Some(&target.ty))?;
        Ok(match found {
            Operand::Typed(value, _) => Operand::Typed(value, target.modifier),
            unknown => unknown,
        })
    }

    /// `JSON_OBJECTAGG(k : v)` and `JSON_ARRAYAGG(v)`. Where nulls are left out, there still is a document of none.
    fn json_aggregate(&mut self, name: &str, function: &Function, clauses: &Clauses<'_>) -> Bound<Operand> {
        let FunctionArguments::List(list) = &function.args else { return Err(Fault::syntax("arguments are missing")) };
        let is_object = name == "json_objectagg";
        let values = match is_object {
            true => members(&list.args)?,
            false => list.args.iter().map(plain_argument).map(|value| value.cloned()).collect::<Bound<Vec<_>>>()?,
        };
        let Some(last) = values.last().filter(|_| values.len() == if is_object { 2 } else { 1 }) else {
            return Err(Fault::new("42883", format!("function {name} has no such arguments")).within(&function.name));
        };
        let form = self.form(clauses, clauses.returning.is_none() && self.any_jsonb(&values)?)?;
        let absent = clauses.absent.unwrap_or(!is_object);
        let mut collecting = function.clone();
        collecting.name = vec![format!("{form}_{}agg", if is_object { "object_" } else { "" }).as_str().into()].into();
        if let FunctionArguments::List(list) = &mut collecting.args {
            let argument = |value: &Expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(value.clone()));
            list.args = values.iter().map(argument).collect();
            list.clauses.retain(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_)));
        }
        if !absent {
            let collected = self.bind(&Expr::Function(collecting))?;
            return self.returned(collected, clauses);
        }
        let mut counting = function.clone();
        counting.name = vec!["count".into()].into();
        if let FunctionArguments::List(list) = &mut counting.args {
            list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Wildcard)];
            list.clauses.clear();
        }
        let present = Expr::IsNotNull(Box::new(last.clone()));
        collecting.filter = Some(Box::new(match collecting.filter.take() {
            Some(filter) => Expr::BinaryOp {
                left: Box::new(Expr::Nested(filter)),
                op: BinaryOperator::And,
                right: Box::new(present),
            },
            None => present,
        }));
        let collected = self.bind(&Expr::Function(collecting))?;
        let count = self.bind(&Expr::Function(counting))?;
        let none = if is_object { "{  }" } else { "[]" };
        let (collected, ty) = unified("COALESCE", vec![collected, Operand::Unknown(Some(none.into()))])?;
        let any = operator(">", vec![count, Operand::literal(Datum::Int8(0), Type::Int8)])?.condition("CASE/WHEN")?;
        let branches = vec![(any, Scalar::Coalesce(collected, ty.clone()))];
        let otherwise = Box::new(Scalar::Literal(Datum::Null, ty.clone()));
        self.returned(Operand::new(Scalar::Case { branches, otherwise, ty }), clauses)
    }

    /// Whether one of the expressions is `jsonb`.
    fn any_jsonb(&self, exprs: &[Expr]) -> Bound<bool> {
        let mut any = false;
        for expr in exprs {
            let value = Binder::new(self.catalog, self.scope, Clause::Aggregate, 0).bind(expr)?;
            any |= value.typed().is_some_and(|value| value.ty() == Type::Jsonb);
        }
        Ok(any)
    }

    /// `x IS JSON OBJECT WITH UNIQUE KEYS`
    pub(super) fn is_json(
        &mut self,
        expr: &Expr,
        kind: Option<&JsonPredicateType>,
        unique: Option<&JsonKeyUniqueness>,
        negated: bool,
    ) -> Bound<Operand> {
        let value = self.bind(expr)?;
        if let Some(ty) = value.typed().map(Scalar::ty)
            && !matches!(ty, Type::Text | Type::Varchar | Type::Char | Type::Json | Type::Jsonb | Type::Bytea)
        {
            return Err(Fault::new("42804", format!("cannot use type {ty} in IS JSON predicate")).within(expr));
        }
        let kind = match kind {
            None | Some(JsonPredicateType::Value) => "value",
            Some(JsonPredicateType::Scalar) => "scalar",
            Some(JsonPredicateType::Array) => "array",
            Some(JsonPredicateType::Object) => "object",
        };
        let unique = matches!(unique, Some(JsonKeyUniqueness::WithUniqueKeys));
        let kind = Operand::literal(Datum::text(kind), Type::Text);
        let unique = Operand::literal(Datum::Bool(unique), Type::Bool);
        let is_json = call_function("is json", vec![value, kind, unique])?;
        if negated { operator("not", vec![is_json]) } else { Ok(is_json) }
    }
}

/// A call by its name, its value of another type if that is asked for.
fn by_path_as(name: &str, mut operands: Vec<Operand>, ty: Option<&Type>) -> Bound<Operand> {
    if name == "json_value" && ty.is_none() {
        operands.push(Operand::literal(Datum::Int4(-1), Type::Int4));
    }
    let resolved = resolve_function(name, &arguments(&operands))?;
    let result = ty.unwrap_or(&resolved.result).clone();
    call(Resolved { result, ..resolved }, operands)
}
