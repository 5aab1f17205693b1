//! A world that is gone on with from a cut in time, as from a store: what settling operators and lookups had made until then is given,
//! and of the streams only what is still of use. What is told from there on must be what is told without the cut.

use super::content::{compare, content_before, contents};
use super::run::Views;
use super::world::{BEGIN, World};
use crate::support::random::Random;
use std::collections::{BTreeMap, BTreeSet};
use tidegate::dataflow::{InputRelation, Kept, Program, Settings, evaluate};
use tidegate::plan::settle::{Need, Needs, needs};
use tidegate::plan::{history, take_out};
use tidegate::timeline::{Batch, RelationId, SourceId, Step, Tick};
use tidegate::value::calendar::EPOCH_MICROS;
use tidegate::value::{Datum, Diff, RelationName, Row, Time};

type Steps = BTreeMap<RelationName, Vec<Step>>;

/// A view's program with its parts taken out.
struct Apart {
    program: fn(&World, &Views<'_>) -> Program,
    kept: BTreeMap<RelationName, RelationName>,
    needs: BTreeMap<RelationName, Needs>,
    history: BTreeMap<RelationName, Time>,
}

/// Cuts a world at a random time; an error if what is told then is something else.
pub fn goes_on(world: &World, workers: usize, views: &Views<'_>, random: &mut Random) -> Result<(), String> {
    let last = (0..3).map(|source| world.last(source)).fold(Time::MAX, Time::min).max(BEGIN);
    let grid = world.grid.max(1);
    // Some cuts are as round as lengths are, so that something ends there.
    let round = *random.pick(&[1, 20]);
    let cut = (BEGIN + random.below(last - BEGIN + 1)).next_multiple_of(round).next_multiple_of(grid);
    let apart = Apart::new(world, views);
    let whole = apart.run(world, workers, views, None, world.ticks());
    let parts: BTreeMap<&RelationName, Vec<(Row, Diff)>> =
        apart.kept.keys().map(|part| (part, rows_before(&whole[part], cut))).collect();
    let ticks = apart.ticks(world, cut, &parts);
    let cut_off = apart.run(world, workers, views, Some(cut), ticks);
    let view = RelationName::public("v");
    for (frontier, content) in contents(&whole[&view]) {
        if frontier.is_none_or(|frontier| frontier >= cut) {
            compare(&content, &content_before(&cut_off[&view], frontier))
                .map_err(|wrong| format!("gone on with from {cut}, at {frontier:?}\n{wrong}"))?;
        }
    }
    Ok(())
}

fn rows_before(steps: &[Step], cut: Time) -> Vec<(Row, Diff)> {
    let mut rows: BTreeMap<Row, Diff> = BTreeMap::new();
    for (row, _, diff) in steps.iter().flat_map(|step| &step.changes).filter(|(_, time, _)| *time < cut) {
        *rows.entry(row.clone()).or_default() += diff;
    }
    rows.into_iter().filter(|(_, count)| *count != 0).collect()
}

impl Apart {
    fn new(world: &World, views: &Views<'_>) -> Apart {
        let taken = take_out(&world.program(views).views);
        let needs = needs(&taken.views, world.grid, &|name| name.name == "v");
        Apart { program: World::program, kept: taken.kept, needs, history: history(&taken.views) }
    }

    fn run(&self, world: &World, workers: usize, views: &Views<'_>, cut: Option<Time>, ticks: Vec<Tick>) -> Steps {
        let mut program = (self.program)(world, views);
        let sources = program.sources.len();
        let taken = take_out(&program.views);
        for (number, (view, of)) in self.kept.iter().enumerate() {
            let part = taken.views.iter().find(|part| part.name == *view).expect("a part");
            let source = SourceId(sources + number);
            let rows = RelationName { schema: "before".into(), name: number.to_string() };
            let schema = part.schema.clone();
            program.sources.push(source);
            program.inputs.push(InputRelation {
                id: RelationId(source.0),
                source,
                name: rows.clone(),
                schema,
                upserts: false,
            });
            program.kept.push(Kept { view: view.clone(), of: of.clone(), rows, from: cut.unwrap_or(0) });
        }
        program.views = taken.views;
        let mut names: Vec<RelationName> = self.kept.keys().cloned().collect();
        names.push(RelationName::public("v"));
        let settings = Settings { workers, refresh_us: world.grid, same_beginning: true, ..Settings::default() };
        evaluate(settings, program, &names, ticks).expect("our own program").into_iter().collect()
    }

