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

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An event of a stream arrives.
    Event(usize, Event),
    /// The table changes.
    Change(Change),
    /// A stream tells what its watermark has passed.
    Tells(usize),
    /// A source, or each of them, says that nothing below this time will come; if there is none, that it has ended.
    Until(Option<usize>, Option<Time>),
}

impl Step {
    /// A step as it is written; `None` if the line is none.
    pub fn parse(line: &str) -> Option<Step> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let source = |name: &str| SOURCES.iter().position(|source| *source == name);
        let number = |word: &str| word.parse::<i64>().expect("a number");
        match words.as_slice() {
            ["t", at, sign @ ("+" | "-"), key, name] => {
                let diff = if *sign == "+" { 1 } else { -1 };
                Some(Step::Change(Change { key: number(key), name: number(name), time: time(at), diff }))
            }
            [name @ ("a" | "b"), id, key, at, value] => {
                let event = Event { id: number(id), key: number(key), at: time(at), value: number(value) };
                Some(Step::Event(source(name)?, event))
            }
            [name @ ("a" | "b"), "tells"] => Some(Step::Tells(source(name)?)),
            ["until", at] => Some(Step::Until(None, Some(time(at)))),
            [name @ ("a" | "b" | "t"), "until", at] => Some(Step::Until(source(name), Some(time(at)))),
            ["end"] => Some(Step::Until(None, None)),
            [name @ ("a" | "b" | "t"), "end"] => Some(Step::Until(source(name), None)),
            _ => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Event(stream, Event { id, key, at, value }) => {
                write!(f, "{} {id} {key} {} {value}", SOURCES[*stream], instant(*at))
            }
            Step::Change(Change { key, name, time, diff }) => {
                write!(f, "t {} {} {key} {name}", instant(*time), if *diff > 0 { "+" } else { "-" })
            }
            Step::Tells(stream) => write!(f, "{} tells", SOURCES[*stream]),
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
