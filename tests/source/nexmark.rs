//! Source `nexmark`: the same events whatever the speed and whoever reads what, in ticks that keep the contract.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use tidegate::source::nexmark::{Config, Nexmark};
use tidegate::source::{Closed, Progress, Source, SourceError, Start, Stop, TickSender, Wanted};
use tidegate::timeline::{Batch, RelationId, SourceId, Tick};
use tidegate::value::{Datum, Row, Time};

const BASE: Time = 1_436_918_400_000_000;
/// From 1970 to 2000, where Postgres's timestamps begin.
const EPOCH: i64 = 946_684_800_000_000;

struct Collect(Sender<Tick>);

impl TickSender for Collect {
    fn send(&mut self, tick: Tick) -> Result<(), Closed> {
        self.0.send(tick).map_err(|_| Closed)
    }
}

/// Persons, auctions and bids in the order of their arrival.
#[derive(Debug, Default, PartialEq)]
struct Streams([Vec<Row>; 3]);

/// Reads these columns of each stream (none: all) to the end.
fn read(settings: &str, columns: Option<[&[usize]; 3]>) -> Streams {
    let (ticks, result) = run(settings, columns, true);
    result.unwrap();
    streams(ticks)
}

fn run(settings: &str, columns: Option<[&[usize]; 3]>, once: bool) -> (Vec<Tick>, Result<(), SourceError>) {
    let config: Config = toml::from_str(settings).expect("a configuration");
    let mut source = Nexmark::new(config);
    let relations = source.describe().expect("three streams").into_iter().enumerate();
    let wanted = |(id, relation)| Wanted {
        id: RelationId(id),
        relation,
        columns: columns.map(|columns: [&[usize]; 3]| columns[id].to_vec()),
    };
    let wanted = relations.map(wanted).collect();
    let (sender, ticks) = channel();
    let start = Start {
        source: SourceId(0),
        wanted,
        late: Vec::new(),
        errors: Vec::new(),
        once,
        awaited: false,
        stored: None,
        ticks: Box::new(Collect(sender)),
        stop: Stop::default(),
        progress: Arc::new(Progress::default()),
    };
    let result = source.run(start);
    (ticks.try_iter().collect(), result)
}

/// What ticks hold; they are checked on the way.
fn streams(ticks: Vec<Tick>) -> Streams {
    let (mut streams, mut floor, mut ended) = (Streams::default(), 0, false);
    for tick in ticks {
        assert!(!ended, "a tick after the end");
        assert!(tick.frontier.is_none_or(|frontier| frontier > floor), "the frontier does not advance");
        for (RelationId(id), batch) in tick.batches {
            let Batch::Rows(rows) = batch else { panic!("a stream has no keys") };
            for (row, time, diff) in rows {
                assert!(diff == 1 && time >= floor && tick.frontier.is_none_or(|frontier| time < frontier));
                streams.0[id].push(row);
            }
        }
        (ended, floor) = (tick.frontier.is_none(), tick.frontier.unwrap_or(floor));
    }
    assert!(ended, "the end was not told");
    streams
}

fn int(row: &Row, column: usize) -> i64 {
    match row.column(column) {
        Datum::Int8(number) => number,
        other => panic!("{other:?} is no number"),
    }
}

fn time(row: &Row, column: usize) -> Time {
    match row.column(column) {
        Datum::Timestamptz(micros) => (micros + EPOCH) as Time,
        other => panic!("{other:?} is no time"),
    }
}

