//! Source `jsonl` as the engine sees it: ticks between frontiers, and nothing lost on the way.

use super::stream::{Running, Seen, at, reads_on};
use crate::support::allocation::{allowance, most_held};
use crate::support::random::{Random, mutate, mutations, seed};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tidegate::source::jsonl::{Config, Jsonl};
use tidegate::source::stream::{Format, decode};
use tidegate::source::{Source, SourceError};
use tidegate::timeline::Resume;

/// A source that reads this file.
fn source(path: &Path, settings: &str) -> Box<dyn Source> {
    let text = format!(
        "path = '{}'\nschema = {{ id = 'bigint not null', note = 'text', at = 'timestamptz' }}\n{settings}",
        path.display()
    );
    let config: Config = toml::from_str(&text).expect("a configuration");
    Box::new(Jsonl::new("events", config))
}

fn start(path: &Path, settings: &str, once: bool) -> Running {
    Running::start(source(path, settings), once)
}

/// An event this many seconds after the epoch.
fn event(id: i64, second: u64) -> String {
    format!("{{\"id\": {id}, \"at\": \"2000-01-01T00:{:02}:{:02}Z\"}}\n", second / 60, second % 60)
}

fn file(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(content.as_bytes()).expect("our own file");
    file
}

#[test]
fn a_file_is_a_stream_with_an_end() {
    let lines = [
        event(1, 10),
        event(2, 20),
        event(3, 14),
        event(4, 15),
        "{\"id\": 5}\n".into(),
        "\n".into(),
        event(6, 40),
        "{".into(),
    ];
    let file = file(&lines.concat());
    let running = start(file.path(), "event_time = 'at'\nlateness = '5s'", true);
    let progress = running.progress.clone();
    let (seen, result) = running.finish();
    result.unwrap();
    assert!(seen.ended);
    assert_eq!(seen.rows, [(1, at(10)), (4, at(15)), (2, at(20)), (6, at(40))]);
    assert_eq!(seen.late, [(3, at(15))]);
    let path = file.path().display();
    assert_eq!(seen.errors.len(), 2, "{:?}", seen.errors);
    assert!(seen.errors[0].starts_with("23502") && seen.errors[0].ends_with(&format!("{path}:5: {{\"id\": 5}}")));
    assert!(seen.errors[1].starts_with("22P02") && seen.errors[1].ends_with(&format!("{path}:8: {{")));
    let told = [&progress.changes, &progress.late, &progress.rejected].map(|n| n.load(Relaxed));
    assert_eq!(told, [4, 1, 2]);
}

#[test]
fn late_events_are_accepted_for_a_while_or_dropped() {
    let file = file(&[event(1, 100), event(2, 92), event(3, 80), event(4, 101)].concat());
    let accept = "event_time = 'at'\nlateness = '5s'\nlate = 'accept'\naccept_for = '3s'";
    let (seen, _) = start(file.path(), accept, true).finish();
    assert_eq!(seen.rows, [(2, at(95)), (1, at(100)), (4, at(101))]);
    assert_eq!(seen.late, [(3, at(95))]);
    let (seen, _) = start(file.path(), "event_time = 'at'\nlateness = '5s'\nlate = 'drop'", true).finish();
    assert_eq!((seen.rows.len(), seen.late.len()), (2, 0));
}

#[test]
fn an_event_from_the_future_makes_nobody_late() {
    let future = "{\"id\": 2, \"at\": \"9999-01-01T00:00:00Z\"}\n";
    let file = file(&[&event(1, 10), future, &event(3, 11)].concat());
    let (seen, _) = start(file.path(), "event_time = 'at'", true).finish();
    assert_eq!(seen.rows, [(1, at(10)), (3, at(11))]);
    assert_eq!(seen.late, [(2, at(10))]);
}

