//! What a run shows of itself: on a terminal progress bars for the snapshot and then a live table, otherwise a log line now and then.

use crate::engine::{Phase, Reached, SinkStatus, SourceStatus, Status, now};
use crate::value::Time;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// How often the lines on a terminal change.
const REDRAW: Duration = Duration::from_millis(250);
/// How often the figures are logged when there is no terminal.
const LOG: Duration = Duration::from_secs(10);

/// The display of one run.
pub(super) struct Live {
    lines: Option<MultiProgress>,
    bars: HashMap<String, ProgressBar>,
    table: Option<ProgressBar>,
    due: Instant,
    before: Option<(Instant, HashMap<String, u64>)>,
}

impl Live {
    /// A display on these lines, or in the log.
    pub(super) fn new(lines: Option<MultiProgress>) -> Live {
        let due = Instant::now() + if lines.is_some() { Duration::ZERO } else { LOG };
        Live { lines, bars: HashMap::new(), table: None, due, before: None }
    }

    /// Shows the figures if it is time to.
    pub(super) fn show(&mut self, status: impl FnOnce() -> Status) {
        if Instant::now() < self.due {
            return;
        }
        let status = status();
        match self.lines.clone() {
            Some(lines) => {
                self.due = Instant::now() + REDRAW;
                self.draw(&lines, &status);
            }
            None => {
                self.due = Instant::now() + LOG;
                log(&status);
            }
        }
    }

    /// Removes the lines.
    pub(super) fn clear(&mut self) {
        self.bars.drain().for_each(|(_, bar)| bar.finish_and_clear());
        self.table.take().inspect(ProgressBar::finish_and_clear);
    }

    fn draw(&mut self, lines: &MultiProgress, status: &Status) {
        for source in &status.sources {
            self.draw_snapshot(lines, source);
        }
        let rates = self.rates(status);
        let text = table(status, &rates, now());
        let table = self.table.get_or_insert_with(|| lines.add(ProgressBar::new_spinner().with_style(plain("{msg}"))));
        table.set_message(text);
        table.tick();
    }

    fn draw_snapshot(&mut self, lines: &MultiProgress, source: &SourceStatus) {
        let what = match source.phase {
            Phase::Loading => "store",
            Phase::Snapshot => "snapshot",
            Phase::Following | Phase::Ended | Phase::Failed(_) => {
                self.bars.remove(&source.name).inspect(ProgressBar::finish_and_clear);
                return;
            }
        };
        let bar = self.bars.entry(source.name.clone()).or_insert_with(|| {
            let style = plain("{prefix} [{bar:40}] {human_pos}/{human_len} rows, {per_sec}, {eta} left");
            lines.insert(0, ProgressBar::new(0).with_style(style))
        });
        bar.set_prefix(format!("{} {what}", source.name));
        bar.set_length(source.snapshot_estimate.max(source.snapshot_rows));
        bar.set_position(source.snapshot_rows);
    }

    /// Changes per second since the figures before, by line.
    fn rates(&mut self, status: &Status) -> HashMap<String, f64> {
        let sources = status.sources.iter().map(|s| (format!("source {}", s.name), s.changes + s.snapshot_rows));
        let views = status.views.iter().map(|v| (format!("view {}", v.name), v.changes));
        let counts: HashMap<String, u64> = sources.chain(views).collect();
        let moment = Instant::now();
        let before = self.before.replace((moment, counts.clone()));
        let Some((then, before)) = before else { return HashMap::new() };
        let seconds = (moment - then).as_secs_f64().max(1e-3);
        let rate = |(name, count): (String, u64)| {
            let passed = count.saturating_sub(before.get(&name).copied().unwrap_or(0));
            (name, passed as f64 / seconds)
        };
        counts.into_iter().map(rate).collect()
    }
}

