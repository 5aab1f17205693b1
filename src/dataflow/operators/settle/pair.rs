//! Joins of rows that settle: each side waits for partners as long as one can come, in the order of their times.
//!
//! Rows of both sides come in the order in which they take effect, so a pair is given when the later of the two does. Whether a row
//! that is shown alone finds a partner is counted; that one of the two has been given up changes nothing any more.

use super::terms::takes_effect;
use crate::dataflow::fault::{self, Fault};
use crate::dataflow::linear::{Evaluator, Linear};
use crate::dataflow::operators::advance::{Advance, Changes, Entries, Keys, advancing, due_first};
use crate::dataflow::operators::linear::linear;
use crate::dataflow::operators::waiting::Waiting;
use crate::dataflow::shape::mapped;
use crate::dataflow::types::{Collection, Errors, Outcome, Rows};
use crate::expr::Scalar;
use crate::plan::{Emit, Hold, JoinKind};
use crate::value::{Column, Datum, Diff, Row, Time, encoding};
use differential_dataflow::AsCollection;
use std::collections::BTreeMap;
use timely::dataflow::operators::vec::Map;

/// One side of a join.
pub struct PairSide<'s, 'p> {
    /// Its rows.
    pub rows: Rows<'s>,
    /// Their columns.
    pub columns: &'p [Column],
    /// The key; with `true`, null agrees with null.
    pub key: Vec<(Scalar, bool)>,
    /// How long a row waits.
    pub hold: Hold,
}

/// What a join gives, and when.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What becomes of rows without partners.
    pub kind: JoinKind,
    /// When these are told.
    pub emit: Emit,
    /// How far a right row's value lies from the left row's: at least, at most; microseconds.
    pub apart: (i64, i64),
    /// The width of the refresh grid.
    pub grid: Time,
}

/// The pairs, and rows without a partner, as the kind of the join says.
pub fn pairs<'s>(
    left: PairSide<'s, '_>,
    right: PairSide<'s, '_>,
    residual: &[Scalar],
    kind: Kind,
) -> (Rows<'s>, Vec<Errors<'s>>) {
    let both: Vec<Column> = left.columns.iter().chain(right.columns).cloned().collect();
    let mut program = Linear::pair(left.columns.len(), right.columns.len());
    program.filter(residual);
    let nulls = |columns: &[Column]| Row::pack(columns.iter().map(|_| &Datum::Null));
    let state = Pairing {
        kind,
        program: program.compile(),
        fault: Fault::new(&both),
        nulls: [nulls(left.columns), nulls(right.columns)],
        waiting: Waiting::new("Pair", |(key, _, (_, _, row, _))| {
            key.memory() + row.memory() + size_of::<(Time, i64)>()
        }),
        keys: Entries::new("Pair"),
        due: Waiting::new("Pair", |(key, _, _, row)| key.memory() + row.memory()),
        settling: Waiting::new("Pair", Row::memory),
    };
    let (left_changes, left_errors) = side(left, true, kind.grid);
    let (right_changes, right_errors) = side(right, false, kind.grid);
    let outcomes: Collection<'s, Outcome> = advancing(left_changes.concat(right_changes), "Pair", state);
    let (rows, errors) = fault::split(outcomes);
    (rows, left_errors.into_iter().chain(right_errors).chain([errors]).collect())
}

/// A row of the left side, or of the right, the value that it is held by, and how often it comes.
type Change = (bool, i64, Row, Diff);

fn side<'s>(side: PairSide<'s, '_>, is_left: bool, grid: Time) -> (Changes<'s, Change>, Option<Errors<'s>>) {
    let PairSide { rows, columns, key, hold } = side;
    let keys: Vec<Scalar> = key.iter().map(|(key, _)| key.clone()).collect();
    let mut program = Linear::identity(columns.len());
    program.prepend(&keys);
    let (rows, errors) = linear(rows, &program, Fault::new(columns));
    let keys =
        Keys::new(&mapped(&keys, columns), key.iter().map(|(_, null_safe)| *null_safe).collect(), is_left.into());
    let changes = rows.inner.flat_map(move |(row, time, diff)| {
        row.with_bytes(|bytes| {
            let (key, row) = keys.split(bytes);
            let value = super::moment(encoding::column(row, hold.column))?;
            let last = Time::try_from(value.saturating_add(hold.last)).unwrap_or(Time::MIN);
            let settles = takes_effect(last, grid).saturating_add(1);
            Some(((key, settles), time, (is_left, value, Row::from_bytes(row), diff)))
        })
    });
    (changes.as_collection(), errors)
}

