//! TPC-H's 22 queries kept current, against the same Postgres refreshing materialized views of them; and what one changed row
//! costs at several scales.
//!
//! A transaction's row in the table `mark` says at which frontier all views show the transaction.

use crate::Scale;
use crate::measure::{Stopwatch, in_child, resident_bytes, settle};
use crate::report::{Aim, Report};
use crate::river::{Told, launch_all, nowhere};
use crate::shop;
use crate::support::postgres::Database;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tidegate::engine::Running;
use tidegate::value::Time;

const TABLES: [&str; 9] =
    ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem", "mark"];
/// What the baseline needs so that its queries end.
const INDEXES: &str = "CREATE INDEX ON lineitem (l_partkey, l_suppkey);
CREATE INDEX ON orders (o_custkey);
CREATE INDEX ON customer (c_nationkey);
CREATE INDEX ON supplier (s_nationkey);
CREATE INDEX ON partsupp (ps_suppkey);";

const ROUNDS: usize = 5;
/// Transactions that change one row.
const CHANGES: usize = 500;

/// First contents, wall and CPU seconds; resident bytes; wall and CPU seconds of all rounds; CPU seconds of all single changes; and of
/// Postgres the seconds to make the materialized views, and to refresh them after all rounds.
type Figures = [f64; 8];

/// Runs all scales and reports.
pub fn run(scale: Scale, report: &mut Report) {
    let scales: &[&str] = scale.pick(&["0.01"], &["0.01", "0.1", "1"]);
    let mut single: Vec<f64> = Vec::new();
    for factor in scales {
        report.section(&format!("TPC-H at scale {factor}, seconds (baseline: the same Postgres, materialized views)"));
        let figures: Figures = in_child(&["tpch", factor], false);
        let [wall, cpu, resident, rounds, rounds_cpu, changes, made, refreshed] = figures;
        report.figure("first contents of 22 views", wall, Some(made), Aim::None);
        report.figure("  CPU", cpu, None, Aim::None);
        report.figure("  resident then, MB", resident / 1e6, None, Aim::None);
        report.figure("a round of changes", rounds / ROUNDS as f64, Some(refreshed / ROUNDS as f64), Aim::None);
        report.figure("  CPU", rounds_cpu / ROUNDS as f64, None, Aim::None);
        // The clock on the wall waits for idle sinks, which are told of a frontier about once a second.
        report.figure("  times as cheap as REFRESH, by CPU", refreshed / rounds_cpu, None, Aim::Least(20.0));
        report.figure("one row changed, CPU ms", changes * 1e3 / CHANGES as f64, None, Aim::None);
        single.push(changes);
    }
    if single.len() < 2 {
        return;
    }
    let (least, most) = (single.iter().copied().fold(f64::MAX, f64::min), single.iter().copied().fold(0.0, f64::max));
    report.figure("one row changed: dearest scale to cheapest", most / least, None, Aim::Most(1.5));
}

/// Measures at one scale.
pub fn measure(subject: &[String]) -> Figures {
    let [scale] = subject else { panic!("a scale") };
    let server = shop::server();
    let database = server.create_database();
    let load = format!("SET tpch.scale = '{scale}';\n{}", text("database/load.sql"));
    for sql in [&text("database/schema.sql"), &load, INDEXES, "CREATE TABLE mark (id bigint PRIMARY KEY)", "ANALYZE"] {
        database.execute(sql);
    }
    let queries = text("queries.sql");
    database.execute(&queries);
    let views: Vec<String> = (1..=22).map(|number| format!("q{number}")).collect();
    let clock = Instant::now();
    views
        .iter()
        .for_each(|view| database.execute(&format!("CREATE MATERIALIZED VIEW m{view} AS SELECT * FROM {view}")));
    let made = clock.elapsed().as_secs_f64();

    let clock = Stopwatch::start();
    let mut river = River::start(&database, queries, &views);
    river.pass(&database, "");
    let (first, resident) = (clock.cost(), resident_bytes());
    let (mut rounds, mut rounds_cpu, mut refreshed) = (0.0, 0.0, 0.0);
    for _ in 0..ROUNDS {
        let clock = Stopwatch::start();
        let committed = river.pass(&database, &text("database/refresh.sql"));
        rounds += committed.elapsed().as_secs_f64();
        rounds_cpu += clock.cost().cpu;
        let clock = Instant::now();
        views.iter().for_each(|view| database.execute(&format!("REFRESH MATERIALIZED VIEW m{view}")));
        refreshed += clock.elapsed().as_secs_f64();
    }
    // What the refreshes wrote is to be read before the clock runs, and what the load left to merge to be merged.
    river.pass(&database, "");
    settle();
    let clock = Stopwatch::start();
    river.pass(&database, &single_changes());
    let changes = clock.cost().cpu;
    river.stop();
    [first.wall, first.cpu, resident, rounds, rounds_cpu, changes, made, refreshed]
}

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("views/tpch").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Line items all over the table, each in a transaction of its own.
fn single_changes() -> String {
    format!(
        "DO $$
DECLARE line record;
BEGIN
    FOR line IN SELECT ctid FROM lineitem ORDER BY hashint8(l_orderkey * 8 + l_linenumber) LIMIT {CHANGES} LOOP
        UPDATE lineitem SET l_quantity = l_quantity % 50 + 1, l_extendedprice = l_extendedprice + 1 WHERE ctid = line.ctid;
        COMMIT;
    END LOOP;
END $$"
    )
}

/// The running views.
struct River {
    running: Running,
    /// What each sink was given, by its place.
    told: Receiver<(usize, Told)>,
    /// How far each was told.
    reached: Vec<Option<Time>>,
    mark: i64,
}

impl River {
    fn start(database: &Database, queries: String, views: &[String]) -> River {
        let (tell, told) = channel();
        let names: Vec<String> = views.iter().cloned().chain(["marks".to_owned()]).collect();
        let sink = |(place, view): (usize, &String)| {
            let tell = tell.clone();
            // Whoever measured may have gone.
            (view.clone(), nowhere(move |told| _ = tell.send((place, told))))
        };
        let sinks = names.iter().enumerate().map(sink).collect();
        let queries = format!("{queries}\nCREATE VIEW marks AS SELECT -id AS id FROM mark;");
        let running = launch_all(&database.url, &TABLES, queries, None, sinks);
        River { running, told, reached: vec![Some(0); names.len()], mark: 0 }
    }

    /// Runs the statements and waits until every view shows them; when they had been committed.
    fn pass(&mut self, database: &Database, statements: &str) -> Instant {
        database.execute(statements);
        self.mark += 1;
        database.execute(&format!("INSERT INTO mark VALUES ({})", self.mark));
        let committed = Instant::now();
        let mut marked = None;
        loop {
            match self.told.recv_timeout(Duration::from_millis(50)) {
                Ok((place, told)) => {
                    self.reached[place] = told.frontier;
                    marked = marked.or(told.frontier.filter(|_| told.mark == Some(-self.mark)));
                }
                Err(_) => {
                    if let Some(Err(failure)) = self.running.poll() {
                        panic!("{failure}");
                    }
                }
            }
            let is_past = |mark| self.reached.iter().all(|reached| reached.is_none_or(|reached| reached >= mark));
            if marked.is_some_and(is_past) {
                return committed;
            }
        }
    }

    fn stop(self) {
        self.running.shutdown().unwrap_or_else(|failure| panic!("{failure}"));
    }
}
