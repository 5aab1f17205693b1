//! Joins of rows that settle: each side waits for partners as long as one can come, in the order of their times.
//!
//! Rows of both sides come in the order in which they take effect, so a pair is given when the later of the two does. Whether a row
//! that is shown alone finds a partner is counted; that one of the two has been given up changes nothing any more.

use super::side::{Held, Side, held_bytes};
use super::terms::takes_effect;
use crate::dataflow::fault::{self, Fault};
use crate::dataflow::holding::{Holding, holding};
use crate::dataflow::linear::{Evaluator, Linear};
use crate::dataflow::operators::advance::{Advance, Changes, Entries, Keys, advancing, due_first};
use crate::dataflow::operators::linear::Read;
use crate::dataflow::operators::waiting::Waiting;
use crate::dataflow::shape::mapped;
use crate::dataflow::types::{Collection, Errors, Outcome, Rows};
use crate::expr::Scalar;
use crate::plan::{Emit, Hold, JoinKind};
use crate::value::{Column, Datum, Diff, Row, Time, encoding};
use differential_dataflow::AsCollection;
use std::sync::Arc;

/// One side of a join.
pub struct PairSide<'s, 'p> {
    /// Its rows.
    pub read: Read<'s>,
    /// Their columns as they are read.
    pub columns: &'p [Column],
    /// The key; with `true`, null agrees with null.
    pub key: Vec<(Scalar, bool)>,
    /// How long a row waits.
    pub hold: Hold,
    /// The column by which rows are kept in order.
    pub order: usize,
}

/// What a join gives, and when.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What becomes of rows without partners.
    pub kind: JoinKind,
    /// When these are told.
    pub emit: Emit,
    /// As in `Order`.
    pub apart: (i64, i64),
    /// The width of the refresh grid.
    pub grid: Time,
}

/// What the program makes of pairs, and rows without a partner, as the kind of the join says.
pub fn pairs<'s>(
    left: PairSide<'s, '_>,
    right: PairSide<'s, '_>,
    program: &Linear,
    kind: Kind,
) -> (Rows<'s>, Vec<Errors<'s>>) {
    let both: Vec<Column> = left.columns.iter().chain(right.columns).cloned().collect();
    let nulls = |columns: &[Column]| Row::pack(columns.iter().map(|_| &Datum::Null));
    let pairs = Pairs {
        kind,
        program: program.compile(),
        fault: Fault::new(&both),
        nulls: [nulls(left.columns), nulls(right.columns)],
    };
    let state = Pairing {
        pairs,
        waiting: Waiting::new("Pair", |(key, _, (_, _, row, _))| {
            key.memory() + row.memory() + size_of::<(Time, i64)>()
        }),
        keys: Entries::new("Pair"),
        passing: Vec::new(),
        shorter: if left.hold.last < right.hold.last { LEFT } else { RIGHT },
        rows: holding("Pair"),
        due: Waiting::new("Pair", |(key, _, _, row)| key.memory() + row.memory()),
        settling: Waiting::new("Pair", Row::memory),
    };
    let (left_changes, left_errors) = side(left, true, kind.grid);
    let (right_changes, right_errors) = side(right, false, kind.grid);
    let outcomes: Collection<'s, Outcome> = advancing(left_changes.concat(right_changes), "Pair", state);
    let (rows, errors) = fault::split(outcomes);
    (rows, left_errors.into_iter().chain(right_errors).chain([errors]).collect())
}

/// What a row is kept in order by. It does not matter where the nulls are: what is found is tested.
fn rank(column: &[u8]) -> i64 {
    match encoding::decode(column).0 {
        Datum::Int2(number) => number.into(),
        Datum::Int4(number) => number.into(),
        Datum::Int8(number) => number,
        _ => encoding::moment(column).unwrap_or(i64::MIN),
    }
}

/// The sum; without bound if that is without.
fn shifted(value: i64, by: i64) -> i64 {
    match by {
        i64::MAX => i64::MAX,
        by if by == -i64::MAX => i64::MIN,
        by => value.saturating_add(by),
    }
}

