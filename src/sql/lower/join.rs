//! Joins: which sides they combine how.

use super::Lowerer;
use super::as_of::Version;
use super::select::Input;
use super::table::Functions;
use super::using::{named, shared};
use crate::expr::Scalar;
use crate::plan::{Equality, JoinKind, Rel, unnest};
use crate::sql::bind::scope::Scope;
use crate::sql::error::{Bound, Fault};
use sqlparser::ast::{Join, JoinConstraint, JoinOperator, TableFactor};

/// How the sides of a join combine, as written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Inner,
    Left,
    Right,
    Full,
}

impl Lowerer<'_> {
    pub(super) fn join(&mut self, left: Input, join: &Join) -> Bound<Input> {
        let (side, constraint) = operator(&join.join_operator).map_err(|fault| fault.within(&join.relation))?;
        if let Some(version) = Version::of(&join.relation) {
            return self.join_as_of(left, &version, join).map_err(|fault| fault.within(&join.relation));
        }
        let in_left = self.refers();
        let left = match Functions::of(&join.relation)? {
            Some(functions) => {
                let joined = self.joined_functions(left, &functions, side, constraint);
                match joined.map_err(|fault| fault.within(&join.relation))? {
                    Ok(joined) => return Ok(joined),
                    Err(left) => left,
                }
            }
            None => left,
        };
        let (left, right, keys) = self.right_factor(left, &join.relation)?;
        let in_right = self.refers() && !in_left;
        let (right, keys) = self.right_with_outer(side, &left, right, keys);
        let (absent_left, absent_right) = side.absent();
        self.refuse_reference(in_left && absent_left || in_right && absent_right, "an outer join")?;
        if matches!(join.relation, TableFactor::Derived { lateral: true, .. })
            && matches!(side, Side::Right | Side::Full)
        {
            let message = "The combining JOIN type must be INNER or LEFT for a LATERAL reference";
            return Err(Fault::new("42P10", message).within(&join.relation));
        }
        let joined = match constraint {
            JoinConstraint::None => self.combined(side, left, right, keys, None),
            JoinConstraint::On(condition) => {
                return self.on(side, left, right, keys, condition).map_err(|fault| fault.within(&join.relation));
            }
            JoinConstraint::Using(columns) => self.using(side, left, right, keys, &named(columns)?),
            JoinConstraint::Natural => {
                let idents = shared(&left.scope, &right.scope);
                match idents.is_empty() {
                    true => self.combined(side, left, right, keys, None),
                    false => self.using(side, left, right, keys, &idents),
                }
            }
        };
        joined.map_err(|fault| fault.within(&join.relation))
    }

    /// The keys on which two relations that both begin with outer columns belong to the same outer row.
    pub(super) fn outer_keys(&self) -> Vec<Equality> {
        let types = self.outer().map_or_else(Vec::new, |outer| outer.types.clone());
        let columns = unnest::columns(&types, 0).into_iter();
        columns.map(|column| Equality { left: column.clone(), right: column, null_safe: true }).collect()
    }

    /// The relation, beginning with the outer query's columns that are read.
    pub(super) fn with_outer(&self, mut input: Input) -> Input {
        let width = self.outer_width();
        if !input.outer && width > 0 {
            input.rel = unnest::join(JoinKind::Inner, self.unit(), input.rel, Vec::new(), Vec::new());
            input.scope.shift(width);
        }
        input.outer = true;
        input
    }

    /// The left side, beginning with the outer columns where the right does, and the keys on which they then agree.
    pub(super) fn with_outer_of(&self, left: Input, right: &Input) -> (Input, Vec<Equality>) {
        if right.outer { (self.with_outer(left), self.outer_keys()) } else { (left, Vec::new()) }
    }

    /// The right side, and the keys: where rows of it may stand alone, it is to begin with the outer columns that the left begins with.
    pub(super) fn right_with_outer(
        &self,
        side: Side,
        left: &Input,
        right: Input,
        keys: Vec<Equality>,
    ) -> (Input, Vec<Equality>) {
        let (absent_left, _) = side.absent();
        match absent_left && left.outer && !right.outer {
            true => (self.with_outer(right), self.outer_keys()),
            false => (right, keys),
        }
    }

    pub(super) fn crossed(&self, left: Input, right: Input) -> Bound<Input> {
        let (left, keys) = self.with_outer_of(left, &right);
        self.combined(Side::Inner, left, right, keys, None)
    }

    /// The join on keys and a condition over left columns followed by right ones.
    pub(super) fn combined(
        &self,
        side: Side,
        mut left: Input,
        right: Input,
        keys: Vec<Equality>,
        condition: Option<Scalar>,
    ) -> Bound<Input> {
        let width = left.rel.width();
        let is_unpaired = side == Side::Inner && self.unpaired(&mut left, &right);
        let (outer, scopes) = (left.outer || right.outer, (left.scope, right.scope));
        let joined = match is_unpaired {
            true => self.joined_to_outer(left.rel, right.rel, condition),
            false => side.of(left.rel, right.rel, keys, condition),
        };
        self.of_sides(side, width, scopes, outer, joined)
    }

    /// The rows of a join as what a query reads from. They begin with the columns of the left side, of which there are `width`.
    pub(super) fn of_sides(
        &self,
        side: Side,
        width: usize,
        (left, right): (Scope, Scope),
        outer: bool,
        joined: Rel,
    ) -> Bound<Input> {
        let (absent_left, absent_right) = side.absent();
        let rel = match absent_left && outer && self.outer_width() > 0 {
            true => self.outer_of_either(side, joined, width),
            false => joined,
        };
        let scope = left.or_absent(absent_left).join(right.or_absent(absent_right), width)?;
        Ok(Input { rel, scope, outer })
    }

    /// The join's rows, which begin with the outer columns of the left side, with those of the side that has the row.
    fn outer_of_either(&self, side: Side, joined: Rel, left: usize) -> Rel {
        let mut columns = unnest::columns(&joined.columns(), 0);
        for at in 0..self.outer_width() {
            let (of_left, of_right) = (columns[at].clone(), columns[left + at].clone());
            let ty = of_left.ty();
            columns[at] = if side == Side::Right { of_right } else { Scalar::Coalesce(vec![of_left, of_right], ty) };
        }
        joined.map(columns)
    }

    /// Where rows of the right side belong to outer rows by themselves, those of the left need not be paired with all of these first.
    fn unpaired(&self, left: &mut Input, right: &Input) -> bool {
        let unit = self.unit();
        let Rel::Join { kind: JoinKind::Inner, left: of, right: own, on, residual } = &left.rel else { return false };
        if self.outer_width() == 0 || !right.outer || **of != unit || !on.is_empty() || !residual.is_empty() {
            return false;
        }
        left.rel = (**own).clone();
        true
    }

    /// The inner join of rows that belong to no outer row with rows that do, in the order it has where both do. The condition is over
    /// that.
    fn joined_to_outer(&self, left: Rel, right: Rel, mut condition: Option<Scalar>) -> Rel {
        let (outer, own, width) = (self.outer_width(), left.width(), right.width());
        let place = |column: usize| if column < outer { own + column } else { column - outer };
        condition.iter_mut().for_each(|condition| condition.map_columns(&mut { place }));
        let joined = unnest::join(JoinKind::Inner, left, right, Vec::new(), condition.into_iter().collect());
        joined.project(&(0..outer + own + width).map(place).collect::<Vec<_>>())
    }
}