    /// What is told after the cut, behind the content before it.
    fn ticks(&self, world: &World, cut: Time, parts: &BTreeMap<&RelationName, Vec<(Row, Diff)>>) -> Vec<Tick> {
        let names = ["a", "b", "t"].map(RelationName::public);
        let history = names.each_ref().map(|name| self.history.get(name).copied().unwrap_or(0));
        let mut content: [BTreeMap<Row, Diff>; 3] = Default::default();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for Tick { source: SourceId(source), batches, frontier, .. } in world.ticks() {
            let mut rows = Vec::new();
            for (_, batch) in batches {
                let Batch::Rows(changes) = batch else { panic!("rows") };
                for (row, time, diff) in changes {
                    if time < cut.saturating_sub(history[source]) {
                        *content[source].entry(row).or_default() += diff;
                    } else {
                        rows.push((row, time, diff));
                    }
                }
            }
            // What is not content is told with its time, however far its source has come by then.
            let told = frontier.is_none_or(|frontier| frontier > cut);
            let frontier = if told { frontier } else { Some(cut.saturating_sub(history[source])) };
            let tick = Tick::new(SourceId(source), vec![(RelationId(source), Batch::Rows(rows))], frontier);
            if told { after.push(tick) } else { before.push(tick) }
        }
        let mut ticks = Vec::new();
        for (source, (rows, name)) in content.into_iter().zip(&names).enumerate() {
            let rows = rows.into_iter().filter(|(_, count)| *count != 0).collect();
            ticks.extend(snapshot(source, used(rows, self.needs.get(name), cut.saturating_sub(history[source]))));
        }
        for (number, (part, rows)) in parts.iter().enumerate() {
            ticks.extend(snapshot(3 + number, used(rows.clone(), self.needs.get(*part), cut)));
            ticks.push(Tick::new(SourceId(3 + number), Vec::new(), None));
        }
        for (source, history) in history.into_iter().enumerate() {
            ticks.push(Tick::new(SourceId(source), Vec::new(), Some(cut.saturating_sub(history))));
        }
        ticks.extend(before);
        ticks.extend(after);
        ticks
    }
}

/// The content of a source with one relation.
fn snapshot(source: usize, rows: Vec<(Row, Diff)>) -> Option<Tick> {
    let rows = rows.into_iter().map(|(row, count)| (row, 0, count)).collect();
    let tick = Tick::new(SourceId(source), vec![(RelationId(source), Batch::Rows(rows))], Some(1));
    Some(Tick { snapshot: true, ..tick })
}

/// The rows that are of use from a cut on.
fn used(rows: Vec<(Row, Diff)>, needs: Option<&Needs>, cut: Time) -> Vec<(Row, Diff)> {
    let Some(needs) = needs else { return rows };
    let is_used = |row: &Row| needs.iter().any(|need| last(row, &rows, need) + need.after > cut as i64);
    rows.iter().filter(|(row, _)| is_used(row)).cloned().collect()
}

/// The moment that counts for a row: its own, or that of the last row of its session.
fn last(row: &Row, rows: &[(Row, Diff)], need: &Need) -> i64 {
    let moment = |row: &Row| match row.unpack()[need.column] {
        Datum::Timestamptz(at) | Datum::Timestamp(at) => at + EPOCH_MICROS,
        ref other => panic!("{other:?} is no time"),
    };
    let Some(session) = &need.session else { return moment(row) };
    let key = |row: &Row| session.key.iter().map(|column| row.unpack()[*column].clone()).collect::<Vec<_>>();
    let of_key = rows.iter().map(|(other, _)| other).filter(|other| key(other) == key(row)).map(moment);
    let later: BTreeSet<i64> = of_key.filter(|at| *at > moment(row)).collect();
    later.into_iter().fold(moment(row), |last, at| if at - last <= session.gap { at } else { last })
}
