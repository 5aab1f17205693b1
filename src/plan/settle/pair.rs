//! Joins of two streams: which conditions bind the time of one side to that of the other.
//!
//! If `value(b)` lies between `value(a) - before` and `value(a) + after` for all pairs, then a row `a` finds its last partner when
//! the last `b` with `value(b) <= value(a) + after` can come, and a row `b` likewise.

use super::horizon::length;
use super::{Growth, Hold, Horizon, Order};
use crate::expr::Scalar;
use crate::plan::rewrite::conjuncts;
use crate::plan::{Equality, Rel};
use crate::value::Type;

/// Two horizons and how far they may lie apart.
pub(super) struct Pairing {
    left: Horizon,
    right: Horizon,
    /// The right value is at most so much less than the left one.
    before: i64,
    /// The right value is at most so much more than the left one.
    after: i64,
}

impl Pairing {
    /// The closest that a join's conditions say.
    pub(super) fn of(join: &Rel, left: &Growth, right: &Growth) -> Option<Pairing> {
        let Rel::Join { left: left_rel, on, residual, .. } = join else { return None };
        let width = left_rel.width();
        let pairs = left.horizons.iter().flat_map(|left| right.horizons.iter().map(move |right| (*left, *right)));
        let pairings = pairs.filter_map(|(left, right)| {
            let conditions = on.iter().flat_map(|key| equal(key, &left, &right));
            let conditions = conditions.chain(residual.iter().flat_map(|c| compared(c, &left, &right, width)));
            let (mut before, mut after) = (None, None);
            for Difference { least, most, .. } in conditions {
                before = [before, least.map(|least: i64| least.saturating_neg())].into_iter().flatten().min();
                after = [after, most].into_iter().flatten().min();
            }
            Some(Pairing { left, right, before: before?, after: after? })
        });
        pairings.min_by_key(|pairing| pairing.after.saturating_add(pairing.before))
    }

    /// In which order the join looks through rows, and which of its conditions pairs must then be tested for: by time, unless all
    /// rows of a key have the same.
    pub(super) fn order(&self, join: &Rel) -> (Order, Vec<Scalar>) {
        let apart = (self.before.saturating_neg(), self.after);
        let by_time = Order { left: self.left.column, right: self.right.column, apart };
        let Rel::Join { left, on, residual, .. } = join else { return (by_time, Vec::new()) };
        let conjuncts: Vec<Scalar> = residual.iter().flat_map(|condition| conjuncts(condition.clone())).collect();
        let is = |scalar: &Scalar, column| matches!(scalar, Scalar::Column(of, _) if *of == column);
        if on.iter().any(|key| is(&key.left, self.left.column) && is(&key.right, self.right.column)) {
            let order = conjuncts.iter().find_map(|conjunct| ordered(conjunct, left.width()));
            return (order.unwrap_or(by_time), conjuncts);
        }
        let is_implied = |conjunct: &Scalar| {
            compared(conjunct, &self.left, &self.right, left.width()).first().is_some_and(|said| said.is_all)
        };
        (by_time, conjuncts.into_iter().filter(|conjunct| !is_implied(conjunct)).collect())
    }

    /// How long the rows of either side wait for partners.
    pub(super) fn holds(&self) -> (Hold, Hold) {
        let left = self.left.last().max(self.after.saturating_add(self.right.last()));
        let right = self.right.last().max(self.before.saturating_add(self.left.last()));
        let hold = |of: &Horizon, last| Hold { column: of.column, last, own: of.last() };
        (hold(&self.left, left), hold(&self.right, right))
    }

    /// What tells when a pair settles: the horizons of either side, as late as its row may find a partner.
    pub(super) fn horizons(&self) -> (Vec<Horizon>, Vec<Horizon>) {
        let (left, right) = self.holds();
        let late = |horizon: Horizon, hold: Hold| {
            let accept = hold.last.saturating_sub(horizon.length.saturating_sub(1));
            vec![Horizon { accept, ..horizon }]
        };
        (late(self.left, left), late(self.right, right))
    }
}

/// How much more the right value is than the left one, as far as that is bounded; microseconds.
struct Difference {
    least: Option<i64>,
    most: Option<i64>,
    /// Whether this is all that is said.
    is_all: bool,
}

