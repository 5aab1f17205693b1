//! The whole river in this process: a Postgres source, one view, and a sink that takes everything and keeps nothing.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tidegate::config::{Settings, SourceConfig};
use tidegate::engine::{self, Definition, MakeSink, Running, SinkDefinition, make_source, relation_name};
use tidegate::sink::{Delivery, Sink, SinkError, SinkKey};
use tidegate::sql::SqlFile;
use tidegate::value::{Datum, Time};

/// What the sink was given.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Changes of rows.
    pub changes: usize,
    /// Whether one of them is a mark: its first column is this negative number.
    pub mark: Option<i64>,
    /// The frontier that is shown with them.
    pub frontier: Option<Time>,
}

/// A running view set.
pub struct River {
    running: Running,
    told: Receiver<Told>,
}

/// Starts the view `shown`, defined by the SQL, over the database's tables, every transaction by itself; with a store in this directory.
pub fn launch(url: &str, tables: &[&str], sql: &str, store: Option<&Path>, sink: MakeSink) -> Running {
    launch_all(url, tables, format!("CREATE VIEW shown AS {sql};"), store, vec![("shown".into(), sink)])
}

/// Starts views with a sink for some of them over the database's tables, every transaction by itself.
pub fn launch_all(
    url: &str,
    tables: &[&str],
    views: String,
    store: Option<&Path>,
    sinks: Vec<(String, MakeSink)>,
) -> Running {
    let tables: Vec<String> = tables.iter().map(|table| format!("\"{table}\"")).collect();
    let config = format!("url = \"{url}\"\ntables = [{}]\ncreate = true", tables.join(", "));
    let config = toml::from_str(&config).expect("our own configuration");
    let sink =
        |(view, make): (String, MakeSink)| SinkDefinition { name: view.clone(), relation: relation_name(&view), make };
    let definition = Definition {
        sources: vec![("bench".into(), make_source("bench", SourceConfig::Postgres(config)))],
        files: vec![SqlFile { path: "bench.sql".into(), text: views }],
        sinks: sinks.into_iter().map(sink).collect(),
        settings: Settings { refresh: Duration::ZERO, store: store.map(Path::to_path_buf), ..Settings::default() },
        ..Definition::default()
    };
    let planned = engine::plan(definition).unwrap_or_else(|failure| panic!("{failure}"));
    planned.start(false).unwrap_or_else(|failure| panic!("{failure}"))
}

impl River {
    /// Starts the view over the database's tables.
    pub fn start(url: &str, tables: &[&str], sql: &str) -> River {
        let (tell, told) = channel();
        // Whoever measured may have gone.
        let running = launch(url, tables, sql, None, nowhere(move |told| _ = tell.send(told)));
        River { running, told }
    }

    /// Waits for the first content; its rows.
    pub fn first(&mut self) -> usize {
        self.next().changes
    }

    /// Waits for the next delivery.
    pub fn next(&mut self) -> Told {
        loop {
            match self.told.recv_timeout(Duration::from_millis(100)) {
                Ok(told) => return told,
                Err(_) => {
                    if let Some(Err(failure)) = self.running.poll() {
                        panic!("{failure}");
                    }
                }
            }
        }
    }

    /// Stops it.
    pub fn stop(self) {
        self.running.shutdown().unwrap_or_else(|failure| panic!("{failure}"));
    }
}

/// A sink that takes everything, keeps nothing, and tells what it was given.
pub fn nowhere(tell: impl FnMut(Told) + Send + 'static) -> MakeSink {
    Box::new(|_, _| Ok(Box::new(Nowhere(tell))))
}

struct Nowhere<F>(F);

impl<F: FnMut(Told) + Send> Sink for Nowhere<F> {
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
        let mut marks = delivery.changes.iter().filter_map(|(row, _, _)| match row.column(0) {
            Datum::Int8(number) if number < 0 => Some(number),
            _ => None,
        });
        let mark = marks.next_back();
        (self.0)(Told { changes: delivery.changes.len(), mark, frontier: delivery.frontier });
        Ok(())
    }
}
