//! An embedded full-text index with one document per row.
//!
//! Changes are collected for the commit interval and become visible with one commit, which carries the mark. At start the
//! documents are compared with the view: what is equal is not written again. With `deploy = "swap"` an index of another meaning
//! is left as it is, and the new one is built beside it (`generations.rs`).

mod generations;
mod mapping;
mod search;

pub use mapping::{FieldConfig, Kind};
pub use search::{Hit, Search};

use super::{
    Delivery, Deploy, Difference, KeyTemplate, KeyedChange, Looked, Shown, Sink, SinkError, SinkKey, SinkView,
};
use crate::failpoint::reach;
use crate::value::{Diff, Row};
use mapping::Mapping;
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tantivy::directory::MmapDirectory;
use tantivy::{Index, IndexWriter, ReloadPolicy, TantivyError};

/// Documents are indexed in memory up to this size before a segment is written.
const WRITER_BYTES: usize = 64 << 20;

/// The `tantivy` sink as configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The view whose rows are indexed.
    pub view: String,
    /// The directory of the index. It is made if there is none.
    pub path: PathBuf,
    /// The columns that identify a row; the view's proven key if left out.
    pub key: Option<Vec<String>>,
    /// How columns are indexed; by their types if left out.
    #[serde(default)]
    pub fields: BTreeMap<String, FieldConfig>,
    /// What is done with an index of another view, or with other fields.
    #[serde(default)]
    pub deploy: Deploy,
    /// How long changes may be collected for one commit: "1s", "200ms".
    #[serde(default = "default_commit_interval", deserialize_with = "duration")]
    pub commit_interval: Duration,
}

impl Config {
    /// The same with a relative path taken from this directory.
    pub fn relative_to(mut self, directory: &Path) -> Config {
        self.path = directory.join(&self.path);
        self
    }
}

/// Sends the readers of the index of this configuration back to the generation before, or with `undo` forth again.
pub fn roll_back(config: &Config, undo: bool) -> Result<Shown, SinkError> {
    match config.deploy {
        Deploy::Swap => generations::roll_back(&config.path, undo),
        Deploy::Reconcile => Err(SinkError::Config("it is not deployed by `deploy = \"swap\"`".to_string())),
    }
}

/// Keeps an index of a view's rows.
pub struct Tantivy {
    name: String,
    path: PathBuf,
    key: SinkKey,
    template: KeyTemplate,
    mapping: Mapping,
    commit_interval: Duration,
    deploy: Deploy,
    /// Of what is shown.
    fingerprint: String,
    open: Option<Open>,
}

/// The index while it is written to.
struct Open {
    index: Index,
    writer: IndexWriter,
    generation: Option<Generation>,
}

/// Which of its generations an index is.
struct Generation {
    name: String,
    /// Readers have been sent to it.
    is_shown: bool,
    /// It was not what readers see, nor ever was.
    is_next: bool,
}

impl Tantivy {
    /// A sink that is not open yet; refuses a mapping that does not fit the view.
    pub fn new(name: &str, config: Config, view: SinkView) -> Result<Tantivy, SinkError> {
        let located = |error| match error {
            SinkError::Config(text) => SinkError::Config(format!("sink {name}: {text}")),
            other => other,
        };
        let key = SinkKey::of(&view, config.key.as_deref()).map_err(located)?;
        let mapping = Mapping::new(&view, &config.fields).map_err(located)?;
        Ok(Tantivy {
            name: name.to_string(),
            path: config.path,
            template: KeyTemplate::joined(&key),
            key,
            mapping,
            commit_interval: config.commit_interval,
            deploy: config.deploy,
            fingerprint: String::new(),
            open: None,
        })
    }

    fn error(&self, doing: &str, error: &TantivyError) -> SinkError {
        let text = format!("sink {}: cannot {doing} the index in {}: {error}", self.name, self.path.display());
        match error {
            TantivyError::SchemaError(_) => SinkError::Operator(format!(
                "{text} It was built for other columns or fields: say `deploy = \"swap\"`, and a new one is built beside it; or remove the \
                 directory, and it is built anew"
            )),
            TantivyError::DataCorruption(_) | TantivyError::IncompatibleIndex(_) => {
                SinkError::Operator(format!("{text}; remove the directory, and it is built anew"))
            }
            _ => SinkError::Transient(text),
        }
    }

