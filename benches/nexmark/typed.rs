//! Five queries typed by hand on differential: native types, only the columns they need, greatest values and sums as differences.
//!
//! They are given the same ticks as the engine, their times on the same grid, and like it run on while more is put in; and they hand
//! over what they make as the engine does.

use super::{Sum, events, figures};
use crate::measure::Stopwatch;
use differential_dataflow::difference::{IsZero, Multiply, Semigroup};
use differential_dataflow::input::InputSession;
use differential_dataflow::operators::{CountTotal, ThresholdTotal};
use differential_dataflow::{ExchangeData, Hashable, VecCollection};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc::channel;
use tidegate::timeline::{Batch, RelationId, Tick};
use tidegate::value::{Datum, Row};
use timely::dataflow::operators::capture::{Capture, Event};
use timely::dataflow::operators::probe::Handle;

type Time = u64;
type Diff = i64;

/// The engine's default grid, microseconds.
const GRID: Time = 10_000;
const WINDOW: i64 = 10_000_000;
const SLIDE: i64 = 2_000_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
struct Person {
    id: i64,
    time: i64,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
struct Auction {
    id: i64,
    seller: i64,
    category: i64,
    time: i64,
    expires: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
struct Bid {
    auction: i64,
    bidder: i64,
    price: i64,
    time: i64,
    /// Empty where the query does not ask for it.
    extra: String,
}

/// One tick's events.
#[derive(Default)]
struct Events {
    persons: Vec<(Person, Time)>,
    auctions: Vec<(Auction, Time)>,
    bids: Vec<(Bid, Time)>,
    frontier: Option<Time>,
}

/// The greatest value, as a difference: adding takes the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
struct Greatest(i64);

impl IsZero for Greatest {
    fn is_zero(&self) -> bool {
        self.0 == i64::MIN
    }
}

impl Semigroup for Greatest {
    fn plus_equals(&mut self, other: &Greatest) {
        self.0 = self.0.max(other.0);
    }
}

impl Multiply<Diff> for Greatest {
    type Output = Greatest;

