//! What the next start would do with the targets, found out without doing it: `tidegate plan`.
//!
//! The views as they are now are computed once from what the store holds, up to where its sources have come, and each target that would
//! be reconciled is compared with that. No source is started, and nothing is written.

use super::assemble::{Reach, SinkPlan};
use super::before::{Past, reach_of_newcomers};
use super::keeping::Keeping;
use super::layout::Layouts;
use super::meaning::meaning;
use super::partial::{Known, Partial, gone, partial};
use super::storing::{kept_sources, lacking, told_from};
use super::why::moment;
use super::{Assembly, Failure, Planned, dataflow_settings, keeping, with_relations_beside};
use crate::dataflow::{
    Dataflow, DataflowError, Export, InputRelation, NativeView, Peeked, Program, Sender, Settings, Unique,
};
use crate::plan::View;
use crate::sink::{Difference, Mark, Owner, Sink, SinkError, Step, content, fingerprint, rejected};
use crate::store::{self, Lack, Reading, Source, StoreError};
use crate::timeline::{RelationId, SourceId, Tick, cell_start};
use crate::value::{RelationName, Time};
use crossbeam_channel::unbounded;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a store is read again that is written to meanwhile.
const ATTEMPTS: usize = 3;
/// How often it is looked whether the dataflow has failed.
const POLL: Duration = Duration::from_millis(50);

/// What the next start would do.
#[derive(Debug)]
pub struct Preview {
    /// The store's incarnation; nothing if there is none yet.
    pub store: Option<String>,
    /// The number of the process that has the store open.
    pub holder: Option<String>,
    /// The sources.
    pub sources: Vec<SourcePreview>,
    /// The sinks.
    pub sinks: Vec<SinkPreview>,
    /// The sinks of the last run that the view set does not have any more, with what they showed.
    pub gone: Vec<(String, String)>,
    /// The sources of the store that the view set does not have any more.
    pub gone_sources: Vec<String>,
}

/// Where a source would go on.
#[derive(Debug)]
pub struct SourcePreview {
    /// Its name.
    pub name: String,
    /// The frontier from which it would go on; nothing if it would be read anew.
    pub frontier: Option<Time>,
    /// What would be read that the store lacks, although it goes on.
    pub reads: Vec<String>,
    /// Why all of it would be read anew.
    pub anew: Vec<String>,
    /// What is null in what was stored before.
    pub columns: Vec<String>,
    /// Why the next start would end.
    pub stops: Vec<String>,
}

/// What would become of a target.
#[derive(Debug)]
pub struct SinkPreview {
    /// The sink's name.
    pub name: String,
    /// What it shows.
    pub view: RelationName,
    /// The view, compared with the target's mark; nothing if that could not be read.
    pub view_is: Option<ViewIs>,
    /// The streams of which its view would begin with what is left.
    pub partial: Vec<Partial>,
    /// What the target would be given.
    pub outcome: Outcome,
    /// How many rows it has refused so far. They stay out where it goes on, and are tried again where it is compared.
    pub refused: u64,
}

/// A view, compared with what a target was filled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewIs {
    /// The target was filled from no view yet.
    New,
    /// From another view, or another form of it.
    Changed,
    /// From this view.
    Unchanged,
}

/// What a target would be given.
#[derive(Debug)]
pub enum Outcome {
    /// What comes after its mark.
    GoesOn,
    /// This difference. Why it cannot be gone on with is said in words.
    Compared(String, Difference),
    /// It is not known. Why is said in words.
    Unknown(String),
    /// It could not be looked at.
    Failed(Failure),
}

/// A sink and what is known of it.
struct Looking {
    name: String,
    view: RelationName,
    sink: Box<dyn Sink>,
    /// The relation whose rows it shows.
    shown: RelationName,
    meaning: String,
    sources: BTreeSet<SourceId>,
    /// The inputs below it, but for those of which it goes on with what they were before.
    inputs: BTreeSet<RelationId>,
    /// The streams of which its view begins with what is left.
    partial: Vec<Partial>,
}

