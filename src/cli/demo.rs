//! `tidegate demo`: a view set beside a workload, live, and in the end Postgres as the judge of every sink.

use super::Extend;
use super::live::Live;
use super::run::stop_on_signals;
use super::terminal::Terminal;
use crate::demo::{self, Difference, Judge, Stage, Verdict, Workload};
use crate::engine::{Exit, Failure, Reached, Running, now};
use crate::value::Time;
use crate::view_set::ViewSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long the frontiers may take to pass the workload's end.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often the run is looked at.
const POLL: Duration = Duration::from_millis(20);
/// How often `--query` is asked.
const ASK: Duration = Duration::from_secs(5);
/// Hits shown per search, and rows per difference.
const SHOWN: usize = 5;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The view set, with schema.sql, data.sql and workload.sql in its folder `database`.
    #[arg(value_name = "DIR", default_value = "views/shop", env = "TIDEGATE_DIR")]
    directory: PathBuf,
    /// A private Postgres database, empty, with wal_level = logical. It is filled and kept busy.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    url: String,
    /// A private Redis, if there is one: it keeps the first search view as JSON.
    #[arg(long, value_name = "URL", env = "TIDEGATE_REDIS", hide_env_values = true)]
    redis: Option<String>,
    /// How long the workload runs; 0: until Ctrl-C.
    #[arg(long, value_name = "N", default_value_t = 30, env = "TIDEGATE_SECONDS")]
    seconds: u64,
    /// Searched for while the index changes. Without it, on a terminal, there is a prompt.
    #[arg(long, value_name = "TEXT", env = "TIDEGATE_QUERY")]
    query: Option<String>,
    /// Worker threads of the dataflow, instead of the setting.
    #[arg(long, value_name = "N", env = "TIDEGATE_WORKERS", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
}

pub(super) fn run(arguments: &Arguments, extend: &Extend<'_>, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let stage = Stage::set(&arguments.directory)?;
    demo::load_database(&arguments.directory, &arguments.url)?;
    let mut config = stage.load(&arguments.url)?;
    if let Some(redis) = &arguments.redis {
        demo::add_cache(&mut config, redis);
    }
    config.settings.workers = arguments.workers.map_or(config.settings.workers, usize::from);
    let judge = Judge::new(&config);
    let view_set = extend(ViewSet::from_config(config));
    let kept = judge.late_relations().iter().fold(view_set, |set, late| set.peekable(&late.to_string()));
    let planned = kept.plan()?;
    let schemas = planned.assembly().schemas.clone();

    let stop = stop_on_signals()?;
    let mut show = Show::new(terminal, judge.search_index(), arguments.query.clone());
    let mut running = planned.start(false)?;
    let workload = Workload::start(&arguments.directory, &arguments.url, judge.stream_files())?;
    let end = (arguments.seconds > 0).then(|| Instant::now() + Duration::from_secs(arguments.seconds));
    let over = || stop.load(Ordering::Relaxed) || end.is_some_and(|end| Instant::now() > end);
    let ran = watch(&mut running, &mut show, over);
    let (rounds, clicks) = workload.counts();
    let stopped = workload.stop();
    let last = now();
    let passed = ran.and(stopped).and_then(|()| pass(&mut running, &mut show, last));
    show.live.clear();
    let verdict = passed.and_then(|()| judge.verify(&arguments.url, &schemas, &running));
    let shut_down = running.shutdown();
    let verdict = verdict?;
    shut_down?;
    terminal.say(&format!("the workload made {rounds} rounds of transactions and {clicks} clicks"));
    Ok(report(&verdict))
}

/// Shows the run until it is over.
fn watch(running: &mut Running, show: &mut Show<'_>, over: impl Fn() -> bool) -> Result<(), Failure> {
    while !over() {
        check(running)?;
        show.now(running);
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Waits until every sink has acknowledged a frontier beyond this time.
fn pass(running: &mut Running, show: &mut Show<'_>, last: Time) -> Result<(), Failure> {
    let start = Instant::now();
    loop {
        check(running)?;
        let behind = |reached: Reached| match reached {
            Reached::Nothing => true,
            Reached::Time(time) => time <= last,
            Reached::End => false,
        };
        let status = running.status();
        let waiting: Vec<&str> =
            status.sinks.iter().filter(|sink| behind(sink.acknowledged)).map(|sink| sink.name.as_str()).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            let message = format!("the workload has ended, but the frontiers of {} do not pass it", waiting.join(", "));
            return Err(Failure::new(Exit::Internal, message));
        }
        show.now(running);
        std::thread::sleep(POLL);
    }
}

/// A run that ends by itself has failed: the shop's inputs do not end.
fn check(running: &mut Running) -> Result<(), Failure> {
    match running.poll() {
        None => Ok(()),
        Some(Err(failure)) => Err(failure),
        Some(Ok(())) => Err(Failure::new(Exit::Internal, "the view set ended before the workload did")),
    }
}

/// What is shown while the view set runs: the live table, and searches.
struct Show<'a> {
    terminal: &'a Terminal,
    live: Live,
    index: Option<&'a Path>,
    query: Option<String>,
    asked: Instant,
    prompt: Option<mpsc::Receiver<String>>,
}

impl<'a> Show<'a> {
    fn new(terminal: &'a Terminal, index: Option<&'a Path>, query: Option<String>) -> Show<'a> {
        let prompt = (query.is_none() && terminal.is_interactive()).then(typed_lines);
        if prompt.is_some() {
            terminal.say("type words to search the index while it changes");
        }
        Show { terminal, live: Live::new(terminal.lines.clone()), index, query, asked: Instant::now(), prompt }
    }

    fn now(&mut self, running: &Running) {
        self.live.show(|| running.status());
        if let Some(query) = self.query.clone().filter(|_| self.asked.elapsed() > ASK) {
            self.asked = Instant::now();
            self.search(&query);
        }
        if let Some(query) = self.prompt.as_ref().and_then(|lines| lines.try_recv().ok()) {
            self.search(&query);
        }
    }

    fn search(&self, query: &str) {
        let Some(index) = self.index.filter(|_| !query.trim().is_empty()) else { return };
        let start = Instant::now();
        match demo::search(index, query, SHOWN) {
            Ok(hits) => {
                let took = start.elapsed().as_secs_f64() * 1e3;
                self.terminal.say(&format!("search \"{query}\": {} hits in {took:.1} ms", hits.len()));
                hits.iter().for_each(|hit| self.terminal.say(&format!("  {:.2}  {}", hit.score, hit.row)));
            }
            Err(error) => self.terminal.say(&format!("search \"{query}\": {error}")),
        }
    }
}

/// Lines from standard input, read on a thread of their own: the process does not wait for it to end.
fn typed_lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn report(verdict: &Verdict) -> ExitCode {
    for Difference { sink, missing, unexpected } in &verdict.different {
        println!("DIFFERENT: sink {sink} lacks {} rows and has {} too many", missing.len(), unexpected.len());
        missing.iter().take(SHOWN).for_each(|row| println!("  lacks    {row}"));
        unexpected.iter().take(SHOWN).for_each(|row| println!("  too many {row}"));
    }
    let equal: Vec<String> = verdict.equal.iter().map(|(sink, rows)| format!("{sink} {rows}")).collect();
    if !verdict.different.is_empty() {
        return ExitCode::FAILURE;
    }
    let rows: usize = verdict.equal.iter().map(|(_, rows)| rows).sum();
    println!("verified: {} sinks hold exactly Postgres's answers, {rows} rows ({})", equal.len(), equal.join(", "));
    ExitCode::SUCCESS
}