    /// Opens the index, of which only this sink has a writer then, and reads its mark.
    fn opened(&self) -> Result<(Open, Option<String>), SinkError> {
        let generation = match self.deploy {
            Deploy::Reconcile => self.without_generations()?,
            Deploy::Swap => Some(self.generation()?),
        };
        let name = generation.as_ref().map(|generation| generation.name.as_str());
        let directory = name.map_or(self.path.clone(), |name| generations::directory(&self.path, name));
        let open = || {
            std::fs::create_dir_all(&directory)?;
            let index = Index::open_or_create(MmapDirectory::open(&directory)?, self.mapping.schema.clone())?;
            let mark = index.load_metas()?.payload;
            let writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
            // Files of a commit that was cut off would be in the way of the next, which gives them the same names.
            writer.garbage_collect_files().wait()?;
            // The first operation has the number of the last commit, up to which a merge takes deletions for made: so let it be none.
            writer.run(std::iter::empty())?;
            Ok((Open { index, writer, generation }, mark))
        };
        open().map_err(|error| self.error("open", &error))
    }

    fn without_generations(&self) -> Result<Option<Generation>, SinkError> {
        match generations::read(&self.path).map_err(|error| self.error("open", &error.into()))? {
            None => Ok(None),
            Some(_) => Err(SinkError::Operator(format!(
                "sink {}: the index in {} has generations: set `deploy = \"swap\"`, or remove the directory",
                self.name,
                self.path.display()
            ))),
        }
    }

    /// The generation of this meaning.
    fn generation(&self) -> Result<Generation, SinkError> {
        let failed = |error: TantivyError| self.error("open", &error);
        let (found, name) = generations::find(&self.path, &self.fingerprint).map_err(failed)?;
        let opened = found.opened(&name).map_err(|error| self.located(error))?;
        generations::write(&self.path, &opened).map_err(failed)?;
        let role = |role: &Option<String>| role.as_ref() == Some(&name);
        Ok(Generation { is_shown: role(&opened.current), is_next: role(&opened.next), name })
    }

    /// Sends readers to the generation, which is whole, and notices when they were sent elsewhere since.
    fn show(&self, generation: &mut Generation) -> Result<(), SinkError> {
        let failed = |error: TantivyError| self.error("switch", &error);
        let found = generations::read(&self.path).map_err(|error| failed(error.into()))?.unwrap_or_default();
        match (found.current.as_ref() == Some(&generation.name), generation.is_shown) {
            (true, _) => {}
            (false, false) => generations::write(&self.path, &found.switched(&generation.name)).map_err(failed)?,
            (false, true) => {
                let text = format!("sink {}: readers were sent away from {}", self.name, generation.name);
                return Err(SinkError::Transient(text));
            }
        }
        generation.is_shown = true;
        Ok(())
    }

    fn located(&self, error: SinkError) -> SinkError {
        match error {
            SinkError::Operator(text) => SinkError::Operator(format!("sink {}: {text}", self.name)),
            other => other,
        }
    }

    /// Deletes and adds documents and commits them with the mark.
    fn write(&mut self, index: &Index, writer: &mut IndexWriter, delivery: &Delivery) -> Result<(), SinkError> {
        if delivery.first {
            self.reconcile(index, writer, &delivery.keyed)?;
        } else {
            for (key, change) in &delivery.keyed {
                let key = self.template.write(key);
                writer.delete_term(self.mapping.term(&key));
                if let KeyedChange::Put(row) = change {
                    self.add(writer, &key, row)?;
                }
            }
        }
        let mark = delivery.mark.to_string();
        let mut commit = || {
            reach("tantivy.added");
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(&mark);
            reach("tantivy.prepared");
            commit.commit()
        };
        commit().map_err(|error| self.error("commit to", &error))?;
        reach("tantivy.committed");
        Ok(())
    }

