//! UNION, INTERSECT and EXCEPT, each with and without ALL.

use super::select::distinct;
use super::{Lowered, Lowerer, OutputColumn};
use crate::expr::{Argument, common_type};
use crate::plan::{Rel, SetOpKind};
use crate::sql::bind::operand::{Operand, groupable};
use crate::sql::error::{Bound, Fault};
use crate::value::Type;
use sqlparser::ast::{SetExpr, SetOperator, SetQuantifier};

impl Lowerer<'_> {
    /// A run of set operations, from the innermost left one out, without recursion.
    pub(super) fn set_operation(&mut self, body: &SetExpr) -> Bound<Lowered> {
        let mut spine = Vec::new();
        let mut first = body;
        while let SetExpr::SetOperation { left, op, set_quantifier, right } = first {
            spine.push((*op, *set_quantifier, &**right));
            first = left;
        }
        let mut lowered = self.body(first)?;
        for (op, quantifier, right) in spine.into_iter().rev() {
            let all = match quantifier {
                SetQuantifier::All => true,
                SetQuantifier::None | SetQuantifier::Distinct => false,
                SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => {
                    return Err(Fault::syntax("Postgres has no BY NAME in set operations").within(right));
                }
            };
            let in_left = self.refers();
            let right_side = self.body(right)?;
            let in_right = self.refers() && !in_left;
            match op {
                SetOperator::Intersect => self.refuse_reference((in_left || in_right) && all, "INTERSECT")?,
                SetOperator::Except => self.refuse_reference(in_left && all || in_right, "EXCEPT")?,
                SetOperator::Union | SetOperator::Minus => {}
            }
            lowered = combined(op, all, lowered, right_side).map_err(|fault| fault.within(right))?;
        }
        Ok(lowered)
    }
}

/// The operation on both, each column of the type both sides meet in.
fn combined(op: SetOperator, all: bool, left: Lowered, right: Lowered) -> Bound<Lowered> {
    let kind = match op {
        SetOperator::Union => None,
        SetOperator::Intersect => Some(SetOpKind::Intersect),
        SetOperator::Except => Some(SetOpKind::Except),
        SetOperator::Minus => {
            return Err(Fault::syntax("syntax error at or near \"MINUS\"").hint("Postgres calls it EXCEPT."));
        }
    };
    let (left, right) = unified(kind.map_or("UNION", SetOpKind::name), left, right)?;
    match kind {
        None if all => Ok(union(left, right.rel)),
        None => distinct(union(left, right.rel)),
        Some(kind) => {
            left.columns.iter().try_for_each(|column| groupable(&column.ty))?;
            let (left_rel, right) = (Box::new(left.rel), Box::new(right.rel));
            Ok(Lowered { rel: Rel::SetOp { kind, all, left: left_rel, right }, columns: left.columns })
        }
    }
}

/// Both sides with the same types.
fn unified(name: &str, left: Lowered, right: Lowered) -> Bound<(Lowered, Lowered)> {
    let types = common_types(name, &left.columns, &right.columns)?;
    let modifiers: Vec<i32> = left.columns.iter().zip(&right.columns).map(common_modifier).collect();
    let Lowered { rel, columns } = left.converted(&types)?;
    let columns = columns.into_iter().zip(modifiers);
    let columns = columns.map(|(column, modifier)| OutputColumn { modifier, ..column }).collect();
    Ok((Lowered { rel, columns }, right.converted(&types)?))
}

/// The types in which the columns of both sides meet.
pub(super) fn common_types(name: &str, left: &[OutputColumn], right: &[OutputColumn]) -> Bound<Vec<Type>> {
    if left.len() != right.len() {
        return Err(Fault::syntax(format!("each {name} query must have the same number of columns")));
    }
    let types = left.iter().zip(right).map(|(left, right)| {
        common_type(&[argument(left), argument(right)]).map_err(|error| {
            let fault = Fault::from(error);
            Fault { message: format!("{name} {}", fault.message), ..fault }
        })
    });
    types.collect()
}

/// All rows of both.
fn union(left: Lowered, right: Rel) -> Lowered {
    let mut inputs = match left.rel {
        Rel::Union { inputs } => inputs,
        rel => vec![rel],
    };
    inputs.push(right);
    Lowered { rel: Rel::Union { inputs }, columns: left.columns }
}

fn argument(column: &OutputColumn) -> Argument {
    column.open.as_ref().map_or_else(|| Argument::Known(column.ty.clone()), Operand::argument)
}

pub(super) fn common_modifier((left, right): (&OutputColumn, &OutputColumn)) -> i32 {
    if left.ty == right.ty && left.modifier == right.modifier { left.modifier } else { -1 }
}
