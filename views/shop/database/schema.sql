-- The shop's tables. `scripts/demo` loads this, then data.sql, into a private Postgres.
-- Order numbers for the workload; data.sql uses those below.
CREATE SEQUENCE order_ids START 70001;

CREATE TYPE order_status AS ENUM ('new', 'paid', 'shipped', 'returned');

CREATE TABLE customers (
    id        bigint PRIMARY KEY,
    name      text NOT NULL,
    email     text,
    city      text NOT NULL,
    joined_at timestamptz NOT NULL
);

CREATE TABLE categories (
    id   integer PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE products (
    id          bigint PRIMARY KEY,
    category_id integer NOT NULL REFERENCES categories,
    name        text NOT NULL,
    description text,
    price       numeric(10,2) NOT NULL,
    stock       integer NOT NULL,
    active      boolean NOT NULL DEFAULT true
);

CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    status      order_status NOT NULL,
    placed_at   timestamptz NOT NULL
);

CREATE TABLE order_lines (
    order_id   bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    line       smallint NOT NULL,
    product_id bigint NOT NULL REFERENCES products,
    quantity   integer NOT NULL,
    unit_price numeric(10,2) NOT NULL,
    PRIMARY KEY (order_id, line)
);
CREATE INDEX ON order_lines (product_id);
CREATE INDEX ON orders (customer_id);
