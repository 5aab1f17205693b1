//! A script, run by Postgres and by the dataflow.
//!
//! `-- given` makes and fills tables, `-- views` defines views, each `-- then` changes the tables. After every section the views
//! must hold the same rows on both sides, with and without the plan's rewrites, on one worker and on two, and with those tables as
//! streams that only grow.

use crate::support::feed::{Rows, add, difference};
use crate::support::postgres::{Database, Postgres};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidegate::dataflow::{Dataflow, InputRelation, Program, Sender, Settings, errors_of};
use tidegate::plan::{View, rewrite};
use tidegate::sql::{Catalog, SqlFile, compile};
use tidegate::timeline::{Batch, RelationId, SourceId, Tick};
use tidegate::value::{
    Column, Datum, Diff, EnumType, OpaqueType, RelationKind, RelationName, Row, Schema, Type, json, text,
};

/// Makes Postgres's clock show the time of a section: `now()` of views comes before its own.
const CLOCK: &str = "
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT timestamptz 'epoch' + current_setting('test.now')::bigint * interval '1 microsecond' $$;
SET search_path TO public, pg_catalog;";

/// How far apart the sections are in time, microseconds.
const SECTION: u64 = 1000;

/// A file's sections.
pub struct Script {
    name: String,
    /// Whether only newer versions than the shared one know what is in it.
    newest: bool,
    given: String,
    pub views: String,
    changes: Vec<String>,
}

/// A table as the catalog has it.
pub struct Table {
    name: String,
    schema: Arc<Schema>,
}

/// The tables and the views at one moment.
pub struct Moment {
    tables: Vec<BTreeMap<Row, i64>>,
    views: BTreeMap<String, Rows>,
}

impl Script {
    pub fn read(path: &Path) -> Script {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (mut given, mut views, mut changes, mut newest) = (String::new(), String::new(), Vec::new(), false);
        for section in text.split("-- ").skip(1) {
            let (title, body) = section.split_once('\n').unwrap_or((section, ""));
            match title.trim() {
                "given" => given.push_str(body),
                "given to the newest" => {
                    newest = true;
                    given.push_str(body);
                }
                "views" => views.push_str(body),
                "then" => changes.push(body.to_owned()),
                other => panic!("{name}: there is no section {other:?}"),
            }
        }
        Script { name, newest, given, views, changes }
    }

    /// A script of given parts.
    pub fn new(name: &str, given: String, views: String, changes: Vec<String>) -> Script {
        Script { name: name.to_owned(), newest: false, given, views, changes }
    }

    /// Makes the tables in a database, and a catalog of them.
    pub fn catalog(&self) -> Catalog {
        let database = Postgres::shared().create_database();
        database.execute(&self.given);
        catalog(&tables(&database))
    }

    /// What differs, readable.
    pub fn differences(&self) -> Vec<String> {
        self.differences_under(&[(1, true), (2, true), (1, false)])
    }

    /// As `differences`, under these numbers of workers, with and without rewrites.
    pub fn differences_under(&self, schedules: &[(usize, bool)]) -> Vec<String> {
        let servers = Postgres::installed_and_newest();
        let Some(server) = servers.into_iter().find(|server| !self.newest || server.version() >= 18) else {
            return Vec::new();
        };
        let database = server.create_unicode_database();
        database.execute("SET datestyle TO 'ISO, YMD'");
        database.execute(&self.given);
        let tables = tables(&database);
        let file = SqlFile { path: self.name.clone(), text: self.views.clone() };
        let views = match compile(&[file], &catalog(&tables)) {
            Ok(views) => views,
            Err(errors) => return errors.iter().map(ToString::to_string).collect(),
        };
        if self.views.contains("now()") {
            database.execute(CLOCK);
        }
        database.execute(&self.views);
        let mut differences: Vec<String> = views.iter().filter_map(|view| self.shape(&database, view)).collect();
        let mut moments = Vec::new();
        for change in std::iter::once("").chain(self.changes.iter().map(String::as_str)) {
            database.execute(change);
            // What comes after the last instant of a section is not part of it.
            database.execute(&format!("SET test.now TO {}", (moments.len() as u64 + 1) * SECTION - 1));
            moments.push(Moment::of(&database, &tables, &views));
        }
        for &(workers, rewritten) in schedules {
            let mut views = views.clone();
            if rewritten {
                rewrite::optimize(&mut views);
            }
            let found = self.run(workers, &tables, &views, &moments);
            differences.extend(found.map(|found| format!("{workers} workers, rewritten: {rewritten}: {found}")));
        }
        if let Some(streams) = as_streams(&tables, &moments) {
            let mut views = views.clone();
            rewrite::optimize(&mut views);
            let found = self.run(2, &streams, &views, &moments);
            differences.extend(found.map(|found| format!("what only grows as streams: {found}")));
        }
        differences
    }

