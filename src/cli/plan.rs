//! `tidegate plan`: what the next start would do with the targets.

use super::{Compiled, Extend, Format};
use crate::engine::{Difference, Exit, Failure, Outcome, Part, Preview, Sample, SinkPreview, SourcePreview, ViewIs};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    compiled: Compiled,
    /// How the result is printed.
    #[arg(long, value_enum, default_value = "text", env = "TIDEGATE_FORMAT")]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, extend: &Extend<'_>) -> Result<ExitCode, Failure> {
    let preview = arguments.compiled.plan(extend)?.preview()?;
    match arguments.format {
        Format::Text => print!("{}", show(&preview)),
        Format::Json => println!("{}", for_machines(&preview)),
    }
    let failed = preview.sinks.iter().find_map(|sink| match &sink.outcome {
        Outcome::Failed(failure) => Some(failure.exit),
        Outcome::GoesOn | Outcome::Compared(..) | Outcome::Unknown(_) => None,
    });
    let stops = preview.sources.iter().any(|source| !source.stops.is_empty()).then_some(Exit::Operator);
    Ok(failed.or(stops).map_or(ExitCode::SUCCESS, |exit| ExitCode::from(exit.code())))
}

fn show(preview: &Preview) -> String {
    let mut text = String::new();
    if let Some(process) = &preview.holder {
        text.push_str(&format!(
            "process {process} has the store open: what it writes meanwhile may be among the differences\n"
        ));
    }
    for source in &preview.sources {
        text.push_str(&show_source(source));
    }
    for name in &preview.gone_sources {
        text.push_str(&format!("source `{name}`: gone, and what the store has of it goes\n"));
    }
    for sink in &preview.sinks {
        text.push_str(&show_sink(sink));
        sink.partial.iter().for_each(|partial| text.push_str(&format!("  warning: {partial}\n")));
    }
    for (name, view) in &preview.gone {
        text.push_str(&format!("\nsink `{name}` (view {view}): gone, its target stays as it is\n"));
    }
    text
}

fn show_source(source: &SourcePreview) -> String {
    let SourcePreview { name, reads, anew, columns, stops, .. } = source;
    let some =
        |what: &str, of: &[String]| if of.is_empty() { String::new() } else { format!("{what}{}", of.join("; ")) };
    match source.moment() {
        _ if !stops.is_empty() => format!(
            "source `{name}`: the next start ends with exit code 80, as what is stored of it cannot be read again: {}; \
             `tidegate store forget DIR {name}` lets go of it\n",
            stops.join("; ")
        ),
        Some(moment) => {
            format!(
                "source `{name}`: goes on from {moment}{}{}\n",
                some("; that is read: ", reads),
                some("; ", columns)
            )
        }
        None => format!("source `{name}`: is read anew: {}\n", anew.join("; ")),
    }
}

fn show_sink(SinkPreview { name, view, view_is, outcome, refused, .. }: &SinkPreview) -> String {
    let is = view_is.map_or(String::new(), |is| format!(", {}", word(is)));
    let head = format!("\nsink `{name}` (view {view}{is}): ");
    let refused = |then: &str| match refused {
        0 => String::new(),
        _ => format!("  {refused:>10} refused by the target so far: {then}\n"),
    };
    match outcome {
        Outcome::GoesOn => format!("{head}unchanged, goes on from its target's mark\n{}", refused("they stay out")),
        Outcome::Unknown(why) => format!("{head}not known: {why}\n"),
        Outcome::Failed(failure) => format!("{head}cannot be looked at\n  {failure}\n"),
        Outcome::Compared(_, difference) if is_new(*view_is, difference) => {
            format!("{head}not there yet\n{}", show_part("added", &difference.added))
        }
        Outcome::Compared(why, Difference { added, changed, deleted, .. }) => {
            let parts = [("added", added), ("changed", changed), ("deleted", deleted)];
            let parts = parts.map(|(what, part)| show_part(what, part)).concat();
            format!("{head}compared, as {why}\n{parts}{}", refused("those that are left are tried again"))
        }
    }
}

