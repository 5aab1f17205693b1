//! A change feed that lies: messages cut, changed, left out, doubled or swapped. No server is needed to send them.
//!
//! Whatever comes, it is refused, or it means rows of the tables it is read for; what was whole before it is told as if nothing had
//! happened, and what it broke is not told at all.

use crate::support::allocation::{allowance, most_held};
use crate::support::random::{Random, mutate, mutations, seed};
use std::sync::Arc;
use tidegate::source::SourceRelation;
use tidegate::source::postgres::{FeedTable, Rehearsal};
use tidegate::timeline::{Batch, Tick, UpsertKind};
use tidegate::value::{Column, Datum, RelationName, Row, Schema, Time, Type};

const INT8: u32 = 20;
const TEXT: u32 = 25;
const NUMERIC: u32 = 1700;

/// What stands for a large value that did not change.
const UNCHANGED: &str = "<unchanged>";

/// One table with a key, and one without.
pub(super) fn tables() -> [FeedTable; 2] {
    let table = |name: &str, oid, columns: Vec<(Column, u32)>, key: Option<Vec<usize>>| {
        let (columns, type_oids) = columns.into_iter().unzip();
        let upserts = key.is_some();
        let schema = Arc::new(Schema::table(columns, key));
        FeedTable { relation: SourceRelation { name: RelationName::public(name), schema, upserts }, oid, type_oids }
    };
    let column = |name: &str, ty, nullable| Column::new(name, ty, nullable);
    let orders = vec![
        (column("id", Type::Int8, false), INT8),
        (column("note", Type::Text, true), TEXT),
        (column("amount", Type::Numeric, false), NUMERIC),
    ];
    let log = vec![(column("line", Type::Text, true), TEXT), (column("at", Type::Int8, false), INT8)];
    [table("orders", 7, orders, Some(vec![0])), table("log", 8, log, None)]
}

/// A message being written.
pub(super) struct Written(Vec<u8>);

impl Written {
    fn new(kind: u8) -> Written {
        Written(vec![kind])
    }

