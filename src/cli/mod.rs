//! The command line: one verb, one file.
//!
//! Everything printed for machines goes to standard output, everything told to people to standard error. A program with Rust
//! views of its own runs the same command line through [`main_with`].

mod check;
mod demo;
mod doctor;
mod explain;
mod live;
mod plan;
mod rejected;
mod rollback;
mod run;
mod schema;
mod setup;
mod slots;
mod socket;
mod status;
mod store;
mod terminal;
mod why;

use crate::engine::{Failure, Planned};
use crate::view_set::ViewSet;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

/// The exit code for a command line that cannot be understood.
const USAGE: u8 = 64;

const EXAMPLES: &str = "\
Examples:
  tidegate check views/shop           compile the views against the database
  tidegate schema pull views/shop     write down what the database offers
  tidegate check --offline views/shop compile the views against that, without the database
  tidegate doctor views/shop          check everything that could go wrong
  tidegate setup views/shop           create the publication
  tidegate plan views/shop            show what the next start would do with the targets
  tidegate run views/shop             keep the sinks in step until stopped
  tidegate run --once views/shop      bring the sinks up to now and exit
  tidegate explain views/shop sales   show what a view runs as
  tidegate status views/shop          show how everything stands while it runs
  tidegate why views/shop sales       show what a view waits for meanwhile
  tidegate rejected views/shop        show the rows that targets refuse
  tidegate slots list views/shop      show the replication slots and what they hold back
  tidegate store verify views/shop    tell whether what is stored is whole
  tidegate rollback views/shop search send readers back to the index before

Exit codes: 0 done; 64 usage; 65 data error; 69 unavailable; 70 internal; 78 configuration or SQL; 80 an operator is needed.";

/// Keeps search indexes and caches in step with Postgres.
#[derive(Parser)]
#[command(name = "tidegate", version, about, after_help = EXAMPLES)]
struct Arguments {
    /// How the log is written to standard error.
    #[arg(long, global = true, value_enum, default_value = "text", env = "TIDEGATE_LOG_FORMAT")]
    log_format: LogFormat,
    /// What is logged: a level, or filters such as `info,tidegate::source=debug`.
    #[arg(long, global = true, default_value = "info,async_nats=warn", env = "TIDEGATE_LOG")]
    log: String,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// How results are printed to standard output.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Verb {
    /// Keep the sinks in step until stopped.
    #[command(after_help = "Example:\n  tidegate run --workers 2 views/shop")]
    Run(run::Arguments),
    /// Compile a view set without running it.
    #[command(after_help = "Example:\n  tidegate check --format json views/shop")]
    Check(check::Arguments),
    /// Show what the next start would add, change and delete in the targets, from what is stored.
    #[command(after_help = "Example:\n  tidegate plan --format json views/shop")]
    Plan(plan::Arguments),
    /// Show what views run as.
    #[command(after_help = "Example:\n  tidegate explain views/shop order_totals")]
    Explain(explain::Arguments),
    /// Keep what the databases offer in files beside the views.
    #[command(after_help = "Example:\n  tidegate schema pull views/shop")]
    Schema(schema::Arguments),
    /// Show what holds back a view of a view set that runs.
    #[command(after_help = "Example:\n  tidegate why views/shop order_totals")]
    Why(why::Arguments),
    /// Show how a view set that runs fares: sources, views, sinks and store.
    #[command(after_help = "Example:\n  tidegate status --format json views/shop")]
    Status(status::Arguments),
    /// Show the rows that targets refuse, each as a line of JSON.
    #[command(after_help = "Example:\n  tidegate rejected views/shop search")]
    Rejected(rejected::Arguments),
    /// Check everything that could go wrong with a view set: its databases, slots, targets and store.
    #[command(after_help = "Example:\n  tidegate doctor views/shop")]
    Doctor(doctor::Arguments),
    /// Look after the replication slots of the sources.
    #[command(after_help = "Example:\n  tidegate slots list views/shop")]
    Slots(slots::Arguments),
    /// Look into what a view set stores, or make it smaller.
    #[command(after_help = "Example:\n  tidegate store verify views/shop")]
    Store(store::Arguments),
    /// Send the readers of an index that was swapped back to the one before.
    #[command(
        after_help = "Examples:\n  tidegate rollback views/shop search\n  tidegate rollback --undo views/shop search"
    )]
    Rollback(rollback::Arguments),
    /// Create what the sources need in their databases.
    #[command(after_help = "Example:\n  tidegate setup views/shop")]
    Setup(setup::Arguments),
    /// Run a view set beside a workload and let Postgres judge every sink.
    #[command(after_help = "Example:\n  tidegate demo --url postgres://localhost:5433/shop --query oak views/shop")]
    Demo(demo::Arguments),
}

/// Where the view set lies.
#[derive(Args)]
struct Directory {
    /// The view set: a directory with a tidegate.toml and *.sql files.
    #[arg(value_name = "DIR", env = "TIDEGATE_DIR")]
    directory: PathBuf,
}

impl Directory {
    fn load(&self, extend: &Extend<'_>) -> Result<ViewSet, Failure> {
        ViewSet::from_dir(&self.directory).map(extend)
    }
}

/// A view set that is compiled and not run, for which its databases need not be asked.
#[derive(Args)]
struct Compiled {
    #[command(flatten)]
    directory: Directory,
    /// Ask no database: what it offers is in schema/SOURCE.sql, which `tidegate schema pull` writes.
    #[arg(long, env = "TIDEGATE_OFFLINE")]
    offline: bool,
}

impl Compiled {
    fn plan(&self, extend: &Extend<'_>) -> Result<Planned, Failure> {
        let view_set = match self.offline {
            true => ViewSet::from_dir_offline(&self.directory.directory).map(extend),
            false => self.directory.load(extend),
        };
        view_set?.plan()
    }
}

/// Adds to a view set what its directory cannot hold.
type Extend<'a> = dyn Fn(ViewSet) -> ViewSet + 'a;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    main_with(|view_set| view_set)
}

/// Runs the command line of this process on view sets that are extended first, for example by Rust views.
pub fn main_with(extend: impl Fn(ViewSet) -> ViewSet) -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nothing is left to do when even the message cannot be written.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let terminal = match terminal::Terminal::start(arguments.log_format, &arguments.log) {
        Ok(terminal) => terminal,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(USAGE);
        }
    };
    let success = |()| ExitCode::SUCCESS;
    let done = match &arguments.verb {
        Verb::Run(arguments) => run::run(arguments, &extend, &terminal).map(success),
        Verb::Check(arguments) => check::run(arguments, &extend).map(success),
        Verb::Plan(arguments) => plan::run(arguments, &extend),
        Verb::Explain(arguments) => explain::run(arguments, &extend).map(success),
        Verb::Schema(arguments) => schema::run(arguments).map(success),
        Verb::Why(arguments) => why::run(arguments).map(success),
        Verb::Status(arguments) => status::run(arguments).map(success),
        Verb::Rejected(arguments) => rejected::run(arguments).map(success),
        Verb::Doctor(arguments) => Ok(doctor::run(arguments, &extend)),
        Verb::Slots(arguments) => slots::run(arguments).map(success),
        Verb::Store(arguments) => store::run(arguments).map(success),
        Verb::Rollback(arguments) => rollback::run(arguments).map(success),
        Verb::Setup(arguments) => setup::run(arguments).map(success),
        Verb::Demo(arguments) => demo::run(arguments, &extend, &terminal),
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            for message in &failure.messages {
                terminal.error(message);
            }
            ExitCode::from(failure.exit.code())
        }
    }
}
