//! Queries over one table, of every part of SQL, each a view: on Postgres and here they have the same columns, rows and errors.
//!
//! `semantics.sql` has the queries, one a line. Of each either side says what its columns and rows are, or the SQLSTATE of what
//! is wrong with it. Postgres finds a wrong constant only when it reads the view; here it may be found before.

use super::directory;
use super::script::{self, Moment, River, Table};
use crate::support::feed::{Rows, add};
use crate::support::postgres::{Database, Postgres};
use tidegate::dataflow::errors_of;
use tidegate::plan::{View, rewrite};
use tidegate::sql::{Catalog, SqlFile, compile};
use tidegate::value::{Datum, RelationName};

/// So many may deviate.
const MOST: usize = 10;

/// A query, and why its answer here is not Postgres's, if it is not to be.
struct Probe {
    query: String,
    deviates: Option<String>,
}

/// Columns' types and rows, or the SQLSTATE of an error.
type Answer = Result<(Vec<String>, Rows), String>;

/// What makes the table, and the queries.
fn probes() -> (String, Vec<Probe>) {
    let text = std::fs::read_to_string(directory().join("semantics.sql")).expect("the queries");
    let (given, queries) = text.split_once("-- probes\n").expect("the queries");
    let (mut probes, mut deviates) = (Vec::new(), None);
    for line in queries.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("-- deviates: ") {
            Some(reason) => deviates = Some(reason.to_owned()),
            None => probes.push(Probe { query: line.to_owned(), deviates: deviates.take() }),
        }
    }
    (given.to_owned(), probes)
}

fn name(index: usize) -> RelationName {
    RelationName::public(format!("probe_{index}"))
}

/// The query as a view whose columns have names of their own.
fn definition(index: usize, width: usize, query: &str) -> String {
    let columns: Vec<String> = (1..=width).map(|column| format!("c{column}")).collect();
    format!("CREATE VIEW {} ({}) AS {query};", name(index).name, columns.join(", "))
}

fn sqlstate(error: tokio_postgres::Error) -> String {
    error.code().unwrap_or_else(|| panic!("{error:?}")).code().to_owned()
}

/// Postgres's answer, and the view's definition unless the query is wrong as it stands.
fn theirs(database: &Database, index: usize, query: &str) -> Result<(String, Answer), String> {
    let definition = definition(index, database.width(query).map_err(sqlstate)?, query);
    database.try_execute(&definition).map_err(sqlstate)?;
    let view = name(index).name;
    let types = script::columns(database, &view).into_iter().map(|column| column.ty).collect();
    let rows = database.try_query_text(&format!("SELECT to_jsonb(view_row)::text FROM {view} AS view_row"));
    let answer = rows.map_err(sqlstate).map(|found| {
        let mut rows = Rows::new();
        found.into_iter().for_each(|row| add(&mut rows, row[0].as_deref().expect("a row is not null"), 1));
        (types, rows)
    });
    Ok((definition, answer))
}

/// The view that a definition compiles to, or the first that is wrong with it.
fn compiled(definition: &str, catalog: &Catalog) -> Result<View, String> {
    let file = SqlFile { path: "probe.sql".into(), text: definition.to_owned() };
    let views = compile(&[file], catalog).map_err(|errors| format!("{} {}", errors[0].code, errors[0].message))?;
    Ok(views.into_iter().next().expect("a view for a definition"))
}

/// The answers of views that are computed together.
fn ours(tables: &[Table], moment: &Moment, mut views: Vec<View>, rewritten: bool) -> Vec<Answer> {
    if rewritten {
        rewrite::optimize(&mut views);
    }
    let mut river = River::start("semantics", 1, tables, &views);
    script::ticks(tables.len(), std::slice::from_ref(moment)).into_iter().for_each(|tick| river.send(tick));
    let answer = |view: &View| {
        if let Some((error, _)) = river.content(&errors_of(&view.name)).first() {
            let Some(Datum::Text(code)) = error.unpack().into_iter().next() else { panic!("an error without a code") };
            return Err(code.to_string());
        }
        let types = view.schema.columns.iter().map(|column| column.ty.to_string()).collect();
        Ok((types, script::shown(&view.schema.columns, river.content(&view.name))))
    };
    views.iter().map(answer).collect()
}

#[test]
fn queries_mean_what_they_mean_in_postgres() {
    let (given, probes) = probes();
    assert!(probes.len() >= 290, "only {} queries", probes.len());
    assert!(probes.iter().filter(|probe| probe.deviates.is_some()).count() <= MOST, "too many deviate");
    let database = Postgres::fifteen().create_unicode_database();
    database.execute(&format!("SET datestyle TO 'ISO, YMD'; {given}"));
    let tables = script::tables(&database);
    let catalog = script::catalog(&tables);

    let (mut answers, mut views) = (Vec::new(), Vec::new());
    for (index, Probe { query, .. }) in probes.iter().enumerate() {
        let (definition, theirs) = match theirs(&database, index, query) {
            Ok((definition, theirs)) => (definition, theirs),
            Err(code) => (format!("CREATE VIEW {} AS SELECT 1 FROM ({query}) AS q;", name(index).name), Err(code)),
        };
        let mine = compiled(&definition, &catalog).map(|view| views.push((index, view)));
        answers.push((theirs, mine.err()));
    }
    let moment = Moment::of(&database, &tables, &[]);
    let computed = views.iter().map(|(_, view)| view.clone()).collect::<Vec<_>>();
    let mut differing: Vec<Option<String>> = vec![None; probes.len()];
    for (index, (theirs, mine)) in answers.iter().enumerate() {
        if let Some(mine) = mine
            && theirs.as_ref().err().is_none_or(|code| !mine.starts_with(code))
        {
            differing[index] = Some(format!("Postgres {theirs:?}\n  refused {mine}"));
        }
    }
    for rewritten in [true, false] {
        for ((index, _), mine) in views.iter().zip(ours(&tables, &moment, computed.clone(), rewritten)) {
            let theirs = &answers[*index].0;
            if mine != *theirs {
                differing[*index] = Some(format!("Postgres {theirs:?}\n  rewritten: {rewritten}, ours {mine:?}"));
            }
        }
    }
    let wrong = probes.iter().zip(differing).filter_map(|(Probe { query, deviates }, found)| match (deviates, found) {
        (None, Some(how)) => Some(format!("{query}\n  {how}")),
        (Some(why), None) => Some(format!("{query}\n  is as in Postgres now; it was not because {why}")),
        _ => None,
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), probes.len(), wrong.join("\n"));
}
