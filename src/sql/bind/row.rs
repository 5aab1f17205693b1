//! Whole rows where JSON is made of them: `to_jsonb(t)`, `json_agg(t.*)`, `row_to_json(ROW(a, b))`.
//!
//! There is no type for a row here: it becomes the JSON document at once, as the function around it would make it.

use super::expression::{Binder, call_function, operator, plain_argument};
use super::name::parts;
use super::named::{normal_form, path_literal};
use super::operand::{Operand, groupable};
use crate::expr::Scalar;
use crate::sql::error::Bound;
use crate::value::{Datum, Type};
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, ObjectNamePart,
};

/// The functions that take a row, and whether what they make of it is `jsonb`.
const TAKE_ROWS: [(&str, bool); 11] = [
    ("to_jsonb", true),
    ("jsonb_agg", true),
    ("jsonb_object_agg", true),
    ("jsonb_build_object", true),
    ("jsonb_build_array", true),
    ("to_json", false),
    ("row_to_json", false),
    ("json_agg", false),
    ("json_object_agg", false),
    ("json_build_object", false),
    ("json_build_array", false),
];

/// Whether the expression is a row's document.
pub(super) fn is_row(scalar: &Scalar) -> bool {
    match scalar {
        Scalar::Call { function, .. } => function.name().starts_with("row as "),
        Scalar::Case { otherwise, .. } => is_row(otherwise),
        _ => false,
    }
}

/// What a row's document is made of.
pub(super) fn values_of(row: &Scalar) -> Vec<&Scalar> {
    match row {
        Scalar::Call { arguments, .. } => arguments.iter().skip(1).step_by(2).collect(),
        Scalar::Case { otherwise, .. } => values_of(otherwise),
        _ => Vec::new(),
    }
}

/// The function to call: of those that build objects one that cannot fail, if all names are given as they are.
pub(super) fn surest<'n>(name: &'n str, operands: &[Operand]) -> &'n str {
    let sure = match name {
        "jsonb_build_object" if !operands.iter().filter_map(Operand::typed).any(|o| o.ty().holds_json()) => {
            "object as jsonb"
        }
        "json_build_object" => "object as json",
        name => return name,
    };
    let is_name = |operand: &Operand| match operand {
        Operand::Unknown(text) => text.is_some(),
        Operand::Typed(Scalar::Literal(value, Type::Text), _) => !value.is_null(),
        Operand::Typed(..) => false,
    };
    let built = !operands.is_empty() && operands.len().is_multiple_of(2);
    if built && operands.iter().step_by(2).all(is_name) { sure } else { name }
}

