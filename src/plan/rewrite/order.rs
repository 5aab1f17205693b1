//! The order of inner joins.
//!
//! A run of inner joins is kept as it is written while every relation has a key to what stands before it. If one has none there, but
//! has one to a relation that comes later, the next relation that has a key comes first: nothing is paired with everything only
//! because of the order of words.

use crate::expr::{Argument, Scalar, resolve_operator};
use crate::plan::equality::{moved, reads_only};
use crate::plan::unnest::join;
use crate::plan::{Equality, JoinKind, Rel};

/// A run of inner joins, flat.
#[derive(Default)]
struct Run {
    /// The relations, and where the columns of each begin.
    relations: Vec<(Rel, usize)>,
    width: usize,
    /// Over the columns of all relations.
    conditions: Vec<Scalar>,
}

/// Orders the joins of the whole plan.
pub(super) fn order(mut rel: Rel) -> Rel {
    if is_run(&rel) {
        let mut run = Run::default();
        run.add(rel.clone());
        if run.pairs_everything() {
            rel = run.ordered();
        }
    }
    for input in rel.inputs_mut() {
        let taken = input.take();
        *input = order(taken);
    }
    rel
}

fn is_run(rel: &Rel) -> bool {
    match rel {
        Rel::Filter { input, .. } => is_run(input),
        Rel::Join { kind: JoinKind::Inner, .. } => true,
        _ => false,
    }
}

impl Run {
    fn add(&mut self, rel: Rel) {
        let start = self.width;
        match rel {
            Rel::Filter { input, predicates } if is_run(&input) => {
                self.add(*input);
                self.conditions.extend(predicates.into_iter().flat_map(super::conjuncts).map(|p| moved(p, start)));
            }
            Rel::Join { kind: JoinKind::Inner, left, right, on, residual } => {
                let right_start = start + left.width();
                let keys: Option<Vec<Scalar>> = on.iter().map(|key| equality(key, start, right_start)).collect();
                let Some(keys) = keys else {
                    return self.add_relation(Rel::Join { kind: JoinKind::Inner, left, right, on, residual });
                };
                self.add(*left);
                self.add(*right);
                self.conditions.extend(keys);
                self.conditions.extend(residual.into_iter().flat_map(super::conjuncts).map(|p| moved(p, start)));
            }
            rel => self.add_relation(rel),
        }
    }

    fn add_relation(&mut self, rel: Rel) {
        let start = self.width;
        self.width += rel.width();
        self.relations.push((rel, start));
    }

    /// The relation a column belongs to.
    fn owner(&self, column: usize) -> usize {
        self.relations.partition_point(|(_, start)| *start <= column) - 1
    }

    fn owners(&self, scalar: &Scalar) -> Vec<usize> {
        let mut owners = Vec::new();
        scalar.columns(&mut |column| owners.push(self.owner(column)));
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    /// Whether a condition is a key between a relation and some of those placed before it.
    fn connects(&self, condition: &Scalar, relation: usize, placed: &[usize]) -> bool {
        let Scalar::Call { function, arguments, .. } = condition else { return false };
        let [a, b] = arguments.as_slice() else { return false };
        let is_key = matches!(function.name(), "=" | "is not distinct from");
        let here = |scalar: &Scalar| self.owners(scalar) == [relation];
        let before = |scalar: &Scalar| {
            let owners = self.owners(scalar);
            !owners.is_empty() && owners.iter().all(|owner| placed.contains(owner))
        };
        is_key && ((here(a) && before(b)) || (here(b) && before(a)))
    }

    fn has_key(&self, relation: usize, placed: &[usize]) -> bool {
        self.conditions.iter().any(|condition| self.connects(condition, relation, placed))
    }

    /// Whether, as written, some relation has no key to those before it, but another order might give it one.
    fn pairs_everything(&self) -> bool {
        let placed: Vec<usize> = (0..self.relations.len()).collect();
        (1..placed.len()).any(|relation| !self.has_key(relation, &placed[..relation])) && self.sequence() != placed
    }

    /// The relations in the order in which they are joined.
    fn sequence(&self) -> Vec<usize> {
        let mut waiting: Vec<usize> = (0..self.relations.len()).collect();
        let mut placed = vec![waiting.remove(0)];
        while !waiting.is_empty() {
            let next = waiting.iter().position(|relation| self.has_key(*relation, &placed)).unwrap_or(0);
            placed.push(waiting.remove(next));
        }
        placed
    }

    fn ordered(self) -> Rel {
        let sequence = self.sequence();
        // Where each relation's columns begin in the new order.
        let mut starts = vec![0; self.relations.len()];
        let mut width = 0;
        for relation in &sequence {
            starts[*relation] = width;
            width += self.relations[*relation].0.width();
        }
        let place = |column: usize| {
            let owner = self.owner(column);
            starts[owner] + column - self.relations[owner].1
        };
        let mut waiting: Vec<Scalar> = self.conditions.clone();
        waiting.iter_mut().for_each(|condition| condition.map_columns(&mut |column| place(column)));
        let mut whole: Option<Rel> = None;
        for relation in sequence {
            let rel = self.relations[relation].0.clone();
            let Some(left) = whole else {
                whole = Some(rel);
                continue;
            };
            let end = left.width() + rel.width();
            // What may fail waits until all other conditions hold.
            let (now, later) =
                waiting.into_iter().partition(|c| !c.is_fallible() && reads_only(c, |column| column < end));
            waiting = later;
            whole = Some(join(JoinKind::Inner, left, rel, Vec::new(), now));
        }
        let Some(whole) = whole else { return Rel::Union { inputs: Vec::new() } };
        let types = whole.columns();
        let order: Vec<usize> = (0..types.len()).map(place).collect();
        whole.filter(waiting).project(&order)
    }
}

/// The condition a key stands for, given where the columns of its sides begin.
fn equality(key: &Equality, left: usize, right: usize) -> Option<Scalar> {
    let Equality { left: l, right: r, null_safe } = key;
    let (left, right) = (moved(l.clone(), left), moved(r.clone(), right));
    let name = if *null_safe { "is not distinct from" } else { "=" };
    let known = [Argument::Known(left.ty()), Argument::Known(right.ty())];
    let resolved = resolve_operator(name, &known).ok()?;
    Some(Scalar::Call { function: resolved.function, arguments: vec![left, right], ty: resolved.result })
}
