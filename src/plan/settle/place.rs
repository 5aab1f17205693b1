//! Where rows expire and groups settle.
//!
//! Below a group that settles nothing is needed of an event once the group has: a join there holds its row no longer. What then
//! vanishes from the join's result comes too late to change the group.

use super::growth::{self, Known, growth};
use super::need::Need;
use super::pair::Pairing;
use super::refusal::{AS_OF, GROUP, LOOKUP, PAIR, Refusal, SESSION, TIMED, UNTIMED, WINDOW};
use super::{Emit, Growth, Horizon, Settling, Timing, until};
use crate::expr::{AggregateFunction, Scalar};
use crate::plan::{Aggregate, Rel, RelId, append_only};

/// Places what a view needs.
pub(super) struct Placing<'k> {
    pub(super) of: Known<'k>,
    /// The relations of which no row is ever retracted.
    pub(super) append_only: &'k dyn Fn(&RelId) -> bool,
    /// Microseconds; at least one.
    pub(super) grid: i64,
    pub(super) timing: Timing,
}

type Placed<X> = Result<X, Box<Refusal>>;

impl Placing<'_> {
    /// A view's plan, and how its rows grow: what joins give up changes nothing of that.
    pub(super) fn view(&self, rel: Rel) -> Result<(Rel, Growth), Refusal> {
        let growth = self.growth(&rel);
        let mut rel = self.place(rel, None).map_err(|refusal| *refusal)?;
        if self.timing.emit == Emit::Final && !postpone(&mut rel) {
            return Err(Refusal::new("emit = \"final\" needs windows, and these rows have none", TIMED));
        }
        let Some(retain) = self.timing.retain else { return Ok((rel, growth)) };
        let Some(horizon) = growth.earliest() else {
            return Err(Refusal::new("`retain` needs rows that settle, and these do not", TIMED));
        };
        let after = horizon.last().saturating_add(self.grid).saturating_add(retain);
        let kept = until(rel, horizon.column, after);
        let growth = self::growth(&kept, self.of);
        Ok((kept, growth))
    }

    fn growth(&self, rel: &Rel) -> Growth {
        growth(rel, self.of)
    }

    fn place(&self, rel: Rel, needed: Option<&Need>) -> Placed<Rel> {
        match rel {
            Rel::Reduce { input, group, aggregates } => self.reduce(*input, group, aggregates),
            Rel::Sessions { .. } => self.sessions(self.updating(rel, None)?),
            Rel::Distinct { .. } => self.grouped(rel, None),
            Rel::TopK { .. } => {
                let Rel::TopK { input, limit, .. } = &rel else { return Ok(rel) };
                let holds_few = limit.is_some() && self.is_append_only(input);
                self.grouped(rel, (!holds_few).then_some("ORDER BY with LIMIT, DISTINCT ON or row_number()"))
            }
            Rel::Window { .. } => self.grouped(rel, Some("a window function")),
            Rel::Join { .. } => self.join(rel, needed),
            Rel::SetOp { .. } => self.refused(rel, "INTERSECT or EXCEPT", |growth| !growth.horizons.is_empty()),
            Rel::Recursive { .. } => self.refused(rel, "WITH RECURSIVE", |_| true),
            Rel::AsOf { .. } => self.as_of(rel),
            rel => self.updating(rel, needed),
        }
    }

    /// What cannot be held, if its input grows like that.
    fn refused(&self, rel: Rel, what: &str, grows: impl Fn(&Growth) -> bool) -> Placed<Rel> {
        let growth = self.growth(&rel);
        if grows(&growth) {
            holds(&growth, what, GROUP)?;
        }
        self.updating(rel, None)
    }

    /// An aggregate by groups.
    fn reduce(&self, input: Rel, group: Vec<Scalar>, aggregates: Vec<Aggregate>) -> Placed<Rel> {
        let append_only = self.is_append_only(&input);
        let holder = aggregates.iter().find(|aggregate| holds_rows(aggregate, append_only));
        let holder = holder.map(|aggregate| aggregate.function.name());
        self.grouped(Rel::Reduce { input: Box::new(input), group, aggregates }, holder)
    }

    /// An operator that holds its input by groups. `holder`: what would hold every row of a group that does not settle.
    fn grouped(&self, rel: Rel, holder: Option<&str>) -> Placed<Rel> {
        let own = growth::with_reach(&rel, self.of);
        let Some(horizon) = own.earliest().copied() else {
            let growth = rel.inputs().first().map(|input| self.growth(input)).unwrap_or_default();
            if let Some(holder) = holder {
                holds(&growth, holder, WINDOW)?;
            }
            return self.updating(rel, None);
        };
        let horizon = Horizon { reach: 0, ..horizon };
        let needs = vec![Need::of_groups(&rel, &horizon, self.grid)];
        let rel = self.over(rel, needs)?;
        Ok(settled(rel, Settling::Group { horizon, emit: Emit::Changes }))
    }

    fn sessions(&self, rel: Rel) -> Placed<Rel> {
        let growth = self.growth(&rel);
        let Rel::Sessions { input, .. } = &rel else { return Ok(rel) };
        match growth.earliest().copied() {
            Some(horizon) if self.is_append_only(input) => {
                Ok(settled(rel, Settling::Group { horizon, emit: Emit::Changes }))
            }
            _ => Err(Box::new(Refusal::new("session() would have to hold every event", SESSION))),
        }
    }

    /// A lookup: its events wait for the table, and the table's history for events that come late.
    fn as_of(&self, rel: Rel) -> Placed<Rel> {
        let Rel::AsOf { left, right, .. } = &rel else { return Ok(rel) };
        holds(&self.growth(right), "a lookup", GROUP)?;
        let horizons = self.growth(left).horizons;
        let mut rel = self.updating(rel, None)?;
        let Rel::AsOf { at, keep, .. } = &mut rel else { return Ok(rel) };
        // A window's end has not come yet when the table would have to be looked up.
        let column = if let Scalar::Column(column, _) = at { Some(*column) } else { None };
        match horizons.iter().find(|horizon| Some(horizon.column) == column && horizon.length >= 1) {
            Some(horizon) => *keep = horizon.last(),
            None => return Err(Box::new(Refusal::new("the time of a lookup is no event time", AS_OF))),
        }
        Ok(rel)
    }

    /// A join: of tables it holds both; of streams, until partners have come; of a stream with a table, until a group above settles.
    fn join(&self, rel: Rel, needed: Option<&Need>) -> Placed<Rel> {
        let Rel::Join { kind, left, right, on, residual } = &rel else { return Ok(rel) };
        let (left_growth, right_growth) = (self.growth(left), self.growth(right));
        let kind = *kind;
        match (&left_growth.grows, &right_growth.grows) {
            (None, None) => self.updating(rel, None),
            (Some(_), Some(_)) => match Pairing::of(&rel, &left_growth, &right_growth) {
                Some(pairing) => self.pair(rel, &pairing),
                None => {
                    holds(&left_growth, "a join with another stream", PAIR)?;
                    holds(&right_growth, "a join with another stream", PAIR)?;
                    self.updating(rel, None)
                }
            },
            // Only which keys occur is held.
            (None, Some(_)) if !kind.shows_right() && residual.is_empty() && !on.is_empty() => self.updating(rel, None),
            (Some(_), None) | (None, Some(_)) => {
                let (side, growth) = if left_growth.grows.is_some() { (0, &left_growth) } else { (1, &right_growth) };
                let Some(need) = needed.and_then(|need| need.below(&rel).into_iter().nth(side)?) else {
                    holds(growth, "a join with a table", LOOKUP)?;
                    return self.updating(rel, None);
                };
                let mut joined = self.updating(rel, needed)?;
                let side = joined.inputs_mut().into_iter().nth(side);
                if let Some(side) = side.filter(|side| !expires(side)) {
                    *side = until(side.take(), need.column, need.after);
                }
                Ok(joined)
            }
        }
    }

    /// The operator as it is, of which rows are needed so long.
    fn updating(&self, rel: Rel, needed: Option<&Need>) -> Placed<Rel> {
        let needs = needed.map_or_else(Vec::new, |need| need.below(&rel));
        self.over(rel, needs)
    }

    /// The operator over inputs of which rows are needed so long.
    fn over(&self, mut rel: Rel, needs: Vec<Option<Need>>) -> Placed<Rel> {
        let mut needs = needs.into_iter();
        for input in rel.inputs_mut() {
            *input = self.place(input.take(), needs.next().flatten().as_ref())?;
        }
        Ok(rel)
    }

    /// A join of two streams. Each side's rows are needed until they have met their last partner.
    fn pair(&self, rel: Rel, pairing: &Pairing) -> Placed<Rel> {
        let (left, right) = pairing.holds();
        let (order, residual) = pairing.order(&rel);
        let rel = self.over(rel, [&left, &right].map(|hold| Some(Need::of_side(hold, self.grid))).into())?;
        Ok(settled(rel, Settling::Pair { left, right, order, residual, emit: Emit::Changes }))
    }

    fn is_append_only(&self, rel: &Rel) -> bool {
        append_only(rel, self.append_only)
    }
}

