//! `tidegate doctor`: everything that could go wrong with a view set, checked now.

use super::{Directory, Extend, Format, check};
use crate::config::{self, Config};
use crate::engine::{Exit, Failure, Planned, examine_sources, examine_store, greet_sources};
use crate::finding::{Finding, Level, Report};
use serde_json::json;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// How the result is printed.
    #[arg(long, value_enum, default_value = "text", env = "TIDEGATE_FORMAT")]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, extend: &Extend<'_>) -> ExitCode {
    let findings = examine(&arguments.directory, extend);
    let worst = findings.iter().map(|finding| finding.level).max();
    let is_well = worst != Some(Level::Error);
    match arguments.format {
        Format::Json => println!("{}", json!({ "ok": is_well, "findings": findings })),
        Format::Text => findings.iter().for_each(|finding| println!("{}", show(finding))),
    }
    if is_well { ExitCode::SUCCESS } else { ExitCode::from(Exit::Operator.code()) }
}

fn examine(directory: &Directory, extend: &Extend<'_>) -> Vec<Finding> {
    let mut report = Report::about("configuration");
    let Config { sources, sinks, files, settings, .. } = match config::load(&directory.directory) {
        Ok(config) => config,
        Err(errors) => {
            report.add_errors(Failure::from(errors).messages, String::new);
            return report.into_findings();
        }
    };
    let (sources_count, sinks, files) = (sources.len(), sinks.len(), files.len());
    report.add(Level::Ok, format!("{sources_count} sources, {sinks} sinks and {files} files of views are understood"));
    let greeted = greet_sources(sources);
    let mut views = Report::about("views");
    let planned = match greeted.iter().all(|greeted| greeted.is_reached()) {
        true => compile(directory, extend, &mut views),
        false => {
            views.add(
                Level::Warning,
                "they are not compiled, as a source is out of reach; `check --offline` does without",
            );
            None
        }
    };
    let (store, summary) = examine_store(&settings);
    let sources = examine_sources(greeted, planned.as_ref(), &settings, summary.as_ref());
    let sinks = planned.map(|planned| planned.examine_sinks(summary.as_ref())).unwrap_or_default();
    let reports = [report].into_iter().chain(sources).chain([views]).chain(sinks).chain([store]);
    reports.flat_map(Report::into_findings).collect()
}

/// As `check` does.
fn compile(directory: &Directory, extend: &Extend<'_>, report: &mut Report) -> Option<Planned> {
    match directory.load(extend).and_then(|view_set| view_set.plan()) {
        Ok(planned) => {
            report.add(Level::Ok, format!("{} views compile", planned.assembly().view_schemas().len()));
            let warnings = check::warnings(directory, false, &planned);
            warnings.into_iter().for_each(|warning| report.add(Level::Warning, warning));
            Some(planned)
        }
        Err(failure) => {
            failure.messages.into_iter().for_each(|message| report.add(Level::Error, message));
            None
        }
    }
}

/// One line, or as many as the sentence has.
fn show(Finding { about, level, sentence }: &Finding) -> String {
    let level = match level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    format!("{level:<8}{about}: {}", sentence.replace('\n', "\n        "))
}
