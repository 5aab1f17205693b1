//! USING and NATURAL: equally named columns, which become one.

use super::Lowerer;
use super::join::Side;
use super::select::Input;
use crate::expr::{Argument, CastContext, Scalar, cast, common_type};
use crate::plan::{Equality, unnest};
use crate::sql::bind::expression::operator;
use crate::sql::bind::name::{fold, parts};
use crate::sql::bind::operand::Operand;
use crate::sql::bind::scope::{Scope, ScopeColumn};
use crate::sql::error::{Bound, Fault};
use sqlparser::ast::{Ident, ObjectName};

/// The columns of two sides that are to be equal and become one, and what they were named by.
pub(super) struct Pairs<'i> {
    pairs: Vec<(ScopeColumn, ScopeColumn, &'i Ident)>,
    /// That they are equal, over left columns followed by right ones.
    pub(super) condition: Scalar,
}

impl Lowerer<'_> {
    /// A join on equally named columns.
    pub(super) fn using(
        &self,
        side: Side,
        left: Input,
        right: Input,
        keys: Vec<Equality>,
        idents: &[Ident],
    ) -> Bound<Input> {
        let Pairs { pairs, condition } = Pairs::of(&left.scope, &right.scope, left.rel.width(), idents)?;
        let joined = self.combined(side, left, right, keys, Some(condition.clone()))?;
        Pairs { pairs, condition }.merged(side, joined)
    }
}

impl<'i> Pairs<'i> {
    /// The columns of that name on either side. There are `width` columns on the left.
    pub(super) fn of(left: &Scope, right: &Scope, width: usize, idents: &'i [Ident]) -> Bound<Pairs<'i>> {
        let (mut conditions, mut pairs) = (Vec::new(), Vec::new());
        for ident in idents {
            let l = column(left, ident, "left")?;
            let mut r = column(right, ident, "right")?;
            r.position += width;
            let operand = |c: &ScopeColumn| Operand::Typed(Scalar::Column(c.position, c.ty.clone()), c.modifier);
            let equal = operator("=", vec![operand(&l), operand(&r)]);
            conditions
                .push(equal.and_then(|equal| equal.condition("JOIN/USING")).map_err(|fault| fault.at(ident.span))?);
            pairs.push((l, r, ident));
        }
        Ok(Pairs { pairs, condition: Scalar::And(conditions) })
    }

    /// The join with one column in the place of two.
    pub(super) fn merged(self, side: Side, Input { rel, mut scope, outer }: Input) -> Bound<Input> {
        let mut columns = Vec::with_capacity(scope.columns.len() + self.pairs.len());
        let mut expressions = unnest::columns(&rel.columns(), 0);
        for (l, r, ident) in &self.pairs {
            columns.push(one_of_two(side, l, r, &mut expressions).map_err(|fault| fault.at(ident.span))?);
        }
        let is_merged = |column: &ScopeColumn| {
            let is_one =
                |(l, r, _): &(ScopeColumn, ScopeColumn, &Ident)| [l.position, r.position].contains(&column.position);
            !column.merged && self.pairs.iter().any(is_one)
        };
        for mut column in scope.columns.drain(..) {
            // A column that an earlier USING made is replaced by the new one.
            if is_merged(&column) {
                if column.table.is_none() {
                    continue;
                }
                column.merged = true;
            }
            columns.push(column);
        }
        scope.columns = columns;
        Ok(Input { rel: rel.map(expressions), scope, outer })
    }
}

fn column(scope: &Scope, ident: &Ident, which: &str) -> Bound<ScopeColumn> {
    scope.own_column(ident).cloned().map_err(|fault| match fault.code {
        "42703" => {
            let name = fold(ident);
            let message = format!("column \"{name}\" specified in USING clause does not exist in {which} table");
            Fault { message, ..fault }
        }
        _ => fault,
    })
}

/// The columns that USING names.
pub(super) fn named(columns: &[ObjectName]) -> Bound<Vec<Ident>> {
    let name = |name: &ObjectName| match parts(name)?.as_slice() {
        [ident] => Ok((*ident).clone()),
        _ => Err(Fault::syntax("USING takes plain column names").within(name)),
    };
    columns.iter().map(name).collect()
}

/// The columns that NATURAL finds.
pub(super) fn shared(left: &Scope, right: &Scope) -> Vec<Ident> {
    let is_shared = |c: &&ScopeColumn| !c.merged && right.star(None).any(|r| r.name == c.name);
    left.star(None).filter(is_shared).map(|c| Ident::with_quote('"', &c.name)).collect()
}

/// The column that two become: of the type both meet in, and the side's that keeps all its rows; of a full join the one that is not
/// null. Postgres: `buildMergedJoinVar`.
fn one_of_two(side: Side, l: &ScopeColumn, r: &ScopeColumn, expressions: &mut Vec<Scalar>) -> Bound<ScopeColumn> {
    let (kept, other) = if side == Side::Right { (r, l) } else { (l, r) };
    let ty = common_type(&[Argument::Known(l.ty.clone()), Argument::Known(r.ty.clone())])?;
    let modifier = if (&l.ty, l.modifier) == (&r.ty, r.modifier) { l.modifier } else { -1 };
    let of_type = |c: &ScopeColumn| cast(Scalar::Column(c.position, c.ty.clone()), &ty, -1, CastContext::Implicit);
    let position = if side == Side::Full {
        expressions.push(Scalar::Coalesce(vec![of_type(l)?, of_type(r)?], ty.clone()));
        expressions.len() - 1
    } else if kept.ty == ty {
        kept.position
    } else if side == Side::Inner && other.ty == ty {
        other.position
    } else {
        expressions.push(of_type(kept)?);
        expressions.len() - 1
    };
    Ok(ScopeColumn { table: None, position, ty, modifier, ..kept.clone() })
}
