//! One record for a stream with columns of every kind, as JSON, CSV and an envelope of Debezium's: a row, nothing, or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::source::stream::{Format, decode};

const COLUMNS: &[(&str, &str)] = &[
    ("a", "bigint not null"),
    ("b", "text"),
    ("c", "numeric(12,3)"),
    ("d", "timestamptz"),
    ("e", "jsonb"),
    ("f", "integer[]"),
    ("g", "interval"),
    ("h", "double precision"),
    ("i", "bytea"),
    ("j", "char(4)"),
    ("k", "date"),
    ("l", "uuid"),
    ("m", "json"),
    ("n", "time"),
];

fuzz_target!(|line: &[u8]| {
    for format in [Format::Json, Format::Csv { header: None, delimiter: b',' }, Format::Debezium] {
        if let Ok(Some(row)) = decode(COLUMNS, format, line) {
            assert!(row.check(COLUMNS.len()), "{row:?}");
            row.unpack();
        }
    }
});