fn show_part(what: &str, Part { count, samples }: &Part) -> String {
    let mut text = format!("  {count:>10} {what}\n");
    for Sample { before, after } in samples {
        before.iter().for_each(|row| text.push_str(&format!("{:>12} {row}\n", "-")));
        after.iter().for_each(|row| text.push_str(&format!("{:>12} {row}\n", "+")));
    }
    text
}

fn word(is: ViewIs) -> &'static str {
    match is {
        ViewIs::New => "new",
        ViewIs::Changed => "changed",
        ViewIs::Unchanged => "unchanged",
    }
}

/// Whether the target is given its first content.
fn is_new(view_is: Option<ViewIs>, difference: &Difference) -> bool {
    view_is == Some(ViewIs::New) && !difference.shows_rows
}

#[derive(Serialize)]
struct Whole<'a> {
    store: &'a Option<String>,
    running: &'a Option<String>,
    sources: Vec<OfSource<'a>>,
    sinks: Vec<OfSink<'a>>,
    gone: Vec<Gone<'a>>,
    gone_sources: &'a [String],
}

#[derive(Serialize)]
struct Gone<'a> {
    name: &'a str,
    view: &'a str,
}

#[derive(Serialize)]
struct OfSource<'a> {
    name: &'a str,
    frontier: Option<u64>,
    /// What is read although it goes on.
    reads: &'a [String],
    /// Why it is read anew.
    anew: &'a [String],
    /// What is null in what was stored before.
    columns: &'a [String],
    /// Why the next start ends.
    stops: &'a [String],
}

#[derive(Serialize)]
struct OfSink<'a> {
    name: &'a str,
    view: String,
    view_is: Option<&'static str>,
    state: &'static str,
    why: Option<String>,
    refused: u64,
    partial: Vec<String>,
    #[serde(flatten)]
    parts: Option<Parts>,
}

#[derive(Serialize)]
struct Parts {
    added: Rows,
    changed: Rows,
    deleted: Rows,
}

#[derive(Serialize)]
struct Rows {
    count: u64,
    samples: Vec<BeforeAfter>,
}

#[derive(Serialize)]
struct BeforeAfter {
    before: Option<Box<RawValue>>,
    after: Option<Box<RawValue>>,
}

fn for_machines(preview: &Preview) -> String {
    let Preview { store, holder, sources, sinks, gone, gone_sources } = preview;
    let whole = Whole {
        store,
        running: holder,
        sources: sources.iter().map(of_source).collect(),
        sinks: sinks.iter().map(of_sink).collect(),
        gone: gone.iter().map(|(name, view)| Gone { name, view }).collect(),
        gone_sources,
    };
    serde_json::to_string(&whole).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}

fn of_source(SourcePreview { name, frontier, reads, anew, columns, stops }: &SourcePreview) -> OfSource<'_> {
    OfSource { name, frontier: *frontier, reads, anew, columns, stops }
}

fn of_sink(SinkPreview { name, view, view_is, partial, outcome, refused }: &SinkPreview) -> OfSink<'_> {
    let (state, why, parts) = match outcome {
        Outcome::GoesOn => ("unchanged", None, None),
        Outcome::Unknown(why) => ("unknown", Some(why.clone()), None),
        Outcome::Failed(failure) => ("failed", Some(failure.to_string()), None),
        Outcome::Compared(why, difference) => {
            let state = if is_new(*view_is, difference) { "new" } else { "compared" };
            let Difference { added, changed, deleted, .. } = difference;
            let parts = Parts { added: rows(added), changed: rows(changed), deleted: rows(deleted) };
            (state, Some(why.clone()), Some(parts))
        }
    };
    let (partial, refused) = (partial.iter().map(ToString::to_string).collect(), *refused);
    OfSink { name, view: view.to_string(), view_is: view_is.map(word), state, why, partial, refused, parts }
}

fn rows(Part { count, samples }: &Part) -> Rows {
    let sample = |sample: &Sample| BeforeAfter {
        before: sample.before.as_deref().and_then(raw),
        after: sample.after.as_deref().and_then(raw),
    };
    Rows { count: *count, samples: samples.iter().map(sample).collect() }
}

/// A row as it is shown; what is no JSON is a text.
fn raw(row: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(row.to_owned()).or_else(|_| to_raw_value(row)).ok()
}
