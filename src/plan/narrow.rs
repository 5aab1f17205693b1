//! Plans over what they read of their inputs: whatever other columns these have, the plans are the same.

use super::{Rel, RelId, View};
use crate::expr::Scalar;
use std::collections::{BTreeMap, BTreeSet};

/// Makes views read inputs that have no other columns than those that are read; which these are, by input. All are taken to be read
/// of an input that something else than a projection or a filter below one stands on.
pub fn narrow(views: &mut [View], is_input: &dyn Fn(&RelId) -> bool) -> BTreeMap<RelId, BTreeSet<usize>> {
    let mut read = BTreeMap::new();
    views.iter().for_each(|view| gather(&view.rel, is_input, &mut read));
    views.iter_mut().for_each(|view| renumber(&mut view.rel, &read));
    read
}

fn gather(rel: &Rel, is_input: &dyn Fn(&RelId) -> bool, read: &mut BTreeMap<RelId, BTreeSet<usize>>) {
    match (rel, projected(rel)) {
        (_, Some((relation, scalars))) if is_input(relation) => {
            let read = read.entry(relation.clone()).or_default();
            scalars.for_each(|scalar| {
                scalar.columns(&mut |column| {
                    read.insert(column);
                });
            });
        }
        (Rel::Get { relation, columns }, _) if is_input(relation) => {
            read.entry(relation.clone()).or_default().extend(0..columns.len());
        }
        _ => rel.inputs().into_iter().for_each(|input| gather(input, is_input, read)),
    }
}

/// The input that a projection stands on, and all that it reads of it.
fn projected(rel: &Rel) -> Option<(&RelId, impl Iterator<Item = &Scalar>)> {
    let Rel::Map { input, expressions } = rel else { return None };
    let (get, predicates): (&Rel, &[Scalar]) = match &**input {
        Rel::Filter { input, predicates } => (input, predicates),
        input => (input, &[]),
    };
    let Rel::Get { relation, .. } = get else { return None };
    Some((relation, expressions.iter().chain(predicates)))
}

fn renumber(rel: &mut Rel, read: &BTreeMap<RelId, BTreeSet<usize>>) {
    if let Some(read) = projected(rel).and_then(|(relation, _)| read.get(relation))
        && let Rel::Map { mut input, mut expressions } = rel.take()
    {
        let place = |column: usize| read.range(..column).count();
        let narrow = |get: &mut Rel| {
            if let Rel::Get { columns, .. } = get {
                *columns = read.iter().filter_map(|column| columns.get(*column)).cloned().collect();
            }
        };
        match &mut *input {
            Rel::Filter { input, predicates } => {
                predicates.iter_mut().for_each(|predicate| predicate.map_columns(&mut |column| place(column)));
                narrow(input);
            }
            get => narrow(get),
        }
        expressions.iter_mut().for_each(|expression| expression.map_columns(&mut |column| place(column)));
        *rel = input.map(expressions);
    } else if projected(rel).is_none() {
        rel.inputs_mut().into_iter().for_each(|input| renumber(input, read));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Scalar;
    use crate::value::{RelationName, Schema, Type};
    use std::sync::Arc;

    fn view(columns: &[Type], read: &[usize]) -> View {
        let get = |name: &str| Rel::Get { relation: RelationName::public(name), columns: columns.to_vec() };
        let is_set = Scalar::Column(read[0], Type::Bool);
        let filtered = Rel::Filter { input: Box::new(get("t")), predicates: vec![is_set] };
        let rel = Rel::Union { inputs: vec![get("t").project(read), filtered.project(read)] };
        let schema = Arc::new(Schema::table(Vec::new(), None));
        View { name: RelationName::public("v"), schema, rel }
    }

    #[test]
    fn what_is_not_read_makes_no_difference() {
        let is_input = |name: &RelId| name.name == "t";
        let whole = [Type::Bool, Type::Text];
        let mut views = [
            view(&whole, &[0, 1]),
            view(&[Type::Bool, Type::Text, Type::Int8], &[0, 1]),
            view(&[Type::Int8, Type::Bool, Type::Int4, Type::Text], &[1, 3]),
        ];
        let read: Vec<_> = views
            .iter_mut()
            .map(|view| narrow(std::slice::from_mut(view), &is_input))
            .map(|mut read| read.pop_first())
            .collect();
        assert_eq!(read[2].as_ref().map(|(_, read)| read.clone()), Some(BTreeSet::from([1, 3])));
        assert!(views.iter().all(|other| other.rel == view(&whole, &[0, 1]).rel), "{views:?}");
    }
}
