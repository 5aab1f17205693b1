//! Source `jsonl` as the engine sees it: ticks between frontiers, and nothing lost on the way.

use crate::support::allocation::{allowance, most_held};
use crate::support::random::{Random, mutate, mutations, seed};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate::source::jsonl::{Config, Jsonl, decode_line};
use tidegate::source::{Closed, Progress, Source, SourceError, Start, Stop, TickSender, Wanted};
use tidegate::timeline::{Batch, RelationId, SourceId, Tick};
use tidegate::value::{Datum, Time};

const STREAM: RelationId = RelationId(0);
const LATE: RelationId = RelationId(1);
const ERRORS: RelationId = RelationId(2);

/// 2000-01-01, where Postgres's timestamps begin, in times.
const EPOCH: Time = 946_684_800_000_000;

struct Collect(Sender<Tick>);

impl TickSender for Collect {
    fn send(&mut self, tick: Tick) -> Result<(), Closed> {
        self.0.send(tick).map_err(|_| Closed)
    }
}

/// A source under way on a thread of its own.
struct Running {
    ticks: Receiver<Tick>,
    stop: Stop,
    progress: Arc<Progress>,
    ended: Arc<Mutex<Option<Result<(), SourceError>>>>,
    thread: std::thread::JoinHandle<()>,
}

impl Running {
    fn start(path: &Path, settings: &str, once: bool) -> Running {
        let text = format!(
            "path = '{}'\nschema = {{ id = 'bigint not null', note = 'text', at = 'timestamptz' }}\n{settings}",
            path.display()
        );
        let config: Config = toml::from_str(&text).expect("a configuration");
        let mut source = Jsonl::new("events", config);
        let relation = source.describe().expect("a stream").remove(0);
        let (sender, ticks) = channel();
        let (stop, progress) = (Stop::default(), Arc::new(Progress::default()));
        let start = Start {
            source: SourceId(0),
            wanted: vec![Wanted { id: STREAM, relation, columns: None }],
            late: vec![(STREAM, LATE)],
            errors: vec![(STREAM, ERRORS)],
            once,
            awaited: false,
            ticks: Box::new(Collect(sender)),
            stop: stop.clone(),
            progress: progress.clone(),
        };
        let ended = Arc::new(Mutex::new(None));
        let result = ended.clone();
        let thread = std::thread::spawn(move || *result.lock().unwrap() = Some(source.run(start)));
        Running { ticks, stop, progress, ended, thread }
    }

    /// What it sent until its end.
    fn finish(self) -> (Seen, Result<(), SourceError>) {
        let mut seen = Seen::default();
        self.thread.join().expect("no panic");
        self.ticks.try_iter().for_each(|tick| seen.take(tick));
        let result = self.ended.lock().unwrap().take().expect("it has ended");
        (seen, result)
    }

    fn next(&self, seen: &mut Seen) {
        seen.take(self.ticks.recv_timeout(Duration::from_secs(20)).expect("a tick"));
    }
}

/// All ticks, checked: what lies in them is between their frontiers.
#[derive(Default)]
struct Seen {
    rows: Vec<(i64, Time)>,
    late: Vec<(i64, Time)>,
    errors: Vec<String>,
    frontier: Option<Time>,
    ended: bool,
}

impl Seen {
    fn take(&mut self, tick: Tick) {
        assert!(!self.ended, "a tick after the end");
        let floor = self.frontier.unwrap_or(0);
        let check =
            |time: Time| assert!(floor <= time && tick.frontier.is_none_or(|f| time < f), "{time} outside the tick");
        for (relation, batch) in tick.batches {
            let Batch::Rows(rows) = batch else { panic!("a stream has no keys") };
            for (row, time, diff) in rows {
                check(time);
                assert_eq!(diff, 1);
                let Datum::Int8(id) = row.unpack()[0] else { panic!("an id") };
                if relation == STREAM { self.rows.push((id, time)) } else { self.late.push((id, time)) }
            }
        }
        for (relation, error, time) in tick.errors {
            check(time);
            assert_eq!(relation, ERRORS);
            self.errors.push(format!("{} {} {}", error.code, error.message, error.input));
        }
        assert!(tick.frontier.is_none_or(|f| Some(f) > self.frontier), "the frontier does not advance");
        self.ended = tick.frontier.is_none();
        self.frontier = tick.frontier.or(self.frontier);
    }
}

