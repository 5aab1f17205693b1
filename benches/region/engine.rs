//! The view as the engine runs it.

use super::workload::{Batch, Customer, Order};
use super::{Content, Form, REAL_TIME, Subject};
use crate::engine::{Engine, SOURCE, Table};
use tidegate::timeline::{self, RelationId, Tick, Upsert, UpsertKind};
use tidegate::value::{Datum, Diff, Row, Type};

const VIEW: &str = "CREATE VIEW shown AS
SELECT c.region, count(*) AS orders, sum(o.cents) AS revenue
FROM orders o JOIN customers c ON c.id = o.customer_id
GROUP BY c.region";

const ORDERS: RelationId = RelationId(0);
const CUSTOMERS: RelationId = RelationId(1);

/// The dataflow, and the view as it was told.
pub struct Revenue {
    engine: Engine,
    content: Content,
}

impl Revenue {
    /// Starts the workers.
    pub fn start(form: Form, workers: usize) -> Revenue {
        let table = |name, columns: &[&'static str]| Table {
            name,
            columns: columns.iter().map(|name| (*name, Type::Int8)).collect(),
            key: vec![0],
            append_only: false,
        };
        let tables = vec![table("orders", &["id", "customer_id", "cents"]), table("customers", &["id", "region"])];
        let engine = Engine::start_with(tables, VIEW, form == Form::Writes, workers);
        Revenue { engine, content: Content::new() }
    }

    /// Folds what is told until the view has reached the frontier.
    fn catch_up(&mut self, frontier: u64) {
        let Revenue { engine, content } = self;
        engine.catch_up_to(frontier, |row, _, diff| fold(content, row, diff));
    }
}

fn fold(content: &mut Content, row: &Row, diff: Diff) {
    let row = row.unpack();
    let [Datum::Int8(region), Datum::Int8(orders), Datum::Numeric(cents)] = row.as_slice() else {
        panic!("a row of another view: {row:?}");
    };
    let cents: i128 = cents.to_integer("bigint").expect("a whole number");
    let sums = content.entry(*region).or_default();
    *sums = (sums.0 + orders * diff, sums.1 + cents * i128::from(diff));
}

impl Subject for Revenue {
    type Input = Tick;

    fn prepare(form: Form, time: u64, Batch { customers, orders }: Batch) -> Tick {
        let customers = customers.into_iter().map(|customer| (customer.id, None, customer_row(customer)));
        let orders = orders.into_iter().map(|(before, order)| (order.id, before.map(order_row), order_row(order)));
        let batches = vec![(CUSTOMERS, batch(form, time, customers)), (ORDERS, batch(form, time, orders))];
        Tick { snapshot: time < REAL_TIME, ..Tick::new(SOURCE, batches, Some(time + 1)) }
    }

    fn load(&mut self, tick: Tick) {
        self.engine.give(tick);
    }

    fn loaded(&mut self) {
        let frontier = Some(REAL_TIME);
        self.engine.give(Tick::new(SOURCE, Vec::new(), frontier));
        self.catch_up(REAL_TIME);
    }

    fn update(&mut self, tick: Tick) {
        let frontier = tick.frontier.unwrap_or(REAL_TIME);
        self.engine.give(tick);
        self.catch_up(frontier);
    }

    fn content(&mut self) -> Content {
        self.content.retain(|_, sums| *sums != (0, 0));
        self.content.clone()
    }
}

/// The changes in the form that is asked for.
fn batch(form: Form, time: u64, changes: impl Iterator<Item = (i64, Option<Row>, Row)>) -> timeline::Batch {
    match form {
        Form::Rows => timeline::Batch::Rows(
            changes
                .flat_map(|(_, before, after)| before.map(|row| (row, time, -1)).into_iter().chain([(after, time, 1)]))
                .collect(),
        ),
        Form::Writes => timeline::Batch::Upserts(
            changes
                .enumerate()
                .map(|(sequence, (key, _, row))| Upsert {
                    key: Row::pack(&[Datum::Int8(key)]),
                    time,
                    sequence: sequence as u64,
                    kind: UpsertKind::Put(row),
                })
                .collect(),
        ),
    }
}

fn order_row(order: Order) -> Row {
    Row::pack(&[Datum::Int8(order.id), Datum::Int8(order.customer), Datum::Int8(order.cents)])
}

fn customer_row(customer: Customer) -> Row {
    Row::pack(&[Datum::Int8(customer.id), Datum::Int8(customer.region)])
}
