//! What a dataflow is built from: inputs, views, and who is to be told what.

use super::native::NativeView;
use crate::plan;
use crate::timeline::{DataError, RelationId, SourceId, Step};
use crate::value::{RelationName, Schema, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How a dataflow runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Worker threads; at least one.
    pub workers: usize,
    /// The grid g in microseconds: changes take effect at the last instant of their cell, and frontiers are multiples of g.
    /// 0: every change keeps its own time.
    pub refresh_us: u64,
    /// How many bytes of a source's changes may be on their way before its sender blocks. A tick larger than this is
    /// admitted when nothing else is on its way.
    pub in_flight_bytes: usize,
    /// Whether the first step is told at the first real frontier even if more has come meanwhile: told the same ticks again, it is
    /// then the same.
    pub same_beginning: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { workers: 1, refresh_us: 10_000, in_flight_bytes: 64 << 20, same_beginning: false }
    }
}

/// A relation that a source fills. Error relations (`<relation>_errors`, see `error_schema`) and `<stream>_late` are
/// input relations like others, under ids of their own.
#[derive(Clone, Debug)]
pub struct InputRelation {
    /// Its id in ticks.
    pub id: RelationId,
    /// Whose ticks carry it.
    pub source: SourceId,
    /// Its name.
    pub name: RelationName,
    /// Its shape.
    pub schema: Arc<Schema>,
    /// Whether its changes come as `Batch::Upserts`.
    pub upserts: bool,
}

/// The rows of a relation, one per key: of several the least. The others, and those whose key is null, are errors for as long
/// as that is so.
#[derive(Clone, Debug)]
pub struct Unique {
    /// Its own name.
    pub name: RelationName,
    /// Whose rows.
    pub of: RelationName,
    /// The columns of the key.
    pub key: Vec<usize>,
    /// Whether no two rows can have the same key, so that only nulls are errors.
    pub proven: bool,
    /// Who needs the key, as it is called in errors: `sink cache`.
    pub holder: String,
    /// The error relation that takes them, defined after the relation: its own, or that of the stream whose late events it is.
    pub errors: RelationName,
}

/// A view of which it is known what it had made up to some time: that comes as the rows of an input, and only what follows is computed.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The view. Its columns have the names that its plan gives them.
    pub view: RelationName,
    /// The view that it is a part of, which reports its errors.
    pub of: RelationName,
    /// The input with its rows.
    pub rows: RelationName,
    /// The time; a multiple of the refresh grid.
    pub from: Time,
}

/// Somebody who is told a relation's steps.
pub struct Export {
    /// An input, a SQL view, a Rust view, the `<view>_errors` of either, or a `Unique`.
    pub relation: RelationName,
    /// Called on a worker's thread, with one step per frontier from the first real frontier on; must not block for long.
    pub tell: Box<dyn FnMut(Step) + Send>,
}

/// Called on a worker's thread with each new row of a view's error relation, at a frontier that was reached.
pub type OnError = Arc<dyn Fn(&RelationName, &DataError, Time) + Send + Sync>;

/// Everything a dataflow computes.
#[derive(Default)]
pub struct Program {
    /// The sources.
    pub sources: Vec<SourceId>,
    /// Their relations.
    pub inputs: Vec<InputRelation>,
    /// Inputs that have no content before a frontier of their source: which one, or nothing as long as no tick has told (`Tick::completes`).
    /// What is computed from them is told from there on.
    pub since: BTreeMap<RelationId, Option<Time>>,
    /// SQL views that have all their content from the beginning, although one of the inputs they read has not.
    pub whole: BTreeSet<RelationName>,
    /// SQL views, in any order.
    pub views: Vec<plan::View>,
    /// Those of them that go on.
    pub kept: Vec<Kept>,
    /// Rust views, in any order; they and SQL views may use each other.
    pub native: Vec<NativeView>,
    /// Relations with enforced keys.
    pub uniques: Vec<Unique>,
    /// Who is told what.
    pub exports: Vec<Export>,
    /// The relations whose content `Dataflow::peek` can show.
    pub peekable: Vec<RelationName>,
    /// Who is told the views' data errors.
    pub on_error: Option<OnError>,
}

/// The name of a view's error relation.
pub fn errors_of(view: &RelationName) -> RelationName {
    RelationName { schema: view.schema.clone(), name: format!("{}_errors", view.name) }
}

/// The shape of every error relation: `code`, `message`, `input`.
pub fn error_schema() -> Schema {
    use crate::value::{Column, Type};
    let columns = ["code", "message", "input"].map(|name| Column::new(name, Type::Text, false));
    Schema::table(columns.to_vec(), None)
}

/// Why a dataflow could not be started or does not run any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataflowError {
    /// The program names a relation that nothing defines.
    #[error("{user} reads relation {relation}, which is not defined")]
    Undefined {
        /// Who names it.
        user: String,
        /// What is missing.
        relation: RelationName,
    },
    /// Two relations have one name, or two inputs one id.
    #[error("relation {0} is defined twice")]
    Duplicate(RelationName),
    /// Views that depend on themselves.
    #[error("views depend on each other in a circle: {}", names(.0))]
    Circular(Vec<RelationName>),
    /// A plan whose column types do not fit.
    #[error("view {view}: {message}")]
    Plan {
        /// Whose.
        view: RelationName,
        /// What does not fit.
        message: String,
    },
    /// A worker failed, or the threads could not be started. All workers have left.
    #[error("the dataflow failed: {0}")]
    Failed(String),
}

fn names(relations: &[RelationName]) -> String {
    relations.iter().map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}