/// What a look at a target's mark has found.
enum Found {
    GoesOn,
    /// It is to be compared. Why is said in words.
    Differs(&'static str),
}

impl Planned {
    /// Finds out what the next start would do.
    pub fn preview(self) -> Result<Preview, Failure> {
        let Some(directory) = self.settings.store.clone() else {
            return Err(Failure::config(
                "the view set has no store: every start reads all tables again and compares all targets. `store = \"DIRECTORY\"` in \
                 [settings] gives it one",
            ));
        };
        let holder = store::place(&directory).map_err(|error| Failure::of_store(&error))?.holder;
        let (mut looking, preview) = Previewer::new(self, &directory, holder)?;
        preview.run(&mut looking)
    }
}

/// What is needed for it.
struct Previewer {
    directory: PathBuf,
    holder: Option<String>,
    settings: Settings,
    program: Parts,
    stored: Vec<Source>,
}

/// The parts of a program, which may have to be run again.
struct Parts {
    sources: Vec<SourceId>,
    inputs: Vec<InputRelation>,
    views: Vec<View>,
    native: Vec<NativeView>,
    uniques: Vec<Unique>,
    keeping: Keeping,
}

impl Previewer {
    fn new(planned: Planned, directory: &Path, holder: Option<String>) -> Result<(Vec<Looking>, Previewer), Failure> {
        let Planned { assembly, sources, settings, .. } = planned;
        let Assembly { inputs, views, native, sinks, needed, reads, schemas } = assembly;
        let reach = Reach::new(inputs.iter().map(|input| &input.relation), &views, &native);
        let inputs = with_relations_beside(inputs, &needed);
        let views: Vec<_> = views.into_iter().filter(|view| needed.contains(&view.name)).collect();
        let native: Vec<_> = native.into_iter().filter(|view| needed.contains(&view.name)).collect();
        let shown = sinks.iter().map(|sink| sink.relation.clone()).collect();
        let keeping = keeping(&settings, (&views, &native), &inputs, sources.len(), &shown, &schemas);
        let inputs: Vec<_> = inputs.into_iter().map(|input| input.relation).collect();
        let stored = kept_sources(&sources, &inputs, &reads, &keeping);
        let (mut looking, mut uniques) = (Vec::new(), Vec::new());
        for SinkPlan { name, relation, sink, enforced } in sinks {
            let depends = reach.closure(vec![relation.clone()]);
            let meaning = meaning(&depends, &views, &native, &schemas, settings.refresh);
            let shown = enforced.as_ref().map_or(&relation, |unique| &unique.name).clone();
            uniques.extend(enforced);
            let (sources, inputs) = (reach.sources(&relation), BTreeSet::new());
            let partial = Vec::new();
            looking.push(Looking { name, view: relation, sink, shown, meaning, sources, inputs, partial });
        }
        let sources = (0..sources.len()).map(SourceId).collect();
        let program = Parts { sources, inputs, views, native, uniques, keeping };
        let (directory, settings) = (directory.to_path_buf(), dataflow_settings(&settings));
        Ok((looking, Previewer { directory, holder, settings, program, stored }))
    }

    fn run(self, sinks: &mut [Looking]) -> Result<Preview, Failure> {
        let (reading, contents) = self.read_patiently(sinks)?;
        let mut contents = contents.into_iter();
        let known = reading.iter().flat_map(Reading::sinks);
        let gone = known.filter(|(name, _)| sinks.iter().all(|sink| sink.name != **name));
        let gone = gone.map(|(name, view)| (name.clone(), view.clone())).collect();
        let sinks = sinks.iter_mut().map(|sink| {
            let content = contents.next().flatten();
            self.preview(sink, reading.as_ref(), content)
        });
        let sinks = sinks.collect();
        let sources = self.stored.iter().take(self.program.sources.len());
        let sources = sources.map(|source| self.source(source, reading.as_ref())).collect();
        let gone_sources = reading.as_ref().map(|reading| reading.gone.clone()).unwrap_or_default();
        let store = reading.map(|reading| reading.incarnation());
        Ok(Preview { store, holder: self.holder, sources, sinks, gone, gone_sources })
    }