#[test]
fn events_are_those_of_the_specification() {
    let Streams([persons, auctions, bids]) = read("events = 50000", None);
    assert_eq!([persons.len(), auctions.len(), bids.len()], [1000, 3000, 46_000]);
    let ids = |rows: &[Row]| rows.iter().map(|row| int(row, 0)).collect::<Vec<_>>();
    assert_eq!(ids(&persons), (1000..2000).collect::<Vec<_>>());
    assert_eq!(ids(&auctions), (1000..4000).collect::<Vec<_>>());
    // Ten thousand events are a second.
    let last = bids.last().expect("bids");
    assert_eq!(
        (time(&persons[0], 6), time(&persons[200], 6), time(last, 5)),
        (BASE, BASE + 1_000_000, BASE + 4_999_000)
    );
    let share = |rows: &[Row], test: &dyn Fn(&Row) -> bool| {
        rows.iter().filter(|row| test(row)).count() as f64 / rows.len() as f64
    };
    let hot_auctions = share(&bids, &|bid| int(bid, 0) % 100 == 0);
    let hot_sellers = share(&auctions, &|auction| int(auction, 7) % 100 == 0);
    let hot_bidders = share(&bids, &|bid| int(bid, 1) % 100 == 1);
    assert!((0.49..0.53).contains(&hot_auctions), "{hot_auctions}");
    assert!((0.73..0.79).contains(&hot_sellers) && (0.73..0.79).contains(&hot_bidders), "{hot_sellers} {hot_bidders}");
    let mut prices: Vec<i64> = bids.iter().map(|bid| int(bid, 2)).collect();
    prices.sort_unstable();
    assert!(prices[0] >= 100 && prices[prices.len() - 1] <= 100_000_000);
    assert!((90_000..110_000).contains(&prices[prices.len() / 2]), "{}", prices[prices.len() / 2]);
    assert!(auctions.iter().all(|auction| time(auction, 6) > time(auction, 5) && int(auction, 4) > int(auction, 3)));
    assert!(auctions.iter().all(|auction| (10..15).contains(&int(auction, 8))));
    // Sizes as rows have them, which is some bytes more than the specification counts.
    let size = |rows: &[Row]| rows.iter().map(Row::len).sum::<usize>() / rows.len();
    let sizes = [size(&persons), size(&auctions), size(&bids)];
    assert!(
        (195..225).contains(&sizes[0]) && (495..525).contains(&sizes[1]) && (150..190).contains(&sizes[2]),
        "{sizes:?}"
    );
}

#[test]
fn events_depend_on_neither_speed_nor_readers() {
    let all = read("events = 3000\nrate = 7001", None);
    assert_eq!(read("events = 3000\nrate = 7001\npaced = true", None), all);
    let Streams(fewer) = read("events = 2000\nrate = 7001", None);
    for (fewer, all) in fewer.iter().zip(&all.0) {
        assert_eq!(fewer.as_slice(), &all[..fewer.len()]);
    }
    assert_ne!(read("events = 3000\nrate = 7001\nseed = 1", None), all);

    let columns: [&[usize]; 3] = [&[5], &[6, 7], &[4]];
    let some = read("events = 3000\nrate = 7001", Some(columns));
    for (kind, columns) in columns.into_iter().enumerate() {
        for (some, all) in some.0[kind].iter().zip(&all.0[kind]) {
            for (column, (some, all)) in some.unpack().into_iter().zip(all.unpack()).enumerate() {
                // Ids of persons and auctions are keys.
                let is_read = columns.contains(&column) || (column == 0 && kind < 2);
                assert_eq!(some, if is_read { all } else { Datum::Null }, "{kind} {column}");
            }
        }
    }
}

/// Views of these events were published with their results: they stay as they are.
#[test]
fn events_stay_as_they_are() {
    let Streams(all) = read("events = 5000", None);
    let bytes = all.iter().flatten().flat_map(|row| row.with_bytes(<[u8]>::to_vec));
    let sum = bytes.fold(0u64, |sum, byte| sum.wrapping_mul(1_099_511_628_211).wrapping_add(u64::from(byte)));
    assert_eq!(sum, 2_237_055_109_190_690_096);
}

#[test]
fn few_events_and_slow_ones_end() {
    for (settings, counts) in [
        ("events = 0", [0, 0, 0]),
        ("events = 1", [1, 0, 0]),
        ("events = 60\nrate = 1", [2, 6, 52]),
        ("events = 60\nrate = 10000000", [2, 6, 52]),
    ] {
        let Streams(all) = read(settings, None);
        assert_eq!(all.map(|rows| rows.len()), counts, "{settings}");
    }
    let (_, result) = run("", None, true);
    assert!(matches!(&result, Err(SourceError::Config(m)) if m.contains("needs `events`")), "{result:?}");
}