/// A column and so much more; of a bucket's start up to one bucket more.
struct Term {
    column: usize,
    least: i64,
    most: i64,
}

fn equal(key: &Equality, left: &Horizon, right: &Horizon) -> Option<Difference> {
    let (a, b) = (term(&key.left)?, term(&key.right)?);
    between(&a, &b, "=", left.column, right.column)
}

/// What a condition over both sides says.
fn compared(condition: &Scalar, left: &Horizon, right: &Horizon, width: usize) -> Vec<Difference> {
    let (left, right) = (left.column, right.column + width);
    let said = |conjunct: Scalar| {
        let Scalar::Call { function, arguments, .. } = &conjunct else { return None };
        let [a, b] = arguments.as_slice() else { return None };
        let (name, a, b) = (function.name(), term(a)?, term(b)?);
        between(&a, &b, name, left, right).or_else(|| between(&b, &a, reversed(name)?, left, right))
    };
    conjuncts(condition.clone()).into_iter().filter_map(said).collect()
}

/// The order that a comparison of a column of either side asks for.
fn ordered(condition: &Scalar, width: usize) -> Option<Order> {
    let Scalar::Call { function, arguments, .. } = condition else { return None };
    let [Scalar::Column(a, a_type), Scalar::Column(b, b_type)] = arguments.as_slice() else { return None };
    let is_ordered = |ty: &Type| {
        matches!(ty, Type::Int2 | Type::Int4 | Type::Int8 | Type::Date | Type::Timestamp | Type::Timestamptz)
    };
    if a_type != b_type || !is_ordered(a_type) {
        return None;
    }
    let name = function.name();
    let (left, right, name) = if a < b { (*a, *b, name) } else { (*b, *a, reversed(name)?) };
    let at = |column| Term { column, least: 0, most: 0 };
    let Difference { least, most, .. } = between(&at(left), &at(right), name, left, right)?;
    let bound = |by: Option<i64>, otherwise: i64| by.map_or(otherwise, |by| by.max(-i64::MAX));
    let apart = (bound(least, -i64::MAX), bound(most, i64::MAX));
    (left < width && right >= width).then(|| Order { left, right: right - width, apart })
}

fn reversed(name: &str) -> Option<&'static str> {
    Some(match name {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        "=" => "=",
        _ => return None,
    })
}

/// `a NAME b`, `a` being of the left column and `b` of the right one: bounds of the right value less the left one.
fn between(a: &Term, b: &Term, name: &str, left: usize, right: usize) -> Option<Difference> {
    if (a.column, b.column) != (left, right) {
        return None;
    }
    // left + [a] NAME right + [b]
    let (least, most) = (a.least.saturating_sub(b.most), a.most.saturating_sub(b.least));
    let (least, most) = match name {
        "<" => (Some(least.saturating_add(1)), None),
        "<=" => (Some(least), None),
        ">" => (None, Some(most.saturating_sub(1))),
        ">=" => (None, Some(most)),
        "=" => (Some(least), Some(most)),
        _ => return None,
    };
    Some(Difference { least, most, is_all: a.least == a.most && b.least == b.most })
}

fn term(scalar: &Scalar) -> Option<Term> {
    match scalar {
        Scalar::Column(column, Type::Timestamptz | Type::Timestamp) => {
            Some(Term { column: *column, least: 0, most: 0 })
        }
        Scalar::Call { function, arguments, .. } => match (function.name(), arguments.as_slice()) {
            ("+", [at, by]) => {
                term(at).zip(length(by)).or_else(|| term(by).zip(length(at))).map(|(term, by)| term.shifted(by))
            }
            ("-", [at, by]) => Some(term(at)?.shifted(length(by)?.checked_neg()?)),
            ("date_trunc" | "date_bin" | "date", _) => bucket(scalar),
            _ => None,
        },
        _ => None,
    }
}

/// Where the start of a bucket lies, its value as a zone's clock shows it included.
fn bucket(scalar: &Scalar) -> Option<Term> {
    let Horizon { column, length, reach, .. } = Horizon::made_of(scalar)?;
    let least = 1 - length;
    Some(Term { column, least, most: reach.saturating_add(least) })
}

impl Term {
    fn shifted(self, by: i64) -> Term {
        Term { least: self.least.saturating_add(by), most: self.most.saturating_add(by), ..self }
    }
}
