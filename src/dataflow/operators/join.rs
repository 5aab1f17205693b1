//! Joins on equal keys, with what follows them fused into the pass that pairs rows.
//!
//! A left join is the inner join and, padded with nulls, the left rows that no pair came of: the left input minus those of its
//! rows that matched. Without a residual a row matched if its key occurs on the right; with one, if a pair of it passed. Equal
//! rows have equal partners, so what matched is a set of rows, and subtracting each as often as it occurs is exact.

use crate::dataflow::arrange::{Arrangement, arrange};
use crate::dataflow::fault::{self, Fault};
use crate::dataflow::key::Key;
use crate::dataflow::linear::Linear;
use crate::dataflow::operators::distinct::distinct_keys;
use crate::dataflow::types::{Arranged, Collection, Errors, Outcome, Rows};
use crate::value::{Diff, Row, Time};
use differential_dataflow::AsCollection;
use differential_dataflow::consolidation::ConsolidatingContainerBuilder;
use differential_dataflow::operators::join::join_traces;
use differential_dataflow::trace::implementations::BatchContainer;
use timely::container::PushInto;

/// What a program makes of the pairs of rows with equal keys. Both arrangements have keys of one kind.
pub fn inner<'s>(
    left: Arrangement<'s>,
    right: Arrangement<'s>,
    program: &Linear,
    fault: Fault,
) -> Option<(Rows<'s>, Option<Errors<'s>>)> {
    Some(match (left, right) {
        (Arrangement::Word(left), Arrangement::Word(right)) => pairs::<u64>(left, right, program, fault),
        (Arrangement::Pair(left), Arrangement::Pair(right)) => pairs::<[u64; 2]>(left, right, program, fault),
        (Arrangement::Bytes(left), Arrangement::Bytes(right)) => pairs::<Row>(left, right, program, fault),
        _ => return None,
    })
}

fn pairs<'s, K: Key>(
    left: Arranged<'s, K>,
    right: Arranged<'s, K>,
    program: &Linear,
    fault: Fault,
) -> (Rows<'s>, Option<Errors<'s>>) {
    let mut evaluator = program.compile();
    if !program.is_fallible() {
        type Builder = ConsolidatingContainerBuilder<Vec<(Row, Time, Diff)>>;
        let rows = join_traces::<_, _, K::Container, _, Builder>(
            left,
            right,
            "Join",
            move |_, left, right, time, count, times, out| {
                if let Ok(Some(row)) = evaluator.row(left.0, right.0) {
                    out.push_into((row, time, count * times));
                }
            },
        );
        return (rows.as_collection(), None);
    }
    type Builder = ConsolidatingContainerBuilder<Vec<(Outcome, Time, Diff)>>;
    let outcomes = join_traces::<_, _, K::Container, _, Builder>(
        left,
        right,
        "Join",
        move |_, left, right, time, count, times, out| {
            let outcome = evaluator.row(left.0, right.0);
            let outcome = outcome.map_err(|error| fault.report_bytes(error, left.0, right.0)).transpose();
            if let Some(outcome) = outcome {
                out.push_into((outcome, time, count * times));
            }
        },
    );
    let (rows, errors) = fault::split(outcomes.as_collection());
    (rows, Some(errors))
}

/// The left rows whose key occurs on the right, as often as they occur on the left.
pub fn with_partner<'s>(left: Arrangement<'s>, right: Arrangement<'s>) -> Option<Rows<'s>> {
    Some(match (left, right) {
        (Arrangement::Word(left), Arrangement::Word(right)) => semijoin::<u64>(left, keys::<u64>(right)),
        (Arrangement::Pair(left), Arrangement::Pair(right)) => semijoin::<[u64; 2]>(left, keys::<[u64; 2]>(right)),
        (Arrangement::Bytes(left), Arrangement::Bytes(right)) => semijoin::<Row>(left, keys::<Row>(right)),
        _ => return None,
    })
}

/// The rows of `left` that occur in `chosen`, as often as they occur on the left.
pub fn among<'s>(left: Rows<'s>, chosen: Rows<'s>) -> Rows<'s> {
    let keyed = |rows: Rows<'s>| rows.map(|row| (row, Row::default()));
    let left = arrange(keyed(left), "LeftRows");
    let chosen = arrange(distinct_keys(keyed(chosen)), "MatchedRows");
    left.join_core(chosen, |row, _, _| Some(Row::from_bytes(row.0)))
}

fn keys<'s, K: Key>(arranged: Arranged<'s, K>) -> Collection<'s, (K, Row)> {
    arranged.as_collection(|key, _| (K::Container::into_owned(key), Row::default()))
}

fn semijoin<'s, K: Key>(left: Arranged<'s, K>, keys: Collection<'s, (K, Row)>) -> Rows<'s> {
    let keys = arrange(distinct_keys(keys), "MatchedKeys");
    left.join_core(keys, |_, row, _| Some(Row::from_bytes(row.0)))
}
