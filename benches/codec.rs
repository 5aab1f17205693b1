//! How rows are encoded: ours against abomonation, which copies memory as it lies, and bincode, which timely uses between processes.
//!
//! Ours encodes values whose types are known at run time only, and is compared without being decoded. The other two are given a
//! tuple known at compile time.
//!
//! abomonation's unsafety is confined to this file, and it is linked into nothing but the benchmarks.
#![allow(unsafe_code)]

use crate::Scale;
use crate::measure::median;
use crate::report::{Aim, Report};
use std::hint::black_box;
use std::time::Instant;
use tidegate::value::{Datum, Row};

/// An order: id, customer, product, quantity, cents, status, note.
type Typed = (i64, i32, i32, i32, i64, String, String);

/// Runs and reports.
pub fn run(scale: Scale, report: &mut Report) {
    let (count, runs) = (scale.pick(20_000, 100_000), scale.pick(5, 25));
    let typed: Vec<Typed> = (0..count).map(typed).collect();
    let values: Vec<Vec<Datum>> = typed.iter().map(values).collect();
    let (mut ours, mut abomonated, mut bincoded) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        ours.push(of_ours(&values));
        abomonated.push(of_abomonation(&typed));
        bincoded.push(of_bincode(&typed));
    }
    for (name, other) in [("abomonation", &abomonated), ("bincode", &bincoded)] {
        report.section(&format!("Encoding of a row, rows per second (baseline: {name})"));
        let rate =
            |runs: &[[f64; 4]], figure: usize| count as f64 / median(runs.iter().map(|run| run[figure]).collect());
        for (figure, label) in ["encode", "decode", "compare neighbours as they lie"].into_iter().enumerate() {
            report.ratio(label, rate(&ours, figure), rate(other, figure), Aim::None);
        }
        let bytes = |runs: &[[f64; 4]]| runs[0][3] / count as f64;
        report.ratio("bytes per row", bytes(&ours), bytes(other), Aim::None);
    }
}

fn typed(number: i64) -> Typed {
    let status = ["new", "paid", "shipped", "returned"][number as usize % 4];
    let note = format!("note to order {number}");
    (number, (number * 7919 % 20_000) as i32, (number % 5_000) as i32, 3, number * 37 % 100_000, status.into(), note)
}

fn values(row: &Typed) -> Vec<Datum> {
    let (id, customer, product, quantity, cents, status, note) = row;
    let numbers = [Datum::Int8(*id), Datum::Int4(*customer), Datum::Int4(*product), Datum::Int4(*quantity)];
    let rest = [Datum::Int8(*cents), Datum::text(status.as_str()), Datum::text(note.as_str())];
    numbers.into_iter().chain(rest).collect()
}

/// The seconds `work` takes.
fn seconds(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}

fn of_ours(values: &[Vec<Datum>]) -> [f64; 4] {
    let mut rows: Vec<Row> = Vec::with_capacity(values.len());
    let encode = seconds(|| rows.extend(values.iter().map(Row::pack)));
    let decode = seconds(|| rows.iter().for_each(|row| drop(black_box(row.unpack()))));
    let compare = seconds(|| {
        black_box(rows.windows(2).filter(|pair| pair[0] < pair[1]).count());
    });
    [encode, decode, compare, rows.iter().map(Row::len).sum::<usize>() as f64]
}

fn of_abomonation(rows: &[Typed]) -> [f64; 4] {
    let mut encoded: Vec<Vec<u8>> = Vec::with_capacity(rows.len());
    let encode = seconds(|| {
        encoded.extend(rows.iter().map(|row| {
            let mut bytes = Vec::new();
            // SAFETY: the tuple holds no pointers but its strings', which abomonation knows.
            unsafe { abomonation::encode(row, &mut bytes) }.expect("a vector takes all");
            bytes
        }));
    });
    let bytes = encoded.iter().map(Vec::len).sum::<usize>() as f64;
    // SAFETY: the bytes are those just encoded, of that type; decoding mends the pointers in place.
    let read = |bytes: &mut Vec<u8>| unsafe { abomonation::decode::<Typed>(bytes) }.map(|(row, _)| black_box(row).0);
    let decode = seconds(|| {
        black_box(encoded.iter_mut().filter_map(read).count());
    });
    let compare = seconds(|| {
        let mut less = 0;
        for position in 1..encoded.len() {
            let (before, after) = encoded.split_at_mut(position);
            // SAFETY: as above.
            let (a, b) = unsafe {
                (abomonation::decode::<Typed>(&mut before[position - 1]), abomonation::decode::<Typed>(&mut after[0]))
            };
            less += usize::from(a.map(|(row, _)| row) < b.map(|(row, _)| row));
        }
        black_box(less);
    });
    [encode, decode, compare, bytes]
}

fn of_bincode(rows: &[Typed]) -> [f64; 4] {
    let mut encoded: Vec<Vec<u8>> = Vec::with_capacity(rows.len());
    let encode =
        seconds(|| encoded.extend(rows.iter().map(|row| bincode::serialize(row).expect("a vector takes all"))));
    let bytes = encoded.iter().map(Vec::len).sum::<usize>() as f64;
    let read = |bytes: &Vec<u8>| bincode::deserialize::<Typed>(bytes).expect("just encoded");
    let decode = seconds(|| encoded.iter().for_each(|bytes| drop(black_box(read(bytes)))));
    let compare = seconds(|| {
        black_box(encoded.windows(2).filter(|pair| read(&pair[0]) < read(&pair[1])).count());
    });
    [encode, decode, compare, bytes]
}
