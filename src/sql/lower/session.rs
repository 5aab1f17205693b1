//! `session(at, gap)`: the sessions of a query's groups.
//!
//! No function of one row knows them. It stands for the session that the row would be by itself, and the GROUP BY that has
//! `window_start` or `window_end` among its expressions makes sessions for each value of the others.

use super::temporal::length;
use crate::expr::Scalar;
use crate::plan::rewrite::substitute;
use crate::plan::{Aggregate, Expansion, Rel, unnest};
use crate::sql::error::{Bound, Fault};

/// The plan with groups of sessions in the place of the function.
pub(super) fn grouped(mut rel: Rel) -> Bound<Rel> {
    if let Rel::Reduce { input, group, aggregates } = &rel
        && let Some(sessions) = sessions(input, group, aggregates)?
    {
        rel = sessions;
    }
    if matches!(&rel, Rel::Expand { expansion, .. } if is_session(expansion)) {
        return Err(refused("session() without its GROUP BY is"));
    }
    for input in rel.inputs_mut() {
        let taken = input.take();
        *input = grouped(taken)?;
    }
    Ok(rel)
}

fn is_session(expansion: &Expansion) -> bool {
    expansion.calls.iter().any(|call| call.function.name() == "session")
}

fn refused(what: &str) -> Fault {
    Fault::unsupported(what).hint(
        "Write FROM s, session(s.at, interval '30 minutes') GROUP BY user_id, window_start, window_end: the session's columns are \
         grouped by and read nowhere else but in HAVING and SELECT, and no other table follows.",
    )
}

/// What stands above the function's rows.
struct Above<'r> {
    input: &'r Rel,
    expansion: &'r Expansion,
    predicates: Vec<Scalar>,
    /// The columns, over those of the expansion.
    columns: Vec<Scalar>,
}

fn above(rel: &Rel) -> Option<Above<'_>> {
    match rel {
        Rel::Expand { input, expansion } if is_session(expansion) => {
            Some(Above { input, expansion, predicates: Vec::new(), columns: unnest::columns(&rel.columns(), 0) })
        }
        Rel::Filter { input, predicates } => {
            let mut above = above(input)?;
            above.predicates.extend(predicates.iter().map(|predicate| substitute(predicate, &above.columns)));
            Some(above)
        }
        Rel::Map { input, expressions } => {
            let above = above(input)?;
            let columns = expressions.iter().map(|expression| substitute(expression, &above.columns)).collect();
            Some(Above { columns, ..above })
        }
        _ => None,
    }
}

/// The groups of sessions, if it is the function's rows that are grouped.
fn sessions(input: &Rel, group: &[Scalar], aggregates: &[Aggregate]) -> Bound<Option<Rel>> {
    let Some(Above { input, expansion, predicates, columns }) = above(input) else { return Ok(None) };
    let ([call], None, None) = (expansion.calls.as_slice(), &expansion.outer, &expansion.fold) else {
        return Err(refused("session() beside other functions or in an outer join is"));
    };
    let [at, gap] = call.arguments.as_slice() else { return Err(refused("this form of session() is")) };
    let gap = length(gap).filter(|gap| *gap > 0).ok_or_else(|| {
        Fault::new("22023", "the gap of session() is to be a constant interval of more than zero, without months")
    })?;
    let width = input.width();
    let is_window =
        |scalar: &Scalar| matches!(scalar, Scalar::Column(column, _) if (width..width + 2).contains(column));
    let is_plain = |scalar: &Scalar| unnest::reads_before(scalar, width);

    let group: Vec<Scalar> = group.iter().map(|scalar| substitute(scalar, &columns)).collect();
    let keys: Vec<Scalar> = group.iter().filter(|scalar| !is_window(scalar)).cloned().collect();
    let mut aggregates = aggregates.to_vec();
    aggregates.iter_mut().flat_map(Aggregate::scalars_mut).for_each(|scalar| *scalar = substitute(scalar, &columns));
    let plain = keys.iter().chain(&predicates).chain(aggregates.iter().flat_map(Aggregate::scalars)).all(is_plain);
    if !plain || keys.len() == group.len() {
        return Err(refused("session() whose window is not only grouped by is"));
    }

    // The groups' columns come in another order.
    let mut next = 0..keys.len();
    let places: Vec<usize> = group
        .iter()
        .map(|scalar| match scalar {
            Scalar::Column(column, _) if is_window(scalar) => keys.len() + column - width,
            _ => next.next().unwrap_or_default(),
        })
        .chain((0..aggregates.len()).map(|aggregate| keys.len() + 2 + aggregate))
        .collect();
    let input = Box::new(input.clone().filter(predicates));
    let sessions = Rel::Sessions { input, group: keys, at: at.clone(), gap, aggregates };
    Ok(Some(sessions.project(&places)))
}