    /// Names, types and modifiers of the columns.
    fn shape(&self, database: &Database, view: &View) -> Option<String> {
        let theirs = columns(database, &view.name.name);
        let ours = view.schema.columns.iter().map(|c| (c.name.clone(), c.ty.to_string(), c.modifier));
        let ours: Vec<(String, String, i32)> = ours.collect();
        let theirs: Vec<(String, String, i32)> = theirs.into_iter().map(|c| (c.name, c.ty, c.modifier)).collect();
        (ours != theirs).then(|| format!("{}: {} has columns\n  {theirs:?}, ours\n  {ours:?}", self.name, view.name))
    }

    /// The first moment and view that differ.
    fn run(&self, workers: usize, tables: &[Table], views: &[View], moments: &[Moment]) -> Option<String> {
        let mut river = River::start(&self.name, workers, tables, views);
        for (index, (tick, moment)) in ticks(tables.len(), moments).into_iter().zip(moments).enumerate() {
            match workers {
                1 => river.send(tick),
                _ => in_pieces(tick).into_iter().for_each(|tick| river.send(tick)),
            }
            for view in views {
                let got = shown(&view.schema.columns, river.content(&view.name));
                let expected = &moment.views[&view.name.name];
                if let Some(shown) = difference(expected, &got) {
                    return Some(format!("{}: {} after section {index}:\n{shown}", self.name, view.name));
                }
                if let Some((row, _)) = river.content(&errors_of(&view.name)).first() {
                    return Some(format!("{}: {} has an error that Postgres has not: {row:?}", self.name, view.name));
                }
            }
        }
        None
    }

    /// The codes and messages of every view's errors, after every section.
    pub fn errors(&self, rewritten: bool) -> Vec<Vec<BTreeSet<(String, String)>>> {
        let database = Postgres::shared().create_unicode_database();
        database.execute(&self.given);
        let tables = tables(&database);
        let file = SqlFile { path: self.name.clone(), text: self.views.clone() };
        let mut views = compile(&[file], &catalog(&tables)).unwrap_or_else(|errors| panic!("{}", errors[0]));
        if rewritten {
            rewrite::optimize(&mut views);
        }
        let mut moments = vec![Moment::of(&database, &tables, &[])];
        for change in &self.changes {
            database.execute(change);
            moments.push(Moment::of(&database, &tables, &[]));
        }
        let text = |row: &Row, column| match row.column(column) {
            Datum::Text(text) => text.to_string(),
            other => panic!("an error is text, not {other:?}"),
        };
        let mut river = River::start(&self.name, 1, &tables, &views);
        let after = ticks(tables.len(), &moments).into_iter().map(|tick| {
            river.send(tick);
            let errors = views.iter().map(|view| river.content(&errors_of(&view.name)));
            errors.map(|rows| rows.iter().map(|(row, _)| (text(row, 0), text(row, 1))).collect()).collect()
        });
        after.collect()
    }
}

/// The one source of the tables.
const SOURCE: SourceId = SourceId(0);

/// Views over tables, in a running dataflow.
pub struct River {
    name: String,
    dataflow: Dataflow,
    sender: Sender,
    frontier: Option<u64>,
}

impl River {
    pub fn start(name: &str, workers: usize, tables: &[Table], views: &[View]) -> River {
        let inputs = tables.iter().enumerate().map(|(index, table)| InputRelation {
            id: RelationId(index),
            source: SOURCE,
            name: RelationName::public(&table.name),
            schema: table.schema.clone(),
            upserts: false,
        });
        let peekable = views.iter().flat_map(|view| [view.name.clone(), errors_of(&view.name)]);
        let program = Program {
            sources: vec![SOURCE],
            inputs: inputs.collect(),
            views: views.to_vec(),
            peekable: peekable.collect(),
            ..Program::default()
        };
        let settings = Settings { workers, refresh_us: 0, ..Settings::default() };
        let dataflow = Dataflow::start(settings, program).unwrap_or_else(|e| panic!("{name}: {e}"));
        let sender = dataflow.sender(SOURCE);
        River { name: name.to_owned(), dataflow, sender, frontier: Some(0) }
    }