#[test]
fn a_followed_file_is_read_as_it_grows_and_stops_when_asked() {
    let file = file(&event(1, 10));
    let running = start(file.path(), "event_time = 'at'\nfollow = true\nidle_after = 'never'", false);
    let mut seen = Seen::default();
    running.next(&mut seen);
    assert_eq!((seen.frontier, seen.rows.len()), (Some(at(10)), 0), "an event at the watermark may have company yet");
    let mut appended = File::options().append(true).open(file.path()).expect("our own file");
    let line = event(2, 12);
    let (first, second) = line.split_at(9);
    appended.write_all(first.as_bytes()).expect("our own file");
    std::thread::sleep(Duration::from_millis(50));
    appended.write_all(second.as_bytes()).expect("our own file");
    running.next(&mut seen);
    assert_eq!((seen.frontier, seen.rows.as_slice()), (Some(at(12)), [(1, at(10))].as_slice()));
    running.stop.request();
    let (rest, result) = running.finish();
    result.unwrap();
    assert!(!rest.ended && rest.rows.is_empty(), "a stop is not the end of the input");
}

/// A file that grows, files of which each has a few lines and a header, and those of a pattern that are compressed.
#[test]
fn a_restart_goes_on_behind_what_is_stored() {
    let files = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| files.path().join(name);
    std::fs::write(path("growing"), "").expect("written");
    let append = |name: &str, text: String| {
        let mut file = std::fs::File::options().append(true).create(true).open(path(name)).expect("our own file");
        file.write_all(text.as_bytes()).expect("written");
    };
    reads_on(|| source(&path("growing"), "follow = true"), |id| append("growing", event(id, 10 + id as u64)));
    let csv = |id: i64| {
        let name = format!("{}.csv", id / 3);
        let header = if id % 3 == 0 { "id,at\n" } else { "" };
        append(&name, format!("{header}{id},2000-01-01T00:00:{:02}Z\n", 10 + id));
    };
    reads_on(|| source(&path("*.csv"), "follow = true\nformat = 'csv'"), csv);
    let compressed =
        |id: i64| std::fs::write(path(&format!("{id:02}.gz")), gzip(&event(id, 10 + id as u64))).expect("written");
    reads_on(|| source(&path("*.gz"), "follow = true"), compressed);

    let position = format!("5 1 watermark 5 greatest 5 {}", path("gone").display());
    let resume = Resume { frontier: 5, positions: [(path("*").display().to_string(), position)].into() };
    let (_, result) = Running::start_stored(source(&path("*"), "follow = true"), Some(resume)).finish();
    assert!(
        matches!(&result, Err(SourceError::Operator(said)) if said.contains("is gone, so events may be missing")),
        "{result:?}"
    );
}

#[test]
fn an_idle_stream_lets_time_pass() {
    let file = file(&event(1, 10));
    let running = start(file.path(), "event_time = 'at'\nfollow = true\nidle_after = '30ms'", false);
    let mut seen = Seen::default();
    while seen.rows.is_empty() {
        running.next(&mut seen);
    }
    assert!(seen.frontier > Some(at(1_000_000)), "the frontier follows the clock");
    File::options()
        .append(true)
        .open(file.path())
        .and_then(|mut f| f.write_all(event(2, 12).as_bytes()))
        .expect("our own file");
    while seen.late.is_empty() {
        running.next(&mut seen);
    }
    running.stop.request();
    running.finish().1.unwrap();
}

#[test]
fn without_an_event_time_the_arrival_counts() {
    let file = file("{\"id\": 1}\n{\"id\": 2}\n");
    let running = start(file.path(), "follow = true", false);
    let mut seen = Seen::default();
    while seen.rows.len() < 2 {
        running.next(&mut seen);
    }
    assert!(seen.rows[0].1 <= seen.rows[1].1 && seen.rows[0].1 > at(1_000_000));
    running.stop.request();
    running.finish().1.unwrap();
}

#[test]
fn followed_under_once_the_file_ends_where_it_ended_at_start() {
    let file = file(&[event(1, 10), event(2, 11)].concat());
    let (seen, result) = start(file.path(), "event_time = 'at'\nfollow = true", true).finish();
    result.unwrap();
    assert!(seen.ended);
    assert_eq!(seen.rows.len(), 2);
}

/// A directory with these files.
fn directory(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, content) in files {
        std::fs::write(directory.path().join(name), content).expect("our own directory");
    }
    directory
}

fn gzip(content: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    encoder.write_all(content.as_bytes()).and_then(|()| encoder.finish()).expect("memory")
}

fn zstd(content: &str) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(content.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest)
}

/// A frame that holds nothing for readers.
const SKIPPED: &[u8] = &[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];

