//! From `plan::Rel` to operators.
//!
//! A chain of filters and maps becomes one program, run in the pass of the join below it or in a pass of its own. Sub-plans that
//! occur more than once are rendered once, and arrangements are shared by what they hold and by key.

use super::arrange::{Arrangement, arrange_by};
use super::blueprint::{Blueprint, Definition};
use super::fault::Fault;
use super::key::KeyPlan;
use super::linear::{Linear, Places};
use super::operators::as_of::{Lookup, as_of};
use super::operators::settle::{self, Terms, pair::PairSide};
use super::operators::{
    distinct::distinct,
    expand::expand,
    hold::hold,
    join,
    linear::{Read, linear},
    reduce,
    set_op::set_op,
    temporal::temporal,
    top_k,
    window::window,
};
use super::program::DataflowError;
use super::recursion::Loop;
use super::shape;
use super::sides::{Demand, Join, KeyPart, Side, add_steps, linear_steps};
use super::state::Shared;
use super::types::{Errors, Rows, Scope};
use crate::expr::Scalar;
use crate::plan::{Aggregate, Equality, Expansion, JoinKind, Rel, SetOpKind, Settling, append_only};
use crate::value::{Column, Datum, RelationName, Row, Time};
use differential_dataflow::AsCollection;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use timely::dataflow::operators::ToStream;

/// Renders the views of one blueprint.
pub struct Renderer<'s, 'b> {
    pub(super) scope: Scope<'s>,
    shared: &'b Arc<Shared>,
    pub(super) blueprint: &'b Blueprint,
    /// By the place of the relation, as far as they have been rendered.
    relations: Vec<Rows<'s>>,
    /// What the arrangements hold.
    demand: Demand,
    pub(super) rendered: Rendered<'s>,
    /// The loop being rendered.
    pub(super) inside: Option<Loop<'s>>,
}

