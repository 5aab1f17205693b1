//! The columns a `Rel` makes: names for error reports, types and nullability for keys.

use super::program::DataflowError;
use crate::expr::{AggregateFunction, Scalar};
use crate::plan::{Aggregate, JoinKind, Rel};
use crate::value::{Column, RelationName, Type};

/// Finds the columns of named relations.
pub trait Relations {
    /// The relation's columns, if it is defined.
    fn columns(&self, relation: &RelationName) -> Option<&[Column]>;
}

/// The columns of a plan. Columns without a name are called `column1` and so on, as Postgres does.
pub fn columns(rel: &Rel, relations: &dyn Relations) -> Result<Vec<Column>, DataflowError> {
    match rel {
        Rel::Get { relation, columns } => {
            let known = relations
                .columns(relation)
                .ok_or_else(|| DataflowError::Undefined { user: "a plan".into(), relation: relation.clone() })?;
            if known.len() != columns.len() || known.iter().zip(columns).any(|(known, ty)| known.ty != *ty) {
                let message = format!("the plan's column types of {relation} are not those of its schema");
                return Err(DataflowError::Plan { view: relation.clone(), message });
            }
            Ok(known.to_vec())
        }
        Rel::Constant { columns, .. } => Ok(unnamed(columns.iter().map(|ty| (ty.clone(), true)))),
        Rel::Filter { input, .. } | Rel::Distinct { input } => self::columns(input, relations),
        Rel::TopK { input, .. } | Rel::Temporal { input, .. } => self::columns(input, relations),
        Rel::Settle { input, .. } => self::columns(input, relations),
        Rel::Map { input, expressions } => Ok(mapped(expressions, &self::columns(input, relations)?)),
        Rel::Join { kind, left, right, .. } => {
            let mut columns = self::columns(left, relations)?;
            let mut right = self::columns(right, relations)?;
            if matches!(kind, JoinKind::Left | JoinKind::Full) {
                right.iter_mut().for_each(|column| column.nullable = true);
            }
            if *kind == JoinKind::Full {
                columns.iter_mut().for_each(|column| column.nullable = true);
            }
            if kind.shows_right() {
                columns.append(&mut right);
            }
            Ok(columns)
        }
        Rel::AsOf { kind, left, right, .. } => {
            let mut columns = self::columns(left, relations)?;
            let right = self::columns(right, relations)?.into_iter();
            let absent = *kind == JoinKind::Left;
            columns.extend(right.map(|column| Column { nullable: column.nullable || absent, ..column }));
            Ok(columns)
        }
        Rel::Reduce { input, group, aggregates } => {
            let mut columns = mapped(group, &self::columns(input, relations)?);
            columns.extend(results(columns.len(), aggregates));
            Ok(columns)
        }
        Rel::Sessions { input, group, at, aggregates, .. } => {
            let mut columns = mapped(group, &self::columns(input, relations)?);
            columns.extend(["window_start", "window_end"].map(|name| Column::new(name, at.ty(), false)));
            columns.extend(results(columns.len(), aggregates));
            Ok(columns)
        }
        Rel::Union { inputs } => {
            let mut inputs = inputs.iter().map(|input| self::columns(input, relations));
            let mut columns = inputs.next().unwrap_or(Ok(Vec::new()))?;
            for other in inputs {
                for (column, other) in columns.iter_mut().zip(other?) {
                    column.nullable |= other.nullable;
                }
            }
            Ok(columns)
        }
        Rel::Window { input, calls, .. } => {
            let mut columns = self::columns(input, relations)?;
            for call in calls {
                let name = format!("column{}", columns.len() + 1);
                columns.push(Column::new(name, call.function.result_type(), call.function.is_nullable()));
            }
            Ok(columns)
        }
        Rel::Recursive { working, base, step, .. } => {
            let mut columns = working_columns(working, base, step, relations)?;
            columns.remove(0);
            Ok(columns)
        }
        Rel::Expand { input, expansion } => {
            let mut columns = self::columns(input, relations)?;
            columns.extend(expansion.columns());
            Ok(columns)
        }
        Rel::SetOp { left, right, .. } => {
            let mut columns = self::columns(left, relations)?;
            for (column, other) in columns.iter_mut().zip(self::columns(right, relations)?) {
                column.nullable |= other.nullable;
            }
            Ok(columns)
        }
    }
}

/// The columns of aggregates, behind so many others.
fn results(before: usize, aggregates: &[Aggregate]) -> Vec<Column> {
    let column = |(place, aggregate): (usize, &Aggregate)| {
        let nullable = aggregate.function != AggregateFunction::Count;
        Column::new(format!("column{}", before + place + 1), aggregate.function.result_type(), nullable)
    };
    aggregates.iter().enumerate().map(column).collect()
}

/// What the step of a recursion reads: the round, and the columns of the base, nullable where the step may make a null of rows in
/// which none of the others is.
pub fn working_columns(
    working: &RelationName,
    base: &Rel,
    step: &Rel,
    relations: &dyn Relations,
) -> Result<Vec<Column>, DataflowError> {
    let mut known = vec![Column::new("round", Type::Int8, false)];
    known.extend(columns(base, relations)?);
    loop {
        let made = columns(step, &Within { relations, working, columns: &known })?;
        let nulls: Vec<usize> = (1..known.len()).filter(|at| !known[*at].nullable && made[*at].nullable).collect();
        if nulls.is_empty() {
            return Ok(known);
        }
        nulls.into_iter().for_each(|at| known[at].nullable = true);
    }
}

/// The relations a recursion's step can read.
pub struct Within<'r> {
    /// Those outside.
    pub relations: &'r dyn Relations,
    /// The name of its own rows.
    pub working: &'r RelationName,
    /// Their columns.
    pub columns: &'r [Column],
}

impl Relations for Within<'_> {
    fn columns(&self, relation: &RelationName) -> Option<&[Column]> {
        match relation == self.working {
            true => Some(self.columns),
            false => self.relations.columns(relation),
        }
    }
}

/// The columns of expressions over columns.
pub fn mapped(expressions: &[Scalar], input: &[Column]) -> Vec<Column> {
    let column = |(position, expression): (usize, &Scalar)| match expression {
        Scalar::Column(position, _) => input[*position].clone(),
        _ => Column::new(format!("column{}", position + 1), expression.ty(), is_nullable(expression, input)),
    };
    expressions.iter().enumerate().map(column).collect()
}

/// Whether an expression may be null.
pub fn is_nullable(expression: &Scalar, input: &[Column]) -> bool {
    match expression {
        Scalar::Column(position, _) => input[*position].nullable,
        Scalar::Literal(value, _) => value.is_null(),
        Scalar::Coalesce(operands, _) => operands.iter().all(|operand| is_nullable(operand, input)),
        Scalar::And(operands) | Scalar::Or(operands) => operands.iter().any(|operand| is_nullable(operand, input)),
        Scalar::Call { .. } | Scalar::Case { .. } => true,
    }
}

fn unnamed(types: impl Iterator<Item = (Type, bool)>) -> Vec<Column> {
    let column = |(position, (ty, nullable))| Column::new(format!("column{}", position + 1), ty, nullable);
    types.enumerate().map(column).collect()
}
