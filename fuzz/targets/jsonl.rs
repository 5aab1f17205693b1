//! One line for a stream with columns of every kind: a row, or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::source::jsonl::decode_line;

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
    if let Ok(row) = decode_line(COLUMNS, line) {
        assert!(row.check(COLUMNS.len()), "{row:?}");
        row.unpack();
    }
});