    /// Of events, which only come.
    fn multiply(self, _: &Diff) -> Greatest {
        self
    }
}

/// What becomes of a view's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing: they are made and dropped.
    Dropped,
    /// They are consolidated per time and handed to another thread, as the engine's sinks are given them.
    Delivered,
    /// They are summed up.
    Summed,
}

/// Runs a query to the end of the events. Its figures, or what it shows as a sum.
pub fn run(query: &str, events: u64, ending: Ending) -> Vec<f64> {
    let (sender, made) = channel();
    let with_extra = matches!(query, "q1" | "q7");
    events::pass(events, move |tick| sender.send(typed(tick, with_extra)).expect("a receiver"));
    let made: Vec<Events> = made.try_iter().collect();
    let query = query.to_owned();
    timely::execute_directly(move |worker| {
        let (mut persons, mut auctions, mut bids) = (InputSession::new(), InputSession::new(), InputSession::new());
        let (probe, shown) = (Handle::new(), Rc::new(Cell::new(Sum::default())));
        worker.dataflow::<Time, _, _>(|scope| {
            let told = Told { shown: shown.clone(), ending };
            let inputs = (persons.to_collection(scope), auctions.to_collection(scope), bids.to_collection(scope));
            build(&query, inputs, told, &probe);
        });
        let clock = Stopwatch::start();
        for Events { persons: new_persons, auctions: new_auctions, bids: new_bids, frontier } in made {
            new_persons.into_iter().for_each(|(person, time)| persons.update_at(person, time, 1));
            new_auctions.into_iter().for_each(|(auction, time)| auctions.update_at(auction, time, 1));
            new_bids.into_iter().for_each(|(bid, time)| bids.update_at(bid, time, 1));
            if let Some(frontier) = frontier.map(|frontier| frontier / GRID * GRID) {
                persons.advance_to(frontier);
                auctions.advance_to(frontier);
                bids.advance_to(frontier);
            }
            persons.flush();
            auctions.flush();
            bids.flush();
            worker.step();
        }
        drop((persons, auctions, bids));
        while !probe.done() {
            worker.step();
        }
        if ending == Ending::Summed { vec![shown.get().figure()] } else { figures(&clock).into() }
    })
}

fn typed(tick: Tick, with_extra: bool) -> Events {
    let mut events = Events { frontier: tick.frontier, ..Events::default() };
    for (RelationId(id), batch) in tick.batches {
        let Batch::Rows(rows) = batch else { panic!("a stream has no keys") };
        for (row, time, _) in rows {
            let time = time / GRID * GRID + GRID - 1;
            match id {
                0 => events.persons.push((Person { id: int(&row, 0), time: int(&row, 6), name: text(&row, 1) }, time)),
                1 => events.auctions.push((auction(&row), time)),
                _ => events.bids.push((bid(&row, with_extra), time)),
            }
        }
    }
    events
}

fn auction(row: &Row) -> Auction {
    let [id, seller, category, time, expires] = [0, 7, 8, 5, 6].map(|column| int(row, column));
    Auction { id, seller, category, time, expires }
}

fn bid(row: &Row, with_extra: bool) -> Bid {
    let [auction, bidder, price, time] = [0, 1, 2, 5].map(|column| int(row, column));
    Bid { auction, bidder, price, time, extra: if with_extra { text(row, 6) } else { String::new() } }
}

/// A number, or a time's.
pub fn int(row: &Row, column: usize) -> i64 {
    match row.column(column) {
        Datum::Int8(number) | Datum::Timestamptz(number) => number,
        other => panic!("{other:?} is no number"),
    }
}

/// A text.
pub fn text(row: &Row, column: usize) -> String {
    match row.column(column) {
        Datum::Text(text) => text.to_string(),
        other => panic!("{other:?} is no text"),
    }
}

/// Where a view's changes go.
struct Told {
    shown: Rc<Cell<Sum>>,
    ending: Ending,
}

impl Told {
    /// The view's rows are summed up as these integers.
    fn tell<D: ExchangeData + Hashable, const N: usize>(
        self,
        view: VecCollection<'_, Time, D, Diff>,
        integers: fn(&D) -> [i64; N],
        probe: &Handle<Time>,
    ) {
        match self.ending {
            Ending::Dropped => _ = view.probe_with(probe),
            Ending::Delivered => {
                let (sender, delivered) = channel::<Event<Time, Vec<(D, Time, Diff)>>>();
                std::thread::spawn(move || delivered.into_iter().for_each(drop));
                view.consolidate().probe_with(probe).inner.capture_into(sender);
            }
            Ending::Summed => {
                let sum = move |(row, _, diff): &(D, Time, Diff)| {
                    let mut sum = self.shown.get();
                    sum.add(integers(row), *diff);
                    self.shown.set(sum);
                };
                view.inspect(sum).probe_with(probe);
            }
        }
    }
}

type Inputs<'s> =
    (VecCollection<'s, Time, Person, Diff>, VecCollection<'s, Time, Auction, Diff>, VecCollection<'s, Time, Bid, Diff>);

fn build(query: &str, (persons, auctions, bids): Inputs<'_>, told: Told, probe: &Handle<Time>) {
    match query {
        "q1" => currency(bids, told, probe),
        "q4" => category_averages(auctions, bids, told, probe),
        "q5" => hot_items(bids, told, probe),
        "q7" => highest_bids(bids, told, probe),
        "q8" => new_sellers(persons, auctions, told, probe),
        other => panic!("{other} is not typed by hand"),
    }
}

/// The start of the tumbling window.
fn window(time: i64) -> i64 {
    time.div_euclid(WINDOW) * WINDOW
}

/// Prices in thousandths of a euro-cent.
fn currency(bids: VecCollection<'_, Time, Bid, Diff>, told: Told, probe: &Handle<Time>) {
    let view = bids.map(|bid| (bid.auction, bid.bidder, bid.price * 908, bid.time, bid.extra));
    told.tell(
        view,
        |(auction, bidder, price, time, extra)| [*auction, *bidder, price / 1000, *time, extra.len() as i64],
        probe,
    );
}

fn category_averages(
    auctions: VecCollection<'_, Time, Auction, Diff>,
    bids: VecCollection<'_, Time, Bid, Diff>,
    told: Told,
    probe: &Handle<Time>,
) {
    let auctions = auctions.map(|a| (a.id, (a.category, a.time, a.expires))).arrange_by_key();
    let bids = bids.map(|bid| (bid.auction, (bid.price, bid.time))).arrange_by_key();
    let view = auctions
        .join_core(bids, |auction, (category, opens, closes), (price, time)| {
            (opens <= time && time <= closes).then_some(((*auction, *category), *price))
        })
        .explode(|(group, price)| Some((group, Greatest(price))))
        .count_total_core::<Diff>()
        .explode(|((_, category), Greatest(price))| Some((category, (price, 1i64))))
        .count_total_core::<Diff>();
    told.tell(view, |(category, (sum, count))| [*category, sum / count], probe);
}

/// The most of a window is found among the most of shares of its auctions, so that a change looks at few.
fn hot_items(bids: VecCollection<'_, Time, Bid, Diff>, told: Told, probe: &Handle<Time>) {
    const SHARES: i64 = 64;
    let windows = |bid: Bid| {
        let last = bid.time.div_euclid(SLIDE) * SLIDE;
        (0..WINDOW / SLIDE).map(move |back| (last - back * SLIDE, bid.auction))
    };
    let view = bids
        .flat_map(windows)
        .count_total_core::<Diff>()
        .map(|((window, auction), count)| ((window, auction % SHARES), (count, auction)))
        .reduce(|_, input, output| most(input, output))
        .map(|((window, _), counted)| (window, counted))
        .reduce(|_, input, output| most(input, output));
    told.tell(view, |(_, (count, auction))| [*auction, *count], probe);
}

/// Those with the greatest count, which come last.
fn most(input: &[(&(i64, i64), Diff)], output: &mut Vec<((i64, i64), Diff)>) {
    let greatest = input.last().map(|((count, _), _)| *count);
    let all = input.iter().rev().take_while(|((count, _), _)| Some(*count) == greatest);
    output.extend(all.map(|(counted, _)| (**counted, 1)));
}

fn highest_bids(bids: VecCollection<'_, Time, Bid, Diff>, told: Told, probe: &Handle<Time>) {
    let highest = bids
        .clone()
        .explode(|bid| Some((window(bid.time), Greatest(bid.price))))
        .count_total_core::<Diff>()
        .map(|(window, Greatest(price))| (price, window))
        .arrange_by_key();
    let view = bids.map(|bid| (bid.price, (bid.auction, bid.bidder, bid.time, bid.extra))).arrange_by_key().join_core(
        highest,
        |price, (auction, bidder, time, extra), window| {
            let is_within = (*window..=window + WINDOW).contains(time);
            is_within.then(|| (*auction, *price, *bidder, *time, extra.clone()))
        },
    );
    told.tell(
        view,
        |(auction, price, bidder, time, extra)| [*auction, *price, *bidder, *time, extra.len() as i64],
        probe,
    );
}

fn new_sellers(
    persons: VecCollection<'_, Time, Person, Diff>,
    auctions: VecCollection<'_, Time, Auction, Diff>,
    told: Told,
    probe: &Handle<Time>,
) {
    let persons = persons.map(|person| ((person.id, window(person.time)), person.name)).arrange_by_key();
    let sellers =
        auctions.map(|auction| (auction.seller, window(auction.time))).threshold_total(|_, _| 1).arrange_by_self();
    let view = persons.join_core(sellers, |(id, window), name, ()| Some((*id, name.clone(), *window)));
    told.tell(view, |(id, name, window)| [*id, name.len() as i64, *window], probe);
}
