//! `WITH RECURSIVE`: a loop of operators.
//!
//! What reads the rows of the round before stands inside the loop; everything else the step needs stands outside and is entered.

use super::fault::Fault;
use super::operators::loop_time::{enter, in_rounds, leave};
use super::operators::rounds::{first_round, found_first, next_round, without_round};
use super::program::DataflowError;
use super::render::{Rendered, Renderer};
use super::shape;
use super::types::Rows;
use crate::plan::Rel;
use crate::value::{Column, RelationName};
use differential_dataflow::AsCollection;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{ConnectLoop, Feedback};

/// A loop being rendered.
pub(super) struct Loop<'s> {
    /// The name by which its own rows are read.
    pub(super) working: RelationName,
    /// Their columns.
    pub(super) columns: Vec<Column>,
    /// The rows, each behind its round, in the round after that.
    pub(super) rows: Rows<'s>,
    /// What was rendered outside.
    outside: Rendered<'s>,
}

impl<'s> Renderer<'s, '_> {
    /// The rows that a recursion finds.
    pub(super) fn recursive(
        &mut self,
        working: &RelationName,
        base: &Rel,
        step: &Rel,
        all: bool,
    ) -> Result<Rows<'s>, DataflowError> {
        let columns = shape::working_columns(working, base, step, self.blueprint)?;
        let begin = enter(first_round(self.rel(base)?));
        let (handle, cycle) = self.scope.feedback::<Vec<_>>(1);
        let outside = std::mem::take(&mut self.rendered);
        let (rows, name) = (cycle.as_collection(), working.clone());
        self.inside = Some(Loop { working: name, columns: columns.clone(), rows, outside });
        let made = self.rel(step);
        let outside = self.inside.take().map(|inside| inside.outside).unwrap_or_default();
        let inside = std::mem::replace(&mut self.rendered, outside);

        let (next, too_deep) = next_round(made?, working.name.clone(), Fault::new(&columns));
        let errors = inside.errors.into_iter().chain([too_deep]).map(leave);
        self.rendered.errors.extend(errors);
        let found = begin.concat(next);
        let rows = in_rounds(if all { found } else { found_first(found, &columns[1..]) });
        rows.inner.clone().map(|(row, time, diff)| (row, time + 1, diff)).connect_loop(handle);
        Ok(leave(without_round(rows)))
    }

    /// The rows of a plan that does not read the loop's rows, inside the loop.
    pub(super) fn entering(&mut self, rel: &Rel) -> Result<Rows<'s>, DataflowError> {
        if let Some((_, rows)) = self.rendered.plans.iter().find(|(plan, _)| plan == rel) {
            return Ok(rows.clone());
        }
        let Some(mut inside) = self.inside.take() else { return self.rel(rel) };
        std::mem::swap(&mut self.rendered, &mut inside.outside);
        let rows = self.rel(rel);
        std::mem::swap(&mut self.rendered, &mut inside.outside);
        self.inside = Some(inside);
        let rows = enter(rows?);
        self.rendered.plans.push((rel.clone(), rows.clone()));
        Ok(rows)
    }
}
