//! What happens in a world, step by step: as scripts write it, and as a world that fails is printed.

use std::fmt;
use tidegate::value::calendar::EPOCH_MICROS;
use tidegate::value::{Datum, Diff, Time, Type, text};

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    pub id: i64,
    pub key: i64,
    pub at: Time,
    pub value: i64,
}

/// A change of the table `t (key, name)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: i64,
    pub name: i64,
    pub time: Time,
    pub diff: Diff,
}

/// The sources by their numbers: streams `a` and `b`, table `t`.
pub const SOURCES: [&str; 3] = ["a", "b", "t"];
pub const TABLE: usize = 2;

/// A stream's partition of some number, from 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    pub stream: usize,
    pub number: usize,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An event of a stream arrives.
    Event(Partition, Event),
    /// The table changes.
    Change(Change),
    /// A stream tells what its watermark has passed.
    Tells(usize),
    /// Nothing is left to read in a partition for now.
    AtEnd(Partition),
    /// The wall clock shows this time.
    Clock(Time),
    /// Nothing has arrived for so long that the stream is idle, if all its partitions are at their ends.
    Idle(usize),
    /// A source, or each of them, says that nothing below this time will come; if there is none, that it has ended.
    Until(Option<usize>, Option<Time>),
}

impl Step {
    /// A step as it is written; `None` if the line is none.
    pub fn parse(line: &str) -> Option<Step> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |word: &str| word.parse::<i64>().expect("a number");
        Some(match words.as_slice() {
            ["until", at] => Step::Until(None, Some(time(at))),
            ["end"] => Step::Until(None, None),
            ["clock", at] => Step::Clock(time(at)),
            ["t", at, sign @ ("+" | "-"), key, name] => {
                let diff = if *sign == "+" { 1 } else { -1 };
                Step::Change(Change { key: number(key), name: number(name), time: time(at), diff })
            }
            ["t", "until", at] => Step::Until(Some(TABLE), Some(time(at))),
            ["t", "end"] => Step::Until(Some(TABLE), None),
            [of, rest @ ..] => {
                let partition = Partition::parse(of)?;
                match *rest {
                    [id, key, at, value] => {
                        let event = Event { id: number(id), key: number(key), at: time(at), value: number(value) };
                        Step::Event(partition, event)
                    }
                    ["tells"] => Step::Tells(partition.stream),
                    ["at", "end"] => Step::AtEnd(partition),
                    ["idle"] => Step::Idle(partition.stream),
                    ["until", at] => Step::Until(Some(partition.stream), Some(time(at))),
                    ["end"] => Step::Until(Some(partition.stream), None),
                    _ => return None,
                }
            }
            [] => return None,
        })
    }
}

impl Partition {
    /// The first partition of a stream.
    pub fn first(stream: usize) -> Partition {
        Partition { stream, number: 0 }
    }

    /// `a`, or `a/1` for another partition than the first.
    fn parse(word: &str) -> Option<Partition> {
        let (stream, number) = word.split_once('/').unwrap_or((word, "0"));
        let stream = SOURCES[..TABLE].iter().position(|source| *source == stream)?;
        Some(Partition { stream, number: number.parse().ok()? })
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stream = SOURCES[self.stream];
        if self.number == 0 { write!(f, "{stream}") } else { write!(f, "{stream}/{}", self.number) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Event(partition, Event { id, key, at, value }) => {
                write!(f, "{partition} {id} {key} {} {value}", instant(*at))
            }
            Step::Change(Change { key, name, time, diff }) => {
                write!(f, "t {} {} {key} {name}", instant(*time), if *diff > 0 { "+" } else { "-" })
            }
            Step::Tells(stream) => write!(f, "{} tells", SOURCES[*stream]),
            Step::AtEnd(partition) => write!(f, "{partition} at end"),
            Step::Clock(time) => write!(f, "clock {}", instant(*time)),
            Step::Idle(stream) => write!(f, "{} idle", SOURCES[*stream]),
            Step::Until(source, time) => {
                source.iter().try_for_each(|source| write!(f, "{} ", SOURCES[*source]))?;
                match time {
                    Some(time) => write!(f, "until {}", instant(*time)),
                    None => write!(f, "end"),
                }
            }
        }
    }
}

/// A time as it is written: small ones as numbers.
pub fn instant(time: Time) -> String {
    if time < 1_000_000_000 {
        return time.to_string();
    }
    let mut out = String::new();
    text::write(&Datum::Timestamptz(time as i64 - EPOCH_MICROS), &mut out);
    out.replace(' ', "T").replace("+00", "Z")
}

fn time(text: &str) -> Time {
    if let Ok(number) = text.parse() {
        return number;
    }
    let Ok(Datum::Timestamptz(at)) = text::parse(&Type::Timestamptz, -1, text) else { panic!("{text} is no time") };
    u64::try_from(at + EPOCH_MICROS).expect("after 1970")
}
