//! Standard error: the log, and on a terminal the live lines below it, which must not tear each other.

use super::LogFormat;
use indicatif::{MultiProgress, ProgressDrawTarget};
use std::io::{self, IsTerminal, Write};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Standard error as this process uses it.
pub(super) struct Terminal {
    /// The live lines; `None` when nobody watches.
    pub(super) lines: Option<MultiProgress>,
    json: bool,
}

impl Terminal {
    /// Starts logging.
    pub(super) fn start(format: LogFormat, filter: &str) -> Result<Terminal, String> {
        let filter = EnvFilter::try_new(filter).map_err(|error| format!("--log: {error}"))?;
        let json = format == LogFormat::Json;
        let watched = io::stderr().is_terminal() && !json;
        let lines = watched.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(watched)
            .with_target(json)
            .with_writer(Beside(lines.clone()));
        // A program that embeds this one may log in its own way already.
        let _ = if json { subscriber.json().try_init() } else { subscriber.try_init() };
        Ok(Terminal { lines, json })
    }

    /// Whether somebody watches and may type.
    pub(super) fn is_interactive(&self) -> bool {
        self.lines.is_some() && io::stdin().is_terminal()
    }

    /// Tells people something, above the live lines.
    pub(super) fn say(&self, text: &str) {
        match (&self.lines, self.json) {
            (Some(lines), _) => lines.suspend(|| eprintln!("{text}")),
            (None, true) => tracing::info!("{text}"),
            (None, false) => eprintln!("{text}"),
        }
    }

    /// Tells why the process ends.
    pub(super) fn error(&self, message: &str) {
        match self.json {
            true => tracing::error!("{message}"),
            false => eprintln!("error: {message}"),
        }
    }
}

/// Writes to standard error above the live lines.
struct Beside(Option<MultiProgress>);

/// One log record on its way.
struct Record(Option<MultiProgress>);

impl<'a> MakeWriter<'a> for Beside {
    type Writer = Record;

    fn make_writer(&'a self) -> Record {
        Record(self.0.clone())
    }
}

impl Write for Record {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let write = || io::stderr().write_all(bytes).map(|()| bytes.len());
        match &self.0 {
            Some(lines) => lines.suspend(write),
            None => write(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