    fn reconcile(
        &self,
        index: &Index,
        writer: &mut IndexWriter,
        content: &[(Row, KeyedChange)],
    ) -> Result<(), SinkError> {
        let mut missing: HashMap<String, &Row> = HashMap::with_capacity(content.len());
        for (key, change) in content {
            if let KeyedChange::Put(row) = change {
                missing.insert(self.template.write(key), row);
            }
        }
        let mut equal = HashMap::new();
        let mut wrong: HashMap<String, Option<&Row>> = HashMap::new();
        let mut compare = |key: String, row: String| match missing.remove(&key) {
            Some(expected) if self.mapping.json(expected) == row => {
                equal.insert(key, expected);
            }
            Some(expected) => {
                wrong.insert(key, Some(expected));
            }
            // A second document of a key, or a key that the view does not have.
            None => {
                wrong.entry(key).or_insert(None);
            }
        };
        let mut read = || {
            let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
            search::each(&reader, &mut compare)
        };
        read().map_err(|error| self.error("read", &error))?;
        for (key, row) in wrong {
            writer.delete_term(self.mapping.term(&key));
            if let Some(row) = row.or_else(|| equal.remove(&key)) {
                self.add(writer, &key, row)?;
            }
        }
        missing.into_iter().try_for_each(|(key, row)| self.add(writer, &key, row))
    }

    fn add(&self, writer: &IndexWriter, key: &str, row: &Row) -> Result<(), SinkError> {
        let document = self.mapping.document(key, row)?;
        writer.add_document(document).map(drop).map_err(|error| self.error("write to", &error))
    }
}

impl Sink for Tantivy {
    fn key(&self) -> Option<&SinkKey> {
        Some(&self.key)
    }

    fn form(&self) -> String {
        // As JSON its fields have an order, which they have not by `Debug`.
        let schema = serde_json::to_string(&self.mapping.schema).unwrap_or_default();
        format!("{:?} {schema}", self.key.columns())
    }

    fn set_meaning(&mut self, fingerprint: &str) {
        self.fingerprint = fingerprint.to_string();
    }

    fn open(&mut self) -> Result<Option<String>, SinkError> {
        // The writer holds the directory's lock, and what it has not committed goes with it.
        self.open = None;
        let (mut open, mark) = self.opened()?;
        // A switch that was interrupted is ended: there may be nothing more to deliver.
        if let Some(generation) = open.generation.as_mut().filter(|generation| generation.is_next && mark.is_some()) {
            self.show(generation)?;
        }
        self.open = Some(open);
        Ok(mark)
    }

    fn look(&mut self) -> Result<Option<Looked>, SinkError> {
        let look = || {
            let note = generations::read(&self.path)?.and_then(|generations| generations.note());
            let mark = match generations::shown(&self.path)? {
                Some(directory) => Index::open_in_dir(directory)?.load_metas()?.payload,
                None => None,
            };
            Ok(Looked { mark, anew: None, note })
        };
        look().map(Some).map_err(|error| self.error("read", &error))
    }

    fn compare(&mut self, rows: &[(Row, Diff)]) -> Result<Option<Difference>, SinkError> {
        let wanted = self.key.with_keys(rows).map(|(key, row)| (self.template.write(&key), self.mapping.json(row)));
        let wanted = wanted.collect();
        let read = || {
            let mut shown = BTreeMap::new();
            let Some(directory) = generations::shown(&self.path)? else { return Ok(shown) };
            let index = Index::open_in_dir(directory)?;
            if self.deploy == Deploy::Reconcile && index.schema() != self.mapping.schema {
                return Err(TantivyError::SchemaError("Its schema is another.".to_owned()));
            }
            let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
            search::each(&reader, |key, row| drop(shown.insert(key, row)))?;
            Ok(shown)
        };
        let shown = read().map_err(|error| self.error("read", &error))?;
        Ok(Some(Difference::keyed(&shown, &wanted)))
    }

    fn apply(&mut self, delivery: &Delivery) -> Result<(), SinkError> {
        let Some(mut open) = self.open.take() else {
            return Err(SinkError::Transient(format!("sink {}: the index is not open", self.name)));
        };
        self.write(&open.index, &mut open.writer, delivery)?;
        if let Some(generation) = &mut open.generation {
            self.show(generation)?;
        }
        self.open = Some(open);
        Ok(())
    }

    fn commit_interval(&self) -> Duration {
        self.commit_interval
    }
}

fn default_commit_interval() -> Duration {
    Duration::from_secs(1)
}

/// "1s", "200ms", "2m".
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || serde::de::Error::custom(format!("\"{text}\" is not a duration; write \"1s\" or \"200ms\""));
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    match text[digits..].trim() {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" if number < u64::MAX / 60 => Ok(Duration::from_secs(number * 60)),
        _ => Err(wrong()),
    }
}
