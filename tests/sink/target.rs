//! The targets under contract behind one trait: how a sink for each is made, read and disturbed.

use super::model::{Content, view};
use crate::support::postgres::{Database, Postgres};
use crate::support::redis::RedisServer;
use crate::support::search::{Product, SearchServer};
use ::redis::Connection;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidegate::sink::{Sink, jsonl, opensearch, postgres, redis, tantivy};
use tidegate::value::Time;

/// A target and what it shows.
pub(super) trait Target {
    /// A new sink for it, as a new run of the program makes one.
    fn sink(&self) -> Box<dyn Sink>;

    /// The frontier it shows, with the content that goes with it.
    fn read(&self) -> Option<(Option<Time>, Content)>;

    /// How many rows were ever written to it.
    fn written(&self) -> u64;

    /// Puts it out of reach; not every target can be.
    fn stop(&mut self) -> bool {
        false
    }

    /// Brings it back with the data it had.
    fn restart(&mut self) {}

    /// Whether it keeps its content from run to run.
    fn is_kept(&self) -> bool {
        true
    }
}

/// A target of every kind.
pub(super) fn all() -> Vec<(&'static str, Box<dyn Target>)> {
    vec![
        ("jsonl", Box::new(JsonlTarget::new())),
        ("redis json", Box::new(RedisTarget::new("json"))),
        ("redis hash", Box::new(RedisTarget::new("hash"))),
        ("tantivy", Box::new(TantivyTarget::new())),
        ("tantivy swap", Box::new(TantivyTarget::new().with_generations())),
        ("postgres", Box::new(PostgresTarget::new())),
        ("opensearch", Box::new(SearchTarget::new())),
        ("opensearch swap", Box::new(SearchTarget::new().with_generations())),
    ]
}

/// The meaning of a sink that is not run by a runner, which tells another.
const MEANING: &str = "0123456789abcdef";

/// A mark's frontier.
fn frontier(mark: &str) -> Option<Time> {
    let mark: serde_json::Value = serde_json::from_str(mark).expect("a mark is JSON");
    mark["frontier"].as_u64()
}

/// The id in a row's JSON.
fn id(row: &str) -> i64 {
    let row: serde_json::Value = serde_json::from_str(row).expect("a row is JSON");
    row["id"].as_i64().expect("a row has an id")
}

pub(super) struct JsonlTarget {
    directory: TempDir,
}

impl JsonlTarget {
    pub(super) fn new() -> JsonlTarget {
        JsonlTarget { directory: TempDir::new().expect("a temporary directory") }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("out.jsonl")
    }
}

impl Target for JsonlTarget {
    fn sink(&self) -> Box<dyn Sink> {
        let config = jsonl::Config { view: "product".into(), path: self.path() };
        Box::new(jsonl::Jsonl::new("out", config, view(true)).expect("a valid configuration"))
    }

    fn read(&self) -> Option<(Option<Time>, Content)> {
        let text = std::fs::read_to_string(self.path()).ok()?;
        let whole = &text[..text.rfind("{\"frontier\":")?];
        let last = text[whole.len()..].strip_suffix("}\n")?;
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for line in whole.lines().filter(|line| !line.starts_with("{\"frontier\"")) {
            let (head, row) = line.split_once(",\"row\":").expect("a change has a row");
            let head: serde_json::Value = serde_json::from_str(&format!("{head}}}")).expect("a change has a head");
            let row = row.strip_suffix('}').expect("a change ends");
            *counts.entry(row.to_string()).or_default() += head["diff"].as_i64().expect("a change has a diff");
        }
        counts.retain(|_, count| *count != 0);
        assert!(counts.values().all(|count| *count == 1), "not a set: {counts:?}");
        let frontier = last.strip_prefix("{\"frontier\":")?.split(',').next()?.parse().ok();
        Some((frontier, counts.into_keys().map(|row| (id(&row), row)).collect()))
    }

    fn written(&self) -> u64 {
        let text = std::fs::read_to_string(self.path()).unwrap_or_default();
        text.lines().filter(|line| line.starts_with("{\"time\"")).count() as u64
    }

    fn is_kept(&self) -> bool {
        false
    }
}

pub(super) struct RedisTarget {
    pub(super) server: RedisServer,
    value: &'static str,
}

impl RedisTarget {
    pub(super) fn new(value: &'static str) -> RedisTarget {
        RedisTarget { server: RedisServer::start(), value }
    }

    /// On a server that loses everything when it is killed.
    pub(super) fn forgetful(value: &'static str) -> RedisTarget {
        RedisTarget { server: RedisServer::forgetful(), value }
    }

    pub(super) fn config(&self) -> redis::Config {
        let (url, value) = (self.server.url(), self.value);
        toml::from_str(&format!("view = 'product'\nurl = '{url}'\nkey = 'product:{{id}}'\nvalue = '{value}'"))
            .expect("a valid configuration")
    }

