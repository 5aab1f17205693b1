//! Streams as scripts: records, ends and passing time go in, ticks come out.
//!
//! A script is one line per step. `p 10 a`: partition `p` tells event `a` of second 10; `p bad`: it tells what is no record; `p end`:
//! nothing is left to read in it; `pause`: nothing has arrived anywhere; `lost`: the source is out of reach; `clock 50`: the wall clock shows second 50; `close`: the
//! input ends. After `=>` stands what the step sends: `10:a` an event at second 10, `late 10:a`, `error 10`, then `|` and the frontier.

use super::config::tests::stream;
use super::intake::{Halt, Intake};
use crate::source::{Closed, Progress, SourceError, Start, Stop, Stored, TickSender, Wanted};
use crate::timeline::{Arrivals, Batch, PartitionId, RelationId, Resume, SourceId, Tick};
use crate::value::{Datum, Row, Time};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

thread_local! {
    /// The wall clock in seconds.
    static CLOCK: Cell<Time> = const { Cell::new(0) };
}

const SECOND: Time = 1_000_000;
const STREAM: RelationId = RelationId(0);
const LATE: RelationId = RelationId(1);
const ERRORS: RelationId = RelationId(2);

/// Collects ticks as a store and the dataflow take them in.
struct Collect {
    ticks: Sender<Tick>,
    kept: Arc<Mutex<Kept>>,
}

/// What outlives a run.
#[derive(Default)]
struct Kept {
    arrivals: Arrivals,
    resume: Option<Resume>,
}

impl TickSender for Collect {
    fn send(&mut self, tick: Tick) -> Result<(), Closed> {
        let mut kept = self.kept.lock().expect("no panic");
        let tick = kept.arrivals.pass(tick);
        let resume = kept.resume.get_or_insert(Resume { frontier: 0, positions: BTreeMap::new() });
        resume.positions.extend(tick.positions.iter().cloned());
        let stays = tick.frontier == Some(resume.frontier);
        resume.frontier = tick.frontier.unwrap_or(resume.frontier);
        if stays && tick.batches.is_empty() && tick.errors.is_empty() {
            return Ok(());
        }
        self.ticks.send(tick).map_err(|_| Closed)
    }
}

fn open(settings: &str, kept: &Arc<Mutex<Kept>>, is_stored: bool) -> (Intake, Receiver<Tick>) {
    try_open(settings, kept, is_stored).expect("positions it gave")
}

fn try_open(settings: &str, kept: &Arc<Mutex<Kept>>, is_stored: bool) -> Result<(Intake, Receiver<Tick>), SourceError> {
    let config = stream(&format!(
        "schema = {{ at = 'timestamptz', name = 'text not null' }}\nevent_time = 'at'\nevent_time_unit = 's'\n{settings}"
    ));
    let relation = config.offer("s", false);
    let name = relation.name.clone();
    let (sender, ticks) = channel();
    let resume = kept.lock().expect("no panic").resume.clone();
    let start = Start {
        source: SourceId(0),
        wanted: vec![Wanted { id: STREAM, relation, columns: None }],
        late: vec![(STREAM, LATE)],
        errors: vec![(STREAM, ERRORS)],
        once: false,
        awaited: false,
        stored: is_stored.then(|| Stored {
            incarnation: "s".into(),
            resume,
            held: BTreeMap::new(),
            newcomers: Default::default(),
        }),
        ticks: Box::new(Collect { ticks: sender, kept: kept.clone() }),
        stop: Stop::default(),
        progress: Arc::new(Progress::default()),
    };
    CLOCK.set(1000);
    let intake = Intake::open(&name, &config, start)?.expect("it is wanted");
    Ok((intake.with_clock(|| CLOCK.get() * SECOND), ticks))
}

fn name(row: &Row) -> String {
    match row.column(1) {
        Datum::Text(text) => text.to_string(),
        other => panic!("a text, not {other:?}"),
    }
}

