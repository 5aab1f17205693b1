//! The view as the engine runs it: SQL, compiled and optimised, fed through a source's door.

use super::workload::{Batch, Customer, Order};
use super::{Content, Form, REAL_TIME, Subject};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use tidegate::dataflow::{Dataflow, Export, InputRelation, Program, Sender, Settings};
use tidegate::plan::rewrite;
use tidegate::sql::{self, Catalog, SqlFile};
use tidegate::timeline::{self, RelationId, SourceId, Step, Tick, Upsert, UpsertKind};
use tidegate::value::{Column, Datum, Diff, RelationName, Row, Schema, Type};

const VIEW: &str = "CREATE VIEW region_revenue AS
SELECT c.region, count(*) AS orders, sum(o.cents) AS revenue
FROM orders o JOIN customers c ON c.id = o.customer_id
GROUP BY c.region";

const SOURCE: SourceId = SourceId(0);
const ORDERS: RelationId = RelationId(0);
const CUSTOMERS: RelationId = RelationId(1);

/// The dataflow, and the view as it was told.
pub struct Engine {
    sender: Sender,
    steps: Receiver<Step>,
    content: Content,
    /// Kept running.
    _dataflow: Dataflow,
}

impl Engine {
    /// Starts the workers.
    pub fn start(form: Form, workers: usize) -> Engine {
        let table = |columns: &[&str]| {
            let columns = columns.iter().map(|name| Column::new(*name, Type::Int8, false)).collect();
            Arc::new(Schema::table(columns, Some(vec![0])))
        };
        let tables = [
            (ORDERS, RelationName::public("orders"), table(&["id", "customer_id", "cents"])),
            (CUSTOMERS, RelationName::public("customers"), table(&["id", "region"])),
        ];
        let mut catalog = Catalog::new();
        tables.iter().for_each(|(_, name, schema)| catalog.insert(name.clone(), schema.clone()));
        let file = SqlFile { path: "region.sql".into(), text: VIEW.into() };
        let mut views = sql::compile(&[file], &catalog).expect("our own SQL");
        rewrite::optimize(&mut views);
        let input =
            |(id, name, schema)| InputRelation { id, source: SOURCE, name, schema, upserts: form == Form::Writes };
        let (tell, steps) = channel();
        // Nobody listens any more when the benchmark is over.
        let tell = Box::new(move |step| drop(tell.send(step)));
        let program = Program {
            sources: vec![SOURCE],
            inputs: tables.into_iter().map(input).collect(),
            views,
            exports: vec![Export { relation: RelationName::public("region_revenue"), tell }],
            ..Program::default()
        };
        let settings = Settings { workers, refresh_us: 0, ..Settings::default() };
        let dataflow = Dataflow::start(settings, program).expect("our own program");
        Engine { sender: dataflow.sender(SOURCE), steps, content: Content::new(), _dataflow: dataflow }
    }

    fn send(&mut self, tick: Tick) {
        self.sender.send(tick).expect("the dataflow runs");
    }

    /// Folds what is told until the view has reached the frontier.
    fn catch_up(&mut self, frontier: u64) {
        loop {
            let step = self.steps.recv().expect("the dataflow runs");
            for (row, _, diff) in &step.changes {
                fold(&mut self.content, row, *diff);
            }
            if step.frontier.is_none_or(|reached| reached >= frontier) {
                return;
            }
        }
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

impl Subject for Engine {
    type Input = Tick;

    fn prepare(form: Form, time: u64, Batch { customers, orders }: Batch) -> Tick {
        let customers = customers.into_iter().map(|customer| (customer.id, None, customer_row(customer)));
        let orders = orders.into_iter().map(|(before, order)| (order.id, before.map(order_row), order_row(order)));
        let batches = vec![(CUSTOMERS, batch(form, time, customers)), (ORDERS, batch(form, time, orders))];
        Tick { source: SOURCE, batches, errors: Vec::new(), frontier: Some(time + 1), snapshot: time < REAL_TIME }
    }

    fn load(&mut self, tick: Tick) {
        self.send(tick);
    }

    fn loaded(&mut self) {
        let frontier = Some(REAL_TIME);
        self.send(Tick { source: SOURCE, batches: Vec::new(), errors: Vec::new(), frontier, snapshot: false });
        self.catch_up(REAL_TIME);
    }

    fn update(&mut self, tick: Tick) {
        let frontier = tick.frontier.unwrap_or(REAL_TIME);
        self.send(tick);
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