/// An event this many seconds after the epoch.
fn event(id: i64, second: u64) -> String {
    format!("{{\"id\": {id}, \"at\": \"2000-01-01T00:{:02}:{:02}Z\"}}\n", second / 60, second % 60)
}

fn at(second: u64) -> Time {
    EPOCH + second * 1_000_000
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
    let running = Running::start(file.path(), "event_time = 'at'\nlateness = '5s'", true);
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
    let (seen, _) = Running::start(file.path(), accept, true).finish();
    assert_eq!(seen.rows, [(2, at(95)), (1, at(100)), (4, at(101))]);
    assert_eq!(seen.late, [(3, at(95))]);
    let (seen, _) = Running::start(file.path(), "event_time = 'at'\nlateness = '5s'\nlate = 'drop'", true).finish();
    assert_eq!((seen.rows.len(), seen.late.len()), (2, 0));
}

#[test]
fn an_event_from_the_future_makes_nobody_late() {
    let future = "{\"id\": 2, \"at\": \"9999-01-01T00:00:00Z\"}\n";
    let file = file(&[&event(1, 10), future, &event(3, 11)].concat());
    let (seen, _) = Running::start(file.path(), "event_time = 'at'", true).finish();
    assert_eq!(seen.rows, [(1, at(10)), (3, at(11))]);
    assert_eq!(seen.late, [(2, at(10))]);
}

#[test]
fn a_followed_file_is_read_as_it_grows_and_stops_when_asked() {
    let file = file(&event(1, 10));
    let running = Running::start(file.path(), "event_time = 'at'\nfollow = true\nidle_after = 'never'", false);
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

#[test]
fn an_idle_stream_lets_time_pass() {
    let file = file(&event(1, 10));
    let running = Running::start(file.path(), "event_time = 'at'\nfollow = true\nidle_after = '30ms'", false);
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
    let running = Running::start(file.path(), "follow = true", false);
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
    let (seen, result) = Running::start(file.path(), "event_time = 'at'\nfollow = true", true).finish();
    result.unwrap();
    assert!(seen.ended);
    assert_eq!(seen.rows.len(), 2);
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

/// Whatever a line holds, it ends in a row or an error, in memory that its length allows.
#[test]
fn mutated_lines_never_panic() {
    let mut random = Random::new(seed(3));
    let mut read = 0;
    for _ in 0..mutations() {
        let line = *random.pick(LINES);
        let line = mutate(&mut random, line.as_bytes());
        let (decoded, held) = most_held(|| decode_line(COLUMNS, &line));
        let shown = || String::from_utf8_lossy(&line).into_owned();
        assert!(held <= allowance(line.len()), "{held} bytes are held for {}", shown());
        match decoded {
            Ok(row) => {
                assert!(row.check(COLUMNS.len()), "{}", shown());
                assert!(line.trim_ascii_end().ends_with(b"}"), "a line that was cut is read: {}", shown());
                assert_eq!(row.unpack().len(), COLUMNS.len());
                read += 1;
            }
            Err(error) => assert!(!error.is_empty()),
        }
    }
    assert!(read > 0, "no mutated line was read");
}

#[test]
fn a_line_that_was_cut_is_no_row() {
    for line in LINES {
        for end in 0..line.len() {
            let cut = &line.as_bytes()[..end];
            assert!(decode_line(COLUMNS, cut).is_err(), "{}", String::from_utf8_lossy(cut));
        }
    }
}

#[test]
fn a_refused_value_is_told_with_its_column() {
    for line in LINES {
        if let Err(error) = decode_line(&COLUMNS[..10], line.as_bytes()) {
            assert!(error.contains("column"), "{error}");
        }
    }
}