    fn bytes(mut self, bytes: impl AsRef<[u8]>) -> Written {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    fn text(self, text: &str) -> Written {
        self.bytes(text).bytes([0])
    }

    fn row(mut self, kind: u8, values: &[Option<&str>]) -> Written {
        self = self.bytes([kind]).bytes((values.len() as u16).to_be_bytes());
        for value in values {
            self = match value {
                None => self.bytes(b"n"),
                Some(text) if *text == UNCHANGED => self.bytes(b"u"),
                Some(text) => self.bytes(b"t").bytes((text.len() as u32).to_be_bytes()).bytes(text),
            };
        }
        self
    }
}

pub(super) fn begin(commit_time: i64) -> Vec<u8> {
    Written::new(b'B').bytes([1; 8]).bytes(commit_time.to_be_bytes()).bytes([0, 0, 0, 9]).0
}

pub(super) fn commit() -> Vec<u8> {
    Written::new(b'C').bytes([0]).bytes([1; 8]).bytes(77u64.to_be_bytes()).bytes([2; 8]).0
}

pub(super) fn relation(table: &FeedTable, identity: u8) -> Vec<u8> {
    let schema = &table.relation.schema;
    let mut written = Written::new(b'R').bytes(table.oid.to_be_bytes()).text("public").text(&table.relation.name.name);
    written = written.bytes([identity]).bytes((schema.columns.len() as u16).to_be_bytes());
    for (position, (column, oid)) in schema.columns.iter().zip(&table.type_oids).enumerate() {
        let in_key = schema.key.as_ref().is_none_or(|key| key.contains(&position));
        written = written.bytes([u8::from(in_key)]).text(&column.name);
        written = written.bytes(oid.to_be_bytes()).bytes((-1i32).to_be_bytes());
    }
    written.0
}

/// A change of a table: its old row with the row's kind, and its new row.
pub(super) fn change(kind: u8, oid: u32, old: Option<(u8, &[Option<&str>])>, new: Option<&[Option<&str>]>) -> Vec<u8> {
    let mut written = Written::new(kind).bytes(oid.to_be_bytes());
    if let Some((kind, values)) = old {
        written = written.row(kind, values);
    }
    if let Some(values) = new {
        written = written.row(b'N', values);
    }
    written.0
}

/// A feed of four transactions in which every kind of message occurs.
fn feed() -> Vec<Vec<u8>> {
    let [orders, log] = tables();
    let (one, two) = (["1", "one", "1.50"].map(Some), [Some("2"), None, Some("-2e3")]);
    let (a, b) = ([Some("a\n\u{e9}"), Some("1")], [None, Some("2")]);
    vec![
        begin(1_000_000),
        relation(&orders, b'd'),
        relation(&log, b'f'),
        change(b'I', 7, None, Some(&one)),
        change(b'I', 8, None, Some(&a)),
        commit(),
        begin(2_000_000),
        change(b'U', 7, None, Some(&[Some("1"), Some(UNCHANGED), Some("2")])),
        change(b'U', 7, Some((b'K', &[Some("1"), None, None])), Some(&[Some("2"), Some(UNCHANGED), Some("NaN")])),
        Written::new(b'Y').bytes([0, 0, 0, 30]).text("public").text("mood").0,
        change(b'U', 8, Some((b'O', &a)), Some(&b)),
        commit(),
        begin(1_500_000),
        Written::new(b'O').bytes([3; 8]).text("elsewhere").0,
        change(b'U', 7, Some((b'O', &two)), Some(&[Some("3"), Some("three"), Some("3")])),
        change(b'D', 7, Some((b'K', &[Some("3"), None, None])), None),
        change(b'D', 8, Some((b'O', &b)), None),
        change(b'I', 99, None, Some(&[Some("nobody asked for this table")])),
        commit(),
        begin(3_000_000),
        change(b'I', 8, None, Some(&a)),
        Written::new(b'M').bytes([1]).bytes([4; 8]).text("prefix").bytes(3u32.to_be_bytes()).bytes("abc").0,
        Written::new(b'T').bytes(2u32.to_be_bytes()).bytes([1, 0, 0, 0, 7, 0, 0, 0, 8]).0,
        change(b'I', 7, None, Some(&two)),
        commit(),
    ]
}

/// A feed read until it ends or is refused.
struct Read {
    ticks: Vec<Tick>,
    /// The message that was refused, and why.
    refused: Option<(usize, String)>,
}

fn read(tables: &[FeedTable], messages: &[Vec<u8>]) -> Read {
    let mut rehearsal = Rehearsal::new(tables);
    let mut ticks = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        match rehearsal.take(message) {
            Ok(tick) => ticks.extend(tick),
            Err(reason) => return Read { ticks, refused: Some((number, reason)) },
        }
    }
    Read { ticks, refused: None }
}

/// What any tick must be: times between two frontiers, and rows of their tables whose texts came in the feed.
fn check(tables: &[FeedTable], messages: &[Vec<u8>], ticks: &[Tick]) {
    let mut before: Time = 0;
    for tick in ticks {
        let frontier = tick.frontier.expect("the input has not ended");
        assert!(frontier > before, "frontier {frontier} after {before}");
        let in_time = |time: Time| assert!(before <= time && time < frontier, "{before} <= {time} < {frontier}");
        for (relation, batch) in &tick.batches {
            let FeedTable { relation: SourceRelation { schema, .. }, .. } = &tables[relation.0];
            match batch {
                Batch::Rows(rows) => {
                    assert_eq!(schema.key, None);
                    for (row, time, diff) in rows {
                        in_time(*time);
                        assert_ne!(*diff, 0);
                        check_row(&schema.columns, &[], row, messages);
                    }
                }
                Batch::Upserts(upserts) => {
                    let key = schema.key.as_ref().expect("only tables with a key are told as upserts");
                    let key: Vec<Column> = key.iter().map(|position| schema.columns[*position].clone()).collect();
                    assert!(upserts.is_sorted_by(|a, b| a.sequence < b.sequence), "writes in order");
                    for upsert in upserts {
                        in_time(upsert.time);
                        match &upsert.kind {
                            UpsertKind::Truncate => continue,
                            UpsertKind::Put(row) => check_row(&schema.columns, &[], row, messages),
                            UpsertKind::PutPartial(partial) => {
                                check_row(&schema.columns, &partial.absent, &partial.row, messages);
                                partial.old_key.iter().for_each(|old_key| check_row(&key, &[], old_key, messages));
                            }
                            UpsertKind::Delete => {}
                        }
                        check_row(&key, &[], &upsert.key, messages);
                    }
                }
            }
        }
        before = frontier;
    }
}