impl Binder<'_> {
    /// The arguments of a call: expressions, and rows where the function takes them.
    pub(super) fn arguments(&mut self, name: &str, arguments: &[FunctionArg]) -> Bound<Vec<Operand>> {
        arguments.iter().map(|argument| self.argument(name, argument)).collect()
    }

    fn argument(&mut self, name: &str, argument: &FunctionArg) -> Bound<Operand> {
        if let ("count", FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))) = (name, argument)
            && let Some(exprs) = rows_of(expr)
        {
            let operands = self.bind_all(exprs)?;
            return counted(operands);
        }
        if let Some(form) = normal_form(name, argument) {
            return Ok(form);
        }
        let form = TAKE_ROWS.iter().find(|(known, _)| *known == name);
        let row = match form {
            Some((_, binary)) => self.row(argument, &|members| document(members, *binary)),
            None if name == "count" => {
                self.row(argument, &|members| counted(members.into_iter().map(|m| m.1).collect()))
            }
            None => Ok(None),
        };
        let row = row.map_err(|fault| fault.within(argument))?;
        row.map_or_else(|| self.bind(path_literal(plain_argument(argument)?)), Ok)
    }

    /// The row that the argument is, if it is one, as what is made of its members.
    fn row(&mut self, argument: &FunctionArg, made: &dyn Fn(Members) -> Bound<Operand>) -> Bound<Option<Operand>> {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) => {
                let idents: Vec<Ident> = name.0.iter().filter_map(ObjectNamePart::as_ident).cloned().collect();
                let table = self.scope.table(&idents)?;
                self.table_row(table, made).map(Some)
            }
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(ident))) => {
                match (self.scope.column(ident), self.scope.table(std::slice::from_ref(ident))) {
                    (Err(fault), Ok(table)) if fault.code == "42703" => {
                        let row = self.table_row(table, made)?;
                        let Operand::Typed(scalar, _) = &row else { return Ok(None) };
                        scalar.columns(&mut |column| self.aggregates.saw(column, ident.span));
                        Ok(Some(row))
                    }
                    _ => Ok(None),
                }
            }
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => match rows_of(expr) {
                Some(exprs) => {
                    let names = (1..=exprs.len()).map(|number| format!("f{number}"));
                    let values = self.bind_all(exprs)?;
                    made(names.zip(values).collect()).map(Some)
                }
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// A table's row; null where an outer join found none.
    fn table_row(&mut self, table: usize, made: &dyn Fn(Members) -> Bound<Operand>) -> Bound<Operand> {
        let columns: Vec<_> = self.scope.star(Some(table)).cloned().collect();
        columns.iter().try_for_each(|column| column.readable())?;
        let value = |position: usize, ty: &Type| Operand::new(Scalar::Column(position, ty.clone()));
        let members = columns.iter().map(|column| (column.name.clone(), value(column.position, &column.ty)));
        let row = made(members.collect())?;
        if !self.scope.tables[table].absent {
            return Ok(row);
        }
        let key = self.scope.tables[table].key.clone().unwrap_or_default();
        let tells = |position: usize| key.is_empty() || key.contains(&position);
        let tests = columns.iter().filter(|column| tells(column.position));
        let tests =
            tests.map(|column| operator("is null", vec![value(column.position, &column.ty)])?.condition("CASE/WHEN"));
        let absent = Scalar::And(tests.collect::<Bound<_>>()?);
        let (row, _) = row.settled()?;
        let null = Scalar::Literal(Datum::Null, row.ty());
        let ty = row.ty();
        Ok(Operand::new(Scalar::Case { branches: vec![(absent, null)], otherwise: Box::new(row), ty }))
    }
}

/// A row's columns by their names.
type Members = Vec<(String, Operand)>;

/// A row to be counted, of which only matters what it is equal to.
fn counted(operands: Vec<Operand>) -> Bound<Operand> {
    operands.iter().filter_map(Operand::typed).try_for_each(|operand| groupable(&operand.ty()))?;
    call_function("row key", operands)
}

/// The members as one document.
fn document(members: Members, binary: bool) -> Bound<Operand> {
    let mut operands = Vec::with_capacity(2 * members.len());
    let mut raw = false;
    for (name, value) in members {
        raw |= value.typed().is_some_and(|value| value.ty().holds_json());
        operands.extend([Operand::literal(Datum::text(name), Type::Text), value]);
    }
    // Only text that is kept as written may turn out not to be jsonb.
    let name = match (binary, raw) {
        (false, _) => "row as json",
        (true, false) => "row as jsonb",
        (true, true) => "row as jsonb, perhaps",
    };
    call_function(name, operands)
}

/// The elements of `ROW(…)` or `(a, b)`.
pub(super) fn rows_of(expr: &Expr) -> Option<Vec<&Expr>> {
    match expr {
        Expr::Tuple(exprs) => Some(exprs.iter().collect()),
        Expr::Nested(inner) => rows_of(inner),
        Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) if is_row_constructor(name) => {
            list.args.iter().map(|argument| plain_argument(argument).ok()).collect()
        }
        _ => None,
    }
}

fn is_row_constructor(name: &ObjectName) -> bool {
    let is_row = |ident: &Ident| ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("row");
    matches!(parts(name).as_deref(), Ok([ident]) if is_row(ident))
}
