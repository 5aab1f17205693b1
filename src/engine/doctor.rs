//! Everything that could go wrong with a view set, looked at without running it: `tidegate doctor`.

use super::failure::Failure;
use super::{Planned, Role, wanted_of};
use crate::config::{Settings, SourceConfig};
use crate::finding::{Level, Report};
use crate::sink::{Looked, Mark, Owner};
use crate::source::postgres::{Given, Postgres};
use crate::source::{Stored, Wanted};
use crate::store::{self, Place, Summary};
use crate::timeline::now;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// With less room than this on its disk a store may soon take no more.
const ROOM: u64 = 1 << 30;
/// Times that are less far ahead of the clock are caught up with soon.
const AHEAD: Duration = Duration::from_secs(60);

/// A source that was asked whether it is there.
pub struct Greeted {
    name: String,
    /// Those of other kinds are not asked.
    postgres: Option<Postgres>,
    report: Report,
}

impl Greeted {
    /// Whether its server answers.
    pub fn is_reached(&self) -> bool {
        !self.report.has_errors()
    }
}

/// Asks all sources whether they are there.
pub fn greet_sources(sources: Vec<(String, SourceConfig)>) -> Vec<Greeted> {
    let greet = |(name, config): (String, SourceConfig)| match config {
        SourceConfig::Postgres(config) => {
            let postgres = Postgres::new(&name, config);
            let report = postgres.greet();
            Greeted { name, postgres: Some(postgres), report }
        }
        _ => {
            let mut report = Report::about(format!("source `{name}`"));
            report.add(Level::Ok, "it is configured; what it reads from is seen when it runs");
            Greeted { name, postgres: None, report }
        }
    };
    sources.into_iter().map(greet).collect()
}

/// Looks at the sources that answer: at what the views read of them if they compile, and at the slots of the store.
pub fn examine_sources(
    greeted: Vec<Greeted>,
    planned: Option<&Planned>,
    settings: &Settings,
    summary: Option<&Summary>,
) -> Vec<Report> {
    let examine = |Greeted { name, postgres, mut report }: Greeted| {
        if let Some(postgres) = postgres.filter(|_| !report.has_errors()) {
            let given = Given {
                wanted: planned.map(|planned| planned.wanted(&name)),
                is_stored: settings.store.is_some(),
                stored: summary.map(|summary| stored(summary, &name)),
            };
            postgres.examine(&given, &mut report);
        }
        report
    };
    greeted.into_iter().map(examine).collect()
}

/// What the store has of a source.
fn stored(summary: &Summary, source: &str) -> Stored {
    let resume = summary.sources.iter().find(|(name, _)| name == source).and_then(|(_, resume)| resume.clone());
    Stored { incarnation: summary.incarnation.clone(), resume, held: BTreeMap::new(), newcomers: Default::default() }
}

/// Looks at the store, if there is one; what it holds can be told if it is whole.
pub fn examine_store(settings: &Settings) -> (Report, Option<Summary>) {
    let mut report = Report::about("store");
    let Some(directory) = &settings.store else {
        report.add(Level::Ok, "there is none: every start reads all tables again, and compares all targets");
        return (report, None);
    };
    let summary = examine_directory(directory, &mut report).unwrap_or_else(|error| {
        report.add(Level::Error, Failure::of_store(&error).to_string());
        None
    });
    (report, summary)
}

fn examine_directory(directory: &Path, report: &mut Report) -> Result<Option<Summary>, store::StoreError> {
    let shown = directory.display();
    let Place { is_writable, free_bytes, holder } = store::place(directory)?;
    match is_writable {
        true => report.add(Level::Ok, format!("{shown} can be written to")),
        false => report.add(Level::Error, format!("{shown} cannot be written to; let this user write there")),
    }
    let free = format!("{} MiB are free on its disk", free_bytes >> 20);
    match free_bytes < ROOM {
        true => {
            report.add(Level::Warning, format!("only {free}: a store that cannot write stops the view set; make room"))
        }
        false => report.add(Level::Ok, free),
    }
    match holder {
        Some(process) => report.add(Level::Ok, format!("process {process} has it open: the view set runs")),
        None => report.add(Level::Ok, "no process has it open"),
    }
    if store::incarnation(directory)?.is_none() {
        report.add(Level::Ok, "it is made at the first start");
        return Ok(None);
    }
    let summary = store::inspect(directory, false)?;
    let (segments, bytes) = summary.log;
    report.add(Level::Ok, format!("its manifest and log are whole: {bytes} bytes in {segments} segments"));
    examine_times(&summary, report);
    Ok(Some(summary))
}

/// Looks whether a clock was ahead when sources told their last times.
fn examine_times(summary: &Summary, report: &mut Report) {
    for (name, resume) in &summary.sources {
        let ahead = resume.as_ref().map_or(0, |resume| resume.frontier.saturating_sub(now()));
        let ahead = Duration::from_micros(ahead);
        if ahead > AHEAD {
            report.add(
                Level::Warning,
                format!(
                    "source `{name}` has told times up to {ahead:?} ahead of this machine's clock, and goes on from there at half its pace \
                     until the clock has caught up: views that read now() are ahead so long. If a clock was wrong then, and that is too long, \
                     remove the directory to begin anew"
                ),
            );
        }
    }
}

impl Planned {
    /// The relations of a source that somebody needs.
    fn wanted(&self, source: &str) -> Vec<Wanted> {
        let inputs = self.assembly.inputs.iter().filter(|input| self.assembly.needed.contains(&input.relation.name));
        let of_source = inputs.filter(|input| self.sources[input.relation.source.0].name() == source);
        let wanted = of_source.filter_map(|input| match &input.role {
            Role::Offered(offered) => Some(wanted_of(&input.relation, offered, &self.assembly.reads)),
            Role::LateOf(_) | Role::ErrorsOf(_) => None,
        });
        wanted.collect()
    }

    /// Looks at the targets of all sinks.
    pub fn examine_sinks(self, summary: Option<&Summary>) -> Vec<Report> {
        let incarnation = summary.map(|summary| summary.incarnation.as_str());
        let examine = |mut sink: super::assemble::SinkPlan| {
            let mut report = Report::about(format!("sink `{}`", sink.name));
            match sink.sink.look() {
                Ok(None) => report.add(Level::Ok, "its target is not looked at before it is opened"),
                Ok(Some(looked)) => {
                    report.add(Level::Ok, shows(&looked, incarnation));
                    looked.note.into_iter().for_each(|note| report.add(Level::Warning, note));
                }
                Err(error) => {
                    let text = error.to_string();
                    let prefix = format!("sink {}: ", sink.name);
                    report.add(Level::Error, text.strip_prefix(&prefix).unwrap_or(&text));
                }
            }
            report
        };
        self.assembly.sinks.into_iter().map(examine).collect()
    }
}

/// What a target shows, by its mark.
fn shows(looked: &Looked, incarnation: Option<&str>) -> &'static str {
    match looked.mark.as_deref().and_then(Mark::parse).map(|mark| mark.owner) {
        None => "its target is in reach, keeps no mark, and is given the whole content at the next start",
        Some(Owner::Store(store)) if Some(store.as_str()) == incarnation => {
            "its target is in reach, and keeps this store's mark"
        }
        Some(_) => "its target is in reach, keeps the mark of another run or store, and is compared at the next start",
    }
}
