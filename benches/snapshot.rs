//! The first load of a table, through the source, a view and a sink, against `COPY … TO STDOUT` of the same table by the same
//! client over as many connections, to nowhere.

use crate::Scale;
use crate::measure::{Cost, Stopwatch, median};
use crate::report::{Aim, Report};
use crate::river::River;
use crate::shop;
use crate::support::postgres::Database;
use futures_util::StreamExt;
use std::collections::VecDeque;
use tokio_postgres::NoTls;

/// The source reads this many pages by one `COPY`, over at most two connections; so does the baseline.
const PAGES_PER_PIECE: u64 = 16 * 1024;
const CONNECTIONS: usize = 2;

/// Runs and reports.
pub fn run(scale: Scale, report: &mut Report) {
    let (orders, runs) = (scale.pick(200_000, 2_000_000), scale.pick(3, 5));
    let server = shop::server();
    let database = shop::database(&server, orders);
    report.section("First load of a table (baseline: COPY … TO STDOUT, same client, to nowhere)");
    let (mut copy, mut identity, mut join) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        copy.push(copied(&database, orders));
        identity.push(loaded(&database, &["orders"], shop::IDENTITY, orders));
        join.push(loaded(&database, &shop::TABLES, shop::JOIN, orders));
    }
    let rate = |costs: &[Cost], of: fn(&Cost) -> f64| orders as f64 / median(costs.iter().map(of).collect());
    for (name, costs, aim) in [("identity view", &identity, 0.6), ("join of three tables", &join, 0.6)] {
        let (wall, cpu) = (|cost: &Cost| cost.wall, |cost: &Cost| cost.cpu);
        report.ratio(&format!("{name}, rows per second"), rate(costs, wall), rate(&copy, wall), Aim::Least(aim));
        report.ratio("  rows per CPU second of the client", rate(costs, cpu), rate(&copy, cpu), Aim::None);
    }
}

/// The whole river, until the sink has the content. Its start is part of it.
fn loaded(database: &Database, tables: &[&str], sql: &str, orders: u64) -> Cost {
    let watch = Stopwatch::start();
    let mut river = River::start(&database.url, tables, sql);
    assert_eq!(river.first() as u64, orders, "rows of the view");
    let cost = watch.cost();
    river.stop();
    cost
}

/// The baseline.
fn copied(database: &Database, orders: u64) -> Cost {
    let pages: u64 = database.value("SELECT pg_relation_size('orders') / 8192").parse().expect("a number");
    let pieces = pages.div_ceil(PAGES_PER_PIECE);
    let statements: VecDeque<String> = (0..pieces)
        .map(|piece| {
            let (from, below) = (piece * PAGES_PER_PIECE, (piece + 1) * PAGES_PER_PIECE);
            format!("COPY (SELECT * FROM ONLY orders WHERE ctid >= '({from},0)' AND ctid < '({below},0)') TO STDOUT")
        })
        .collect();
    let connections = CONNECTIONS.min(statements.len());
    let statements = std::rc::Rc::new(std::cell::RefCell::new(statements));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let watch = Stopwatch::start();
    let lines: usize = runtime.block_on(async {
        let readers = (0..connections).map(|_| read(&database.url, &statements));
        futures_util::future::join_all(readers).await.into_iter().sum()
    });
    let cost = watch.cost();
    assert_eq!(lines as u64, orders, "rows copied");
    cost
}

/// Reads pieces over one connection as long as there are any; the rows.
async fn read(url: &str, statements: &std::cell::RefCell<VecDeque<String>>) -> usize {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    let mut rows = 0;
    loop {
        let Some(statement) = statements.borrow_mut().pop_front() else { return rows };
        let stream = client.copy_out(&statement).await.expect("COPY");
        let mut stream = std::pin::pin!(stream);
        while let Some(bytes) = stream.next().await {
            // Postgres sends a message per row.
            rows += usize::from(!bytes.expect("COPY").is_empty());
        }
    }
}
