//! From `plan::Rel` to operators.
//!
//! A chain of filters and maps becomes one program, run in the pass of the join below it or in a pass of its own. Sub-plans that
//! occur more than once are rendered once, and arrangements are shared by what they hold and by key.

use super::arrange::{Arrangement, arrange_by};
use super::blueprint::Blueprint;
use super::fault::Fault;
use super::key::KeyPlan;
use super::linear::Linear;
use super::operators::{distinct::distinct, hold::hold, join, linear::linear, reduce};
use super::program::DataflowError;
use super::shape::columns;
use super::types::{Errors, Rows, Scope};
use crate::expr::Scalar;
use crate::plan::{Aggregate, JoinKind, Rel};
use crate::value::{Column, Datum, RelationName, Row, Time};
use differential_dataflow::AsCollection;
use std::collections::BTreeSet;
use timely::dataflow::operators::ToStream;

/// Renders the views of one blueprint.
pub struct Renderer<'s, 'b> {
    scope: Scope<'s>,
    blueprint: &'b Blueprint,
    /// By the place of the relation, as far as they have been rendered.
    relations: Vec<Rows<'s>>,
    plans: Vec<(Rel, Rows<'s>)>,
    /// By relation, key, and the columns that are held.
    arrangements: Vec<(Rel, Vec<Scalar>, Vec<usize>, Arrangement<'s>)>,
    /// Of the view being rendered.
    errors: Vec<Errors<'s>>,
}

impl<'s, 'b> Renderer<'s, 'b> {
    /// Nothing rendered yet.
    pub fn new(scope: Scope<'s>, blueprint: &'b Blueprint) -> Self {
        let (relations, plans, arrangements, errors) = Default::default();
        Renderer { scope, blueprint, relations, plans, arrangements, errors }
    }

    /// Adds the rows of the next relation of the blueprint.
    pub fn define(&mut self, rows: Rows<'s>) {
        self.relations.push(rows);
    }

    /// The rows of a relation that was rendered.
    pub fn relation(&self, place: usize) -> Rows<'s> {
        self.relations[place].clone()
    }

    /// A view's rows, and its errors.
    pub fn view(&mut self, rel: &Rel) -> Result<(Rows<'s>, Errors<'s>), DataflowError> {
        let rows = self.rel(rel)?;
        let errors = std::mem::take(&mut self.errors);
        Ok((rows, super::types::empty(self.scope).concatenate(errors)))
    }

    /// The rows of a plan; its errors go to the view that is being rendered. A plan rendered before for another view reports
    /// its errors there: relations that several views share are therefore only shared if they cannot fail.
    fn rel(&mut self, rel: &Rel) -> Result<Rows<'s>, DataflowError> {
        if let Rel::Get { relation, .. } = rel {
            return self.get(relation);
        }
        if let Some((_, rows)) = self.plans.iter().find(|(plan, _)| plan == rel) {
            return Ok(rows.clone());
        }
        let errors_before = self.errors.len();
        let (base, steps) = linear_steps(rel);
        let rows = match base {
            Rel::Join { kind, left, right, on, residual } => {
                self.join(*kind, [left.as_ref(), right.as_ref()], on, residual, &steps)?
            }
            base => {
                let columns = columns(base, self.blueprint)?;
                let rows = self.base(base)?;
                self.linear(rows, &columns, &steps)
            }
        };
        if self.errors.len() == errors_before {
            self.plans.push((rel.clone(), rows.clone()));
        }
        Ok(rows)
    }

