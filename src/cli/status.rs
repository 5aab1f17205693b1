//! `tidegate status`: how a view set that runs fares.

use super::live::{duration, frontier};
use super::socket::{self, Question};
use super::{Directory, Format};
use crate::engine::{
    Failure, Phase, Reached, SinkStatus, SourceStatus, Status, StoreStatus, ViewState, ViewStatus, now,
};
use crate::value::Time;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// How the result is printed.
    #[arg(long, value_enum, default_value = "text", env = "TIDEGATE_FORMAT")]
    format: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let status: Status = socket::ask(&arguments.directory.directory, &Question::Status)?;
    match arguments.format {
        Format::Json => println!("{}", for_machines(&status, now())),
        Format::Text => print!("{}", show(&status, now())),
    }
    Ok(())
}

/// The figures with their units, as docs/configuration.md lists them.
fn for_machines(status: &Status, now: Time) -> Value {
    let Status { sources, views, sinks, store, operators } = status;
    json!({
        "at_us": now,
        "sources": sources.iter().map(|source| source_json(source, now)).collect::<Vec<_>>(),
        "views": views.iter().map(|view| view_json(view, now)).collect::<Vec<_>>(),
        "sinks": sinks.iter().map(|sink| sink_json(sink, now)).collect::<Vec<_>>(),
        "store": store,
        "operators": operators,
    })
}

fn source_json(source: &SourceStatus, now: Time) -> Value {
    json!({
        "name": source.name,
        "phase": phase(&source.phase),
        "error": if let Phase::Failed(sentence) = &source.phase { Some(sentence) } else { None },
        "frontier_us": time(source.frontier),
        "lag_us": micros(source.frontier.lag(now)),
        "snapshot_rows": source.snapshot_rows,
        "snapshot_rows_estimated": source.snapshot_estimate,
        "changes": source.changes,
        "reconnects": source.reconnects,
        "late": source.late,
        "rejected": source.rejected,
        "held_by": source.held_by,
        "slot": source.slot,
    })
}

fn view_json(view: &ViewStatus, now: Time) -> Value {
    json!({
        "name": view.name,
        "state": state(&view.state),
        "error": if let ViewState::Stopped(sentence) = &view.state { Some(sentence) } else { None },
        "degraded": view.degraded,
        "partial": view.partial,
        "frontier_us": time(view.frontier),
        "lag_us": micros(view.frontier.lag(now)),
        "rows": view.rows,
        "changes": view.changes,
        "errors": view.errors,
    })
}

fn sink_json(sink: &SinkStatus, now: Time) -> Value {
    json!({
        "name": sink.name,
        "view": sink.view,
        "connected": sink.connected,
        "acknowledged_us": time(sink.acknowledged),
        "ended": sink.acknowledged == Reached::End,
        "lag_us": micros(sink.acknowledged.lag(now)),
        "latency_p50_us": micros(sink.p50),
        "latency_p99_us": micros(sink.p99),
        "rows": sink.rows,
        "pending_rows": sink.pending_rows,
        "pending_bytes": sink.pending_bytes,
        "retries": sink.retries,
        "rejected": sink.rejected,
        "error": sink.error,
    })
}

fn time(reached: Reached) -> Option<Time> {
    match reached {
        Reached::Time(time) => Some(time),
        Reached::Nothing | Reached::End => None,
    }
}

fn micros(duration: Option<Duration>) -> Option<u64> {
    duration.map(|duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

fn phase(phase: &Phase) -> &'static str {
    match phase {
        Phase::Loading => "loading",
        Phase::Snapshot => "snapshot",
        Phase::Following => "following",
        Phase::Ended => "ended",
        Phase::Failed(_) => "stopped",
    }
}

fn state(state: &ViewState) -> &'static str {
    match state {
        ViewState::Running => "running",
        ViewState::Ended => "ended",
        ViewState::Stopped(_) => "stopped",
    }
}

/// For people: a table per kind, with sentences below the lines they belong to.
fn show(status: &Status, now: Time) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_sources(&mut text, &status.sources, now);
    let _ = write_views(&mut text, status, now);
    let _ = write_sinks(&mut text, &status.sinks, now);
    if let Some(StoreStatus { directory, incarnation, log_bytes, merged_bytes }) = &status.store {
        let (log, merged) = (size(*log_bytes), size(*merged_bytes));
        let _ = writeln!(text, "store {incarnation} in {directory}: {log} in its log, {merged} merged");
    }
    text
}