    /// Reads the store and computes what the sinks would show. What is written meanwhile may be in the way of that for a moment.
    fn read_patiently(&self, sinks: &mut [Looking]) -> Result<(Option<Reading>, Vec<Option<Peeked>>), Failure> {
        let mut read = self.read(sinks);
        for _ in 1..ATTEMPTS {
            if read.is_err() && self.holder.is_some() {
                read = self.read(sinks);
            }
        }
        read
    }

    fn read(&self, sinks: &mut [Looking]) -> Result<(Option<Reading>, Vec<Option<Peeked>>), Failure> {
        let reading = Reading::open(&self.directory, &self.stored).map_err(|error| Failure::of_store(&error))?;
        let contents = match &reading {
            Some(reading) => {
                let past = Past::new(&self.program.inputs, &reading.before);
                let program = self.program(reading, &past);
                let newcomers = reach_of_newcomers(&program);
                let partial = self.partial(reading, &program, sinks);
                for sink in &mut *sinks {
                    sink.inputs = newcomers.inputs(&sink.view);
                    sink.partial = partial.iter().filter(|partial| partial.view == sink.view).cloned().collect();
                }
                self.contents(reading, &past, program, sinks)?
            }
            None => Vec::new(),
        };
        Ok((reading, contents))
    }

    fn partial(&self, reading: &Reading, program: &Program, sinks: &[Looking]) -> Vec<Partial> {
        let shown = sinks.iter().map(|sink| (sink.view.clone(), fingerprint(&[&sink.meaning])));
        let (gone, goes_on) = (gone(&reading.relations), |source| reading.resumes.contains_key(&source));
        let known = Known { views: reading.views(), gone: &gone, goes_on: &goes_on };
        partial(program, &self.program.keeping, &shown.collect(), &known)
    }

    /// What the views are computed by, from what the store holds.
    fn program(&self, reading: &Reading, past: &Past) -> Program {
        let Parts { sources, inputs, views, native, uniques, keeping } = &self.program;
        let mut program = Program {
            sources: sources.clone(),
            inputs: inputs.clone(),
            views: views.clone(),
            native: native.clone(),
            uniques: uniques.clone(),
            ..Program::default()
        };
        keeping.put_into(&mut program, &reading.merged(), past);
        program
    }

    /// What each sink would show; nothing of those for which something is read first.
    fn contents(
        &self,
        reading: &Reading,
        past: &Past,
        mut program: Program,
        sinks: &[Looking],
    ) -> Result<Vec<Option<Peeked>>, Failure> {
        program.peekable = sinks.iter().map(|sink| sink.shown.clone()).collect();
        let sources = program.sources.clone();
        let mut told = Vec::new();
        for sink in sinks {
            let (sender, receiver) = unbounded();
            let tell = Box::new(move |step: Step| _ = sender.send(step.frontier.unwrap_or(Time::MAX)));
            program.exports.push(Export { relation: sink.shown.clone(), tell });
            told.push(receiver);
        }
        let dataflow = Dataflow::start(self.settings.clone(), program)?;
        let mut doors: BTreeMap<SourceId, Sender> =
            sources.iter().map(|source| (*source, dataflow.sender(*source))).collect();
        let below =
            reading.resumes.iter().map(|(source, resume)| (*source, self.cell_start(resume.frontier))).collect();
        let layouts = Layouts::new(self.program.inputs.iter().chain(&past.inputs), &reading.relations);
        let replayed = reading.replay(&below, &mut |tick| {
            let tick = layouts.running(tick);
            match doors.get_mut(&tick.source).map_or(Ok(()), |door| door.send(tick)) {
                Ok(()) => Ok(()),
                Err(_) => Err(StoreError::Poisoned("the dataflow ended while the store was read".into())),
            }
        });
        let failed = || dataflow.failed().map(|message| Failure::from(DataflowError::Failed(message)));
        replayed.map_err(|error| failed().unwrap_or_else(|| Failure::of_store(&error)))?;
        for source in &reading.ended {
            // What waited for a watermark when the input ended is shown at the next start, too. A dataflow that has failed says so below.
            let _ = doors.get_mut(source).map(|door| door.send(Tick::new(*source, Vec::new(), None)));
        }
        let mut contents = Vec::new();
        for (sink, told) in sinks.iter().zip(told) {
            let open = sink.sources.difference(&reading.ended).copied().collect();
            let is_anew =
                self.reached(reading, &sink.sources).is_none() || self.read_first(sink, Some(reading)).is_some();
            let Some(reached) = self.reached(reading, &open).filter(|_| !is_anew) else {
                contents.push(None);
                continue;
            };
            loop {
                match told.recv_timeout(POLL) {
                    Ok(frontier) if frontier >= reached => break,
                    Ok(_) => {}
                    Err(_) => failed().map_or(Ok(()), Err)?,
                }
            }
            contents.push(dataflow.peek(&sink.shown));
        }
        Ok(contents)
    }