/// What was rendered so far, inside a loop or outside.
#[derive(Default)]
pub(super) struct Rendered<'s> {
    pub(super) plans: Vec<(Rel, Rows<'s>)>,
    /// By relation and key.
    arrangements: Vec<(Rel, Vec<KeyPart>, Arrangement<'s>)>,
    /// Of the view being rendered.
    pub(super) errors: Vec<Errors<'s>>,
}

impl<'s, 'b> Renderer<'s, 'b> {
    /// Nothing rendered yet.
    pub fn new(scope: Scope<'s>, shared: &'b Arc<Shared>) -> Self {
        let blueprint = &shared.blueprint;
        let mut demand = Demand::default();
        for relation in &blueprint.relations {
            if let Definition::View(view) = &relation.definition {
                demand.add(&view.rel);
            }
        }
        let rendered = Rendered::default();
        Renderer { scope, shared, blueprint, relations: Vec::new(), demand, rendered, inside: None }
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
        let errors = std::mem::take(&mut self.rendered.errors);
        Ok((rows, super::types::empty(self.scope).concatenate(errors)))
    }

    /// The rows of a plan; its errors go to the view that is being rendered. A plan rendered before for another view reports
    /// its errors there: relations that several views share are therefore only shared if they cannot fail.
    pub(super) fn rel(&mut self, rel: &Rel) -> Result<Rows<'s>, DataflowError> {
        if let Some(inside) = &self.inside {
            match rel {
                Rel::Get { relation, .. } if *relation == inside.working => return Ok(inside.rows.clone()),
                rel if !rel.relations().contains(&inside.working) => return self.entering(rel),
                _ => {}
            }
        }
        if let Rel::Get { relation, .. } = rel {
            return self.get(relation);
        }
        if let Some((_, rows)) = self.rendered.plans.iter().find(|(plan, _)| plan == rel) {
            return Ok(rows.clone());
        }
        let errors_before = self.rendered.errors.len();
        let (base, steps) = linear_steps(rel);
        let rows = match Join::of(base, &steps) {
            Some(Join { infallible: Some(program), kind: JoinKind::Inner, left, right, .. }) => {
                self.infallible_join(&left, &right, &program)?
            }
            Some(join) if !join.kind.shows_right() => {
                let columns = self.columns(base)?;
                let rows = self.semijoin(&join)?;
                self.linear(rows, &columns, &steps)
            }
            Some(join) => self.join(&join, &steps)?,
            None => match base {
                Rel::Expand { input, expansion } => self.expand(input, expansion, &steps)?,
                Rel::Settle { input, settling: pair @ Settling::Pair { .. } } => self.pairs(input, pair, &steps)?,
                base => {
                    let columns = self.columns(base)?;
                    let rows = self.base(base)?;
                    self.linear(rows, &columns, &steps)
                }
            },
        };
        if self.rendered.errors.len() == errors_before {
            self.rendered.plans.push((rel.clone(), rows.clone()));
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
            Rel::SetOp { kind, all, left, right } => self.set_op(base, *kind, *all, left, right),
            Rel::Window { input, partition, order, calls } => {
                let columns = self.columns(input)?;
                let (rows, errors) = window(self.rel(input)?, &columns, partition, order, calls);
                self.rendered.errors.extend(errors);
                Ok(rows)
            }
            Rel::TopK { input, group, order, offset, limit, ties } => {
                let columns = self.columns(input)?;
                let slice = top_k::Slice { offset: *offset, limit: *limit, ties: *ties };
                let append_only = self.append_only(input);
                let (rows, errors) = top_k::top_k(self.rel(input)?, append_only, &columns, group, order, slice);
                self.rendered.errors.extend(errors);
                Ok(rows)
            }
            Rel::Temporal { input, tests } => {
                let columns = self.columns(input)?;
                let (rows, errors) = temporal(self.rel(input)?, &columns, tests, self.last_frontier(input));
                self.rendered.errors.extend(errors);
                Ok(rows)
            }
            Rel::AsOf { kind, left, right, on, residual, at, keep } => {
                let (left_columns, right_columns) = (self.columns(left)?, self.columns(right)?);
                let (left, right) = (self.read(left)?, self.read(right)?);
                let lookup = Lookup { kind: *kind, on, residual, at, keep: *keep };
                let (rows, errors) = as_of((left, &left_columns), (right, &right_columns), &lookup);
                self.rendered.errors.extend(errors);
                Ok(rows)
            }
            Rel::Settle { input, settling } => self.settle(input, settling),
            Rel::Sessions { .. } => Err(DataflowError::Failed("sessions of rows that do not settle".into())),
            Rel::Recursive { working, base, step, all } => self.recursive(working, base, step, *all),
            Rel::Get { .. } | Rel::Filter { .. } | Rel::Map { .. } => self.rel(base),
            Rel::Join { .. } | Rel::Expand { .. } => self.rel(base),
        }
    }

    /// A plan's rows as an operator reads them: through filters and maps, unless these are part of what is below, or run already.
    fn read(&mut self, rel: &Rel) -> Result<Read<'s>, DataflowError> {
        let (base, steps) = match linear_steps(rel) {
            (Rel::Join { .. } | Rel::Expand { .. } | Rel::Settle { settling: Settling::Pair { .. }, .. }, _) => {
                (rel, Vec::new())
            }
            _ if self.inside.is_some() || self.rendered.plans.iter().any(|(plan, _)| plan == rel) => (rel, Vec::new()),
            (base, steps) => (base, steps),
        };
        let columns = self.columns(base)?;
        let mut program = Linear::identity(columns.len());
        add_steps(&mut program, &steps);
        Ok(Read { rows: self.rel(base)?, columns, program })
    }

    fn linear(&mut self, rows: Rows<'s>, columns: &[Column], steps: &[&Rel]) -> Rows<'s> {
        let mut program = Linear::identity(columns.len());
        add_steps(&mut program, steps);
        let (rows, errors) = linear(rows, &program, Fault::new(columns));
        self.rendered.errors.extend(errors);
        rows
    }

    fn expand(&mut self, input: &Rel, expansion: &Expansion, steps: &[&Rel]) -> Result<Rows<'s>, DataflowError> {
        let columns = self.columns(input)?;
        let mut program = Linear::pair(columns.len(), expansion.width());
        add_steps(&mut program, steps);
        let (rows, errors) = expand(self.rel(input)?, &columns, expansion, &program);
        self.rendered.errors.extend(errors);
        Ok(rows)
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
        Ok(self.level(inputs, rows))
    }

    fn reduce(&mut self, input: &Rel, group: &[Scalar], aggregates: &[Aggregate]) -> Result<Rows<'s>, DataflowError> {
        let (read, columns) = (self.read(input)?, self.columns(input)?);
        let (rows, errors) = reduce::group(self.scope, read, self.append_only(input), &columns, group, aggregates);
        self.rendered.errors.extend(errors);
        Ok(rows)
    }

    /// An operator whose rows settle.
    fn settle(&mut self, rel: &Rel, settling: &Settling) -> Result<Rows<'s>, DataflowError> {
        let grid = self.shared.settings.refresh_us;
        let (horizon, emit) = match settling {
            Settling::Group { horizon, emit } => (horizon, *emit),
            Settling::Pair { .. } => return self.pairs(rel, settling, &[]),
        };
        let place = (horizon.column, Terms::new(horizon, emit, grid));
        let Some(input) = rel.inputs().into_iter().next() else { return self.rel(rel) };
        let (columns, append_only) = (self.columns(input)?, self.append_only(input));
        let read = self.read(input)?;
        let (rows, errors) = match rel {
            Rel::Reduce { group, aggregates, .. } => {
                settle::reduce::reduce(read, append_only, &columns, (group, aggregates), place)
            }
            Rel::Distinct { .. } => {
                let group = column_range(&columns, 0..columns.len());
                settle::reduce::reduce(read, append_only, &columns, (&group, &[]), place)
            }
            Rel::Sessions { group, at, gap, aggregates, .. } => {
                settle::session::sessions(read, &columns, (group, aggregates), (at, *gap), place.1)
            }
            Rel::TopK { group, order, offset, limit, ties, .. } => {
                let slice = top_k::Slice { offset: *offset, limit: *limit, ties: *ties };
                settle::slice::slice(read, append_only, &columns, (group, order), slice, place)
            }
            Rel::Window { partition, order, calls, .. } => {
                settle::window::window(read, &columns, (partition, order), calls, place)
            }
            _ => return Err(DataflowError::Failed("an operator without groups settles".into())),
        };
        self.rendered.errors.extend(errors);
        Ok(rows)
    }

    /// A join of rows that settle.
    fn pairs(&mut self, join: &Rel, settling: &Settling, steps: &[&Rel]) -> Result<Rows<'s>, DataflowError> {
        let Rel::Join { kind, left, right, on, .. } = join else { return self.rel(join) };
        let Settling::Pair { left: left_hold, right: right_hold, order, residual, emit } = settling else {
            return self.rel(join);
        };
        let (left_columns, right_columns) = (self.columns(left)?, self.columns(right)?);
        let (left_read, right_read) = (self.read(left)?, self.read(right)?);
        let key = |of: fn(&Equality) -> &Scalar| on.iter().map(|key| (of(key).clone(), key.null_safe)).collect();
        let (columns, key_of_left) = (&left_columns, key(|key| &key.left));
        let left = PairSide { read: left_read, columns, key: key_of_left, hold: *left_hold, order: order.left };
        let (columns, key_of_right) = (&right_columns, key(|key| &key.right));
        let right = PairSide { read: right_read, columns, key: key_of_right, hold: *right_hold, order: order.right };
        let mut program = Linear::pair(left_columns.len(), right_columns.len());
        program.filter(residual);
        let steps = if *kind == JoinKind::Inner {
            add_steps(&mut program, steps);
            &[]
        } else {
            steps
        };
        let kind =
            settle::pair::Kind { kind: *kind, emit: *emit, apart: order.apart, grid: self.shared.settings.refresh_us };
        let (rows, errors) = settle::pair::pairs(left, right, &program, kind);
        self.rendered.errors.extend(errors);
        let columns = self.columns(join)?;
        Ok(self.linear(rows, &columns, steps))
    }

    fn distinct(&mut self, input: &Rel) -> Result<Rows<'s>, DataflowError> {
        let columns = self.columns(input)?;
        let plan = KeyPlan::new(&columns);
        if plan.shows_columns() {
            return Ok(distinct(self.rel(input)?, plan));
        }
        let column = |(position, column): (usize, &Column)| Scalar::Column(position, column.ty.clone());
        let group: Vec<Scalar> = columns.iter().enumerate().map(column).collect();
        self.reduce(input, &group, &[])
    }

    fn set_op(
        &mut self,
        whole: &Rel,
        kind: SetOpKind,
        all: bool,
        left: &Rel,
        right: &Rel,
    ) -> Result<Rows<'s>, DataflowError> {
        let columns = self.columns(whole)?;
        let rows = set_op(self.rel(left)?, self.rel(right)?, &columns, kind, all);
        Ok(self.level([left, right], rows))
    }

    fn join(&mut self, join: &Join<'_>, steps: &[&Rel]) -> Result<Rows<'s>, DataflowError> {
        let Join { kind, left, right, residual, .. } = join;
        let left_columns = self.columns(left.rel)?;
        let right_columns = self.columns(right.rel)?;
        let pair = Linear::pair(left_columns.len(), right_columns.len());
        let mut matched = pair.clone();
        matched.filter(residual);
        let left_rows = self.checked(left, &left_columns)?;
        let left_arranged = self.arranged(left, &left_rows);
        let right_rows = self.checked(right, &right_columns)?;
        let right_arranged = self.arranged(right, &right_rows);
        let both: Vec<Column> = left_columns.iter().chain(&right_columns).cloned().collect();
        let fault = Fault::new(&both);

        if *kind == JoinKind::Inner {
            add_steps(&mut matched, steps);
            let rows = self.paired(left_arranged, right_arranged, &matched, fault)?;
            return Ok(self.level([left.rel, right.rel], rows));
        }
        let full = *kind == JoinKind::Full;
        let (pairs, left_matched, right_matched) = if residual.is_empty() {
            add_steps(&mut matched, steps);
            let pairs = self.paired(left_arranged.clone(), right_arranged.clone(), &matched, fault.clone())?;
            let partnered = |of, with| join::with_partner(of, with).ok_or_else(mixed);
            let right_matched = full.then(|| partnered(right_arranged.clone(), left_arranged.clone())).transpose()?;
            (pairs, partnered(left_arranged, right_arranged)?, right_matched)
        } else {
            let pairs = self.paired(left_arranged, right_arranged, &matched, fault.clone())?;
            let of = |range: Range<usize>| {
                let mut side = Linear::identity(both.len());
                side.map(&column_range(&both, range));
                linear(pairs.clone(), &side, fault.clone()).0
            };
            let left_matched = join::among(left_rows.clone(), of(0..left_columns.len()));
            let right_matched = full.then(|| join::among(right_rows.clone(), of(left_columns.len()..both.len())));
            (self.linear(pairs.clone(), &both, steps), left_matched, right_matched)
        };
        let left_alone = left_rows.concat(left_matched.negate());
        let mut rows = pairs.concat(self.padded(left_alone, pair, &right_columns, steps, fault));
        if let Some(right_matched) = right_matched {
            let right_alone = right_rows.concat(right_matched.negate());
            rows = rows.concat(self.padded_left(right_alone, &left_columns, &right_columns, steps));
        }
        Ok(self.level([left.rel, right.rel], rows))
    }

    /// The left rows that have a partner, or those that have none.
    fn semijoin(&mut self, join: &Join<'_>) -> Result<Rows<'s>, DataflowError> {
        let Join { kind, left, right, residual, infallible } = join;
        let left_columns = self.columns(left.rel)?;
        let right_columns = self.columns(right.rel)?;
        let left_rows = self.checked(left, &left_columns)?;
        let left_arranged = self.arranged(left, &left_rows);
        let right_rows = self.checked(right, &right_columns)?;
        let right_arranged = self.arranged(right, &right_rows);
        let matched = if residual.is_empty() {
            join::with_partner(left_arranged, right_arranged).ok_or_else(mixed)?
        } else {
            let program = match infallible {
                Some(program) => program.over(&self.places(left), &self.places(right)),
                None => {
                    let mut program = Linear::pair(left_columns.len(), right_columns.len());
                    program.filter(residual);
                    program.truncate(left_columns.len());
                    program
                }
            };
            let both: Vec<Column> = left_columns.iter().chain(&right_columns).cloned().collect();
            let pairs = self.paired(left_arranged, right_arranged, &program, Fault::new(&both))?;
            join::among(left_rows.clone(), pairs)
        };
        let rows = if *kind == JoinKind::Semi { matched } else { left_rows.concat(matched.negate()) };
        Ok(self.level([left.rel, right.rel], rows))
    }

    /// An inner join that reports no errors, and so needs of either side only what its program reads.
    fn infallible_join(
        &mut self,
        left: &Side<'_>,
        right: &Side<'_>,
        program: &Linear,
    ) -> Result<Rows<'s>, DataflowError> {
        let (left_rows, right_rows) = (self.rel(left.rel)?, self.rel(right.rel)?);
        let (left_arranged, right_arranged) = (self.arranged(left, &left_rows), self.arranged(right, &right_rows));
        let program = program.over(&self.places(left), &self.places(right));
        let rows = self.paired(left_arranged, right_arranged, &program, Fault::new(&[]))?;
        Ok(self.level([left.rel, right.rel], rows))
    }

    /// Where a side's columns lie in the rows that are held, and how many those have.
    fn places(&self, side: &Side<'_>) -> Places {
        let held = self.demand.held(side);
        let places = side.reads.iter().map(|column| held.partition_point(|held| held < column)).collect();
        Places { places, width: held.len() }
    }

    /// Of inputs that follow different sources one may be ahead: its changes wait. A loop's wait where they leave it.
    fn level<'r>(&self, inputs: impl IntoIterator<Item = &'r Rel>, rows: Rows<'s>) -> Rows<'s> {
        if self.inside.is_some() {
            return rows;
        }
        let mut sources = inputs.into_iter().map(|input| self.sources(input));
        let first = sources.next().unwrap_or_default();
        if sources.all(|other| other == first) { rows } else { hold(rows) }
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
        self.rendered.errors.extend(errors);
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
        self.rendered.errors.extend(errors);
        rows
    }

    /// Right rows without a partner, with nulls on the left, and then the steps.
    fn padded_left(&mut self, rows: Rows<'s>, left: &[Column], right: &[Column], steps: &[&Rel]) -> Rows<'s> {
        let null = |column: &Column| Scalar::Literal(Datum::Null, column.ty.clone());
        let mut program = Linear::identity(right.len());
        program.map(&left.iter().map(null).chain(column_range(right, 0..right.len())).collect::<Vec<_>>());
        add_steps(&mut program, steps);
        let (rows, errors) = linear(rows, &program, Fault::new(right));
        self.rendered.errors.extend(errors);
        rows
    }

    /// The rows of a join's side without those for which a key expression fails; those are errors.
    fn checked(&mut self, side: &Side<'_>, columns: &[Column]) -> Result<Rows<'s>, DataflowError> {
        let rows = self.rel(side.rel)?;
        if !side.keys.iter().any(|key| key.expression.is_fallible()) {
            return Ok(rows);
        }
        let all = column_range(columns, 0..columns.len());
        let keys = side.keys.iter().map(|key| key.expression.clone());
        let mut program = Linear::identity(columns.len());
        program.map(&all.iter().cloned().chain(keys).collect::<Vec<_>>());
        program.map(&all);
        let (rows, errors) = linear(rows, &program, Fault::new(columns));
        self.rendered.errors.extend(errors);
        Ok(rows)
    }

    fn arranged(&mut self, side: &Side<'_>, rows: &Rows<'s>) -> Arrangement<'s> {
        let known = self.rendered.arrangements.iter().find(|(rel, keys, _)| rel == side.rel && *keys == side.keys);
        if let Some((.., arrangement)) = known {
            return arrangement.clone();
        }
        let arrangement = arrange_by(rows.clone(), side.rel.width(), &side.keys, &self.demand.held(side));
        self.rendered.arrangements.push((side.rel.clone(), side.keys.clone(), arrangement.clone()));
        arrangement
    }

    pub(super) fn columns(&self, rel: &Rel) -> Result<Vec<Column>, DataflowError> {
        match &self.inside {
            Some(Loop { working, columns, .. }) => {
                shape::columns(rel, &shape::Within { relations: self.blueprint, working, columns })
            }
            None => shape::columns(rel, self.blueprint),
        }
    }

    /// Whether no row of a plan is ever retracted. (The rows of a loop are not among the blueprint's relations.)
    fn append_only(&self, rel: &Rel) -> bool {
        append_only(rel, &|relation| self.blueprint.is_append_only(relation))
    }

    /// When a plan's inputs have ended: the last frontier before that.
    fn last_frontier(&self, rel: &Rel) -> impl Fn() -> Time + use<> {
        let (shared, sources) = (self.shared.clone(), self.sources(rel));
        move || {
            let last = |source: &usize| shared.sources[*source].last.load(Ordering::Acquire);
            sources.iter().map(last).min().unwrap_or(Time::MIN)
        }
    }

    /// The places of the sources a plan reads.
    fn sources(&self, rel: &Rel) -> BTreeSet<usize> {
        let places = rel.relations().into_iter().filter_map(|relation| self.blueprint.places.get(relation));
        places.flat_map(|place| &self.blueprint.relations[*place].sources).copied().collect()
    }
}

fn mixed() -> DataflowError {
    DataflowError::Failed("a join's sides have keys of different kinds: their types differ".into())
}

fn column_range(columns: &[Column], range: Range<usize>) -> Vec<Scalar> {
    range.map(|position| Scalar::Column(position, columns[position].ty.clone())).collect()
}
