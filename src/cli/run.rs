//! `tidegate run`: keeps the sinks in step until stopped, or once.

use super::live::Live;
use super::terminal::Terminal;
use super::{Directory, Extend, socket};
use crate::engine::{Exit, Failure, Running};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// End when every table has reached the position it has now, and every bounded input its end.
    #[arg(long, env = "TIDEGATE_ONCE")]
    once: bool,
    /// Worker threads of the dataflow, instead of the setting.
    #[arg(long, value_name = "N", env = "TIDEGATE_WORKERS", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
}

pub(super) fn run(arguments: &Arguments, extend: &Extend<'_>, terminal: &Terminal) -> Result<(), Failure> {
    let view_set = arguments.directory.load(extend)?.settings(|settings| {
        settings.workers = arguments.workers.map_or(settings.workers, usize::from);
    });
    let planned = view_set.plan()?;
    for view in planned.unused() {
        tracing::info!(%view, "no sink shows this view; it is checked, not maintained");
    }
    // Until here a signal ends the process at once: nothing has begun.
    let stop = stop_on_signals()?;
    let running = planned.start(arguments.once)?;
    let mut live = Live::new(terminal.lines.clone());
    let server = socket::listen(&arguments.directory.directory);
    let watch = |running: &Running| {
        live.show(|| running.status());
        server.iter().for_each(|server| socket::answer(server, running));
    };
    let result = running.wait(|| stop.load(Ordering::Relaxed), watch);
    live.clear();
    if result.is_ok() {
        tracing::info!("stopped in order");
    }
    result
}

/// A flag that SIGTERM and SIGINT set; the second of them ends the process at once.
pub(super) fn stop_on_signals() -> Result<Arc<AtomicBool>, Failure> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let at_once = 128 + signal;
        signal_hook::flag::register_conditional_shutdown(signal, at_once, stop.clone())
            .and_then(|_| signal_hook::flag::register(signal, stop.clone()))
            .map_err(|error| Failure::new(Exit::Internal, format!("cannot handle signals: {error}")))?;
    }
    Ok(stop)
}