    fn cell_start(&self, time: Time) -> Time {
        cell_start(time, self.settings.refresh_us.max(1))
    }

    /// The frontier that a view of these sources has reached in the store; nothing if one of them is read anew.
    fn reached(&self, reading: &Reading, sources: &BTreeSet<SourceId>) -> Option<Time> {
        let frontiers = sources.iter().map(|source| reading.resumes.get(source).map(|resume| resume.frontier));
        let frontiers = frontiers.collect::<Option<Vec<Time>>>()?;
        Some(frontiers.into_iter().min().map_or(Time::MAX, |frontier| self.cell_start(frontier)))
    }

    fn source(&self, source: &Source, reading: Option<&Reading>) -> SourcePreview {
        let frontier = reading.and_then(|reading| reading.resumes.get(&source.id)).map(|resume| resume.frontier);
        let name = source.name.clone();
        let (reads, anew, columns, stops) = Default::default();
        let preview = SourcePreview { name, frontier, reads, anew, columns, stops };
        let Some(reading) = reading else {
            return SourcePreview { anew: vec!["there is no store yet".to_owned()], ..preview };
        };
        let Some(lack) = reading.lacks.get(&source.id) else { return preview };
        let what = lacking(source, lack);
        match lack {
            Lack::Relations(_) if frontier.is_some() => SourcePreview { reads: what, ..preview },
            Lack::Whole | Lack::Relations(_) => SourcePreview { anew: what, ..preview },
            Lack::Columns(_) => SourcePreview { columns: what, ..preview },
            Lack::Changed(_) => SourcePreview { stops: what, ..preview },
        }
    }

    /// What is read first that a sink shows, if anything is, in words.
    fn read_first(&self, looking: &Looking, reading: Option<&Reading>) -> Option<String> {
        let goes_on = |source: &Source| reading.is_some_and(|reading| reading.resumes.contains_key(&source.id));
        let anew = self.stored.iter().find(|source| looking.sources.contains(&source.id) && !goes_on(source));
        if let Some(source) = anew {
            let lack = reading.and_then(|reading| reading.lacks.get(&source.id));
            let does = if matches!(lack, Some(Lack::Changed(_))) { "does not go on" } else { "is read anew" };
            return Some(format!("source `{}` {does}", source.name));
        }
        let is_newcomer = |id: &RelationId| {
            reading.and_then(|reading| reading.relations.get(id)).is_some_and(|kept| kept.since.is_none())
        };
        let of =
            self.program.inputs.iter().filter(|input| looking.inputs.contains(&input.id) && is_newcomer(&input.id));
        let names: Vec<String> = of.map(|input| input.name.to_string()).collect();
        match names.as_slice() {
            [] => None,
            [name] => Some(format!("{name} is read")),
            names => Some(format!("{} are read", names.join(", "))),
        }
    }