/// A template that is fixed here cannot be wrong; if it were, the default style would do.
fn plain(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn table(status: &Status, rates: &HashMap<String, f64>, now: Time) -> String {
    let mut text = String::new();
    let rate =
        |kind: &str, name: &str| rates.get(&format!("{kind} {name}")).map_or(String::new(), |r| format!("{r:.0}"));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:<24}{:>12}{:>12}  {:<16}{:>9}", "source", "changes", "per s", "frontier", "lag");
    for source in &status.sources {
        let note = match &source.phase {
            Phase::Failed(message) => format!("  {message}"),
            Phase::Ended => "  ended".to_string(),
            Phase::Loading => "  reads the store".to_string(),
            Phase::Snapshot | Phase::Following => String::new(),
        };
        let (count, rate) = (source.changes, rate("source", &source.name));
        let _ = writeln!(text, "{:<24}{count:>12}{rate:>12}  {}{note}", source.name, frontier(source.frontier, now));
    }
    let _ = writeln!(text, "{:<24}{:>12}{:>12}  {:<16}{:>9}", "view", "rows", "changes/s", "frontier", "lag");
    for view in &status.views {
        let degraded = if view.errors > 0 { format!("  degraded: {} errors", view.errors) } else { String::new() };
        let (rows, rate) = (view.rows, rate("view", &view.name));
        let _ = writeln!(text, "{:<24}{rows:>12}{rate:>12}  {}{degraded}", view.name, frontier(view.frontier, now));
    }
    let _ = write!(text, "{:<24}{:>12}{:>12}  {:<16}{:>9}", "sink", "p50", "p99", "acknowledged", "lag");
    for sink in &status.sinks {
        let error = sink.error.as_ref().map_or(String::new(), |error| format!("  {error}"));
        let (p50, p99) = (duration(sink.p50), duration(sink.p99));
        let _ = write!(text, "\n{:<24}{p50:>12}{p99:>12}  {}{error}", sink.name, frontier(sink.acknowledged, now));
    }
    text
}

/// Time of day and lag.
pub(super) fn frontier(reached: Reached, now: Time) -> String {
    let shown = match reached {
        Reached::Nothing => "-".to_string(),
        Reached::End => "end".to_string(),
        Reached::Time(time) => time_of_day(time),
    };
    format!("{shown:<16}{:>9}", duration(reached.lag(now)))
}

fn time_of_day(time: Time) -> String {
    let (seconds, micros) = (time / 1_000_000 % 86_400, time % 1_000_000);
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, micros / 1000)
}

pub(super) fn duration(duration: Option<Duration>) -> String {
    match duration.map(|d| d.as_secs_f64()) {
        None => String::new(),
        Some(seconds) if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        Some(seconds) => format!("{seconds:.1} s"),
    }
}

fn log(status: &Status) {
    let now = now();
    for source in &status.sources {
        let lag_ms = source.frontier.lag(now).map(|lag| lag.as_millis() as u64);
        let SourceStatus { name, snapshot_rows, changes, late, rejected, .. } = source;
        tracing::info!(source = name, snapshot_rows, changes, late, rejected, lag_ms, "source");
    }
    for view in &status.views {
        let lag_ms = view.frontier.lag(now).map(|lag| lag.as_millis() as u64);
        tracing::info!(
            view = view.name,
            rows = view.rows,
            changes = view.changes,
            errors = view.errors,
            lag_ms,
            "view"
        );
    }
    for sink in &status.sinks {
        let lag_ms = sink.acknowledged.lag(now).map(|lag| lag.as_millis() as u64);
        let micros = |latency: Option<Duration>| latency.map(|d| d.as_micros() as u64);
        let (p50_us, p99_us) = (micros(sink.p50), micros(sink.p99));
        let SinkStatus { name, rows, retries, rejected, .. } = sink;
        tracing::info!(sink = name, rows, retries, rejected, lag_ms, p50_us, p99_us, "sink");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_times_and_lags() {
        let now = 1_700_000_000_500_000;
        assert_eq!(frontier(Reached::Time(1_700_000_000_000_000), now), "22:13:20.000     500.0 ms");
        assert_eq!(frontier(Reached::End, now).trim(), "end");
        assert_eq!(duration(Some(Duration::from_millis(1500))), "1.5 s");
    }
}