/// A row of the left side, or of the right, the value by which it is kept in order, and how often it comes.
type Change = (bool, i64, Row, Diff);

fn side<'s>(side: PairSide<'s, '_>, is_left: bool, grid: Time) -> (Changes<'s, Change>, Option<Errors<'s>>) {
    let PairSide { mut read, columns, key, hold, order } = side;
    let keys: Vec<Scalar> = key.iter().map(|(key, _)| key.clone()).collect();
    read.program.prepend(&keys);
    let keys =
        Keys::new(&mapped(&keys, columns), key.iter().map(|(_, null_safe)| *null_safe).collect(), is_left.into());
    let (changes, errors) = read.each(move |bytes, time, diff| {
        let (key, row) = keys.split(bytes);
        let at = encoding::moment(encoding::column(row, hold.column))?;
        let last = Time::try_from(at.saturating_add(hold.last)).unwrap_or(Time::MIN);
        let value = if order == hold.column { at } else { rank(encoding::column(row, order)) };
        let settles = takes_effect(last, grid).saturating_add(1);
        Some(((key, settles), time, (is_left, value, Row::from_bytes(row), diff)))
    });
    (changes.as_collection(), errors)
}

struct Pairing {
    pairs: Pairs,
    waiting: Waiting<(Row, Time, Change)>,
    keys: Entries<Sides>,
    /// The side whose rows wait less.
    shorter: usize,
    /// Rows of it that are not held themselves but meet what the other side holds.
    passing: Vec<(Row, Time, Change)>,
    /// Counts the rows of the keys.
    rows: Arc<Holding>,
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
            let mut changes = self.waiting.take_at(time);
            let mut passing = std::mem::take(&mut self.passing);
            for (key, settles, change) in changes.drain(..) {
                match self.passes(change.0) && settles <= time.saturating_add(1) {
                    true => passing.push((key, settles, change)),
                    false => self.change(time, key, settles, change, give),
                }
            }
            passing.drain(..).for_each(|(key, settles, change)| self.pass(time, &key, settles, change, give));
            self.waiting.reuse(changes);
            self.passing = passing;
            for (key, is_left, value, row) in self.due.take_at(time) {
                let Some(sides) = self.keys.get(&key) else { continue };
                let Some(held) = sides.rows[usize::from(!is_left)].get(value, &row) else { continue };
                if held.partners == 0 && held.count != 0 {
                    give(Ok(self.pairs.alone(is_left, &row)), time, held.count);
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
    /// Whether rows of a side that find partners only at their own time are not held, but meet what the other side holds when that
    /// is complete.
    fn passes(&self, is_left: bool) -> bool {
        usize::from(!is_left) == self.shorter && !self.pairs.shows(is_left)
    }

    fn pass(
        &mut self,
        time: Time,
        key: &Row,
        settles: Time,
        (is_left, value, row, diff): Change,
        give: &mut impl FnMut(Outcome, Time, Diff),
    ) {
        let Some(sides) = self.keys.get_mut(key).filter(|_| time < settles) else { return };
        let others = &mut sides.rows[usize::from(is_left)];
        self.pairs.meet(time, (is_left, value, &row, diff), others, give);
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
        let sides = self.keys.get_or_insert(&key, Sides::default);
        let [left, right] = &mut sides.rows;
        let (mine, others) = if is_left { (left, right) } else { (right, left) };
        let partners = self.pairs.meet(time, (is_left, value, &row, diff), others, give);
        // A row that may be shown alone is told of, and waits to be shown.
        let alone = self.pairs.shows(is_left).then(|| row.clone());
        let (bytes, rows) = (held_bytes(&row), &self.rows);
        let mut became_held = false;
        mine.change(value, row, settles, |held, is_fresh| {
            let before = held.clone();
            if is_fresh {
                held.partners = partners;
                rows.add(1, bytes);
            }
            held.count += diff;
            became_held = is_fresh;
            match &alone {
                Some(row) => {
                    self.pairs.told(time, (is_left, row), &before, held, give);
                    true
                }
                // Should it come again, it meets the same.
                None if held.count == 0 => {
                    rows.add(-1, -bytes);
                    false
                }
                None => true,
            }
        });
        if became_held && settles < sides.settles {
            sides.settles = settles;
            self.settling.push(settles, key.clone());
        }
        if let Some(row) = alone.filter(|_| became_held && self.pairs.waits_to_show(is_left)) {
            self.due.push(settles.saturating_sub(1), (key, is_left, value, row));
        }
    }

    /// Gives up the rows that find no partner any more: of a side those with the least values.
    fn settle(&mut self, frontier: Option<Time>) {
        let due = self.settling.take_below(frontier.map(|frontier| frontier.saturating_add(1)));
        for key in due.flat_map(|(_, keys)| keys) {
            self.keys.retain(&key, |Sides { rows, settles }| {
                for side in rows.iter_mut() {
                    let has_settled = |settles| frontier.is_none_or(|frontier| settles <= frontier);
                    side.settle(has_settled, |row| self.rows.add(-1, -held_bytes(row)));
                }
                let first = rows.iter().filter_map(Side::settles).min();
                if let Some(next) = first.filter(|next| next != settles) {
                    *settles = next;
                    self.settling.push(next, key.clone());
                }
                first.is_some()
            });
        }
        self.keys.shrink();
    }
}

/// Makes what a join gives.
struct Pairs {
    kind: Kind,
    program: Evaluator,
    fault: Fault,
    /// What stands in the place of an absent left or right row.
    nulls: [Row; 2],
}

impl Pairs {
    /// Whether rows of a side are shown that have, or have not, found a partner; pairs aside.
    fn shows(&self, is_left: bool) -> bool {
        match self.kind.kind {
            JoinKind::Inner => false,
            JoinKind::Semi | JoinKind::Left | JoinKind::Anti => is_left,
            JoinKind::Full => true,
        }
    }

    /// Whether a row of a side that is alone is shown only at the end of its time.
    fn waits_to_show(&self, is_left: bool) -> bool {
        self.kind.emit == Emit::Final && self.shows(is_left) && self.kind.kind != JoinKind::Semi
    }

    /// A row without a partner.
    fn alone(&self, is_left: bool, row: &Row) -> Row {
        if !self.kind.kind.shows_right() {
            return row.clone();
        }
        let (left, right) = if is_left { (row, &self.nulls[RIGHT]) } else { (&self.nulls[LEFT], row) };
        left.with_bytes(|left| right.with_bytes(|right| Row::from_bytes(&[left, right].concat())))
    }

    /// Gives the pairs of a row that comes or goes, and counts that for those it meets. How many partners it has.
    fn meet(
        &mut self,
        time: Time,
        (is_left, value, row, diff): (bool, i64, &Row, Diff),
        others: &mut Side,
        give: &mut impl FnMut(Outcome, Time, Diff),
    ) -> Diff {
        let (least, most) = self.kind.apart;
        let (from, to) = match is_left {
            true => (shifted(value, least), shifted(value, most)),
            false => (shifted(value, -most), shifted(value, -least)),
        };
        let mut partners = 0;
        for (other, theirs) in others.between(from, to) {
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
            partners += theirs.count;
            if self.kind.kind.shows_right() && theirs.count != 0 {
                give(Ok(pair), time, diff * theirs.count);
            }
            let before = theirs.clone();
            theirs.partners += diff;
            self.told(time, (!is_left, other), &before, theirs, give);
        }
        partners
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
        // What is shown alone only at the end of its time is given then.
        if !self.shows(is_left) || self.waits_to_show(is_left) {
            return;
        }
        let is_semi = self.kind.kind == JoinKind::Semi;
        let shown = |held: &Held| held.count * Diff::from((held.partners != 0) == is_semi);
        let change = shown(after) - shown(before);
        if change != 0 {
            give(Ok(self.alone(is_left, row)), time, change);
        }
    }
}