/// A tick as a script writes it.
fn shown(tick: Tick) -> String {
    let mut words = vec![];
    for (relation, batch) in &tick.batches {
        let Batch::Rows(rows) = batch else { panic!("a stream has no keys") };
        for (row, time, _) in rows {
            let late = if *relation == LATE { "late " } else { "" };
            words.push(format!("{late}{}:{}", time / SECOND, name(row)));
        }
    }
    words.extend(tick.errors.iter().map(|(_, _, time)| format!("error {}", time / SECOND)));
    words.push(tick.frontier.map_or("| end".into(), |frontier| format!("| {}", frontier / SECOND)));
    words.join(" ")
}

/// Runs a script; each step but the last seals, if `each` says so.
fn run(settings: &str, script: &str) {
    let kept = Arc::default();
    let (intake, mut ticks) = open(settings, &kept, script.contains("restart"));
    let mut intake = Some(intake);
    let mut partitions: BTreeMap<&str, PartitionId> = BTreeMap::new();
    for step in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (doing, expected) = step.split_once("=>").unwrap_or((step, ""));
        let words: Vec<&str> = doing.split_whitespace().collect();
        if words == ["restart"] {
            let (again, ticks_again) = open(settings, &kept, script.contains("restart"));
            (intake, ticks) = (Some(again), ticks_again);
            let running = intake.iter_mut();
            running.for_each(|running| partitions.iter_mut().for_each(|(name, id)| *id = running.partition(name)));
            continue;
        }
        let mut act = || -> Result<(), Halt> {
            let Some(running) = &mut intake else { panic!("the input has ended") };
            match words.as_slice() {
                ["close"] => return intake.take().into_iter().try_for_each(|mut intake| intake.finish()),
                ["pause"] => return running.pause(),
                ["lost"] => return running.interrupted(),
                ["clock", second] => CLOCK.set(second.parse().expect("a number")),
                ["partitions", names @ ..] => {
                    partitions.extend(names.iter().map(|name| (*name, running.partition(name))))
                }
                [partition, "end"] => running.at_end(partitions[partition]),
                [partition, "bad"] => drop(running.take(partitions[partition], b"{", &"here")?),
                [partition, second, event] => {
                    running.reaches(partitions[partition], [0, 0]);
                    let record = format!("{{\"at\": {second}, \"name\": \"{event}\"}}");
                    running.take(partitions[partition], record.as_bytes(), &"here")?;
                }
                _ => panic!("`{step}` is no step"),
            }
            running.seal()
        };
        act().unwrap_or_else(|halt| panic!("{step}: {halt:?}"));
        let sent: Vec<String> = ticks.try_iter().map(shown).collect();
        assert_eq!(sent.join("; "), expected.trim(), "after `{}`", doing.trim());
    }
}

/// Partitions go on at their own watermarks, whether they had come further than the stream or were at their ends.
#[test]
fn verdicts_are_those_of_one_run() {
    for restart in ["", "restart"] {
        run(
            "lateness = '5s'\nlate = 'collect'",
            &format!(
                "partitions p q r
                 r 3 a    =>
                 r end    =>
                 p 100 b  =>
                 q 20 c   => 3:a | 15
                 {restart}
                 p 94 d   =>
                 q 60 e   => 20:c | 55
                 {restart}
                 r 54 f   =>
                 r 70 g   =>
                 q 90 h   => 60:e late 55:f | 65
                 {restart}
                 r 200 i  => 70:g | 85
                 q 201 j  => 90:h | 95
                 p 202 k  => 100:b late 95:d | 195"
            ),
        );
    }
}

#[test]
fn late_accepted_late_and_too_late() {
    run(
        "lateness = '5s'\nlate = 'accept'\naccept_for = '3s'",
        "partitions p
         p 20 a   => | 15
         p 15 b
         p 30 c   => 15:b 20:a | 25
         p 22 d
         p 21 e
         p 31 f   => 25:d late 25:e | 26
         close    => 30:c 31:f | end",
    );
}

#[test]
fn late_events_may_be_dropped() {
    run("late = 'drop'", "partitions p\np 20 a => | 20\np 10 b\nclose => 20:a | end");
}

#[test]
fn clocks_ahead_make_nobody_late() {
    run(
        "max_ahead = '60s'",
        "partitions p
         p 1000 a => | 1000
         p 1060 b => 1000:a | 1060
         p 1061 c
         clock 1001
         p 1061 d => 1060:b late 1060:c | 1061
         close    => 1061:d | end",
    );
}