    fn preview(&self, looking: &mut Looking, reading: Option<&Reading>, content: Option<Peeked>) -> SinkPreview {
        let found = self.look(looking, reading);
        let (view_is, outcome) = match found {
            Err(error) => (None, Outcome::Failed(Failure::of_sink(&looking.name, &error))),
            Ok((view_is, Found::GoesOn)) => (view_is, Outcome::GoesOn),
            Ok((view_is, Found::Differs(why))) => (view_is, self.compare(looking, reading, content, why)),
        };
        let (name, view, partial) = (looking.name.clone(), looking.view.clone(), looking.partial.clone());
        // What cannot be read is tried again.
        let refused = rejected::count(&self.rejected(looking)).unwrap_or(0);
        SinkPreview { name, view, view_is, partial, outcome, refused }
    }

    /// Where the rows are kept that a target refuses.
    fn rejected(&self, looking: &Looking) -> PathBuf {
        rejected::path(&self.directory, &looking.name)
    }

    /// What the target's mark means for the next start.
    fn look(&self, looking: &mut Looking, reading: Option<&Reading>) -> Result<(Option<ViewIs>, Found), SinkError> {
        let rejected = self.rejected(looking);
        looking.sink.set_meaning(&content(&looking.meaning, &looking.sink.form()));
        looking.sink.keep_rejected(&rejected);
        let Some(looked) = looking.sink.look()? else {
            return Ok((None, Found::Differs("its target is not looked at before it is opened")));
        };
        let Some(mark) = looked.mark.as_deref().and_then(Mark::parse) else {
            return Ok((Some(ViewIs::New), Found::Differs("its target keeps no mark")));
        };
        let is_same = mark.is_of(&looking.meaning, &looking.sink.form());
        let view_is = if is_same { ViewIs::Unchanged } else { ViewIs::Changed };
        let is_ours = reading.is_some_and(|reading| mark.owner == Owner::Store(reading.incarnation()));
        let found = match reading.filter(|_| is_ours) {
            None => Found::Differs("its target keeps the mark of another run or store"),
            Some(_) if !is_same => Found::Differs("its target was filled from another definition or form of the view"),
            Some(reading) => looked.anew.map_or_else(|| self.follows(mark.frontier, reading, looking), Found::Differs),
        };
        Ok((Some(view_is), found))
    }

    /// Whether the store can tell what comes after this frontier.
    fn follows(&self, frontier: Option<Time>, reading: &Reading, looking: &Looking) -> Found {
        let since = looking.inputs.iter().filter_map(|input| reading.relations.get(input)).map(|kept| kept.since);
        let since = since.collect::<Option<Vec<Time>>>().map(|since| since.into_iter().max().unwrap_or(0));
        let at_least = told_from(&reading.merged(), &looking.sources, self.settings.refresh_us.max(1));
        let at_least = at_least.max(since.unwrap_or(Time::MAX));
        let at_most = self.reached(reading, &looking.sources).filter(|_| since.is_some());
        match (frontier, at_most) {
            (_, None) => Found::Differs("what its view reads is read first"),
            (None, _) => Found::Differs("its target shows the end of all inputs"),
            (Some(frontier), _) if frontier < at_least => {
                Found::Differs("its target shows a state from before what the store tells step by step")
            }
            // Who has the store open may have told more meanwhile.
            (Some(frontier), Some(at_most)) if frontier > at_most && self.holder.is_none() => {
                Found::Differs("its target shows more than the store has")
            }
            _ => Found::GoesOn,
        }
    }

    fn compare(&self, looking: &mut Looking, reading: Option<&Reading>, content: Option<Peeked>, why: &str) -> Outcome {
        if let Some(what) = self.read_first(looking, reading) {
            return Outcome::Unknown(format!("{what}, and its target is compared after that"));
        }
        let Some((_, rows)) = content else {
            return Outcome::Unknown("its content cannot be computed from the store".to_owned());
        };
        match looking.sink.compare(&rows) {
            Ok(Some(difference)) => Outcome::Compared(why.to_owned(), difference),
            Ok(None) => Outcome::Unknown(format!("{why}, and cannot be compared beforehand")),
            Err(error) => Outcome::Failed(Failure::of_sink(&looking.name, &error)),
        }
    }
}

impl SourcePreview {
    /// Where it goes on, as a time; nothing if it is read anew.
    pub fn moment(&self) -> Option<String> {
        self.frontier.map(moment)
    }
}
