//! `JOIN t FOR SYSTEM_TIME AS OF s.at`: the table as it was at a time of the row.

use super::Lowerer;
use super::join::{Side, operator};
use super::select::Input;
use super::using::{named, shared};
use crate::plan::{JoinKind, Rel};
use crate::sql::bind::clause::Clause;
use crate::sql::bind::expression::{Binder, plain_argument};
use crate::sql::error::{Bound, Fault};
use crate::sql::tokens::AS_OF;
use crate::value::Type;
use sqlparser::ast::{Expr, Ident, Join, JoinConstraint, ObjectName, TableAlias, TableFactor};

/// A table and the time for which it is read, as written.
pub(in crate::sql) struct Version<'f> {
    pub(in crate::sql) table: ObjectName,
    at: &'f Expr,
    alias: Option<&'f TableAlias>,
}

impl<'f> Version<'f> {
    /// The table and the time, if the factor is one.
    pub(in crate::sql) fn of(factor: &'f TableFactor) -> Option<Version<'f>> {
        let TableFactor::Table { name, args: Some(args), alias, .. } = factor else { return None };
        let [part] = name.0.as_slice() else { return None };
        let [table, at] = args.args.as_slice() else { return None };
        part.as_ident().filter(|ident| ident.value == AS_OF)?;
        let table = match plain_argument(table).ok()? {
            Expr::Identifier(ident) => vec![ident.clone()],
            Expr::CompoundIdentifier(idents) => idents.clone(),
            _ => return None,
        };
        let at = plain_argument(at).ok()?;
        Some(Version { table: ObjectName::from(table.into_iter().collect::<Vec<Ident>>()), at, alias: alias.as_ref() })
    }
}

impl Lowerer<'_> {
    /// A join with a table as it was.
    pub(super) fn join_as_of(&mut self, left: Input, version: &Version<'_>, join: &Join) -> Bound<Input> {
        let (side, constraint) = operator(&join.join_operator)?;
        if matches!(side, Side::Right | Side::Full) {
            return Err(Fault::unsupported("FOR SYSTEM_TIME AS OF in a RIGHT or FULL JOIN is"));
        }
        if self.outer_width() > 0 {
            return Err(Fault::unsupported("FOR SYSTEM_TIME AS OF in a subquery that reads outer columns is"));
        }
        self.count(1)?;
        let width = left.rel.width();
        let mut binder = Binder::new(self.catalog, &left.scope, Clause::On, 0);
        let (at, _) = binder.bind(version.at)?.settled().map_err(|fault| fault.within(version.at))?;
        if !matches!(at.ty(), Type::Timestamptz | Type::Timestamp) {
            let message = format!("FOR SYSTEM_TIME AS OF needs a timestamptz, not {}", at.ty());
            return Err(Fault::new("42804", message).within(version.at));
        }
        let right = self.table(&version.table, version.alias)?;
        let joined = match constraint {
            JoinConstraint::On(condition) => self.on(side, left, right, Vec::new(), condition)?,
            JoinConstraint::Using(columns) => self.using(side, left, right, Vec::new(), &named(columns)?)?,
            JoinConstraint::Natural => {
                let idents = shared(&left.scope, &right.scope);
                self.using(side, left, right, Vec::new(), &idents)?
            }
            JoinConstraint::None => {
                return Err(Fault::syntax("FOR SYSTEM_TIME AS OF needs ON: which rows of the table belong to a row"));
            }
        };
        let Some(rel) = looked_up(joined.rel, width, &at) else {
            return Err(Fault::unsupported("a subquery in the condition of FOR SYSTEM_TIME AS OF is"));
        };
        Ok(Input { rel, ..joined })
    }
}

/// The join whose left side has so many columns as a lookup. Only what merges columns may stand above it.
fn looked_up(rel: Rel, width: usize, at: &crate::expr::Scalar) -> Option<Rel> {
    match rel {
        Rel::Map { input, expressions } => {
            Some(Rel::Map { input: Box::new(looked_up(*input, width, at)?), expressions })
        }
        Rel::Join { kind: kind @ (JoinKind::Inner | JoinKind::Left), left, right, on, residual }
            if left.width() == width =>
        {
            Some(Rel::AsOf { kind, left, right, on, residual, at: at.clone(), keep: i64::MAX })
        }
        _ => None,
    }
}
