//! The view typed by hand on differential: native types, only the columns it needs, the sums as differences.

use super::workload::{Batch, Customer, Order};
use super::{Content, Figures, Form, Subject};
use differential_dataflow::VecCollection;
use differential_dataflow::input::InputSession;
use differential_dataflow::operators::CountTotal;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use timely::dataflow::operators::probe::Handle;
use timely::worker::Worker;

type Time = u64;
type Diff = i64;

/// The dataflow, run by the thread that feeds it.
pub struct Typed<'a> {
    worker: &'a mut Worker,
    orders: InputSession<Time, Order, Diff>,
    customers: InputSession<Time, Customer, Diff>,
    probe: Handle<Time>,
    content: Rc<RefCell<Content>>,
    /// The tables, where changes are writes by key.
    tables: Option<Tables>,
    time: Time,
}

#[derive(Default)]
struct Tables {
    orders: HashMap<i64, Order>,
    customers: HashMap<i64, Customer>,
}

/// Builds the dataflow and gives it to `run`.
pub fn with_subject(form: Form, run: impl FnOnce(&mut Typed<'_>) -> Figures + Send + Sync + 'static) -> Figures {
    timely::execute_directly(move |worker| {
        let (mut orders, mut customers) = (InputSession::new(), InputSession::new());
        let (probe, content) = (Handle::new(), Rc::new(RefCell::new(Content::new())));
        let shown = content.clone();
        worker.dataflow::<Time, _, _>(|scope| {
            let orders: VecCollection<'_, Time, Order, Diff> = orders.to_collection(scope);
            let customers: VecCollection<'_, Time, Customer, Diff> = customers.to_collection(scope);
            let cents_of = orders.map(|order| (order.customer, order.cents)).arrange_by_key();
            let region_of = customers.map(|customer| (customer.id, customer.region)).arrange_by_key();
            cents_of
                .join_core(region_of, |_, cents, region| Some((*region, *cents)))
                .explode(|(region, cents)| Some((region, (1i64, cents))))
                .count_total_core::<Diff>()
                .inspect(move |((region, (orders, cents)), _, diff)| {
                    let mut shown = shown.borrow_mut();
                    let sums = shown.entry(*region).or_default();
                    *sums = (sums.0 + orders * diff, sums.1 + i128::from(cents * diff));
                })
                .probe_with(&probe);
        });
        let tables = (form == Form::Writes).then(Tables::default);
        run(&mut Typed { worker, orders, customers, probe, content, tables, time: 0 })
    })
}

impl Typed<'_> {
    fn put(&mut self, Batch { customers, orders }: Batch) {
        for customer in customers {
            let before = self.tables.as_mut().and_then(|tables| tables.customers.insert(customer.id, customer));
            before.into_iter().for_each(|before| self.customers.update(before, -1));
            self.customers.update(customer, 1);
        }
        for (before, order) in orders {
            let before = match &mut self.tables {
                Some(tables) => tables.orders.insert(order.id, order),
                None => before,
            };
            before.into_iter().for_each(|before| self.orders.update(before, -1));
            self.orders.update(order, 1);
        }
        self.time += 1;
        self.customers.advance_to(self.time);
        self.orders.advance_to(self.time);
        self.customers.flush();
        self.orders.flush();
    }

    fn catch_up(&mut self) {
        while self.probe.less_than(&self.time) {
            self.worker.step();
        }
    }
}

impl Subject for Typed<'_> {
    type Input = Batch;

    fn prepare(_form: Form, _time: u64, batch: Batch) -> Batch {
        batch
    }

    fn load(&mut self, batch: Batch) {
        self.put(batch);
        self.catch_up();
    }

    fn loaded(&mut self) {}

    fn update(&mut self, batch: Batch) {
        self.put(batch);
        self.catch_up();
    }

    fn content(&mut self) -> Content {
        self.content.borrow().clone()
    }
}