#[test]
fn equal_timestamps_leave_together_in_the_order_of_arrival() {
    run("", "partitions p\np 7 b => | 7\np 7 a\np 7 c\np 8 d => 7:b 7:a 7:c | 8\nclose => 8:d | end");
}

#[test]
fn what_is_no_record_stands_at_the_watermark() {
    run("", "partitions p\np bad\np 7 a => error 0 | 7\np bad\np 8 b => 7:a error 7 | 8\nclose => 8:b | end");
    run("rejected = 'drop'", "partitions p\np bad\np 7 a => | 7\nclose => 7:a | end");
}

#[test]
fn an_idle_stream_follows_the_clock_and_says_so_only_then() {
    run(
        "lateness = '5s'\nidle_after = '0'",
        "partitions p
         p 990 a    => | 985
         pause
         p end
         pause      => 990:a | 995
         clock 1010
         pause      => | 1005
         p 1004 b
         p 1005 c
         p 1011 d   => 1005:c late 1005:b | 1006
         clock 900
         p end
         pause
         close      => 1011:d | end",
    );
    run("idle_after = 'never'", "partitions p\np 7 a => | 7\np end\nclock 2000\npause\nclose => 7:a | end");
}

#[test]
fn the_least_partition_holds_the_stream_until_it_is_at_its_end() {
    run(
        "idle_after = 'never'",
        "partitions p q
         p 10 a
         p 12 b
         q 11 c  => 10:a | 11
         q 20 d  => 11:c | 12
         p end   => 12:b | 20
         p 13 e
         p 20 f
         p 21 g
         q 25 h  => 20:d 20:f late 20:e | 21
         q end
         p end   => 21:g | 25
         pause
         close   => 25:h | end",
    );
}

#[test]
fn after_an_interruption_no_partition_is_known_to_be_at_its_end() {
    run(
        "idle_after = '0'",
        "partitions p q
         p 10 a
         q 10 b  => | 10
         p end
         q end
         lost
         pause
         q 50 c
         p 20 d  => 10:a 10:b | 20
         q end
         p end   => 20:d | 50
         close   => 50:c | end",
    );
}

#[test]
fn an_empty_partition_holds_nobody() {
    run("", "partitions p q\np 10 a\nq end => | 10\np 11 b => 10:a | 11\nclose => 11:b | end");
}

#[test]
fn what_waits_is_bounded() {
    let (mut intake, _ticks) = open("lateness = '1h'\nbuffer = '64KiB'", &Arc::default(), false);
    let partition = intake.partition("p");
    let taken = (0..10_000).find_map(|second| {
        let record = format!("{{\"at\": {second}, \"name\": \"a name that is longer than a row without a box\"}}");
        intake.take(partition, record.as_bytes(), &"here").err()
    });
    let Some(Halt::Failed(error)) = taken else { panic!("it took everything") };
    assert!(error.to_string().contains("more than `buffer` allows"), "{error}");
}

#[test]
fn the_first_record_that_is_none_may_stop_the_source() {
    let (mut intake, _ticks) = open("rejected = 'stop'", &Arc::default(), false);
    let partition = intake.partition("p");
    let Err(Halt::Failed(error)) = intake.take(partition, b"{\"at\": true}", &"clicks:3") else { panic!("it went on") };
    assert!(error.to_string().contains("clicks:3: {\"at\": true}"), "{error}");
}

/// A position that makes no sense is not taken for none: everything would be taken again.
#[test]
fn a_strange_position_is_no_beginning() {
    let positions = BTreeMap::from([("p".to_string(), "7 8 watermark soon".to_string())]);
    let kept = Kept { resume: Some(Resume { frontier: 7, positions }), ..Kept::default() };
    let Err(error) = try_open("", &Arc::new(Mutex::new(kept)), true) else { panic!("it began anew") };
    assert!(
        matches!(&error, SourceError::Operator(text) if text.contains("position of p") && text.contains("soon")),
        "{error}"
    );
}