pub(super) fn operator(operator: &JoinOperator) -> Bound<(Side, &JoinConstraint)> {
    match operator {
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => Ok((Side::Inner, constraint)),
        JoinOperator::CrossJoin(constraint) => Ok((Side::Inner, constraint)),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => Ok((Side::Left, constraint)),
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => Ok((Side::Right, constraint)),
        JoinOperator::FullOuter(constraint) => Ok((Side::Full, constraint)),
        _ => Err(Fault::unsupported("this form of a join is")),
    }
}

impl Side {
    /// Whether rows of the left side may be missing, and of the right.
    pub(super) fn absent(self) -> (bool, bool) {
        (matches!(self, Side::Right | Side::Full), matches!(self, Side::Left | Side::Full))
    }

    /// The join on keys and a condition over left columns followed by right ones.
    pub(super) fn of(self, left: Rel, right: Rel, keys: Vec<Equality>, condition: Option<Scalar>) -> Rel {
        let (left_width, right_width) = (left.width(), right.width());
        let (kind, left, right) = match self {
            Side::Inner => (JoinKind::Inner, left, right),
            Side::Left => (JoinKind::Left, left, right),
            Side::Full => (JoinKind::Full, left, right),
            Side::Right => (JoinKind::Left, right, left),
        };
        let mut conditions: Vec<Scalar> = condition.into_iter().collect();
        if self == Side::Right {
            let swap = |column: usize| if column < left_width { column + right_width } else { column - left_width };
            conditions.iter_mut().for_each(|condition| condition.map_columns(&mut { swap }));
        }
        let mut join = unnest::join(kind, left, right, keys, conditions);
        if self == Side::Right {
            let order: Vec<usize> = (right_width..right_width + left_width).chain(0..right_width).collect();
            join = join.project(&order);
        }
        join
    }
}