fn check_row(columns: &[Column], absent: &[u16], row: &Row, messages: &[Vec<u8>]) {
    assert!(row.check(columns.len()), "no row of {} columns: {row:?}", columns.len());
    for (position, (column, value)) in columns.iter().zip(row.unpack()).enumerate() {
        let is_absent = absent.contains(&(position as u16));
        match (&column.ty, &value) {
            (_, Datum::Null) => assert!(column.nullable || is_absent, "a null in {}", column.name),
            (Type::Int8, Datum::Int8(_)) | (Type::Numeric, Datum::Numeric(_)) => {}
            (Type::Text, Datum::Text(text)) => {
                let occurs =
                    messages.iter().any(|m| text.is_empty() || memchr::memmem::find(m, text.as_bytes()).is_some());
                assert!(occurs, "{text:?} was never said");
            }
            _ => panic!("{value:?} in {} {}", column.name, column.ty),
        }
    }
}

/// Does something to a feed; the first message that is not as it was.
fn spoil(random: &mut Random, messages: &mut Vec<Vec<u8>>) -> usize {
    let mut first = messages.len();
    for _ in 0..=random.below(2) {
        let at = random.below(messages.len() as u64) as usize;
        first = first.min(at);
        match random.below(10) {
            0 => drop(messages.remove(at)),
            1 => messages.insert(at, messages[at].clone()),
            2 => {
                let other = random.below(messages.len() as u64) as usize;
                first = first.min(other);
                messages.swap(at, other);
            }
            _ => messages[at] = mutate(random, &messages[at]),
        }
    }
    first
}

#[test]
fn the_feed_is_understood() {
    let (tables, feed) = (tables(), feed());
    let Read { ticks, refused } = read(&tables, &feed);
    assert_eq!(refused, None);
    check(&tables, &feed, &ticks);
    let sizes = ticks.iter().map(|tick| {
        tick.batches.iter().map(|(_, batch)| match batch {
            Batch::Rows(rows) => rows.len(),
            Batch::Upserts(upserts) => upserts.len(),
        })
    });
    let sizes: Vec<Vec<usize>> = sizes.map(Iterator::collect).collect();
    // A key that moves is two writes; a changed row without a key is two changes, as is one that came and was truncated.
    assert_eq!(sizes, [vec![1, 1], vec![3, 2], vec![3, 1], vec![2, 2]]);
}

#[test]
fn a_message_that_was_cut_or_has_more_is_refused() {
    let (tables, feed) = (tables(), feed());
    for (number, message) in feed.iter().enumerate() {
        let with_more = [message, &b"\0"[..]].concat();
        for wrong in (0..message.len()).map(|end| &message[..end]).chain([&with_more[..]]) {
            let mut messages = feed[..number].to_vec();
            messages.push(wrong.to_vec());
            let refused = read(&tables, &messages).refused.map(|(number, _)| number);
            assert_eq!(refused, Some(number), "{:?}", String::from_utf8_lossy(wrong));
        }
    }
}

#[test]
fn a_row_must_have_the_columns_of_its_relation_and_tell_them() {
    let (tables, feed) = (tables(), feed());
    let wrong = [
        change(b'I', 7, None, Some(&[Some("1"), Some("one")])),
        change(b'I', 7, None, Some(&["1", "one", "1", "more"].map(Some))),
        change(b'I', 7, None, Some(&[Some("1"), Some(UNCHANGED), Some("1")])),
        change(b'U', 7, Some((b'K', &[Some("1")])), Some(&["2", "two", "2"].map(Some))),
        change(b'U', 8, Some((b'O', &[Some(UNCHANGED), Some("1")])), Some(&["b", "2"].map(Some))),
        change(b'D', 8, Some((b'O', &[Some("a")])), None),
        change(b'D', 7, Some((b'K', &[Some(UNCHANGED), None, None])), None),
        relation(&tables[0], b'?'),
    ];
    for message in wrong {
        let mut messages = feed[..3].to_vec();
        messages.push(message);
        let (number, reason) = read(&tables, &messages).refused.expect("it is refused");
        assert!(number == 3 && reason.starts_with("malformed change feed"), "{number}: {reason}");
    }
}