fn write_sources(text: &mut String, sources: &[SourceStatus], now: Time) -> std::fmt::Result {
    let [changes, reconnects] = ["changes", "reconnects"];
    writeln!(text, "{:<24}{:<10}{changes:>12}{reconnects:>12}  {:<16}{:>9}", "source", "phase", "frontier", "lag")?;
    for source in sources {
        let SourceStatus { name, changes, reconnects, .. } = source;
        let (phase, frontier) = (phase(&source.phase), frontier(source.frontier, now));
        writeln!(text, "{name:<24}{phase:<10}{changes:>12}{reconnects:>12}  {frontier}")?;
        match (&source.phase, &source.held_by) {
            (Phase::Failed(sentence), _) => writeln!(text, "  {}", indented(sentence))?,
            (Phase::Loading | Phase::Snapshot | Phase::Following, Some(sentence)) => {
                writeln!(text, "  {}", indented(sentence))?
            }
            (Phase::Loading | Phase::Snapshot | Phase::Following | Phase::Ended, _) => {}
        }
        if let Some(slot) = &source.slot {
            let held_back = match slot.held_back_bytes {
                Some(bytes) => format!("the server holds back {} of WAL for it", size(bytes)),
                None => "it is gone, or lost".to_owned(),
            };
            writeln!(text, "  slot `{}`: {held_back}", slot.name)?;
        }
    }
    Ok(())
}

fn write_views(text: &mut String, status: &Status, now: Time) -> std::fmt::Result {
    let [rows, bytes] = ["rows", "held"];
    writeln!(text, "{:<24}{:<10}{rows:>12}{bytes:>12}  {:<16}{:>9}", "view", "state", "frontier", "lag")?;
    for view in &status.views {
        let ViewStatus { name, rows, errors, .. } = view;
        let operators = status.operators.iter().filter(|operator| operator.relation == *name);
        let held = size(u64::try_from(operators.map(|operator| operator.bytes).sum::<i64>()).unwrap_or(0));
        let (state, frontier) = (state(&view.state), frontier(view.frontier, now));
        let degraded = match (view.degraded, errors) {
            (false, _) => String::new(),
            (true, 0) => "  degraded: what it is computed from has errors".to_owned(),
            (true, errors) => format!("  degraded: {errors} rows of {name}_errors"),
        };
        writeln!(text, "{name:<24}{state:<10}{rows:>12}{held:>12}  {frontier}{degraded}")?;
        if let ViewState::Stopped(sentence) = &view.state {
            writeln!(text, "  {}", indented(sentence))?;
        }
        for sentence in &view.partial {
            writeln!(text, "  {sentence}")?;
        }
    }
    Ok(())
}

fn write_sinks(text: &mut String, sinks: &[SinkStatus], now: Time) -> std::fmt::Result {
    let [waiting, bytes] = ["waiting", "bytes"];
    writeln!(text, "{:<24}{:<10}{waiting:>12}{bytes:>12}  {:<16}{:>9}", "sink", "target", "acknowledged", "lag")?;
    for sink in sinks {
        let target = if sink.connected { "answers" } else { "away" };
        let (waiting, bytes) = (sink.pending_rows, size(sink.pending_bytes));
        let acknowledged = frontier(sink.acknowledged, now);
        let [p50, p99] = [sink.p50, sink.p99].map(duration);
        let latency = if p50.is_empty() { p50 } else { format!("  p50 {p50}, p99 {p99}") };
        writeln!(text, "{:<24}{target:<10}{waiting:>12}{bytes:>12}  {acknowledged}{latency}", sink.name)?;
        if sink.retries + sink.rejected > 0 {
            writeln!(text, "  {} calls tried again, {} rows refused", sink.retries, sink.rejected)?;
        }
        if let Some(error) = &sink.error {
            writeln!(text, "  {}", indented(error))?;
        }
    }
    Ok(())
}

/// The lines after the first begin where the first does.
fn indented(sentence: &str) -> String {
    sentence.replace('\n', "\n  ")
}

/// Bytes in a unit that keeps the number short.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (bytes.max(1).ilog2() / 10).min(4) as usize;
    match power {
        0 => format!("{bytes} B"),
        _ => format!("{:.1} {}", bytes as f64 / (1_u64 << (10 * power)) as f64, UNITS[power]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!([0, 1023, 1024, 1536, 5 << 30].map(size), ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 GiB"]);
    }
}
