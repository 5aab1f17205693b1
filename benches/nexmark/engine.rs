//! A query of `views/nexmark` in the engine: a source's thread, workers, and a sink that keeps nothing.

use super::events::{self, MadeBefore};
use super::{Sum, figures};
use crate::measure::Stopwatch;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;
use tidegate::config::{self, Settings};
use tidegate::engine::{self, Definition, MakeSink, SinkDefinition, relation_name};
use tidegate::sink::{Delivery, Sink, SinkError, SinkKey};
use tidegate::source::Source;
use tidegate::sql::SqlFile;
use tidegate::value::RelationName;

/// How the events come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// As the view set has it.
    Live,
    /// Made before the clock runs, windows told as they change, on this grid.
    MadeBefore(Duration),
}

/// Runs a query to the end of the events. Its figures, or with `sum` what it shows.
pub fn run(query: &str, count: u64, workers: usize, events: Events, sum: bool) -> Vec<f64> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // This may be built as a package of its own.
    let root = root.ancestors().find(|root| root.join("views/nexmark").exists()).expect("the view set");
    let set = Definition::from(config::load(&root.join("views/nexmark")).expect("our own view set"));
    let is_its = |view: &RelationName| view.name.split('_').next() == Some(query);
    let its_file = |file: &SqlFile| Path::new(&file.path).file_stem().is_some_and(|stem| stem == query);
    let (begin, begun) = channel();
    let source: Box<dyn Source> = match events {
        Events::MadeBefore(_) => Box::new(MadeBefore {
            source: events::source(count),
            begin: Some(move || begin.send(Stopwatch::start()).expect("somebody measures")),
        }),
        Events::Live => {
            begin.send(Stopwatch::start()).expect("a receiver");
            Box::new(events::source(count))
        }
    };
    let mut settings = Settings { workers, ..Settings::default() };
    if let Events::MadeBefore(refresh) = events {
        settings.refresh = refresh;
    }
    let (tell, told) = channel();
    let make: MakeSink = Box::new(move |_, _| Ok(Box::new(Nowhere { sum: sum.then(Sum::default), end: tell })));
    let definition = Definition {
        sources: vec![("house".into(), source)],
        files: set.files.into_iter().filter(its_file).collect(),
        timings: set.timings.into_iter().filter(|(view, _)| events == Events::Live && is_its(view)).collect(),
        sinks: vec![SinkDefinition { name: "shown".into(), relation: relation_name(query), make }],
        settings,
        ..Definition::default()
    };
    let planned = engine::plan(definition).unwrap_or_else(|failure| panic!("{failure}"));
    let mut running = planned.start(true).unwrap_or_else(|failure| panic!("{failure}"));
    let clock = begun.recv().expect("the source runs");
    loop {
        match told.recv_timeout(Duration::from_millis(100)) {
            Ok(shown) if sum => return vec![shown.figure()],
            Ok(_) => return figures(&clock).into(),
            Err(_) => {
                if let Some(Err(failure)) = running.poll() {
                    panic!("{failure}");
                }
            }
        }
    }
}

/// A sink that takes everything, and tells the end.
struct Nowhere {
    sum: Option<Sum>,
    end: std::sync::mpsc::Sender<Sum>,
}

impl Sink for Nowhere {
    fn key(&self) -> Option<&SinkKey> {
        None
    }

    fn form(&self) -> String {
        String::new()
    }

    fn open(&mut self) -> Result<Option<String>, SinkError> {
        Ok(None)
    }

    fn apply(&mut self, delivery: &Delivery) -> Result<(), SinkError> {
        if let Some(sum) = &mut self.sum {
            delivery.changes.iter().for_each(|(row, _, diff)| sum.add_row(row, *diff));
        }
        if delivery.frontier.is_none() {
            // Whoever measures may have gone.
            let _ = self.end.send(self.sum.unwrap_or_default());
        }
        Ok(())
    }
}
