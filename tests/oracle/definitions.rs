//! The tables and views of the oracle test.

/// The base tables: as the source has them and as the judge does.
pub const TABLES: &str = "
CREATE TABLE customers (id integer PRIMARY KEY, name text NOT NULL, city text, vip boolean, joined timestamptz NOT NULL);
CREATE TABLE products (id bigint PRIMARY KEY, name varchar(40) NOT NULL, price numeric(10,2), category text, about jsonb);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id integer, status text, placed timestamptz NOT NULL, note text);
CREATE TABLE lines (order_id bigint, line smallint, product_id bigint, quantity integer, price numeric(10,2),
                    PRIMARY KEY (order_id, line));
";

/// Each table with its key.
pub const KEYS: &[(&str, &str)] =
    &[("customers", "id"), ("products", "id"), ("orders", "id"), ("lines", "order_id, line")];

/// The views with their SQL. The identity views of the base tables come on top of them.
pub const VIEWS: &[(&str, &str)] = &[
    (
        "order_totals",
        "SELECT o.id, o.customer_id, o.status, sum(l.quantity * l.price) AS total, count(*) AS lines, count(l.price) AS priced
         FROM orders o JOIN lines l ON l.order_id = o.id GROUP BY o.id, o.customer_id, o.status",
    ),
    (
        "customer_orders",
        "SELECT c.id, c.name, c.city, count(o.id) AS orders, min(o.placed) AS first_order, max(o.status) AS last_status
         FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id, c.name, c.city",
    ),
    (
        "cities",
        "SELECT city, count(*) AS customers, count(*) FILTER (WHERE vip) AS vips, count(DISTINCT name) AS names,
                bool_or(vip) AS any_vip, min(joined) AS since
         FROM customers GROUP BY city",
    ),
    (
        "product_sales",
        "SELECT p.id, p.name, p.category, avg(l.price) AS average, min(l.quantity) AS least, max(l.price) AS dearest,
                sum(DISTINCT l.quantity) AS quantities
         FROM products p JOIN lines l ON l.product_id = p.id GROUP BY p.id, p.name, p.category",
    ),
    (
        "big_orders",
        "SELECT order_id, sum(quantity) AS pieces FROM lines GROUP BY order_id HAVING sum(quantity) > 12",
    ),
    (
        "names",
        "SELECT 'customer' AS kind, name FROM customers UNION ALL SELECT 'product', name FROM products WHERE price > 20",
    ),
    ("places", "SELECT DISTINCT city, vip FROM customers"),
    (
        "order_details",
        "SELECT o.id, l.line, c.name AS customer, p.name AS product, COALESCE(p.category, 'none') AS category,
                l.quantity * COALESCE(l.price, p.price) AS worth,
                CASE WHEN o.status = 'paid' THEN 'settled' WHEN o.status IS NULL THEN 'draft' ELSE upper(o.status) END AS state
         FROM orders o
         JOIN lines l ON l.order_id = o.id
         JOIN customers c ON c.id = o.customer_id
         JOIN products p ON p.id = l.product_id",
    ),
    (
        "per_hour",
        "SELECT date_bin('1 hour', placed, timestamptz '2000-01-01 00:00:00Z') AS hour, count(*) AS orders,
                count(customer_id) AS known, max(length(note)) AS longest_note
         FROM orders GROUP BY date_bin('1 hour', placed, timestamptz '2000-01-01 00:00:00Z')",
    ),
    (
        "some_names",
        "SELECT id, lower(name) || '/' || COALESCE(city, '?') AS label, id * 2 + 1 AS odd, NOT vip AS plain
         FROM customers WHERE name LIKE 'A%' OR city LIKE '%o_t%' OR vip IS NULL",
    ),
    (
        "everything",
        "SELECT count(*) AS lines, sum(quantity) AS pieces, avg(quantity) AS average, max(price) AS dearest FROM lines",
    ),
    (
        "valued_customers",
        "SELECT c.id, c.name, t.orders, t.spent FROM customers c
         JOIN (SELECT customer_id, count(*) AS orders, sum(total) AS spent FROM order_totals
               WHERE status <> 'cancelled' GROUP BY customer_id) t ON t.customer_id = c.id
         WHERE t.spent > 100",
    ),
    (
        "bulky_lines",
        "SELECT o.id, o.status, l.line, l.quantity FROM orders o
         LEFT JOIN lines l ON l.order_id = o.id AND l.quantity > 6 AND o.status IS NOT NULL",
    ),
    (
        "categories",
        "SELECT category, count(*) AS products, sum(price) AS price, round(avg(price), 3) AS average, count(about) AS described
         FROM products GROUP BY category",
    ),
    (
        "neighbours",
        "SELECT a.id AS one, b.id AS other, a.city FROM customers a JOIN customers b ON a.city = b.city AND a.id < b.id
         WHERE a.vip AND b.vip",
    ),
];

/// `tidegate.toml`: every view and every base table to a `jsonl` file of its name.
pub fn config(workers: usize) -> String {
    let tables = KEYS.iter().map(|(table, _)| format!("\"{table}\"")).collect::<Vec<_>>().join(", ");
    let mut config = format!(
        "[sources.shop]\ntype = \"postgres\"\nurl = {{ env = \"DATABASE_URL\" }}\ntables = [{tables}]\ncreate = true\n\n\
         [settings]\nworkers = {workers}\nrefresh = \"0\"\n"
    );
    for view in sunk() {
        config.push_str(&format!("\n[sinks.{view}]\ntype = \"jsonl\"\nview = \"{view}\"\npath = \"{view}.jsonl\"\n"));
    }
    config
}

/// The views as a `.sql` file.
pub fn views() -> String {
    let identities =
        KEYS.iter().map(|(table, _)| format!("CREATE VIEW {} AS SELECT * FROM {table};\n", identity(table)));
    identities.chain(VIEWS.iter().map(|(name, sql)| format!("CREATE VIEW {name} AS {sql};\n"))).collect()
}

/// The identity view of a base table.
pub fn identity(table: &str) -> String {
    format!("all_{table}")
}

/// Every view that has a sink.
pub fn sunk() -> impl Iterator<Item = String> {
    KEYS.iter().map(|(table, _)| identity(table)).chain(VIEWS.iter().map(|(name, _)| (*name).to_owned()))
}
