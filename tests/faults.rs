//! The network between the program and everything it talks to: cut, stalled, delayed, a byte at a time, gone without a word, at
//! random. The bank of `restart` must come through it.

use crate::restart::{Bank, write};
use crate::support::postgres::Postgres;
use crate::support::program::{Program, ViewSet};
use crate::support::proxy::{Fault, Proxy};
use crate::support::random::{Random, seed, setting};
use crate::support::search::{Product, SearchServer};
use crate::verbs::ask_json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// One more target of the bank.
pub const SEARCH: &str = "
[sinks.found]
type = \"opensearch\"
view = \"balance\"
url = \"URL\"
key = [\"id\"]
commit_interval = \"20ms\"
";

/// What a search finds, when no delivery is under way.
pub fn found(server: &SearchServer) -> Option<Vec<String>> {
    let state = server.state();
    let kept = state.cluster.indices.get("tidegate-marks")?.documents.get("balance")?;
    let kept: serde_json::Value = serde_json::from_str(&kept.source).expect("a mark is JSON");
    let index = state.cluster.one("balance").filter(|_| kept["next"].is_null())?;
    let mut rows: Vec<String> = index.visible.values().map(|(_, row)| row.clone()).collect();
    rows.sort();
    Some(rows)
}

/// While the mark says what a search finds it is no mixture, and the mark does not go back. Without one the whole content is being
/// compared, as after a delivery that was interrupted: then a part of that may be seen.
pub fn look(server: &SearchServer, seen: &mut u64) {
    let state = server.state();
    let marks = state.cluster.indices.get("tidegate-marks");
    let Some(kept) = marks.and_then(|marks| marks.documents.get("balance")) else { return };
    let kept: serde_json::Value = serde_json::from_str(&kept.source).expect("a mark is JSON");
    let Some(frontier) = kept["mark"]["frontier"].as_u64() else { return };
    assert!(frontier >= *seen, "the mark of the search goes back from {seen} to {frontier}");
    *seen = frontier;
    let rows = state.cluster.one("balance").into_iter().flat_map(|index| index.visible.values()).map(|(_, row)| {
        let row: serde_json::Value = serde_json::from_str(row).expect("a row is JSON");
        row["amount"].as_i64().expect("a number")
    });
    assert_eq!(rows.sum::<i64>(), 0, "the search finds a mixture: {kept}");
}

#[test]
fn whatever_the_network_does_everything_arrives_once() {
    let mut random = Random::new(seed(21));
    let mut bank = Bank::new();
    let search = SearchServer::start(Product::OpenSearch);
    let postgres = Postgres::shared().port();
    // The last one is for the table that is a target.
    let servers = [postgres, bank.redis.port(), search.port(), postgres];
    let proxies = servers.map(Proxy::new);
    let through = |text: &str, i: usize| text.replace(&servers[i].to_string(), &proxies[i].port().to_string());
    let (source, table) = bank.config.split_once("[sinks.table]").expect("a table");
    let table = table.replace("{ env = \"DATABASE_URL\" }", &format!("{:?}", through(&bank.database.url, 3)));
    let config =
        format!("{}[sinks.table]{table}{}", through(source, 1), SEARCH.replace("URL", &through(&search.url(), 2)));
    bank.set.write("tidegate.toml", &config);
    let url = through(&bank.database.url, 0);
    let mut program = bank.set.start(&["run"], &url);
    bank.settle(&mut program);

    let (stop, writer, mut chance) = (AtomicBool::new(false), bank.database.another(), random.clone());
    std::thread::scope(|scope| {
        scope.spawn(|| write(&writer, &mut chance, &stop));
        for _ in 0..setting("TIDEGATE_TEST_FAULTS", 30) {
            let proxy = random.pick(&proxies);
            let time = Duration::from_millis(random.below(400));
            let fault = random.below(6);
            match fault {
                0 => proxy.cut(),
                1 => proxy.set(Fault::Stall),
                2 => proxy.set(Fault::Delay(time / 4)),
                3 => proxy.set(Fault::Trickle),
                // The other side hears nothing, until the connection is cut in the end.
                4 => proxy.swallow(),
                _ => proxies.iter().for_each(Proxy::cut),
            }
            let begun = Instant::now();
            while begun.elapsed() < time {
                bank.look();
            }
            proxy.set(Fault::None);
            if fault == 4 || random.chance(70) {
                proxy.cut();
            }
            program.must_run();
        }
        stop.store(true, Ordering::Relaxed);
    });
    bank.settle(&mut program);
    // Connections that will never say anything again, and of which nobody is told that they are gone: those of the source, and of the
    // search with something under way. (The sinks of tables wait ten minutes for an answer, those of Redis some.) And those of another
    // program that is reading its tables for the first time.
    let change = "INSERT INTO move (a, b, amount) VALUES (1, 2, 12345)";
    let first = FirstReading::begin(&bank);
    proxies[2].swallow();
    bank.database.execute(change);
    bank.settle(&mut program);
    proxies[0].swallow();
    bank.database.execute(change);
    bank.settle(&mut program);
    let deadline = Instant::now() + Duration::from_secs(100);
    while found(&search) != Some(bank.expected()) {
        assert!(Instant::now() < deadline, "the search finds something else\n{}", program.errors());
        std::thread::sleep(Duration::from_millis(50));
    }
    program.terminate();
    first.must_end();
}

/// A program that reads a large table over a slow network, which swallows everything meanwhile.
struct FirstReading {
    set: ViewSet,
    program: Program,
    _proxy: Proxy,
}

impl FirstReading {
    fn begin(bank: &Bank) -> FirstReading {
        bank.database.execute(
            "CREATE TABLE page AS SELECT n, repeat(md5(n::text), 300) AS text FROM generate_series(1, 1000) n",
        );
        bank.database.execute("ALTER TABLE page REPLICA IDENTITY FULL");
        let config = "
[sources.pages]
type = \"postgres\"
url = { env = \"DATABASE_URL\" }
tables = [\"page\"]
create = true

[sinks.lengths]
type = \"jsonl\"
view = \"lengths\"
path = \"lengths.jsonl\"
";
        let set = ViewSet::new(config, "CREATE VIEW lengths AS SELECT count(*), sum(length(text)) FROM page;");
        let server = Postgres::shared().port();
        let proxy = Proxy::new(server);
        let mut program =
            set.start(&["run"], &bank.database.url.replace(&server.to_string(), &proxy.port().to_string()));
        while !program.errors().contains("the tables are read as they are at") {
            program.must_run();
            std::thread::sleep(Duration::from_millis(5));
        }
        proxy.set(Fault::Delay(Duration::from_millis(20)));
        while ask_json(&set, "", &["status"]).is_none_or(|status| status["sources"][0]["snapshot_rows"] == 0) {
            program.must_run();
        }
        proxy.swallow();
        proxy.set(Fault::None);
        FirstReading { set, program, _proxy: proxy }
    }

    /// It has begun anew by now, or will soon.
    fn must_end(mut self) {
        let deadline = Instant::now() + Duration::from_secs(100);
        let read = "\"sum\": 9600000, \"count\": 1000";
        while !std::fs::read_to_string(self.set.path().join("lengths.jsonl")).is_ok_and(|told| told.contains(read)) {
            self.program.must_run();
            assert!(Instant::now() < deadline, "the first reading stands still\n{}", self.program.errors());
            std::thread::sleep(Duration::from_millis(50));
        }
        let said = self.program.errors();
        assert!(said.contains("no answer from the server within 15 s"), "{said}");
        self.program.terminate();
    }
}
