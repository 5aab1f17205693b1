//! Functions that Postgres has and no overload here could stand for: aggregates, functions that return rows, and those whose
//! value does not follow from their arguments.

use crate::sql::error::Fault;

const AGGREGATES: &[&str] = &["xmlagg", "range_agg", "range_intersect_agg"];

/// Their rows are known in FROM, where they go another way.
const OF_ROWS: &[&str] =
    &["json_populate_record", "jsonb_populate_record", "json_populate_recordset", "jsonb_populate_recordset"];

/// Whether a function makes rows like those of a table it is given.
pub(in crate::sql) fn makes_rows_of_a_table(name: &str) -> bool {
    OF_ROWS.contains(&name)
}

const VOLATILE: &[&str] = &["random", "gen_random_uuid", "nextval", "currval", "setseed", "pg_sleep", "txid_current"];

/// The refusal of a function of such a kind.
pub(super) fn of_a_kind(name: &str) -> Option<Fault> {
    if AGGREGATES.contains(&name) {
        return Some(Fault::unsupported(format!("the aggregate {name} is")));
    }
    if makes_rows_of_a_table(name) {
        let fault = Fault::unsupported(format!("{name} outside FROM is"));
        return Some(fault.hint(format!("Write FROM {name}(NULL::table, …).")));
    }
    let hint = "A view's rows follow from its inputs alone.";
    VOLATILE.contains(&name).then(|| Fault::unsupported(format!("{name} is")).hint(hint))
}
