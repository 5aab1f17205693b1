//! The results of window functions as columns.

use super::Lowerer;
use crate::expr::Scalar;
use crate::plan::Rel;
use crate::sql::bind::subquery::applied;
use crate::sql::bind::table::returned;
use crate::sql::bind::window::{Window, Windows, windowed};
use std::collections::BTreeSet;

impl Lowerer<'_> {
    /// The relation with what the values read of it and the results of the calls behind that. The values are made to read them.
    pub(super) fn with_windows(&self, rel: Rel, values: Vec<&mut Scalar>, mut windows: Windows) -> Rel {
        if windows.calls.is_empty() {
            return rel;
        }
        // Only these columns are held, and decide what the order leaves open.
        let outer = self.outer_width();
        let is_own = |column: usize| windowed(column).or(returned(column)).or(applied(column)).is_none();
        let mut read: BTreeSet<usize> = (0..outer).collect();
        let mut add = |column: usize| {
            read.extend(is_own(column).then_some(column));
        };
        values.iter().for_each(|scalar| scalar.columns(&mut add));
        windows.scalars().for_each(|scalar| scalar.columns(&mut add));
        let place = |column: usize| if is_own(column) { read.range(..column).count() } else { column };
        windows.scalars_mut().for_each(|scalar| scalar.map_columns(&mut |column| place(column)));
        let mut rel = rel.project(&read.iter().copied().collect::<Vec<_>>());

        let types = rel.columns();
        let mut distinct: Vec<Window> = Vec::new();
        for (window, _) in &windows.calls {
            if !distinct.contains(window) {
                distinct.push(window.clone());
            }
        }
        let mut places = vec![0; windows.calls.len()];
        for window in distinct {
            let mut calls = Vec::new();
            for (place, (_, call)) in windows.calls.iter().enumerate().filter(|(_, (other, _))| *other == window) {
                places[place] = rel.width() + calls.len();
                calls.push(call.clone());
            }
            let Window { partition, order } = window;
            let outer = (0..outer).map(|column| Scalar::Column(column, types[column].clone()));
            let partition = outer.chain(partition).collect();
            rel = Rel::Window { input: Box::new(rel), partition, order, calls };
        }
        for scalar in values {
            scalar.map_columns(&mut |column| windowed(column).map_or_else(|| place(column), |call| places[call]));
        }
        rel
    }
}