#[test]
fn the_files_of_a_pattern_are_one_stream_in_the_order_of_their_names() {
    let directory = directory(&[
        ("b.jsonl.gz", [gzip(&event(3, 12)), gzip(&event(4, 13))].concat()),
        ("a.jsonl", [event(1, 10), event(2, 11)].concat().trim_end().into()),
        ("c.jsonl.zst", [SKIPPED, &zstd(&event(5, 14)), SKIPPED, &zstd(&event(6, 15))].concat()),
        ("d.txt", event(7, 16).into()),
    ]);
    let pattern = directory.path().join("*.jsonl*");
    for settings in ["event_time = 'at'", "event_time = 'at'\nfollow = true"] {
        let (seen, result) = start(&pattern, settings, true).finish();
        result.unwrap();
        assert_eq!(seen.rows, (1..=6).map(|id| (id, at(9 + id as u64))).collect::<Vec<_>>());
        assert!(seen.late.is_empty() && seen.ended);
    }
    let nothing = source(&directory.path().join("*.csv"), "").describe();
    assert!(matches!(nothing, Err(SourceError::Config(text)) if text.contains("no file matches")));
}

#[test]
fn a_compressed_file_that_was_cut_or_spoilt_stops_the_source() {
    let whole = [event(1, 10), event(2, 11), event(3, 12)].concat();
    for (name, content) in [("a.gz", gzip(&whole)), ("a.zst", zstd(&whole))] {
        let mut spoilt = content.clone();
        let last = spoilt.len() - 2;
        spoilt[last] ^= 0x40;
        for content in [content[..content.len() - 3].to_vec(), spoilt] {
            let directory = directory(&[(name, content)]);
            let (seen, result) = start(&directory.path().join(name), "", true).finish();
            assert!(
                matches!(&result, Err(SourceError::Operator(text)) if text.contains("cannot decompress")),
                "{result:?}"
            );
            assert!(!seen.ended);
        }
    }
}

#[test]
fn followed_files_are_left_when_the_next_one_is_there() {
    let directory = directory(&[("2.jsonl", event(1, 10).into())]);
    let path = |name: &str| directory.path().join(name);
    let settings = "event_time = 'at'\nfollow = true\nidle_after = 'never'";
    let running = start(&path("*.jsonl*"), settings, false);
    let mut seen = Seen::default();
    running.next(&mut seen);
    // Written at once: the rest of one file is read before the next.
    std::fs::write(path("1.jsonl"), event(9, 99)).expect("our own directory");
    let mut first = File::options().append(true).open(path("2.jsonl")).expect("our own file");
    first.write_all([event(2, 11), event(3, 12)].concat().as_bytes()).expect("our own file");
    std::fs::write(path("3.jsonl.gz.new"), gzip(&event(4, 13))).expect("our own directory");
    std::fs::rename(path("3.jsonl.gz.new"), path("3.jsonl.gz")).expect("our own directory");
    while seen.frontier < Some(at(13)) {
        running.next(&mut seen);
    }
    std::fs::write(path("4.jsonl"), event(5, 14)).expect("our own directory");
    while seen.frontier < Some(at(14)) {
        running.next(&mut seen);
    }
    File::options()
        .append(true)
        .open(path("4.jsonl"))
        .and_then(|mut last| last.write_all(event(6, 15).as_bytes()))
        .expect("our own file");
    while seen.frontier < Some(at(15)) {
        running.next(&mut seen);
    }
    assert_eq!(seen.rows, (1..=5).map(|id| (id, at(9 + id as u64))).collect::<Vec<_>>());
    assert!(seen.late.is_empty());
    running.stop.request();
    running.finish().1.unwrap();
}

#[test]
fn csv_with_a_header() {
    let content = "at;id;other;note\n2000-01-01T00:00:10Z;1;x;\"a\nb\"\n\n2000-01-01T00:00:11Z;;x;y\n946684812;3;;\n";
    let directory = directory(&[("a.csv", content.into()), ("b.csv", "id;at\n4;946684813\n".into())]);
    let settings = "format = 'csv'\ndelimiter = ';'\nevent_time = 'at'\nevent_time_unit = 's'";
    let (seen, result) = start(&directory.path().join("*.csv"), settings, true).finish();
    result.unwrap();
    assert_eq!(seen.rows, [(1, at(10)), (3, at(12)), (4, at(13))]);
    assert_eq!(seen.errors.len(), 1, "{:?}", seen.errors);
    assert!(seen.errors[0].starts_with("23502") && seen.errors[0].contains("a.csv:5:"), "{:?}", seen.errors);

    let (_, result) = start(file("at;note\n").path(), settings, true).finish();
    assert!(matches!(&result, Err(SourceError::Config(text)) if text.contains("names no column \"id\"")), "{result:?}");
}

