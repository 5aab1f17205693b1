//! Transactions told in pieces, over connections that are cut: no server is needed, as `garbage` writes what one would say.

use super::garbage::{begin, change, commit, relation, tables};
use crate::support::random::{Random, seed, setting};
use std::collections::BTreeMap;
use tidegate::source::postgres::{FeedTable, Rehearsal};
use tidegate::timeline::{Batch, Tick};
use tidegate::value::{Diff, Row, Time};

/// The messages of a transaction with so many changes at random.
fn transaction(random: &mut Random, tables: &[FeedTable], at: i64, changes: u64) -> Vec<Vec<u8>> {
    let mut messages = vec![begin(at), relation(&tables[0], b'd'), relation(&tables[1], b'f')];
    for _ in 0..changes {
        let (id, line) = (random.below(5).to_string(), random.below(3).to_string());
        let (order, log) = ([Some(id.as_str()), Some("note"), Some("1")], [Some(line.as_str()), Some("1")]);
        messages.push(match random.below(12) {
            0 => change(b'T', 1, None, None).into_iter().chain([0, 0, 0, 0, 7]).collect(),
            1 => change(b'T', 1, None, None).into_iter().chain([0, 0, 0, 0, 8]).collect(),
            2 => relation(&tables[0], b'd'),
            3 | 4 => change(b'D', 7, Some((b'K', &[order[0], None, None])), None),
            5 => change(b'D', 8, Some((b'O', &log)), None),
            6 | 7 => change(b'I', 8, None, Some(&log)),
            8 => change(b'I', 99, None, Some(&[Some("nobody asked for this table")])),
            9 => change(b'U', 7, Some((b'K', &[Some("9"), None, None])), Some(&order)),
            _ => change(b'I', 7, None, Some(&order)),
        });
    }
    messages.push(commit());
    messages
}

/// What ticks tell of the table with a key, in order, however they are cut.
fn writes(ticks: &[Tick]) -> Vec<String> {
    let batches = ticks.iter().flat_map(|tick| &tick.batches);
    let writes = batches.flat_map(|(_, batch)| match batch {
        Batch::Upserts(writes) => writes.as_slice(),
        Batch::Rows(_) => &[],
    });
    writes.map(|write| format!("{:?} {} {:?}", write.key, write.time, write.kind)).collect()
}

/// What they add to the rows of the other.
fn rows(ticks: &[Tick]) -> BTreeMap<Row, Diff> {
    let mut sums = BTreeMap::new();
    for (_, batch) in ticks.iter().flat_map(|tick| &tick.batches) {
        if let Batch::Rows(rows) = batch {
            rows.iter().for_each(|(row, _, diff)| *sums.entry(row.clone()).or_default() += diff);
        }
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

fn times(tick: &Tick) -> Vec<Time> {
    let times = tick.batches.iter().flat_map(|(_, batch)| match batch {
        Batch::Rows(rows) => rows.iter().map(|(_, time, _)| *time).collect::<Vec<_>>(),
        Batch::Upserts(writes) => writes.iter().map(|write| write.time).collect(),
    });
    times.collect()
}

#[test]
fn pieces_come_to_the_whole_wherever_the_connection_is_cut() {
    let (tables, mut random) = (tables(), Random::new(seed(41)));
    for world in 0..setting("TIDEGATE_TEST_WORLDS", 200) {
        let transactions: Vec<Vec<Vec<u8>>> = (0..4)
            .map(|number| {
                let changes = random.below(12);
                transaction(&mut random, &tables, (world * 10 + number) as i64 * 1_000_000, changes)
            })
            .collect();
        let mut whole = Rehearsal::new(&tables);
        let mut pieces = Rehearsal::new(&tables).in_pieces(1 + random.below(4));
        for messages in &transactions {
            let expected: Vec<Tick> =
                messages.iter().filter_map(|message| whole.take(message).expect("an honest message")).collect();
            let [expected_tick] = expected.as_slice() else { panic!("a transaction is a tick") };
            let mut got: Vec<Tick> = Vec::new();
            'again: loop {
                let cut = random.below(2 * messages.len() as u64) as usize;
                for (number, message) in messages.iter().enumerate() {
                    if number == cut {
                        pieces.cut();
                        continue 'again;
                    }
                    got.extend(pieces.take(message).expect("an honest message"));
                }
                break;
            }
            assert_eq!((writes(&got), rows(&got)), (writes(&expected), rows(&expected)));
            let (last, before) = got.split_last().expect("at least the end");
            assert!(!last.piece && last.frontier == expected_tick.frontier);
            let time = last.frontier.map(|frontier| frontier - 1);
            assert!(before.iter().all(|tick| tick.piece && tick.frontier == time));
            assert!(got.iter().flat_map(times).all(|at| Some(at) == time));
        }
    }
}

/// What does not begin as it did before is not gone on with.
#[test]
fn another_transaction_in_its_place_is_refused() {
    let tables = tables();
    let insert = |id: &str| change(b'I', 7, None, Some(&[Some(id), None, Some("1")]));
    let given = || {
        let mut rehearsal = Rehearsal::new(&tables).in_pieces(2);
        let messages = [begin(5_000_000), relation(&tables[0], b'd'), insert("1"), insert("2"), insert("3")];
        let pieces: Vec<Tick> =
            messages.iter().filter_map(|message| rehearsal.take(message).expect("honest")).collect();
        assert!(matches!(pieces.as_slice(), [piece] if piece.piece && times(piece).len() == 2), "{pieces:?}");
        rehearsal.cut();
        rehearsal
    };
    let again = |messages: &[Vec<u8>]| {
        let mut rehearsal = given();
        messages.iter().try_fold(Vec::new(), |mut ticks, message| {
            ticks.extend(rehearsal.take(message)?);
            Ok::<_, String>(ticks)
        })
    };
    let head = || vec![begin(5_000_000), relation(&tables[0], b'd')];
    let with = |more: Vec<Vec<u8>>| [head(), more].concat();
    let ticks = again(&with(vec![insert("1"), insert("2"), insert("3"), commit()])).expect("the same transaction");
    assert!(matches!(ticks.as_slice(), [end] if !end.piece && times(end).len() == 1), "{ticks:?}");
    let nothing_more = again(&with(vec![insert("1"), insert("2"), commit()])).expect("what was given is all there was");
    assert!(matches!(nothing_more.as_slice(), [end] if !end.piece && times(end).is_empty()));
    for other in [
        vec![begin(5_000_001)],
        with(vec![insert("1"), insert("9")]),
        with(vec![insert("2"), insert("1")]),
        with(vec![insert("1"), commit()]),
    ] {
        let refused = again(&other).expect_err("another history");
        assert!(refused.contains("the server's history is not the one that was read"), "{refused}");
    }
}
