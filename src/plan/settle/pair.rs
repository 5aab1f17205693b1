//! Joins of two streams: which conditions bind the time of one side to that of the other.
//!
//! If `value(b)` lies between `value(a) - before` and `value(a) + after` for all pairs, then a row `a` finds its last partner when
//! the last `b` with `value(b) <= value(a) + after` can come, and a row `b` likewise.

use super::horizon::length;
use super::{Growth, Hold, Horizon};
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
            for Difference { least, most } in conditions {
                before = [before, least.map(|least: i64| least.saturating_neg())].into_iter().flatten().min();
                after = [after, most].into_iter().flatten().min();
            }
            Some(Pairing { left, right, before: before?, after: after? })
        });
        pairings.min_by_key(|pairing| pairing.after.saturating_add(pairing.before))
    }

    /// How much more the right value is than the left one: at least, at most.
    pub(super) fn apart(&self) -> (i64, i64) {
        (self.before.saturating_neg(), self.after)
    }

    /// How long the rows of either side wait for partners.
    pub(super) fn holds(&self) -> (Hold, Hold) {
        let left = self.left.last().max(self.after.saturating_add(self.right.last()));
        let right = self.right.last().max(self.before.saturating_add(self.left.last()));
        (Hold { column: self.left.column, last: left }, Hold { column: self.right.column, last: right })
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
    Some(match name {
        "<" => Difference { least: Some(least.saturating_add(1)), most: None },
        "<=" => Difference { least: Some(least), most: None },
        ">" => Difference { least: None, most: Some(most.saturating_sub(1)) },
        ">=" => Difference { least: None, most: Some(most) },
        "=" => Difference { least: Some(least), most: Some(most) },
        _ => return None,
    })
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

/// The start of a bucket lies up to its width before the value.
fn bucket(scalar: &Scalar) -> Option<Term> {
    let mut column = None;
    scalar.columns(&mut |of| column = Some(of));
    let at = Horizon { column: column?, length: 1, accept: 0, reach: 0, step: 1 };
    let of = Horizon::of(scalar, &[at], at.column)?;
    Some(Term { column: at.column, least: -of.reach, most: 0 })
}

impl Term {
    fn shifted(self, by: i64) -> Term {
        Term { least: self.least.saturating_add(by), most: self.most.saturating_add(by), ..self }
    }
}