/// A refused message ends its connection: nothing of its transaction is told, and the next connection starts afresh.
#[test]
fn what_a_refused_message_broke_is_not_told() {
    let (tables, feed) = (tables(), feed());
    let mut rehearsal = Rehearsal::new(&tables);
    let honest = |rehearsal: &mut Rehearsal, messages: &[Vec<u8>]| {
        let taken = messages.iter().map(|message| rehearsal.take(message).expect("an honest message"));
        taken.flatten().flat_map(|tick| tick.batches).count()
    };
    assert_eq!(honest(&mut rehearsal, &feed[..5]), 0);
    rehearsal.take(b"").expect_err("not a message");
    rehearsal.take(&feed[5]).expect_err("its transaction is gone");
    honest(&mut rehearsal, &feed[..1]);
    rehearsal.take(&feed[3]).expect_err("the new connection has defined nothing yet");
    assert_eq!(honest(&mut rehearsal, &feed[..6]), 2);
}

/// The server's clock steps back, and the program is started again: times go on from where they were.
#[test]
fn a_clock_that_steps_back_moves_no_time_back() {
    let tables = tables();
    let insert = |rehearsal: &mut Rehearsal, at: i64| {
        let messages =
            [begin(at), relation(&tables[1], b'f'), change(b'I', 8, None, Some(&[Some("a"), Some("1")])), commit()];
        let tick = messages.iter().find_map(|message| rehearsal.take(message).expect("an honest message"));
        let tick = tick.expect("a transaction");
        let Batch::Rows(rows) = &tick.batches[0].1 else { panic!("{tick:?}") };
        (rows[0].1, tick.frontier.expect("the input goes on"))
    };
    const HOUR: i64 = 3_600_000_000;
    let mut rehearsal = Rehearsal::new(&tables);
    let (first, frontier) = insert(&mut rehearsal, 10 * HOUR);
    let (stepped, after) = insert(&mut rehearsal, 9 * HOUR);
    assert!(first < frontier && frontier <= stepped && stepped < after, "{first} {frontier} {stepped} {after}");
    // Nothing of the run before is left but the frontier that the store has.
    let mut rehearsal = Rehearsal::resumed(&tables, after);
    let (again, later) = insert(&mut rehearsal, 8 * HOUR);
    assert!(after <= again && again < later, "{after} {again} {later}");
    let (caught_up, _) = insert(&mut rehearsal, 11 * HOUR);
    assert_eq!(caught_up, first + HOUR as u64);
}

#[test]
fn mutated_feeds_are_refused_or_mean_rows() {
    let (tables, feed) = (tables(), feed());
    let honest: Vec<String> = read(&tables, &feed).ticks.iter().map(|tick| format!("{tick:?}")).collect();
    let mut random = Random::new(seed(14));
    let (mut refusals, mut accepted) = (0, 0);
    for _ in 0..mutations() {
        let mut messages = feed.clone();
        let first = spoil(&mut random, &mut messages);
        let (Read { ticks, refused }, held) = most_held(|| read(&tables, &messages));
        let size = messages.iter().map(Vec::len).sum();
        assert!(held <= allowance(size), "{held} bytes are held for {size}");
        let untouched = feed[..first].iter().filter(|message| message[0] == b'C').count();
        assert!(ticks.len() >= untouched, "{} of {untouched} whole transactions are told", ticks.len());
        for (told, honest) in ticks.iter().zip(&honest).take(untouched) {
            assert_eq!(&format!("{told:?}"), honest);
        }
        check(&tables, &messages, &ticks);
        match refused {
            Some((number, reason)) => {
                assert!(number >= first && !reason.is_empty(), "message {number} was not touched: {reason}");
                refusals += 1;
            }
            None => accepted += 1,
        }
    }
    assert!(refusals > 0 && accepted > 0, "{refusals} refused, {accepted} accepted");
}
