//! VALUES: rows of constants.

use super::{Lowered, Lowerer, OutputColumn};
use crate::expr::Scalar;
use crate::plan::{Rel, unnest};
use crate::sql::bind::clause::Clause;
use crate::sql::bind::expression::Binder;
use crate::sql::bind::operand::{Operand, unified};
use crate::sql::bind::scope::Scope;
use crate::sql::error::{Bound, Fault};
use sqlparser::ast::{Spanned, Values};

impl Lowerer<'_> {
    pub(super) fn values(&mut self, values: &Values) -> Bound<Lowered> {
        let scope = Scope::within(self.outer());
        let width = self.outer_width();
        let mut binder = Binder::new(self.catalog, &scope, Clause::Values, width);
        let count = values.rows.first().map_or(0, |row| row.content.len());
        let mut columns: Vec<Vec<Operand>> = vec![Vec::with_capacity(values.rows.len()); count];
        for row in &values.rows {
            if row.content.len() != count {
                let place = row.content.first().map_or(values.span(), Spanned::span);
                return Err(Fault::syntax("VALUES lists must all be the same length").at(place));
            }
            for (column, expr) in columns.iter_mut().zip(&row.content) {
                column.push(binder.bind(expr)?);
            }
        }
        let mut output = Vec::with_capacity(count);
        let mut cells: Vec<std::vec::IntoIter<Scalar>> = Vec::with_capacity(count);
        for (position, operands) in columns.into_iter().enumerate() {
            let (scalars, ty) = unified("VALUES", operands).map_err(|fault| fault.within(values))?;
            output.push(OutputColumn { name: format!("column{}", position + 1), ty, modifier: -1, open: None });
            cells.push(scalars.into_iter());
        }
        let unit = self.unit();
        let outer = unnest::columns(&unit.columns(), 0);
        let mut row = || outer.iter().cloned().chain(cells.iter_mut().filter_map(Iterator::next)).collect();
        let rows = (0..values.rows.len()).map(|_| unit.clone().map(row())).collect();
        Ok(Lowered { rel: Rel::Union { inputs: rows }, columns: output })
    }
}
