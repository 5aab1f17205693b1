//! Consistency: money moves between accounts, and their total is right at every frontier that any sink is told.

use crate::support::feed::{Feed, Rows};
use crate::support::postgres::Postgres;
use crate::support::program::ViewSet;
use crate::support::random::{Random, seed, setting};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const ACCOUNTS: u64 = 40;
const EACH: u64 = 1000;

const CONFIG: &str = r#"
[sources.bank]
type = "postgres"
url = { env = "DATABASE_URL" }
tables = ["accounts", "branches"]
create = true

[sinks.total]
type = "jsonl"
view = "total"
path = "total.jsonl"

[sinks.by_branch]
type = "jsonl"
view = "by_branch"
path = "by_branch.jsonl"

[sinks.recount]
type = "jsonl"
view = "recount"
path = "recount.jsonl"

[settings]
workers = 2
refresh = "0"
"#;

const VIEWS: &str = "
CREATE VIEW total AS SELECT sum(balance) AS total, count(*) AS accounts FROM accounts;
CREATE VIEW by_branch AS SELECT b.name, sum(a.balance) AS total, count(*) AS accounts
    FROM accounts a JOIN branches b ON b.id = a.branch GROUP BY b.name;
CREATE VIEW recount AS SELECT sum(total) AS total, sum(accounts) AS accounts FROM by_branch;
";

#[test]
fn the_total_is_right_at_every_frontier() {
    let mut random = Random::new(seed(5));
    let database = Postgres::shared().create_database();
    database.execute(&format!(
        "CREATE TABLE branches (id integer PRIMARY KEY, name text NOT NULL);
         CREATE TABLE accounts (id bigint PRIMARY KEY, branch integer NOT NULL, balance bigint NOT NULL);
         INSERT INTO branches SELECT n, 'branch ' || n FROM generate_series(0, 4) n;
         INSERT INTO accounts SELECT n, n % 5, {EACH} FROM generate_series(0, {ACCOUNTS} - 1) n"
    ));
    let set = ViewSet::new(CONFIG, VIEWS);
    let mut program = set.start(&["run"], &database.url);
    let read = |view: &str| Feed::read(&set.path().join(format!("{view}.jsonl")));

    let stop = AtomicBool::new(false);
    let patience = Instant::now() + Duration::from_secs(90);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (database, mut random, stop) = (database.another(), Random::new(random.next()), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // In one transaction; a deadlock rolls it back whole.
                    if database.try_execute(&transfer(&mut random)).is_err() {
                        database.execute("ROLLBACK");
                    }
                }
            });
        }
        while read("recount").changes.is_empty() && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(50));
        }
        std::thread::sleep(Duration::from_secs(setting("TIDEGATE_TEST_SECONDS", 3)));
        stop.store(true, Ordering::Relaxed);
    });
    let now: u64 =
        database.value("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").parse().expect("a number");
    while !["total", "by_branch", "recount"].iter().all(|view| read(view).is_past(now)) {
        program.must_run();
        assert!(
            Instant::now() < patience + Duration::from_secs(60),
            "frontiers stay below {now}:\n{}",
            program.errors()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    program.terminate();

    let (total, by_branch, recount) = (read("total"), read("by_branch"), read("recount"));
    let right = Rows::from([(format!("{{\"total\": {}, \"accounts\": {ACCOUNTS}}}", ACCOUNTS * EACH), 1)]);
    let feeds = [&total, &by_branch, &recount];
    let begun = feeds.iter().filter_map(|feed| *feed.frontiers.first()?).max().expect("something was told");
    let reached = feeds.iter().filter_map(|feed| feed.frontier()).min().expect("not ended");
    let told = feeds.into_iter().flat_map(|feed| feed.frontiers.iter().flatten().copied());
    let told: BTreeSet<u64> = told.filter(|frontier| (begun..=reached).contains(frontier)).collect();
    assert!(!told.is_empty(), "no frontier was told by all");
    for frontier in &told {
        assert_eq!(total.at(Some(*frontier)), right, "total at {frontier}");
        assert_eq!(recount.at(Some(*frontier)), right, "recount at {frontier}");
    }
    assert!(by_branch.changes.len() > 20, "the branches' totals did not change");
    eprintln!("{} frontiers, {} changes of branches", told.len(), by_branch.changes.len());
}

fn transfer(random: &mut Random) -> String {
    let (from, to, amount) = (random.below(ACCOUNTS), random.below(ACCOUNTS), random.below(50));
    let mut sql = format!(
        "BEGIN; UPDATE accounts SET balance = balance - {amount} WHERE id = {from};
         UPDATE accounts SET balance = balance + {amount} WHERE id = {to};"
    );
    if random.chance(20) {
        sql.push_str(&format!("UPDATE accounts SET branch = {} WHERE id = {to};", random.below(5)));
    }
    if random.chance(5) {
        sql.push_str(&format!(
            "UPDATE branches SET name = 'branch {}' WHERE id = {};",
            random.below(1000),
            random.below(5)
        ));
    }
    sql + if random.chance(90) { "COMMIT" } else { "ROLLBACK" }
}