    pub fn send(&mut self, tick: Tick) {
        self.frontier = tick.frontier;
        self.sender.send(tick).unwrap_or_else(|_| panic!("{}: {:?}", self.name, self.dataflow.failed()));
    }

    /// A relation's rows after all that was sent.
    pub fn content(&self, relation: &RelationName) -> Vec<(Row, Diff)> {
        loop {
            match self.dataflow.peek(relation) {
                Some((reached, rows)) if reached.is_none() || reached >= self.frontier => return rows,
                _ => assert_eq!(self.dataflow.failed(), None, "{}", self.name),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A column as Postgres describes it.
pub struct Described {
    name: String,
    pub ty: String,
    modifier: i32,
    not_null: bool,
}

pub fn columns(database: &Database, relation: &str) -> Vec<Described> {
    let rows = database.query_text(&format!(
        "SELECT attname, format_type(atttypid, NULL), atttypmod, attnotnull FROM pg_attribute \
         WHERE attrelid = '{relation}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    ));
    let described = rows.into_iter().map(|row| {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || row.next().unwrap_or_default();
        let (name, ty) = (next(), next());
        Described { name, ty, modifier: next().parse().expect("a number"), not_null: next() == "t" }
    });
    described.collect()
}

pub fn tables(database: &Database) -> Vec<Table> {
    let names = database.query_text(
        "SELECT relname, array_to_string(indkey::int2[], ',') FROM pg_class c \
         LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
         WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1",
    );
    let enums = enums(database);
    let described = names.into_iter().map(|row| {
        let name = row[0].clone().expect("a name");
        let columns = columns(database, &name).into_iter().map(|described| Column {
            modifier: described.modifier,
            ..Column::new(described.name, type_of(&described.ty, &enums), !described.not_null)
        });
        let key = row[1]
            .as_ref()
            .map(|key| key.split(',').map(|number| number.parse::<usize>().expect("a number") - 1).collect::<Vec<_>>());
        Table { name, schema: Arc::new(Schema::table(columns.collect(), key)) }
    });
    described.collect()
}

/// The enums that are defined.
fn enums(database: &Database) -> Vec<Type> {
    let labels = database
        .query_text("SELECT enumtypid::regtype::text, enumlabel FROM pg_enum ORDER BY enumtypid, enumsortorder");
    let mut enums: Vec<EnumType> = Vec::new();
    for row in labels {
        let [name, label] = row.try_into().expect("two columns");
        let (name, label) = (name.expect("a name"), label.expect("a label"));
        match enums.last_mut().filter(|last| last.name == name) {
            Some(last) => last.labels.push(label),
            None => enums.push(EnumType { name, labels: vec![label] }),
        }
    }
    enums.into_iter().map(|labels| Type::Enum(Arc::new(labels))).collect()
}

/// The type of that name.
fn type_of(name: &str, enums: &[Type]) -> Type {
    use Type::*;
    if let Some(element) = name.strip_suffix("[]") {
        return type_of(element, enums).array_of();
    }
    let all = [
        Bool,
        Int2,
        Int4,
        Int8,
        Float4,
        Float8,
        Numeric,
        Text,
        Varchar,
        Char,
        Bytea,
        Date,
        Time,
        Timestamp,
        Timestamptz,
        Interval,
        Uuid,
        Json,
        Jsonb,
    ];
    if let "inet" | "cidr" | "macaddr" | "int4range" | "bit" | "bit varying" = name {
        let as_text = !matches!(name, "inet" | "cidr");
        return Opaque(Arc::new(OpaqueType { name: name.to_owned(), readable: true, as_text }));
    }
    all.iter()
        .chain(enums)
        .find(|ty| ty.to_string() == name)
        .cloned()
        .unwrap_or_else(|| panic!("scripts have no type {name}"))
}

pub fn catalog(tables: &[Table]) -> Catalog {
    let mut catalog = Catalog::new();
    for table in tables {
        catalog.insert(RelationName::public(&table.name), table.schema.clone());
    }
    catalog
}

impl Moment {
    pub fn of(database: &Database, tables: &[Table], views: &[View]) -> Moment {
        let tables = tables.iter().map(|table| {
            let mut rows = BTreeMap::new();
            for values in database.query_text(&format!("SELECT * FROM \"{}\"", table.name)) {
                let typed = table.schema.columns.iter().zip(values).map(|(column, value)| match value {
                    Some(value) => text::parse(&column.ty, -1, &value).expect("Postgres's own text"),
                    None => Datum::Null,
                });
                *rows.entry(Row::pack(&typed.collect::<Vec<_>>())).or_insert(0) += 1;
            }
            rows
        });
        let views = views.iter().map(|view| {
            let mut rows = Rows::new();
            for row in database.query_text(&format!("SELECT to_jsonb(view_row)::text FROM {} AS view_row", view.name)) {
                add(&mut rows, row[0].as_deref().expect("a row is not null"), 1);
            }
            (view.name.name.clone(), rows)
        });
        Moment { tables: tables.collect(), views: views.collect() }
    }
}

/// The tables with those as streams that never lose a row; nothing if all do.
fn as_streams(tables: &[Table], moments: &[Moment]) -> Option<Vec<Table>> {
    let loses = |table: usize| {
        let pairs = moments.iter().zip(&moments[1..]);
        let mut pairs = pairs.map(|(before, after)| (&before.tables[table], &after.tables[table]));
        pairs.any(|(before, after)| before.iter().any(|(row, count)| after.get(row).is_none_or(|now| now < count)))
    };
    let kind = |index| match loses(index) {
        true => RelationKind::Table,
        false => RelationKind::Stream { event_time: None, accept_for: 0, ends: false },
    };
    let changed = tables.iter().enumerate().map(|(index, Table { name, schema })| Table {
        name: name.clone(),
        schema: Arc::new(Schema { kind: kind(index), ..Schema::clone(schema) }),
    });
    let changed: Vec<Table> = changed.collect();
    changed.iter().any(|table| table.schema.is_append_only()).then_some(changed)
}

/// One tick per moment: what changed since the one before.
pub fn ticks(tables: usize, moments: &[Moment]) -> Vec<Tick> {
    let empty = Moment { tables: vec![BTreeMap::new(); tables], views: BTreeMap::new() };
    let before = std::iter::once(&empty).chain(moments);
    let pairs = before.zip(moments).enumerate();
    let tick = |(index, (before, after)): (usize, (&Moment, &Moment))| {
        let time = index as u64 * SECTION + SECTION / 2;
        let batches = before.tables.iter().zip(&after.tables).enumerate().map(|(table, (old, new))| {
            let gone = old.iter().map(|(row, count)| (row.clone(), time, -count));
            let come = new.iter().map(|(row, count)| (row.clone(), time, *count));
            (RelationId(table), Batch::Rows(gone.chain(come).collect()))
        });
        let frontier = Some((index as u64 + 1) * SECTION);
        Tick::new(SOURCE, batches.collect(), frontier)
    };
    pairs.map(tick).collect()
}

/// A tick as a large transaction comes: half of each table's changes by themselves, then the rest.
fn in_pieces(mut tick: Tick) -> Vec<Tick> {
    let mut pieces = Vec::new();
    for (relation, batch) in &mut tick.batches {
        let Batch::Rows(rows) = batch else { continue };
        let rest = rows.split_off(rows.len() / 2);
        let half = std::mem::replace(rows, rest);
        if let Some((_, time, _)) = half.first() {
            let frontier = Some(*time);
            pieces.push(Tick { piece: true, ..Tick::new(SOURCE, vec![(*relation, Batch::Rows(half))], frontier) });
        }
    }
    pieces.push(tick);
    pieces
}

/// A view's rows as JSON.
pub fn shown(columns: &[Column], content: Vec<(Row, Diff)>) -> Rows {
    let mut rows = Rows::new();
    for (row, diff) in content {
        let mut shown = String::new();
        json::write_row(columns, &row, &mut shown);
        add(&mut rows, &shown, diff);
    }
    rows
}
