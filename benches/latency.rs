//! From a commit in Postgres to Redis's acknowledgement, at a steady rate, through a join of three tables and without a refresh
//! grid: `tidegate run`'s own parts in this process. The baseline is what a program would do by itself: the same commit, then a
//! `SET` over a connection it holds open.

use crate::Scale;
use crate::measure::percentile;
use crate::report::{Aim, Report};
use crate::river;
use crate::shop;
use crate::support::postgres::Database;
use crate::support::redis::RedisServer;
use std::time::{Duration, Instant};
use tidegate::config::SinkConfig;
use tidegate::engine::{Running, make_sink};

const PER_SECOND: u64 = 1_000;

/// Runs and reports.
pub fn run(scale: Scale, report: &mut Report) {
    let (orders, seconds) = scale.pick((20_000, 5), (100_000, 30));
    let server = shop::server();
    let database = shop::database(&server, orders);
    let redis = RedisServer::start();
    // The target's disk is not what is measured.
    redis::cmd("CONFIG").arg(&["SET", "appendfsync", "no"]).exec(&mut redis.connection()).expect("the server runs");

    let base = committed_and_set(&database, &redis, orders, seconds);
    let running = start(&database, &redis);
    await_acknowledged(&running);
    let before = acknowledged(&running);
    pace(orders, seconds, |sql| database.execute(sql));
    std::thread::sleep(Duration::from_secs(1));
    let status = running.status();
    let sink = &status.sinks[0];
    let told = acknowledged(&running) - before;

    report.section(&format!("Commit to Redis at {PER_SECOND} transactions a second, ms (baseline: commit, then SET)"));
    let milliseconds = |duration: Option<Duration>| duration.map_or(f64::NAN, |d| d.as_secs_f64() * 1e3);
    report.figure("p50", milliseconds(sink.p50), Some(percentile(base.clone(), 0.5)), Aim::Most(5.0));
    report.figure("p99", milliseconds(sink.p99), Some(percentile(base, 0.99)), Aim::Most(25.0));
    report.figure("keys written per transaction", told as f64 / (PER_SECOND * seconds) as f64, None, Aim::None);
    running.shutdown().unwrap_or_else(|failure| panic!("{failure}"));
}

/// Runs a transaction a millisecond for so many seconds, or as fast as it goes if that is slower.
fn pace(orders: u64, seconds: u64, mut transaction: impl FnMut(&str)) {
    let begun = Instant::now();
    for number in 0..PER_SECOND * seconds {
        let due = Duration::from_micros(number * 1_000_000 / PER_SECOND);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        let id = (number * 7919) % orders;
        transaction(&format!("UPDATE orders SET quantity = quantity + 1, status = 'paid' WHERE id = {id}"));
    }
}

/// The baseline's milliseconds, one per transaction.
fn committed_and_set(database: &Database, redis: &RedisServer, orders: u64, seconds: u64) -> Vec<f64> {
    let mut connection = redis.connection();
    let mut took = Vec::new();
    pace(orders, seconds, |sql| {
        let begun = Instant::now();
        database.execute(sql);
        redis::cmd("SET").arg("order").arg(sql).exec(&mut connection).expect("the server runs");
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    });
    took
}

fn start(database: &Database, redis: &RedisServer) -> Running {
    let sink = format!("view = \"shown\"\nurl = \"{}\"\nkey = \"order:{{id}}\"", redis.url());
    let sink = SinkConfig::Redis(toml::from_str(&sink).expect("our own configuration"));
    river::launch(&database.url, &shop::TABLES, shop::JOIN, None, make_sink(sink))
}

/// Rows the target has acknowledged.
fn acknowledged(running: &Running) -> u64 {
    running.status().sinks[0].rows
}

/// Waits for the first load.
fn await_acknowledged(running: &Running) {
    while acknowledged(running) == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    // What was written meanwhile has come through as well.
    std::thread::sleep(Duration::from_millis(500));
}