/// Columns of every kind, and lines for them.
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
    ("o", "boolean[]"),
];
const LINES: &[&str] = &[
    r#"{"a": 1, "b": "x\u00e9\ud83d\ude00\n", "c": -1234.5e-2, "d": "2024-02-29 23:59:60.123456+05:30", "e": {"k": [1, 2.50, null, "s"]}}"#,
    r#"{"a": "7", "f": [[1, null], [3, 4]], "g": "1 year 2 mons -3 days 04:05:06.7", "h": 1e308, "i": "\\xdeadbeef", "j": "ab"}"#,
    r#"{"a": 9223372036854775807, "k": "0044-03-15 BC", "l": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "m": [ {} ], "n": "24:00:00"}"#,
    r#"{"a": 0, "o": "{t,f,NULL}", "f": "{{1,2},{3,4}}", "c": "NaN", "h": "-Infinity", "d": "infinity", "k": "allballs"}"#,
];

const CSV: &[&str] = &[
    r#"1,"x, ""é""",-12.5,2024-02-29 23:59:60.123456+05:30,"{""k"": [1, null]}","{{1,NULL},{3,4}}",1 year,1e308,\xdead,ab,2024-02-29,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,[ {} ],24:00:00,"{t,f}""#,
    "7,,,,,,,,,,,,,,",
    "\"9\",\"\",NaN,infinity,null,{},@ 1 year,-Infinity,x,\"a\nb\",0044-03-15 BC,,\"{}\",,",
];
const ENVELOPES: &[&str] = &[
    r#"{"op": "c", "before": null, "after": {"a": 1, "b": "x", "c": "1.5", "e": "{\"k\": 1}", "k": 20454, "n": 86399999999}}"#,
    r#"{"schema": {"type": "struct"}, "payload": {"op": "u", "after": {"a": 7, "d": "2024-02-29T23:59:59Z", "f": [1, 2]}}}"#,
    r#"{"op": "d", "before": {"a": 1}, "after": null}"#,
];

/// Whatever a record holds, it ends in a row or an error, in memory that its length allows.
#[test]
fn mutated_records_never_panic() {
    let formats =
        [(Format::Json, LINES), (Format::Csv { header: None, delimiter: b',' }, CSV), (Format::Debezium, ENVELOPES)];
    let mut random = Random::new(seed(3));
    for (format, records) in formats {
        let mut read = 0;
        for _ in 0..mutations() {
            let record = *random.pick(records);
            let record = mutate(&mut random, record.as_bytes());
            let (decoded, held) = most_held(|| decode(COLUMNS, format, &record));
            let shown = || String::from_utf8_lossy(&record).into_owned();
            assert!(held <= allowance(record.len()), "{held} bytes are held for {}", shown());
            match decoded {
                Ok(Some(row)) => {
                    assert!(row.check(COLUMNS.len()), "{}", shown());
                    let is_cut = format != Format::Csv { header: None, delimiter: b',' }
                        && !record.trim_ascii_end().ends_with(b"}");
                    assert!(!is_cut, "a record that was cut is read: {}", shown());
                    assert_eq!(row.unpack().len(), COLUMNS.len());
                    read += 1;
                }
                Ok(None) => {}
                Err(error) => assert!(!error.is_empty()),
            }
        }
        assert!(read > 0, "no mutated record of {format:?} was read");
    }
}

#[test]
fn a_line_that_was_cut_is_no_row() {
    for line in LINES {
        for end in 0..line.len() {
            let cut = &line.as_bytes()[..end];
            assert!(decode(COLUMNS, Format::Json, cut).is_err(), "{}", String::from_utf8_lossy(cut));
        }
    }
}

#[test]
fn a_refused_value_is_told_with_its_column() {
    for line in LINES {
        if let Err(error) = decode(&COLUMNS[..10], Format::Json, line.as_bytes()) {
            assert!(error.contains("column"), "{error}");
        }
    }
}