    fn get(&self, relation: &RelationName) -> Result<Rows<'s>, DataflowError> {
        let place = self.blueprint.places.get(relation).filter(|place| **place < self.relations.len());
        let undefined = || DataflowError::Undefined { user: "a plan".into(), relation: relation.clone() };
        Ok(self.relations[*place.ok_or_else(undefined)?].clone())
    }

    fn base(&mut self, base: &Rel) -> Result<Rows<'s>, DataflowError> {
        match base {
            Rel::Constant { rows, .. } => Ok(self.constant(rows)),
            Rel::Reduce { input, group, aggregates } => self.reduce(input, group, aggregates),
            Rel::Distinct { input } => self.distinct(input),
            Rel::Union { inputs } => self.union(inputs),
            Rel::Get { .. } | Rel::Filter { .. } | Rel::Map { .. } | Rel::Join { .. } => self.rel(base),
        }
    }

    fn linear(&mut self, rows: Rows<'s>, columns: &[Column], steps: &[&Rel]) -> Rows<'s> {
        let mut program = Linear::identity(columns.len());
        add_steps(&mut program, steps);
        let (rows, errors) = linear(rows, &program, Fault::new(columns));
        self.errors.extend(errors);
        rows
    }

    fn constant(&self, rows: &[Row]) -> Rows<'s> {
        let mine: Vec<_> = match self.scope.index() {
            0 => rows.iter().map(|row| (row.clone(), Time::MIN, 1)).collect(),
            _ => Vec::new(),
        };
        mine.to_stream(self.scope).as_collection()
    }

    fn union(&mut self, inputs: &[Rel]) -> Result<Rows<'s>, DataflowError> {
        let parts = inputs.iter().map(|input| self.rel(input)).collect::<Result<Vec<_>, _>>()?;
        let rows = super::types::empty(self.scope).concatenate(parts);
        let (first, rest) = inputs.split_first().map_or((None, inputs), |(first, rest)| (Some(first), rest));
        let first = first.map(|rel| self.sources(rel)).unwrap_or_default();
        let level = rest.iter().all(|rel| self.sources(rel) == first);
        Ok(if level { rows } else { hold(rows) })
    }

    fn reduce(&mut self, input: &Rel, group: &[Scalar], aggregates: &[Aggregate]) -> Result<Rows<'s>, DataflowError> {
        let columns = columns(input, self.blueprint)?;
        let rows = self.rel(input)?;
        let (rows, errors) = reduce::group(self.scope, rows, &columns, group, aggregates);
        self.errors.extend(errors);
        Ok(rows)
    }

    fn distinct(&mut self, input: &Rel) -> Result<Rows<'s>, DataflowError> {
        let columns = columns(input, self.blueprint)?;
        let plan = KeyPlan::new(&columns);
        if plan.shows_columns() {
            return Ok(distinct(self.rel(input)?, plan));
        }
        let column = |(position, column): (usize, &Column)| Scalar::Column(position, column.ty.clone());
        let group: Vec<Scalar> = columns.iter().enumerate().map(column).collect();
        self.reduce(input, &group, &[])
    }

    fn join(
        &mut self,
        kind: JoinKind,
        sides: [&Rel; 2],
        on: &[(Scalar, Scalar)],
        residual: &[Scalar],
        steps: &[&Rel],
    ) -> Result<Rows<'s>, DataflowError> {
        let [left, right] = sides;
        let left_columns = columns(left, self.blueprint)?;
        let right_columns = columns(right, self.blueprint)?;
        let (left_keys, right_keys): (Vec<_>, Vec<_>) = on.iter().cloned().unzip();
        let pair = Linear::pair(left_columns.len(), right_columns.len());
        let mut matched = pair.clone();
        matched.filter(residual);
        let keys_may_fail = left_keys.iter().chain(&right_keys).any(Scalar::is_fallible);
        if kind == JoinKind::Inner && !keys_may_fail {
            let mut program = matched.clone();
            add_steps(&mut program, steps);
            if !program.is_fallible() {
                return self.infallible(sides, [&left_keys, &right_keys], &program);
            }
        }
        let left_rows = self.checked(left, &left_columns, &left_keys)?;
        let all: Vec<usize> = (0..left_columns.len()).collect();
        let left_arranged = self.arranged(left, &left_rows, left_columns.len(), &left_keys, &all);
        let right_rows = self.checked(right, &right_columns, &right_keys)?;
        let all: Vec<usize> = (0..right_columns.len()).collect();
        let right_arranged = self.arranged(right, &right_rows, right_columns.len(), &right_keys, &all);
        let both: Vec<Column> = left_columns.iter().chain(&right_columns).cloned().collect();
        let fault = Fault::new(&both);

        let rows = match kind {
            JoinKind::Inner => {
                add_steps(&mut matched, steps);
                self.paired(left_arranged, right_arranged, &matched, fault)?
            }
            JoinKind::Left if residual.is_empty() => {
                add_steps(&mut matched, steps);
                let partnered = join::with_partner(left_arranged.clone(), right_arranged.clone()).ok_or_else(mixed)?;
                let alone = left_rows.concat(partnered.negate());
                let alone = self.padded(alone, pair, &right_columns, steps, fault.clone());
                self.paired(left_arranged, right_arranged, &matched, fault)?.concat(alone)
            }
            JoinKind::Left => {
                let pairs = self.paired(left_arranged, right_arranged, &matched, fault.clone())?;
                let mut left_of = Linear::identity(both.len());
                left_of.map(&column_range(&both, 0..left_columns.len()));
                let (matched_rows, _) = linear(pairs.clone(), &left_of, fault.clone());
                let alone = left_rows.clone().concat(join::among(left_rows, matched_rows).negate());
                let alone = self.padded(alone, pair, &right_columns, steps, fault);
                self.linear(pairs, &both, steps).concat(alone)
            }
        };
        let level = self.sources(left) == self.sources(right);
        Ok(if level { rows } else { hold(rows) })
    }

    /// An inner join that reports no errors, and so needs of either side only what its program reads.
    fn infallible(
        &mut self,
        [left, right]: [&Rel; 2],
        [left_keys, right_keys]: [&[Scalar]; 2],
        program: &Linear,
    ) -> Result<Rows<'s>, DataflowError> {
        let (left_kept, right_kept) = program.reads();
        let left_arranged = self.side(left, left_keys, &left_kept)?;
        let right_arranged = self.side(right, right_keys, &right_kept)?;
        let rows = self.paired(left_arranged, right_arranged, &program.narrowed(), Fault::new(&[]))?;
        let level = self.sources(left) == self.sources(right);
        Ok(if level { rows } else { hold(rows) })
    }

    /// A join's side with some of its columns. A projection is not a pass of its own: the arrangement is that of what lies below.
    fn side(&mut self, rel: &Rel, keys: &[Scalar], kept: &[usize]) -> Result<Arrangement<'s>, DataflowError> {
        let (base, columns_of_base) = below_projections(rel);
        let mut keys = keys.to_vec();
        keys.iter_mut().for_each(|key| key.map_columns(&mut |column| columns_of_base[column]));
        let kept: Vec<usize> = kept.iter().map(|column| columns_of_base[*column]).collect();
        let width = columns(base, self.blueprint)?.len();
        let rows = self.rel(base)?;
        Ok(self.arranged(base, &rows, width, &keys, &kept))
    }

    /// What a program makes of pairs.
    fn paired(
        &mut self,
        left: Arrangement<'s>,
        right: Arrangement<'s>,
        program: &Linear,
        fault: Fault,
    ) -> Result<Rows<'s>, DataflowError> {
        let (rows, errors) = join::inner(left, right, program, fault).ok_or_else(mixed)?;
        self.errors.extend(errors);
        Ok(rows)
    }

    /// Left rows without a partner, with nulls on the right, and then the steps.
    fn padded(
        &mut self,
        rows: Rows<'s>,
        mut program: Linear,
        right: &[Column],
        steps: &[&Rel],
        fault: Fault,
    ) -> Rows<'s> {
        let nulls = Row::pack(right.iter().map(|_| &Datum::Null));
        add_steps(&mut program, steps);
        let (rows, errors) = super::operators::linear::padded(rows, nulls, &program, fault);
        self.errors.extend(errors);
        rows
    }

    /// The rows of a join's side without those for which a key expression fails; those are errors.
    fn checked(&mut self, rel: &Rel, columns: &[Column], keys: &[Scalar]) -> Result<Rows<'s>, DataflowError> {
        let rows = self.rel(rel)?;
        if !keys.iter().any(Scalar::is_fallible) {
            return Ok(rows);
        }
        let all = column_range(columns, 0..columns.len());
        let mut program = Linear::identity(columns.len());
        program.map(&[all.as_slice(), keys].concat());
        program.map(&all);
        let (rows, errors) = linear(rows, &program, Fault::new(columns));
        self.errors.extend(errors);
        Ok(rows)
    }

    fn arranged(
        &mut self,
        rel: &Rel,
        rows: &Rows<'s>,
        columns: usize,
        keys: &[Scalar],
        kept: &[usize],
    ) -> Arrangement<'s> {
        let known = self.arrangements.iter().find(|(other, by, held, _)| other == rel && by == keys && held == kept);
        if let Some((.., arrangement)) = known {
            return arrangement.clone();
        }
        let arrangement = arrange_by(rows.clone(), columns, keys, kept);
        self.arrangements.push((rel.clone(), keys.to_vec(), kept.to_vec(), arrangement.clone()));
        arrangement
    }

    /// The places of the sources a plan reads.
    fn sources(&self, rel: &Rel) -> BTreeSet<usize> {
        match rel {
            Rel::Get { relation, .. } => match self.blueprint.places.get(relation) {
                Some(place) => self.blueprint.relations[*place].sources.clone(),
                None => BTreeSet::new(),
            },
            Rel::Constant { .. } => BTreeSet::new(),
            Rel::Filter { input, .. }
            | Rel::Map { input, .. }
            | Rel::Reduce { input, .. }
            | Rel::Distinct { input } => self.sources(input),
            Rel::Join { left, right, .. } => &self.sources(left) | &self.sources(right),
            Rel::Union { inputs } => inputs.iter().flat_map(|input| self.sources(input)).collect(),
        }
    }
}