/// Whether rows of a plan go because a join below has no more need of them.
fn expires(rel: &Rel) -> bool {
    match rel {
        Rel::Temporal { tests, .. } => tests.iter().any(|test| test.order.ends()),
        Rel::Filter { input, .. } | Rel::Map { input, .. } | Rel::Expand { input, .. } => expires(input),
        Rel::Join { .. } => rel.inputs().into_iter().any(expires),
        _ => false,
    }
}

/// Tells the rows of the topmost windows when these have ended, and of those of a join's sides; whether there are any.
fn postpone(rel: &mut Rel) -> bool {
    match rel {
        Rel::Settle { input, settling: Settling::Group { emit, .. } } => {
            *emit = Emit::Final;
            input.inputs_mut().into_iter().for_each(postpone_below);
            true
        }
        Rel::Settle { input, settling: Settling::Pair { emit, .. } } => {
            *emit = Emit::Final;
            input.inputs_mut().into_iter().for_each(|side| _ = postpone(side));
            true
        }
        Rel::Filter { input, .. } | Rel::Map { input, .. } | Rel::Expand { input, .. } => postpone(input),
        Rel::Union { inputs } => inputs.iter_mut().all(postpone),
        _ => false,
    }
}

/// What is made of windows that end no later need not know them before: not so beyond a join of streams, whose sides differ in time.
fn postpone_below(rel: &mut Rel) {
    match rel {
        Rel::Settle { settling: Settling::Pair { .. }, .. } => return,
        Rel::Settle { settling: Settling::Group { emit, .. }, .. } => *emit = Emit::Final,
        _ => {}
    }
    rel.inputs_mut().into_iter().for_each(postpone_below);
}

fn settled(rel: Rel, settling: Settling) -> Rel {
    Rel::Settle { input: Box::new(rel), settling }
}

/// Whether every row of a group is held for the aggregate.
fn holds_rows(aggregate: &Aggregate, append_only: bool) -> bool {
    match &aggregate.function {
        AggregateFunction::Min(_) | AggregateFunction::Max(_) | AggregateFunction::AnyValue(_) => !append_only,
        function => !aggregate.arguments.is_empty() && function.accumulable().is_none(),
    }
}

/// Refuses to hold all that comes from a stream that does not end.
fn holds(growth: &Growth, holder: &str, advice: &'static str) -> Placed<()> {
    match growth.grows.as_ref().filter(|stream| !stream.ends) {
        Some(stream) => {
            let advice = if stream.timed { advice } else { UNTIMED };
            Err(Box::new(Refusal::unbounded(&stream.name, holder, advice)))
        }
        None => Ok(()),
    }
}