    /// What it shows, by this connection.
    pub(super) fn read_by(&self, connection: &mut Connection) -> Option<(Option<Time>, Content)> {
        let script = if self.value == "json" { READ_JSON } else { READ_HASH };
        let (mark, rows): (Option<String>, Vec<String>) =
            ::redis::cmd("EVAL").arg(script).arg(0).query(connection).expect("a reading");
        Some((frontier(&mark?), rows.into_iter().map(|row| (id(&row), row)).collect()))
    }

    /// Everything under the template, keys of the sink or not.
    pub(super) fn keys(&self) -> Vec<String> {
        ::redis::cmd("KEYS").arg("product:*").query(&mut self.server.connection()).expect("keys")
    }
}

/// Reads the mark and every key the sink wrote at one instant.
const READ_JSON: &str = "
local rows = {}
for _, key in ipairs(redis.call('SMEMBERS', 'tidegate:cache:keys')) do rows[#rows + 1] = redis.call('GET', key) end
return {redis.call('GET', 'tidegate:cache:mark'), rows}";
const READ_HASH: &str = "
local rows = {}
for _, key in ipairs(redis.call('SMEMBERS', 'tidegate:cache:keys')) do
  local name = redis.call('HGET', key, 'name')
  if name then name = cjson.encode(name) else name = 'null' end
  rows[#rows + 1] = '{\"id\": ' .. redis.call('HGET', key, 'id') .. ', \"name\": ' .. name ..
    ', \"stock\": ' .. redis.call('HGET', key, 'stock') .. '}'
end
return {redis.call('GET', 'tidegate:cache:mark'), rows}";

impl Target for RedisTarget {
    fn sink(&self) -> Box<dyn Sink> {
        Box::new(redis::Redis::new("cache", self.config(), view(true)).expect("a valid configuration"))
    }

    fn read(&self) -> Option<(Option<Time>, Content)> {
        self.read_by(&mut self.server.connection())
    }

    fn written(&self) -> u64 {
        // One SET of each delivery is the mark's, and one SADD names all keys: rows are counted by the keys' own commands.
        self.server.calls(if self.value == "json" { &["set"] } else { &["hset"] })
    }

    fn stop(&mut self) -> bool {
        self.server.kill();
        true
    }

    fn restart(&mut self) {
        self.server.restart();
    }
}

/// `deploy = "swap"` in the settings.
const SWAP: &str = "deploy = 'swap'";

pub(super) struct TantivyTarget {
    directory: TempDir,
    deploy: &'static str,
}

impl TantivyTarget {
    pub(super) fn new() -> TantivyTarget {
        TantivyTarget { directory: TempDir::new().expect("a temporary directory"), deploy: "" }
    }

    /// From now on a new index is built beside the old.
    pub(super) fn with_generations(self) -> TantivyTarget {
        TantivyTarget { deploy: SWAP, ..self }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("index")
    }

    fn away(&self) -> PathBuf {
        self.directory.path().join("away")
    }

    pub(super) fn config(&self) -> tantivy::Config {
        let (path, deploy) = (self.path(), self.deploy);
        let text = format!("view = 'product'\npath = '{}'\ncommit_interval = '50ms'\n{deploy}", path.display());
        toml::from_str(&text).expect("a valid configuration")
    }

    pub(super) fn search(&self) -> Option<tantivy::Search> {
        tantivy::Search::open(&self.path()).ok()
    }
}

impl Target for TantivyTarget {
    fn sink(&self) -> Box<dyn Sink> {
        let mut sink = tantivy::Tantivy::new("search", self.config(), view(true)).expect("a valid configuration");
        sink.set_meaning(MEANING);
        Box::new(sink)
    }

    fn read(&self) -> Option<(Option<Time>, Content)> {
        let search = self.search()?;
        loop {
            let before = search.content().ok()?.1;
            let (rows, mark) = search.content().ok()?;
            // The mark is read apart from the rows: it goes with them if no commit came in between.
            if before == mark {
                return Some((frontier(&mark?), rows.into_iter().map(|(_, row)| (id(&row), row)).collect()));
            }
        }
    }

    fn written(&self) -> u64 {
        let generations = std::fs::read_dir(self.path()).expect("a directory").flatten().map(|entry| entry.path());
        let indexes = generations.chain([self.path()]).filter(|path| path.join("meta.json").exists());
        let written = |path: PathBuf| -> u64 {
            let index = ::tantivy::Index::open_in_dir(path).expect("an index");
            let segments = index.searchable_segment_metas().expect("segments");
            segments.iter().map(|segment| u64::from(segment.max_doc())).sum()
        };
        indexes.map(written).sum()
    }

    /// The directory is not there, and a file stands in its place.
    fn stop(&mut self) -> bool {
        std::fs::rename(self.path(), self.away()).expect("the index can be moved");
        std::fs::write(self.path(), "").expect("a file can be written");
        true
    }

    fn restart(&mut self) {
        std::fs::remove_file(self.path()).expect("the file can be removed");
        std::fs::rename(self.away(), self.path()).expect("the index can be moved back");
    }
}

pub(super) struct PostgresTarget {
    server: &'static Postgres,
    pub(super) database: Database,
}

/// The table of `view`, in which every row that is written is counted.
const COUNTED: &str = "
CREATE TABLE product (id bigint PRIMARY KEY, name text, stock integer);
CREATE SEQUENCE written;
CREATE FUNCTION count_written() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_catalog.nextval('public.written'); RETURN NULL; END $$;
CREATE TRIGGER written AFTER INSERT OR UPDATE ON product FOR EACH ROW EXECUTE FUNCTION count_written();
";

impl PostgresTarget {
    /// A table of its own on the shared server.
    pub(super) fn new() -> PostgresTarget {
        let server = Postgres::shared();
        let database = server.create_database();
        database.execute(COUNTED);
        PostgresTarget { server, database }
    }
}

/// A sink named `table` for `product` in this database.
pub(super) fn postgres_sink(url: &str, more: &str) -> postgres::Postgres {
    let config = toml::from_str(&format!("view = 'product'\nurl = '{url}'\n{more}")).expect("a valid configuration");
    postgres::Postgres::new("table", config, view(true)).expect("a valid configuration")
}

/// The table and its mark in one snapshot.
pub(super) fn read_product(database: &Database) -> Option<(Option<Time>, Content)> {
    const READ: &str = "SELECT m.mark, to_jsonb(t)::text FROM public.tidegate_marks m LEFT JOIN public.product t ON true \
        WHERE m.relation = 'product'";
    let rows = database.try_query_text(READ).ok()?;
    let mark = rows.first()?[0].clone()?;
    Some((frontier(&mark), rows.into_iter().filter_map(|row| row[1].clone()).map(|row| (id(&row), row)).collect()))
}

impl Target for PostgresTarget {
    fn sink(&self) -> Box<dyn Sink> {
        Box::new(postgres_sink(&self.database.url, ""))
    }

    fn read(&self) -> Option<(Option<Time>, Content)> {
        read_product(&self.database)
    }

    fn written(&self) -> u64 {
        let count = self.database.value("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM written");
        count.parse().expect("a number")
    }

    /// Its database takes no sessions but the test's own.
    fn stop(&mut self) -> bool {
        let name = &self.database.name;
        self.server.database("postgres").execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
        self.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        true
    }

    fn restart(&mut self) {
        let name = &self.database.name;
        self.server.database("postgres").execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    }
}

/// A stub: see `support/search`.
pub(super) struct SearchTarget {
    pub(super) server: SearchServer,
    deploy: &'static str,
}

impl SearchTarget {
    pub(super) fn new() -> SearchTarget {
        SearchTarget::of(SearchServer::start(Product::OpenSearch))
    }

    pub(super) fn of(server: SearchServer) -> SearchTarget {
        SearchTarget { server, deploy: "" }
    }

    /// From now on a new index is built beside the old.
    pub(super) fn with_generations(self) -> SearchTarget {
        SearchTarget { deploy: SWAP, ..self }
    }

    /// The configuration with these lines.
    pub(super) fn config_with(&self, lines: &str) -> opensearch::Config {
        let url = self.server.url();
        let lines = if lines.contains("commit_interval") {
            lines.to_string()
        } else {
            format!("commit_interval = '20ms'\n{lines}")
        };
        let lines = if lines.contains("url =") { lines } else { format!("url = '{url}'\n{lines}") };
        let deploy = self.deploy;
        toml::from_str(&format!("view = 'product'\n{deploy}\n{lines}")).expect("a valid configuration")
    }

    /// A sink with these lines in its configuration.
    pub(super) fn sink_with(&self, lines: &str) -> Box<dyn Sink> {
        let config = self.config_with(lines);
        let mut sink = opensearch::OpenSearch::new("search", config, view(true)).expect("a valid configuration");
        sink.set_meaning(MEANING);
        Box::new(sink)
    }

    /// The document that keeps the mark of what readers see.
    pub(super) fn kept(&self) -> Option<serde_json::Value> {
        let state = self.server.state();
        let name = *state.cluster.find("product").first()?;
        let document = state.cluster.indices.get("tidegate-marks")?.documents.get(name)?;
        Some(serde_json::from_str(&document.source).expect("a mark is JSON"))
    }

    /// What a search finds.
    pub(super) fn found(&self) -> Content {
        let state = self.server.state();
        let Some(index) = state.cluster.one("product") else { return Content::new() };
        index.visible.values().map(|(_, row)| (id(row), row.clone())).collect()
    }
}

impl Target for SearchTarget {
    fn sink(&self) -> Box<dyn Sink> {
        self.sink_with("")
    }

    /// As long as a delivery is being written, what is shown may be the last or the next.
    fn read(&self) -> Option<(Option<Time>, Content)> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            let before = self.kept()?;
            let content = self.found();
            if before["next"].is_null() && self.kept().as_ref() == Some(&before) {
                let mark = before["mark"].as_object()?;
                return Some((mark["frontier"].as_u64(), content));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        None
    }

    fn written(&self) -> u64 {
        self.server.state().cluster.one("product").map_or(0, |index| index.written)
    }

    fn stop(&mut self) -> bool {
        self.server.stop();
        true
    }

    fn restart(&mut self) {
        self.server.run();
    }
}
