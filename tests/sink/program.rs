//! The whole program with a sink of every kind, disturbed while changes flow.
//!
//! Amounts move between accounts and the view is every account's balance: what any target shows at any time sums up to nothing,
//! or it is a mixture.

use crate::support::postgres::{Database, Postgres};
use crate::support::program::{Program, ViewSet};
use crate::support::random::{Random, seed};
use crate::support::redis::RedisServer;
use crate::support::search::{Product, SearchServer};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::time::{Duration, Instant};
use tidegate::sink::tantivy::Search;

const VIEWS: &str = "
CREATE VIEW leg AS SELECT a AS account, -amount AS amount FROM moves UNION ALL SELECT b, amount FROM moves;
CREATE VIEW balance AS SELECT account, sum(amount)::bigint AS amount, count(*) AS legs FROM leg GROUP BY account;
";

/// Each account's amount and number of legs.
type Balances = BTreeMap<i64, (i64, i64)>;

/// The view set, its targets, and what they should show.
struct Bank {
    set: ViewSet,
    redis: RedisServer,
    database: Database,
    index: SearchServer,
    moves: File,
    expected: Balances,
    random: Random,
}

impl Bank {
    fn new(random: Random) -> Bank {
        let redis = RedisServer::forgetful();
        let database = Postgres::shared().create_database();
        let index = SearchServer::start(Product::Elasticsearch);
        let config = format!(
            "
[sources.moves]
type = \"jsonl\"
path = \"moves.jsonl\"
follow = true
schema = {{ a = \"bigint not null\", b = \"bigint not null\", amount = \"bigint not null\" }}

[sinks.lines]
type = \"jsonl\"
view = \"balance\"
path = \"out/lines.jsonl\"

[sinks.search]
type = \"tantivy\"
view = \"balance\"
path = \"index\"
commit_interval = \"20ms\"

[sinks.cache]
type = \"redis\"
view = \"balance\"
url = \"{}\"
key = \"balance:{{account}}\"

[sinks.table]
type = \"postgres\"
view = \"balance\"
url = \"{}\"

[sinks.index]
type = \"opensearch\"
view = \"balance\"
url = \"{}\"
commit_interval = \"20ms\"
settings = {{ gc_deletes = \"1s\" }}
",
            redis.url(),
            database.url,
            index.url()
        );
        let set = ViewSet::new(&config, VIEWS);
        let path = set.write("moves.jsonl", "");
        let moves = OpenOptions::new().append(true).open(path).expect("our own file");
        Bank { set, redis, database, index, moves, expected: Balances::new(), random }
    }

    fn start(&self) -> Program {
        self.set.start(&["run"], "")
    }

    /// Appends moves for this long; whole lines only.
    fn go_on(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            let mut lines = String::new();
            for _ in 0..self.random.below(200) {
                let (a, b) = (self.random.below(3_000) as i64, self.random.below(3_000) as i64);
                let amount = self.random.below(1_000) as i64;
                lines.push_str(&format!("{{\"a\":{a},\"b\":{b},\"amount\":{amount}}}\n"));
                for (account, amount) in [(a, -amount), (b, amount)] {
                    let balance = self.expected.entry(account).or_default();
                    (balance.0, balance.1) = (balance.0 + amount, balance.1 + 1);
                }
            }
            self.moves.write_all(lines.as_bytes()).expect("our own file");
            self.check();
        }
    }

    /// No target shows a mixture. The stub's index may, after the program was killed.
    fn check(&self) {
        let shown =
            [("lines", self.lines()), ("search", self.search()), ("table", self.table()), ("cache", self.cache())];
        for (target, shown) in shown {
            let amount: i64 = shown.iter().flat_map(|shown| shown.values()).map(|(amount, _)| amount).sum();
            assert_eq!(amount, 0, "{target} shows a mixture: {shown:?}");
        }
    }

    fn lines(&self) -> Option<Balances> {
        let text = std::fs::read_to_string(self.set.path().join("out/lines.jsonl")).ok()?;
        // A frontier may be half written.
        let end = text[..text.rfind('\n')? + 1].rfind("{\"frontier\":")?;
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        for line in text[..end].lines().filter(|line| line.starts_with("{\"time\"")) {
            let (head, row) = line.split_once(",\"row\":").expect("a change has a row");
            let diff = head.rsplit_once(':').and_then(|(_, diff)| diff.parse::<i64>().ok()).expect("a difference");
            *counts.entry(row).or_default() += diff;
        }
        counts.retain(|_, count| *count != 0);
        assert!(counts.values().all(|count| *count == 1), "not a set: {counts:?}");
        Some(counts.into_keys().map(|row| balance(row.strip_suffix('}').expect("a change ends"))).collect())
    }

    fn search(&self) -> Option<Balances> {
        let (rows, _) = Search::open(&self.set.path().join("index")).ok()?.content().ok()?;
        Some(rows.iter().map(|(_, row)| balance(row)).collect())
    }

    /// Nothing before there is a table.
    fn table(&self) -> Option<Balances> {
        let rows = self.database.try_query_text("SELECT to_jsonb(b)::text FROM balance b").ok()?;
        Some(rows.iter().map(|row| balance(row[0].as_deref().expect("a row"))).collect())
    }

    /// Read at one instant; nothing while the server is away.
    fn cache(&self) -> Option<Balances> {
        const READ: &str = "
local rows = {}
for _, key in ipairs(redis.call('SMEMBERS', 'tidegate:cache:keys')) do rows[#rows + 1] = redis.call('GET', key) end
return rows";
        let mut connection = redis::Client::open(self.redis.url()).and_then(|client| client.get_connection()).ok()?;
        let rows: Vec<String> = redis::cmd("EVAL").arg(READ).arg(0).query(&mut connection).ok()?;
        Some(rows.iter().map(|row| balance(row)).collect())
    }

    fn index(&self) -> Option<Balances> {
        let state = self.index.state();
        Some(state.cluster.one("balance")?.visible.values().map(|(_, row)| balance(row)).collect())
    }

    /// Waits until these targets show everything.
    fn wait(&self, program: &mut Program, targets: &[fn(&Bank) -> Option<Balances>]) {
        let deadline = Instant::now() + Duration::from_secs(60);
        for target in targets {
            while target(self).as_ref() != Some(&self.expected) {
                program.must_run();
                assert!(Instant::now() < deadline, "a target does not show everything:\n{}", program.errors());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

fn balance(row: &str) -> (i64, (i64, i64)) {
    let row: serde_json::Value = serde_json::from_str(row).unwrap_or_else(|error| panic!("{row}: {error}"));
    let field = |name: &str| row[name].as_i64().expect("a number");
    (field("account"), (field("amount"), field("legs")))
}

const ALL: [fn(&Bank) -> Option<Balances>; 5] = [Bank::lines, Bank::search, Bank::table, Bank::index, Bank::cache];
/// Those that are there while the cache is away.
const OTHERS: usize = 4;

/// The program is killed at random moments; what it leaves behind is whole, and mended by the next run.
#[test]
fn killed_at_any_moment() {
    let mut bank = Bank::new(Random::new(seed(7)));
    for _ in 0..5 {
        let program = bank.start();
        let time = Duration::from_millis(100 + bank.random.below(900));
        bank.go_on(time);
        // A dropped program is killed.
        drop(program);
        bank.check();
    }
    let mut program = bank.start();
    bank.wait(&mut program, &ALL);
    program.terminate();
    let files = std::fs::read_dir(bank.set.path().join("out")).expect("the sink's directory");
    assert_eq!(files.count(), 1);
}

/// While a target is away the others go on; one that lost its data gets it again, though nothing is started anew.
#[test]
fn targets_away_and_emptied() {
    let mut bank = Bank::new(Random::new(seed(8)));
    let mut program = bank.start();
    bank.go_on(Duration::from_millis(300));
    bank.wait(&mut program, &ALL);

    let frozen = bank.redis.freeze();
    let mut lines = String::new();
    for account in 0..1_000 {
        lines.push_str(&format!("{{\"a\":{account},\"b\":{},\"amount\":1}}\n", account + 1));
        for (account, amount) in [(account, -1), (account + 1, 1)] {
            let balance = bank.expected.entry(account).or_default();
            (balance.0, balance.1) = (balance.0 + amount, balance.1 + 1);
        }
    }
    bank.moves.write_all(lines.as_bytes()).expect("our own file");
    bank.wait(&mut program, &ALL[..OTHERS]);
    drop(frozen);
    bank.wait(&mut program, &ALL);

    bank.redis.kill();
    bank.go_on(Duration::from_millis(300));
    bank.wait(&mut program, &ALL[..OTHERS]);
    bank.redis.restart();
    bank.wait(&mut program, &ALL);

    for changes in [true, false] {
        redis::cmd("FLUSHALL").exec(&mut bank.redis.connection()).expect("a command");
        bank.database.execute("TRUNCATE balance");
        if changes {
            bank.go_on(Duration::from_millis(300));
        }
        bank.wait(&mut program, &ALL);
    }
    program.terminate();
}
