//! What the operators of views hold, told without running them.

use super::operators::reduce;
use super::sides::{Demand, Join, Side, linear_steps};
use crate::expr::Scalar;
use crate::plan::unnest::columns;
use crate::plan::{Held, JoinKind, Rel, RelId, View, append_only, append_only_views};

/// What each view's operators hold, the views in their order, given of which of the relations they read no row is ever retracted.
pub fn held(views: &[View], is_append_only: &dyn Fn(&RelId) -> bool) -> Vec<Vec<Held>> {
    let mut demand = Demand::default();
    views.iter().for_each(|view| demand.add(&view.rel));
    let like_that = append_only_views(views, is_append_only);
    let is_append_only = |name: &RelId| like_that.contains(name) || is_append_only(name);
    let given = Given { demand, is_append_only: &is_append_only };
    let mut of_views: Vec<Vec<Held>> = views.iter().map(|view| of_view(&view.rel, &given)).collect();
    let known = of_views.clone();
    for (place, entries) in of_views.iter_mut().enumerate() {
        for entry in entries.iter_mut().filter(|entry| !entry.in_loop) {
            let others = views.iter().zip(&known).enumerate().filter(|(other, _)| *other != place);
            let sharing = others.filter(|(_, (_, theirs))| theirs.contains(entry));
            let names: Vec<RelId> = sharing.map(|(_, (view, _))| view.name.clone()).collect();
            entry.shared_with = names;
        }
    }
    of_views
}

/// What is known of all views.
struct Given<'g> {
    demand: Demand,
    is_append_only: &'g dyn Fn(&RelId) -> bool,
}

fn of_view(rel: &Rel, given: &Given<'_>) -> Vec<Held> {
    let mut entries = Vec::new();
    add(rel, given, None, &mut entries);
    entries
}

/// Adds what the plan's operators hold; those that read a loop's rows stand inside the loop.
fn add(rel: &Rel, given: &Given<'_>, working: Option<&RelId>, entries: &mut Vec<Held>) {
    let (base, steps) = linear_steps(rel);
    let working = working.filter(|working| base.relations().contains(working));
    let mut push = |held: Held| {
        let held = Held { in_loop: working.is_some(), ..held };
        if !entries.contains(&held) {
            entries.push(held);
        }
    };
    if let Some(join) = Join::of(base, &steps) {
        let by = |side: &Side<'_>| side.keys.iter().map(|key| key.expression.clone()).collect();
        for side in [&join.left, &join.right] {
            let columns = Some(given.demand.held(side)).filter(|columns| columns.len() < side.rel.width());
            push(Held { columns, ..of(vec!["rows"], side.rel, by(side)) });
        }
        if join.kind != JoinKind::Inner {
            let sides = if join.kind == JoinKind::Full { vec![&join.left, &join.right] } else { vec![&join.right] };
            sides.into_iter().for_each(|side| push(of(vec!["keys that occur"], side.rel, by(side))));
        }
        [join.left.rel, join.right.rel].into_iter().for_each(|side| add(side, given, working, entries));
        return;
    }
    if let Rel::Settle { input: settled, .. } = base {
        of_settled(settled).into_iter().for_each(push);
        return settled.inputs().into_iter().for_each(|input| add(input, given, working, entries));
    }
    match base {
        Rel::Reduce { input, group, aggregates } => {
            let append_only = append_only(input, given.is_append_only);
            push(of(reduce::held_forms(&input.columns(), group, aggregates, append_only), input, group.clone()));
        }
        Rel::Distinct { input } => push(of(vec!["counts"], input, columns(&input.columns(), 0))),
        Rel::SetOp { left, .. } => push(of(vec!["counts on either side"], base, columns(&left.columns(), 0))),
        Rel::TopK { input, group, limit: Some(_), .. } if append_only(input, given.is_append_only) => {
            push(of(vec!["first rows"], input, group.clone()));
        }
        Rel::TopK { input, group, .. } => push(of(vec!["first rows in stages"], input, group.clone())),
        Rel::Window { input, partition, .. } => push(of(vec!["rows in order"], input, partition.clone())),
        Rel::Temporal { input, .. } => push(of(vec!["rows until they come or go"], input, Vec::new())),
        Rel::AsOf { right, on, .. } => {
            push(of(
                vec!["rows, and their history for late events"],
                right,
                on.iter().map(|key| key.right.clone()).collect(),
            ));
        }
        Rel::Sessions { input, group, .. } => push(of(vec!["sessions"], input, group.clone())),
        Rel::Settle { .. } => {}
        Rel::Recursive { all: false, .. } => push(of(vec!["rounds"], base, columns(&base.columns(), 0))),
        Rel::Recursive { .. } | Rel::Get { .. } | Rel::Constant { .. } | Rel::Union { .. } => {}
        Rel::Filter { .. } | Rel::Map { .. } | Rel::Join { .. } | Rel::Expand { .. } => {}
    }
    let working = if let Rel::Recursive { working, .. } = base { Some(working) } else { working };
    base.inputs().into_iter().for_each(|input| add(input, given, working, entries));
}

/// What is held of an operator whose rows settle.
fn of_settled(rel: &Rel) -> Vec<Held> {
    let groups = |input: &Rel, by: Vec<Scalar>| vec![of(vec!["groups until they settle"], input, by)];
    match rel {
        Rel::Reduce { input, group, .. } | Rel::Sessions { input, group, .. } => groups(input, group.clone()),
        Rel::TopK { input, group, .. } => groups(input, group.clone()),
        Rel::Window { input, partition, .. } => groups(input, partition.clone()),
        Rel::Join { left, right, on, .. } => {
            let side = |rel: &Rel, by| of(vec!["rows until their last partner can have come"], rel, by);
            let (lefts, rights) = on.iter().map(|key| (key.left.clone(), key.right.clone())).unzip();
            vec![side(left, lefts), side(right, rights)]
        }
        rel => groups(rel, columns(&rel.columns(), 0)),
    }
}

fn of(forms: Vec<&'static str>, rel: &Rel, by: Vec<Scalar>) -> Held {
    Held { forms, rel: rel.clone(), by, columns: None, in_loop: false, shared_with: Vec::new() }
}
