//! A random workload: transactions over several tables, keys and references that change, nulls, rollbacks, savepoints.

use crate::support::postgres::Database;
use crate::support::random::Random;
use std::sync::atomic::{AtomicBool, Ordering};

/// Rows before the first change.
pub fn fill(database: &Database) {
    database.execute(
        "INSERT INTO customers SELECT n, CASE WHEN n % 3 = 0 THEN 'Ada ' ELSE 'Bo ' END || n, CASE WHEN n % 7 <> 0 THEN 'town ' || n % 9 END,
                CASE WHEN n % 4 <> 0 THEN n % 2 = 0 END, timestamptz '2024-01-01Z' + n * interval '1 hour 1 microsecond'
         FROM generate_series(1, 120) n;
         INSERT INTO products SELECT n, 'thing \"' || n || '\"', CASE WHEN n % 11 <> 0 THEN n * 1.25 END,
                CASE WHEN n % 5 <> 0 THEN 'kind ' || n % 6 END, CASE WHEN n % 2 = 0 THEN jsonb_build_object('n', n, 'b', 1.50, 'aa', 'ü\\n') END
         FROM generate_series(1, 60) n;
         INSERT INTO orders SELECT n, 1 + n % 130, (ARRAY['new', 'paid', 'cancelled', NULL])[1 + n % 4],
                timestamptz '2024-03-01Z' + n * interval '17 minutes', repeat('note ', n % 4)
         FROM generate_series(1, 300) n;
         INSERT INTO lines SELECT o, l, 1 + (o * 7 + l) % 65, (o + l) % 9, CASE WHEN o % 8 <> 0 THEN (o % 50) * 1.1 END
         FROM generate_series(1, 300) o, generate_series(1, 3) l",
    );
}

/// Runs random transactions until told to stop; how many were committed.
pub fn write(database: &Database, mut random: Random, stop: &AtomicBool) -> usize {
    let mut committed = 0;
    while !stop.load(Ordering::Relaxed) {
        committed += usize::from(transaction(database, &mut random));
    }
    committed
}

/// One transaction; whether it was committed. A statement that fails (a key taken, a deadlock) rolls it back.
fn transaction(database: &Database, random: &mut Random) -> bool {
    let mut statements = vec!["BEGIN".to_owned()];
    for _ in 0..=random.below(6) {
        if random.chance(12) {
            statements.push("SAVEPOINT here".into());
            statements.push(statement(random));
            statements.push(if random.chance(60) { "ROLLBACK TO here" } else { "RELEASE here" }.into());
        } else {
            statements.push(statement(random));
        }
    }
    let is_kept = random.chance(85);
    statements.push(if is_kept { "COMMIT" } else { "ROLLBACK" }.into());
    let done = statements.iter().all(|sql| database.try_execute(sql).is_ok());
    if !done {
        database.execute("ROLLBACK");
    }
    done && is_kept
}

fn statement(random: &mut Random) -> String {
    let customer = random.below(160);
    let order = random.below(400);
    let product = random.below(80);
    let number = random.below(1_000_000);
    let line = random.below(5);
    let some = random.below(12);
    match random.below(20) {
        0 => format!(
            "INSERT INTO customers VALUES ({customer}, 'Ann {number}', 'town {some}', NULL, clock_timestamp())
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, city = NULL"
        ),
        1 => format!("UPDATE customers SET city = {}, vip = NOT vip WHERE id = {customer}", nullable(random, "town 3")),
        2 => format!("UPDATE customers SET id = id + 1000 WHERE id = {customer}"),
        3 => format!("UPDATE customers SET id = id - 1000 WHERE id = 1000 + {customer}"),
        4 => format!("DELETE FROM customers WHERE id = {customer}"),
        5 => format!("UPDATE products SET price = price * 1.01 + 0.01, category = 'kind {some}' WHERE id = {product}"),
        6 => format!("UPDATE products SET about = jsonb_set(COALESCE(about, '{{}}'), '{{k}}', '{number}') WHERE id = {product}"),
        7 => format!("DELETE FROM products WHERE id = {product}"),
        8 => format!("INSERT INTO products VALUES ({product}, 'thing {number}', {some}.99, NULL, NULL) ON CONFLICT DO NOTHING"),
        9 | 10 => format!(
            "INSERT INTO orders VALUES ({order}, {customer}, 'new', clock_timestamp(), NULL) ON CONFLICT DO NOTHING;
             INSERT INTO lines SELECT {order}, l, {product}, l + {some}, 9.99 FROM generate_series(1, {line}) l ON CONFLICT DO NOTHING"
        ),
        11 => format!("UPDATE orders SET customer_id = {} WHERE id = {order}", nullable(random, &customer.to_string())),
        12 => format!("UPDATE orders SET status = {} WHERE id % 40 = {order} % 40", nullable(random, "paid")),
        // Out of line: a later update of another column sends the note as "unchanged".
        13 => format!("UPDATE orders SET note = (SELECT string_agg(md5(n::text || {number}), '') FROM generate_series(1, 300) n) WHERE id = {order}"),
        14 => format!("UPDATE orders SET id = {order} + 5000 WHERE id = {order}; UPDATE lines SET order_id = {order} + 5000 WHERE order_id = {order}"),
        15 => format!("DELETE FROM lines WHERE order_id = {order}; DELETE FROM orders WHERE id = {order}"),
        16 => format!("UPDATE lines SET quantity = quantity + 1, price = {} WHERE order_id = {order}", nullable(random, "12.50")),
        17 => format!("UPDATE lines SET line = line + 10 WHERE order_id = {order} AND line = {line}"),
        18 => format!("UPDATE lines SET product_id = {product} WHERE order_id = {order}"),
        _ if some == 0 => "TRUNCATE lines".into(),
        _ => format!("DELETE FROM lines WHERE product_id = {product} AND quantity < {line}"),
    }
}

fn nullable(random: &mut Random, text: &str) -> String {
    if random.chance(25) { "NULL".into() } else { format!("'{text}'") }
}

/// A hundred thousand rows at once.
pub const LARGE: &str = "INSERT INTO lines SELECT 100000 + n / 5, n % 5, n % 60, n % 10, (n % 700) / 100.0 FROM generate_series(1, 100000) n";
/// They go again.
pub const LARGE_GONE: &str = "DELETE FROM lines WHERE order_id >= 100000";