/// A row that waits for partners.
#[derive(Clone, Debug)]
struct Held {
    count: Diff,
    /// How many partners it has found.
    partners: Diff,
    settles: Time,
}

fn held_bytes(row: &Row) -> i64 {
    (row.memory() + size_of::<(i64, Held)>()) as i64
}

/// The rows of a side by the value they are held by.
type Side = BTreeMap<(i64, Row), Held>;

struct Pairing {
    kind: Kind,
    program: Evaluator,
    fault: Fault,
    /// What stands in the place of an absent left or right row.
    nulls: [Row; 2],
    waiting: Waiting<(Row, Time, Change)>,
    keys: Entries<Sides>,
    /// The rows to be shown alone if they still are.
    due: Waiting<(Row, bool, i64, Row)>,
    /// The keys by when a row may settle.
    settling: Waiting<Row>,
}

/// What is held of a key: left rows and right rows.
struct Sides {
    rows: [Side; 2],
    /// When the first of them may settle.
    settles: Time,
}

impl Default for Sides {
    fn default() -> Sides {
        Sides { rows: Default::default(), settles: Time::MAX }
    }
}

const LEFT: usize = 0;
const RIGHT: usize = 1;

impl Advance for Pairing {
    type Change = Change;

    fn wait(&mut self, time: Time, key: Row, settles: Time, change: Change) {
        self.waiting.push(time, (key, settles, change));
    }

    fn advance(&mut self, frontier: Option<Time>, give: &mut impl FnMut(Outcome, Time, Diff)) {
        while let Some(time) = due_first([self.waiting.first(), self.due.first()], frontier) {
            for (key, settles, change) in self.waiting.take_at(time) {
                self.change(time, key, settles, change, give);
            }
            for (key, is_left, value, row) in self.due.take_at(time) {
                let Some(sides) = self.keys.get(&key) else { continue };
                let Some(held) = sides.rows[usize::from(!is_left)].get(&(value, row.clone())) else { continue };
                if held.partners == 0 && held.count != 0 {
                    give(Ok(self.alone(is_left, &row)), time, held.count);
                }
            }
        }
        self.settle(frontier);
    }

    fn is_pending(&self) -> bool {
        self.waiting.first().is_some() || self.due.first().is_some()
    }
}

impl Pairing {
    /// Whether rows of a side are shown that have, or have not, found a partner; pairs aside.
    fn shows_alone(&self, is_left: bool) -> bool {
        match self.kind.kind {
            JoinKind::Inner | JoinKind::Semi => false,
            JoinKind::Left | JoinKind::Anti => is_left,
            JoinKind::Full => true,
        }
    }

    /// A row without a partner.
    fn alone(&self, is_left: bool, row: &Row) -> Row {
        if !self.kind.kind.shows_right() {
            return row.clone();
        }
        let (left, right) = if is_left { (row, &self.nulls[RIGHT]) } else { (&self.nulls[LEFT], row) };
        left.with_bytes(|left| right.with_bytes(|right| Row::from_bytes(&[left, right].concat())))
    }

