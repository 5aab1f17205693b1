//! The queries of Nexmark as views: what Postgres says of the same events, as they come.

use super::script::Script;
use crate::support::postgres::WINDOWS;
use crate::support::random::setting;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use tidegate::source::nexmark::{Config, Nexmark};
use tidegate::source::{Closed, Progress, Source, SourceRelation, Start, Stop, TickSender, Wanted};
use tidegate::timeline::{Batch, RelationId, SourceId, Tick};
use tidegate::value::json;

/// The parts in which the events come.
const PARTS: usize = 3;

/// `TIDEGATE_TEST_NEXMARK_EVENTS` sets how many events there are.
#[test]
fn the_queries_of_nexmark_are_what_postgres_says() {
    let events = setting("TIDEGATE_TEST_NEXMARK_EVENTS", 3000);
    // A minute, so that there are windows, and auctions open for longer than the queries look for.
    let (relations, ticks) = made(&format!("events = {events}\nrate = 50"));
    let tables: Vec<String> = relations.iter().map(table).collect();
    let inserts: Vec<String> = ticks.into_iter().flat_map(|tick| inserts(&relations, tick)).collect();
    let parts = inserts.chunks(inserts.len().div_ceil(PARTS)).map(|part| part.join("\n")).collect();
    let script = Script::new("nexmark", format!("{WINDOWS}{}", tables.concat()), queries(), parts);
    let differences = script.differences_under(&[(2, true)]);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn queries() -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("views/nexmark");
    let query = |number| std::fs::read_to_string(directory.join(format!("q{number}.sql"))).expect("a query");
    // Sessions are not among Postgres's functions: `views/nexmark/tests` has what it says of query 11 written out.
    let all: String = (0..=22).filter(|number| *number != 11).map(query).collect();
    // Nor does it look up what was; a table that never changes is the same now.
    all.replace("FOR SYSTEM_TIME AS OF b.date_time AS s", "s")
}

struct Collect(Sender<Tick>);

impl TickSender for Collect {
    fn send(&mut self, tick: Tick) -> Result<(), Closed> {
        self.0.send(tick).map_err(|_| Closed)
    }
}

/// All events of a source, and of what relations.
fn made(settings: &str) -> (Vec<SourceRelation>, Vec<Tick>) {
    let config: Config = toml::from_str(settings).expect("a configuration");
    let mut source = Nexmark::new(config);
    let relations = source.describe().expect("three streams");
    let wanted = relations.iter().cloned().enumerate();
    let (sender, ticks) = channel();
    let start = Start {
        source: SourceId(0),
        wanted: wanted.map(|(id, relation)| Wanted { id: RelationId(id), relation, columns: None }).collect(),
        late: Vec::new(),
        errors: Vec::new(),
        once: true,
        awaited: false,
        stored: None,
        ticks: Box::new(Collect(sender)),
        stop: Stop::default(),
        progress: Arc::new(Progress::default()),
    };
    source.run(start).expect("an end");
    (relations, ticks.try_iter().collect())
}

fn table(relation: &SourceRelation) -> String {
    let schema = &relation.schema;
    let columns = schema.columns.iter().map(|column| format!("{} {} NOT NULL", column.name, column.ty));
    let key = schema.key.iter().map(|key| format!("PRIMARY KEY ({})", schema.columns[key[0]].name));
    format!("CREATE TABLE {} ({});\n", relation.name, columns.chain(key).collect::<Vec<_>>().join(", "))
}

/// A statement for every few rows.
fn inserts(relations: &[SourceRelation], tick: Tick) -> Vec<String> {
    const ROWS: usize = 500;
    let mut statements = Vec::new();
    for (RelationId(id), batch) in tick.batches {
        let Batch::Rows(rows) = batch else { panic!("a stream has no keys") };
        let SourceRelation { name, schema, .. } = &relations[id];
        for rows in rows.chunks(ROWS) {
            let shown = rows.iter().map(|(row, _, _)| {
                let mut shown = String::new();
                json::write_row(&schema.columns, row, &mut shown);
                shown
            });
            let shown = shown.collect::<Vec<_>>().join(",");
            statements.push(format!(
                "INSERT INTO {name} SELECT * FROM json_populate_recordset(NULL::{name}, $j$[{shown}]$j$);"
            ));
        }
    }
    statements
}
