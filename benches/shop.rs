//! The database of the benchmarks: orders, their customers and products.

use crate::support::postgres::{Database, Options, Postgres};

/// The tables a view may read.
pub const TABLES: [&str; 3] = ["orders", "customers", "products"];

/// Every column of the orders as it is.
pub const IDENTITY: &str = "SELECT * FROM orders";

/// A part of the orders.
pub const FILTER: &str = "SELECT id, customer_id, quantity, price, status FROM orders WHERE status = 'paid'";

/// Orders with the names of what they refer to.
pub const JOIN: &str = "SELECT o.id, o.quantity, o.price, o.status, c.name AS customer, c.city, p.name AS product
FROM orders o JOIN customers c ON c.id = o.customer_id JOIN products p ON p.id = o.product_id";

const SCHEMA: &str = "
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, city text NOT NULL);
CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, price numeric(10,2) NOT NULL);
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer_id int NOT NULL,
    product_id int NOT NULL,
    quantity int NOT NULL,
    price numeric(10,2) NOT NULL,
    status text NOT NULL,
    note text,
    placed_at timestamptz NOT NULL
);";

pub const CUSTOMERS: u64 = 20_000;
pub const PRODUCTS: u64 = 5_000;

/// A row of orders for each number `g`.
pub const ORDER: &str = "g, (g::bigint * 7919) % 20000, (g::bigint * 104729) % 5000, 1 + g % 10, (g % 100000) / 100.0,
    (ARRAY['new', 'paid', 'shipped', 'returned'])[1 + g % 4], 'note to order ' || g,
    timestamptz '2026-01-01 00:00:00Z' + g * interval '1 second'";

/// A private server. It never gives up on a client that is stopped for a while, and keeps the WAL it needs.
pub fn server() -> Postgres {
    let settings = [
        "wal_sender_timeout = 0",
        "shared_buffers = 256MB",
        "max_wal_size = 8GB",
        "autovacuum = off",
        // Without it a commit is sent when the WAL writer comes round, up to 200 ms later.
        "synchronous_commit = on",
    ];
    Postgres::start_with(Options { settings: settings.map(str::to_owned).to_vec(), ..Options::default() })
}

/// The shop with this many orders.
pub fn database(server: &Postgres, orders: u64) -> Database {
    let database = server.create_database();
    database.execute(SCHEMA);
    database.execute(&format!(
        "INSERT INTO customers SELECT g, 'Customer ' || g, 'City ' || g % 100 FROM generate_series(0, {}) g;
         INSERT INTO products SELECT g, 'Product ' || g, (g % 1000) / 10.0 FROM generate_series(0, {}) g;
         INSERT INTO orders SELECT {ORDER} FROM generate_series(0, {}) g;",
        CUSTOMERS - 1,
        PRODUCTS - 1,
        orders - 1
    ));
    database.execute("VACUUM ANALYZE");
    database
}
