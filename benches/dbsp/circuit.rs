//! Three queries on dbsp: native types, only the columns they need, and a transaction for every step.

use crate::measure::Stopwatch;
use crate::nexmark::typed::{int, text};
use crate::nexmark::{Sum, events, figures};
use dbsp::operator::Max;
use dbsp::typed_batch::IndexedZSetReader;
use dbsp::utils::{Tup2, Tup3, Tup5};
use dbsp::{DBData, OrdZSet, OutputHandle, RootCircuit, Runtime, Stream, ZSetHandle, ZWeight};
use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use tidegate::timeline::{Batch, RelationId, Tick};
use tidegate::value::Row;

/// Id, time, name.
type Person = Tup3<i64, i64, String>;
/// Id, seller, category, time, expiry.
type Auction = Tup5<i64, i64, i64, i64, i64>;
/// Auction, bidder, price, time, and where it is asked for the text.
type Bid = Tup5<i64, i64, i64, i64, String>;

/// The windows of the query, microseconds.
const WINDOW: i64 = 10_000_000;

type Weighed<T> = Vec<Tup2<T, ZWeight>>;

/// What comes in one step.
#[derive(Default)]
struct Events {
    persons: Weighed<Person>,
    auctions: Weighed<Auction>,
    bids: Weighed<Bid>,
}

/// Where they enter.
type Inputs = (ZSetHandle<Person>, ZSetHandle<Auction>, ZSetHandle<Bid>);

/// Runs a query to the end of the events, with a step for the events of each cell of a grid (microseconds). Its figures, or with
/// `sum` what it shows.
pub fn run(query: &str, events: u64, grid: u64, sum: bool) -> Vec<f64> {
    let (sender, ticks) = channel();
    events::pass(events, move |tick| sender.send(tick).expect("a receiver"));
    let steps = steps(ticks.try_iter(), grid, query == "q1");
    match query {
        "q1" => pass(
            steps,
            sum,
            |_, _, bids| currency(bids),
            |Tup5(auction, bidder, price, time, extra)| {
                vec![*auction, *bidder, price / 1000, *time, extra.len() as i64]
            },
        ),
        "q4" => pass(
            steps,
            sum,
            |_, auctions, bids| category_averages(auctions, bids),
            |Tup2(category, average)| vec![*category, *average],
        ),
        "q8" => pass(
            steps,
            sum,
            |persons, auctions, _| new_sellers(persons, auctions),
            |Tup3(id, name, window)| vec![*id, name.len() as i64, *window],
        ),
        other => panic!("{other} is not written for dbsp"),
    }
}

type Rows<T> = Stream<RootCircuit, OrdZSet<T>>;

fn pass<T: DBData>(
    steps: Vec<Events>,
    sum: bool,
    build: impl Fn(Rows<Person>, Rows<Auction>, Rows<Bid>) -> Rows<T> + Clone + Send + 'static,
    values: impl Fn(&T) -> Vec<i64>,
) -> Vec<f64> {
    let (mut circuit, ((persons, auctions, bids), output)): (_, (Inputs, OutputHandle<OrdZSet<T>>)) =
        Runtime::init_circuit(1, move |circuit| {
            let (persons, person_handle) = circuit.add_input_zset();
            let (auctions, auction_handle) = circuit.add_input_zset();
            let (bids, bid_handle) = circuit.add_input_zset();
            Ok(((person_handle, auction_handle, bid_handle), build(persons, auctions, bids).output()))
        })
        .expect("a circuit");
    let mut shown = Sum::default();
    let clock = Stopwatch::start();
    for mut events in steps {
        persons.append(&mut events.persons);
        auctions.append(&mut events.auctions);
        bids.append(&mut events.bids);
        circuit.transaction().expect("a circuit that runs");
        let changes = output.consolidate();
        if sum {
            changes.iter().for_each(|(row, (), weight)| shown.add(values(&row), weight));
        }
    }
    let figures = if sum { vec![shown.figure()] } else { figures(&clock).into() };
    circuit.kill().expect("a circuit that ends");
    figures
}

fn window(time: i64) -> i64 {
    time.div_euclid(WINDOW) * WINDOW
}

/// Prices in thousandths of a euro-cent.
fn currency(bids: Rows<Bid>) -> Rows<Bid> {
    bids.map(|Tup5(auction, bidder, price, time, extra)| Tup5(*auction, *bidder, price * 908, *time, extra.clone()))
}

fn category_averages(auctions: Rows<Auction>, bids: Rows<Bid>) -> Rows<Tup2<i64, i64>> {
    let auctions = auctions.map_index(|Tup5(id, _, category, time, expires)| (*id, Tup3(*category, *time, *expires)));
    let bids = bids.map_index(|Tup5(auction, _, price, time, _)| (*auction, Tup2(*price, *time)));
    auctions
        .join_index(&bids, |auction, Tup3(category, opens, closes), Tup2(price, time)| {
            (opens <= time && time <= closes).then_some((Tup2(*auction, *category), *price))
        })
        .aggregate(Max)
        .map_index(|(Tup2(_, category), price)| (*category, *price))
        .average(|price| *price)
        .map(|(category, average)| Tup2(*category, *average))
}

fn new_sellers(persons: Rows<Person>, auctions: Rows<Auction>) -> Rows<Tup3<i64, String, i64>> {
    let persons = persons.map_index(|Tup3(id, time, name)| (Tup2(*id, window(*time)), name.clone()));
    let sellers = auctions.map(|Tup5(_, seller, _, time, _)| Tup2(*seller, window(*time))).distinct();
    let sellers = sellers.map_index(|seller| (*seller, ()));
    persons.join(&sellers, |Tup2(id, window), name, ()| Tup3(*id, name.clone(), *window))
}

/// The events of the ticks, step by step.
fn steps(ticks: impl Iterator<Item = Tick>, grid: u64, with_extra: bool) -> Vec<Events> {
    let mut steps: BTreeMap<u64, Events> = BTreeMap::new();
    for (RelationId(id), batch) in ticks.flat_map(|tick| tick.batches) {
        let Batch::Rows(rows) = batch else { panic!("a stream has no keys") };
        for (row, time, _) in rows {
            steps.entry(time / grid).or_default().add(id, &row, with_extra);
        }
    }
    steps.into_values().collect()
}

impl Events {
    fn add(&mut self, relation: usize, row: &Row, with_extra: bool) {
        let [a, b, c, d, e] = match relation {
            0 => [0, 6, 0, 0, 0],
            1 => [0, 7, 8, 5, 6],
            _ => [0, 1, 2, 5, 0],
        }
        .map(|column| int(row, column));
        match relation {
            0 => self.persons.push(Tup2(Tup3(a, b, text(row, 1)), 1)),
            1 => self.auctions.push(Tup2(Tup5(a, b, c, d, e), 1)),
            _ => {
                let extra = if with_extra { text(row, 6) } else { String::new() };
                self.bids.push(Tup2(Tup5(a, b, c, d, extra), 1));
            }
        }
    }
}
