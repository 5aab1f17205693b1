//! Draining a backlog of the change feed through a view, against `pg_recvlogical` draining the same WAL to nowhere.
//!
//! The views run in processes of their own which are stopped (as by Ctrl-Z) while the workload is written, so that all three
//! readers find the same WAL from the same position. Each drains it alone, the others stopped. The workload's last transaction is
//! a mark that the view shows.
//!
//! The server decodes ahead for a stopped reader as far as the sockets' buffers go, which favours it on the wall clock; so the aim is
//! held against the readers' CPU time.

use crate::Scale;
use crate::measure::{CHILD, Cost, cpu_seconds, median};
use crate::report::{Aim, Report};
use crate::river::River;
use crate::shop;
use crate::support::postgres::{Database, Postgres, programs};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

/// How transactions look.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Three, each of many changes.
    Big,
    /// Many, of twenty changes each.
    Small,
    /// Very many, of one row each.
    Tiny,
}

/// Orders that exist before the workload; it updates and deletes among its own and the first of them.
const ORDERS: u64 = 100_000;

/// Runs and reports.
pub fn run(scale: Scale, report: &mut Report) {
    let (unit, runs) = (scale.pick(1, 10), scale.pick(1, 3));
    let server = shop::server();
    let database = shop::database(&server, ORDERS);
    let mut filter = Reader::start(&database, "filter");
    let mut join = Reader::start(&database, "join");
    report.section("Draining the change feed (baseline: pg_recvlogical -f /dev/null)");
    let mut mark = 0;
    for shape in [Shape::Big, Shape::Small, Shape::Tiny] {
        let (mut base, mut filtered, mut joined) = (Vec::new(), Vec::new(), Vec::new());
        let mut changes = 0;
        for _ in 0..runs {
            mark -= 1;
            filter.pause();
            join.pause();
            database.execute(&format!("SELECT pg_create_logical_replication_slot('base{}', 'pgoutput')", -mark));
            changes = write(&database, shape, unit, mark);
            let end = database.value("SELECT pg_current_wal_lsn()");
            base.push(received(&server, &database, mark, &end));
            filtered.push(filter.drain(mark));
            joined.push(join.drain(mark));
        }
        let rate = |costs: &[Cost], of: fn(&Cost) -> f64| changes as f64 / median(costs.iter().map(of).collect());
        let (wall, cpu) = (|cost: &Cost| cost.wall, |cost: &Cost| cost.cpu);
        let name = match shape {
            Shape::Big => "large transactions",
            Shape::Small => "of 20 changes",
            Shape::Tiny => "of one change",
        };
        for (view, costs, aim) in [("filter", &filtered, 0.9), ("join", &joined, 0.7)] {
            let label = format!("{name}, {view}: changes per second");
            report.ratio(&label, rate(costs, wall), rate(&base, wall), Aim::None);
            report.ratio("  per CPU second of the reader", rate(costs, cpu), rate(&base, cpu), Aim::Least(aim));
        }
    }
}

