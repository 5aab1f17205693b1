//! UNION and UNION ALL.

use super::select::distinct;
use super::{Lowered, Lowerer, OutputColumn};
use crate::expr::{Argument, common_type};
use crate::plan::Rel;
use crate::sql::bind::operand::Operand;
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
            let all = match (op, quantifier) {
                (SetOperator::Union, SetQuantifier::All) => true,
                (SetOperator::Union, SetQuantifier::None | SetQuantifier::Distinct) => false,
                (op, _) => return Err(Fault::unsupported(format!("{op} is")).within(right)),
            };
            let right_side = self.body(right)?;
            lowered = union(lowered, right_side).map_err(|fault| fault.within(right))?;
            if !all {
                lowered = distinct(lowered).map_err(|fault| fault.within(right))?;
            }
        }
        Ok(lowered)
    }
}

/// All rows of both, each column of the type both sides meet in.
fn union(left: Lowered, right: Lowered) -> Bound<Lowered> {
    if left.columns.len() != right.columns.len() {
        return Err(Fault::syntax("each UNION query must have the same number of columns"));
    }
    let types = left.columns.iter().zip(&right.columns).map(|(left, right)| {
        common_type(&[argument(left), argument(right)]).map_err(|error| {
            let fault = Fault::from(error);
            Fault { message: format!("UNION {}", fault.message), ..fault }
        })
    });
    let types = types.collect::<Bound<Vec<Type>>>()?;
    let modifiers: Vec<i32> = left.columns.iter().zip(&right.columns).map(common_modifier).collect();
    let left = left.converted(&types)?;
    let right = right.converted(&types)?;
    let columns = left.columns.into_iter().zip(modifiers);
    let columns = columns.map(|(column, modifier)| OutputColumn { modifier, ..column }).collect();
    let mut inputs = match left.rel {
        Rel::Union { inputs } => inputs,
        rel => vec![rel],
    };
    inputs.push(right.rel);
    Ok(Lowered { rel: Rel::Union { inputs }, columns })
}

fn argument(column: &OutputColumn) -> Argument {
    column.open.as_ref().map_or_else(|| Argument::Known(column.ty.clone()), Operand::argument)
}

fn common_modifier((left, right): (&OutputColumn, &OutputColumn)) -> i32 {
    if left.ty == right.ty && left.modifier == right.modifier { left.modifier } else { -1 }
}
