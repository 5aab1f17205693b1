//! Runs views over a world.

use super::step::SOURCES;
use super::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tidegate::dataflow::{InputRelation, Program, Settings, evaluate};
use tidegate::plan::settle::{Given, settle};
use tidegate::plan::{Emit, Rel, Timing, View, rewrite};
use tidegate::sql::{Catalog, SqlFile, compile};
use tidegate::timeline::{RelationId, SourceId, Step};
use tidegate::value::{Column, RelationKind, RelationName, Schema, Type};

/// SQL, and how it is run.
#[derive(Clone, Copy, Debug)]
pub struct Views<'t> {
    pub text: &'t str,
    pub emit: Emit,
    pub retain: Option<i64>,
    /// Whether what has settled is given up.
    pub settled: bool,
}

impl<'t> Views<'t> {
    /// With what is usual.
    pub fn new(text: &'t str) -> Views<'t> {
        Views { text, emit: Emit::Changes, retain: None, settled: true }
    }

    /// What a script says of them besides their text.
    pub fn settings(&self) -> String {
        let emit = if self.emit == Emit::Final { " emit=final" } else { "" };
        let retain = self.retain.map(|retain| format!(" retain={retain}"));
        format!("{emit}{}", retain.unwrap_or_default())
    }

    fn compiled(&self, catalog: &Catalog, grid: u64) -> Vec<View> {
        let file = SqlFile { path: "v.sql".into(), text: self.text.into() };
        let mut compiled = compile(&[file], catalog).unwrap_or_else(|errors| panic!("{}", errors[0]));
        rewrite::optimize(&mut compiled);
        if self.settled {
            let given = Given {
                schema: &|name| catalog.get(name).cloned(),
                timing: &|_| Timing { emit: self.emit, retain: self.retain },
                grid,
            };
            settle(&mut compiled, &given).unwrap_or_else(|refused| panic!("{}", refused[0]));
            assert!(compiled.iter().any(|view| settles(&view.rel)), "nothing settles: {}", self.text);
        }
        compiled
    }
}

fn settles(rel: &Rel) -> bool {
    matches!(rel, Rel::Settle { .. } | Rel::AsOf { .. } | Rel::Temporal { .. }) || rel.inputs().into_iter().any(settles)
}

impl World {
    /// What the views' readers are told.
    pub fn run(&self, workers: usize, views: &Views<'_>) -> BTreeMap<String, Vec<Step>> {
        let program = self.program(views);
        let names: Vec<RelationName> = program.views.iter().map(|view| view.name.clone()).collect();
        let settings = Settings { workers, refresh_us: self.grid, ..Settings::default() };
        let steps = evaluate(settings, program, &names, self.ticks()).expect("our own program");
        steps.into_iter().map(|(name, steps)| (name.name, steps)).collect()
    }

    /// Views over the world's sources.
    pub fn program(&self, views: &Views<'_>) -> Program {
        let schemas = self.schemas();
        let mut catalog = Catalog::new();
        schemas.iter().for_each(|(name, schema)| catalog.insert(name.clone(), schema.clone()));
        let views = views.compiled(&catalog, self.grid);
        let inputs = schemas.into_iter().enumerate().map(|(id, (name, schema))| InputRelation {
            id: RelationId(id),
            source: SourceId(id),
            name,
            schema,
            upserts: false,
        });
        Program {
            sources: (0..SOURCES.len()).map(SourceId).collect(),
            inputs: inputs.collect(),
            views,
            ..Program::default()
        }
    }

    /// The sources that a view reads.
    pub fn read_by(&self, views: &Views<'_>, name: &str) -> BTreeSet<usize> {
        let mut catalog = Catalog::new();
        self.schemas().into_iter().for_each(|(name, schema)| catalog.insert(name, schema));
        let mut known: BTreeMap<String, BTreeSet<usize>> =
            SOURCES.iter().enumerate().map(|(source, name)| ((*name).to_owned(), [source].into())).collect();
        for view in views.compiled(&catalog, self.grid) {
            let reads = view.rel.relations().into_iter().flat_map(|relation| known[&relation.name].clone()).collect();
            known.insert(view.name.name.clone(), reads);
        }
        known.remove(name).unwrap_or_default()
    }

    fn schemas(&self) -> Vec<(RelationName, Arc<Schema>)> {
        let kind = RelationKind::Stream { event_time: Some(2), accept_for: self.disorder.accept_for, ends: false };
        let event = [("id", Type::Int8), ("key", Type::Int8), ("at", Type::Timestamptz), ("value", Type::Int8)];
        let columns = event.map(|(name, ty)| Column::new(name, ty, false)).to_vec();
        let stream = Arc::new(Schema { columns, key: None, kind });
        let table = Schema::table(["key", "name"].map(|name| Column::new(name, Type::Int8, false)).to_vec(), None);
        let schemas = [stream.clone(), stream, Arc::new(table)];
        SOURCES.map(RelationName::public).into_iter().zip(schemas).collect()
    }
}
