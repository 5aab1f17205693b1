//! How long an operator needs a row, followed down through plans to the rows that it is made of.

use super::growth::{Growth, expanded};
use super::{Hold, Horizon};
use crate::expr::Scalar;
use crate::plan::{Expansion, JoinKind, Rel};

/// A row is needed until so many microseconds after the moment in one of its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The column.
    pub column: usize,
    /// Microseconds.
    pub after: i64,
    /// If rows are needed as long as their session is: then the moment of its last row counts.
    pub session: Option<Session>,
}

/// Rows with the same key of which none is further than a gap from the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The columns that must agree, as they are written. With fewer of them, sessions are longer and more is needed.
    pub key: Vec<usize>,
    /// Microseconds.
    pub gap: i64,
}

impl Need {
    /// Of rows until so long after a moment.
    pub(super) fn until(column: usize, after: i64) -> Need {
        Need { column, after, session: None }
    }

    /// Of rows until so long after the value of an expression.
    pub(super) fn at(scalar: &Scalar, after: i64) -> Option<Need> {
        Need::until(0, after).through(std::slice::from_ref(scalar))
    }

    /// What a side of a join of streams needs, whose rows wait so long.
    pub(super) fn of_side(hold: &Hold, grid: i64) -> Need {
        Need::until(hold.column, hold.last.saturating_add(grid))
    }

    /// What groups that settle need of their input: what has settled is not computed again. Nothing: all, for ever.
    pub(super) fn of_groups(groups: &Rel, horizon: &Horizon, grid: i64) -> Option<Need> {
        let own = Need::until(horizon.column, horizon.last().saturating_add(grid));
        match groups {
            Rel::Reduce { group, .. } => own.through(group),
            Rel::Distinct { .. } | Rel::TopK { .. } | Rel::Window { .. } => Some(own),
            Rel::Sessions { group, at, gap, .. } => {
                let is_compared = |scalar: &&Scalar| scalar.ty().is_canonical();
                let key = group.iter().filter(is_compared).filter_map(column).collect();
                let session = Session { key: Vec::new(), gap: *gap };
                let last = Need { column: 0, after: own.after.saturating_add(*gap), session: Some(session) };
                let last = last.through(std::slice::from_ref(at))?;
                Some(Need { session: last.session.map(|session| Session { key, ..session }), ..last })
            }
            _ => None,
        }
    }

    /// What an operator needs of each of its inputs if its own rows are needed so long. Nothing: all, for ever.
    pub(super) fn below(&self, rel: &Rel) -> Vec<Option<Need>> {
        match rel {
            Rel::Filter { .. } | Rel::Temporal { .. } => vec![Some(self.clone())],
            // The rows of one input alone do not tell how long sessions last.
            Rel::Union { inputs } => vec![Some(self.clone()).filter(|need| need.session.is_none()); inputs.len()],
            Rel::Map { expressions, .. } => vec![self.through(expressions)],
            Rel::Expand { input, expansion } => vec![self.before_windows(input.width(), expansion)],
            Rel::Join { kind, left, .. } => self.of_sides(*kind, left.width()).into(),
            rel => rel.inputs().iter().map(|_| None).collect(),
        }
    }

    /// Of the rows that these expressions make the columns of.
    fn through(&self, expressions: &[Scalar]) -> Option<Need> {
        let made = Horizon::made_of(expressions.get(self.column)?)?;
        Some(self.of_columns(|of| column(expressions.get(of)?)).making(&made, made.column))
    }

    /// Of the rows that windows are added to.
    fn before_windows(&self, width: usize, expansion: &Expansion) -> Option<Need> {
        let below = self.of_columns(|column| Some(column).filter(|column| *column < width));
        if self.column < width {
            return Some(below);
        }
        let Horizon { column, .. } = Horizon::made_of(expansion.calls.first()?.arguments.first()?)?;
        let of_column = Growth { horizons: vec![Horizon::of_event(column)], grows: None };
        let windows = expanded(of_column, width, expansion).horizons;
        Some(below.making(windows.iter().find(|horizon| horizon.column == self.column)?, column))
    }

    /// Of the sides of a join, if the column is that of one whose every pair is a row, and of no row that stands alone.
    fn of_sides(&self, kind: JoinKind, width: usize) -> [Option<Need>; 2] {
        let left = || self.of_columns(|column| Some(column).filter(|column| *column < width));
        let right = || self.of_columns(|column| column.checked_sub(width));
        match (self.column < width, kind) {
            (true, JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti) => [Some(left()), None],
            (false, JoinKind::Inner) => {
                let right = right();
                [None, Some(Need { column: self.column - width, ..right })]
            }
            (true, JoinKind::Full) | (false, _) => [None, None],
        }
    }

    /// With the columns of its key as they are called below, of those that are there.
    fn of_columns(&self, below: impl Fn(usize) -> Option<usize>) -> Need {
        let session = self.session.as_ref().map(|session| {
            let key = session.key.iter().filter_map(|column| below(*column)).collect();
            Session { key, ..*session }
        });
        Need { session, ..*self }
    }

    /// Of rows of which one column makes such a horizon: its moment lies `length - 1` behind that of the horizon, or less far by up to
    /// the reach.
    fn making(self, horizon: &Horizon, column: usize) -> Need {
        let Horizon { length, reach, .. } = *horizon;
        let longer = |session: Session| Session { gap: session.gap.saturating_add(reach), ..session };
        let after = self.after.saturating_add(reach).saturating_sub(length.saturating_sub(1));
        Need { column, after, session: self.session.map(longer) }
    }
}

/// The column that an expression is.
fn column(scalar: &Scalar) -> Option<usize> {
    if let Scalar::Column(column, _) = scalar { Some(*column) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::RelId;
    use crate::value::Type;

    /// What is written differently may be equal: only columns of which that is not so tell sessions apart.
    #[test]
    fn a_session_is_told_apart_by_columns_that_are_equal_as_they_are_written() {
        let columns = vec![Type::Int8, Type::Numeric, Type::Timestamptz, Type::Text];
        let column = |at: usize| Scalar::Column(at, columns[at].clone());
        let input = Box::new(Rel::Get { relation: RelId::public("a"), columns: columns.clone() });
        let group = vec![column(3), column(1), Scalar::Literal(crate::value::Datum::Int8(1), Type::Int8), column(0)];
        let sessions = Rel::Sessions { input, group, at: column(2), gap: 40, aggregates: Vec::new() };
        let horizon = Horizon { column: 5, accept: 7, ..Horizon::of_event(2) };
        let need = Need::of_groups(&sessions, &horizon, 10);
        let session = Session { key: vec![3, 0], gap: 40 };
        assert_eq!(need, Some(Need { column: 2, after: 57, session: Some(session) }));
    }
}