/// Writes the workload, then the mark. Returns how many changes it has.
fn write(database: &Database, shape: Shape, unit: u64, mark: i64) -> u64 {
    let order = shop::ORDER;
    let base = 1_000_000_000 + 10_000_000 * mark.unsigned_abs();
    let changes = match shape {
        Shape::Big => {
            let (new, changed, gone) = (20_000 * unit, 10_000 * unit, 10_000 * unit);
            database.execute(&format!(
                "INSERT INTO orders SELECT {order} FROM generate_series({base}, {base} + {new} - 1) g"
            ));
            database.execute(&format!(
                "UPDATE orders SET status = 'paid', quantity = quantity + 1 WHERE id BETWEEN 0 AND {changed} - 1"
            ));
            database.execute(&format!("DELETE FROM orders WHERE id >= {base} AND id < {base} + {gone}"));
            new + changed + gone
        }
        Shape::Small => {
            let transactions = 1_000 * unit;
            database.execute(&format!(
                "DO $$ BEGIN FOR i IN 0 .. {transactions} - 1 LOOP
                     INSERT INTO orders SELECT {order} FROM generate_series({base} + i * 10, {base} + i * 10 + 9) g;
                     UPDATE orders SET status = 'shipped', quantity = quantity + 1 WHERE id BETWEEN i * 8 AND i * 8 + 7;
                     DELETE FROM orders WHERE id BETWEEN {base} + i * 10 AND {base} + i * 10 + 1;
                     COMMIT;
                 END LOOP; END $$"
            ));
            transactions * 20
        }
        Shape::Tiny => {
            let transactions = 5_000 * unit;
            database.execute(&format!(
                "DO $$ BEGIN FOR i IN 0 .. {transactions} - 1 LOOP
                     INSERT INTO orders SELECT {order} FROM (SELECT {base}::bigint + i) AS one(g);
                     COMMIT;
                 END LOOP; END $$"
            ));
            transactions
        }
    };
    database.execute(&format!("INSERT INTO orders VALUES ({mark}, 1, 1, 1, 1, 'paid', NULL, now())"));
    changes
}

/// The baseline: its cost until it has everything up to the position.
fn received(server: &Postgres, database: &Database, mark: i64, end: &str) -> Cost {
    let slot = format!("base{}", -mark);
    let program = programs().join("pg_recvlogical");
    let port = server.port().to_string();
    let mut command = Command::new(program);
    command.args(["-h", "127.0.0.1", "-p", &port, "-U", crate::support::postgres::USER, "-d", &database.name]);
    command.args(["--slot", &slot, "--start", "--no-loop", "-f", "/dev/null", "--endpos", end, "-F", "0"]);
    command.args(["-o", "proto_version=1", "-o", "publication_names=tidegate_bench"]);
    command.env("PGPASSWORD", crate::support::postgres::PASSWORD).stderr(Stdio::null());
    let before = children_seconds();
    let begun = Instant::now();
    let status = command.status().expect("pg_recvlogical");
    let cost = Cost { wall: begun.elapsed().as_secs_f64(), cpu: children_seconds() - before };
    assert!(status.success(), "pg_recvlogical");
    database.execute(&format!("SELECT pg_drop_replication_slot('{slot}')"));
    cost
}

/// The CPU seconds of the children that have ended.
fn children_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// A view in a process of its own.
struct Reader {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Reader {
    /// Starts it and waits for its first content.
    fn start(database: &Database, view: &str) -> Reader {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args([CHILD, "feed", view, &database.url]).stdout(Stdio::piped());
        let mut process = command.spawn().expect("this program can be started again");
        let lines = BufReader::new(process.stdout.take().expect("piped"));
        let mut reader = Reader { process, lines };
        reader.await_line("first");
        reader
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(sent.expect("kill").success(), "the reader is gone");
    }

    /// Stops it for a while.
    fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on until it has seen the mark; what that cost.
    fn drain(&mut self, mark: i64) -> Cost {
        let process = self.process.id().to_string();
        let (cpu, begun) = (cpu_seconds(&process), Instant::now());
        self.signal("-CONT");
        self.await_line(&mark.to_string());
        let cost = Cost { wall: begun.elapsed().as_secs_f64(), cpu: cpu_seconds(&process) - cpu };
        self.pause();
        cost
    }

    fn await_line(&mut self, expected: &str) {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("the reader's output");
        assert_eq!(line.trim(), expected, "what the reader says");
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The reader's process: says `first` when it has the first content, and every mark it sees.
pub fn read(subject: &[String]) {
    let [view, url] = subject else { panic!("a view and a database") };
    let mut river = match view.as_str() {
        "filter" => River::start(url, &["orders"], shop::FILTER),
        _ => River::start(url, &shop::TABLES, shop::JOIN),
    };
    river.first();
    println!("first");
    loop {
        if let Some(mark) = river.next().mark {
            println!("{mark}");
        }
    }
}