fn mixed() -> DataflowError {
    DataflowError::Failed("a join's sides have keys of different kinds: their types differ".into())
}

/// The filters and maps on top of a plan, innermost first, and what is below them.
fn linear_steps(mut rel: &Rel) -> (&Rel, Vec<&Rel>) {
    let mut steps = Vec::new();
    while let Rel::Filter { input, .. } | Rel::Map { input, .. } = rel {
        steps.push(rel);
        rel = input;
    }
    steps.reverse();
    (rel, steps)
}

/// What lies below the projections on top of a plan, and for each of the plan's columns the column there.
fn below_projections(rel: &Rel) -> (&Rel, Vec<usize>) {
    let column = |expression: &Scalar| match expression {
        Scalar::Column(column, _) => Some(*column),
        _ => None,
    };
    if let Rel::Map { input, expressions } = rel
        && let Some(positions) = expressions.iter().map(column).collect::<Option<Vec<usize>>>()
    {
        let (base, below) = below_projections(input);
        return (base, positions.into_iter().map(|position| below[position]).collect());
    }
    (rel, (0..rel.width()).collect())
}

fn add_steps(program: &mut Linear, steps: &[&Rel]) {
    for step in steps {
        match step {
            Rel::Filter { predicates, .. } => program.filter(predicates),
            Rel::Map { expressions, .. } => program.map(expressions),
            Rel::Get { .. }
            | Rel::Constant { .. }
            | Rel::Join { .. }
            | Rel::Reduce { .. }
            | Rel::Distinct { .. }
            | Rel::Union { .. } => {}
        }
    }
}

fn column_range(columns: &[Column], range: std::ops::Range<usize>) -> Vec<Scalar> {
    range.map(|position| Scalar::Column(position, columns[position].ty.clone())).collect()
}