    fn change(
        &mut self,
        time: Time,
        key: Row,
        settles: Time,
        (is_left, value, row, diff): Change,
        give: &mut impl FnMut(Outcome, Time, Diff),
    ) {
        if settles <= time {
            return;
        }
        let mut held_of_key = std::mem::take(self.keys.get_or_insert(&key, Sides::default));
        let sides = &mut held_of_key.rows;
        let mine = usize::from(!is_left);
        let known = sides[mine].get(&(value, row.clone())).cloned();
        let fresh = known.is_none();
        let mut held = known.unwrap_or(Held { count: 0, partners: 0, settles });
        let before = held.clone();
        self.meet(time, (is_left, value, &row, diff), &mut sides[1 - mine], (fresh, &mut held), give);
        held.count += diff;
        self.told(time, (is_left, &row), &before, &held, give);
        if fresh {
            self.keys.holding.add(1, held_bytes(&row));
            if settles < held_of_key.settles {
                held_of_key.settles = settles;
                self.settling.push(settles, key.clone());
            }
            if self.kind.emit == Emit::Final && self.shows_alone(is_left) {
                self.due.push(settles.saturating_sub(1), (key.clone(), is_left, value, row.clone()));
            }
        }
        held_of_key.rows[mine].insert((value, row), held);
        *self.keys.get_or_insert(&key, Sides::default) = held_of_key;
    }

    /// Gives up the rows that find no partner any more: of a side those with the least values.
    fn settle(&mut self, frontier: Option<Time>) {
        let holding = self.keys.holding.clone();
        let due = self.settling.take_below(frontier.map(|frontier| frontier.saturating_add(1)));
        for key in due.flat_map(|(_, keys)| keys) {
            let Some(Sides { rows, settles }) = self.keys.get_mut(&key) else { continue };
            for side in rows.iter_mut() {
                while let Some(first) = side.first_entry()
                    && frontier.is_none_or(|frontier| first.get().settles <= frontier)
                {
                    holding.add(-1, -held_bytes(&first.key().1));
                    first.remove();
                }
            }
            let first = rows.iter().filter_map(|side| side.first_key_value().map(|(_, held)| held.settles));
            match first.min() {
                None => self.keys.remove(&key),
                Some(next) if next != *settles => {
                    *settles = next;
                    self.settling.push(next, key);
                }
                Some(_) => {}
            }
        }
        self.keys.shrink();
    }

    /// Gives the pairs of a row that comes or goes, and counts for both that they met.
    fn meet(
        &mut self,
        time: Time,
        (is_left, value, row, diff): (bool, i64, &Row, Diff),
        others: &mut Side,
        (fresh, held): (bool, &mut Held),
        give: &mut impl FnMut(Outcome, Time, Diff),
    ) {
        let (least, most) = self.kind.apart;
        let (from, to) = match is_left {
            true => (value.saturating_add(least), value.saturating_add(most)),
            false => (value.saturating_sub(most), value.saturating_sub(least)),
        };
        let from = (from, Row::default());
        for ((_, other), theirs) in others.range_mut(from..).take_while(|((at, _), _)| *at <= to) {
            if theirs.settles <= time {
                continue;
            }
            let (left, right) = if is_left { (row, other) } else { (other, row) };
            let pair = left.with_bytes(|left| {
                right.with_bytes(|right| match self.program.row(left, right) {
                    Ok(pair) => Ok(pair),
                    Err(error) => Err(self.fault.report_bytes(error, left, right)),
                })
            });
            let pair = match pair {
                Ok(None) => continue,
                Ok(Some(pair)) => pair,
                Err(error) => {
                    give(Err(error), time, diff * theirs.count);
                    continue;
                }
            };
            if fresh {
                held.partners += theirs.count;
            }
            let before = theirs.clone();
            theirs.partners += diff;
            if self.kind.kind.shows_right() && theirs.count != 0 {
                give(Ok(pair), time, diff * theirs.count);
            }
            self.told(time, (!is_left, other), &before, theirs, give);
        }
    }

    /// Gives what a side shows of a row by itself, if that has changed.
    fn told(
        &self,
        time: Time,
        (is_left, row): (bool, &Row),
        before: &Held,
        after: &Held,
        give: &mut impl FnMut(Outcome, Time, Diff),
    ) {
        let shown = |held: &Held| match self.kind.kind {
            JoinKind::Semi if is_left => held.count * Diff::from(held.partners != 0),
            _ if self.shows_alone(is_left) => held.count * Diff::from(held.partners == 0),
            _ => 0,
        };
        // What is shown alone only at the end of its time is given then.
        let waits = self.kind.emit == Emit::Final && self.shows_alone(is_left);
        let change = shown(after) - shown(before);
        if change != 0 && !waits {
            give(Ok(self.alone(is_left, row)), time, change);
        }
    }
}
