//! What the stub keeps: indexes of documents with versions and sequence numbers, and what was deleted until it is
//! forgotten.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// All indexes.
#[derive(Default)]
pub struct Cluster {
    pub indices: BTreeMap<String, Index>,
    /// Other names.
    pub aliases: BTreeMap<String, Vec<String>>,
    scrolls: BTreeMap<String, Scroll>,
    passed: Duration,
    began: Option<Instant>,
    ids: u64,
}

/// One index.
#[derive(Default)]
pub struct Index {
    pub uuid: String,
    /// Flat; values are texts.
    pub settings: BTreeMap<String, String>,
    pub mapping: Value,
    pub documents: BTreeMap<String, Document>,
    deleted: BTreeMap<String, (u64, Duration)>,
    /// What a search finds: versions and sources.
    pub visible: BTreeMap<String, (u64, String)>,
    next_sequence: u64,
    /// Puts that were executed.
    pub written: u64,
}

/// A document as it is now.
pub struct Document {
    pub version: u64,
    pub sequence: u64,
    pub source: String,
}

/// When a write is executed.
#[derive(Clone, Copy)]
pub enum Condition {
    /// There is no such document.
    Absent,
    /// Nobody has written it since.
    Unchanged { sequence: u64, term: u64 },
    /// Its version is less than this one, or equal.
    Newer { version: u64, gte: bool },
}

/// What became of a write.
pub enum Written {
    Done { version: u64, sequence: u64, created: bool, found: bool },
    Conflict(String),
}

struct Scroll {
    index: String,
    size: usize,
    hits: VecDeque<(String, u64, String)>,
}

impl Cluster {
    fn now(&mut self) -> Duration {
        self.began.get_or_insert_with(Instant::now).elapsed() + self.passed
    }

    pub fn pass(&mut self, time: Duration) {
        self.passed += time;
    }

    pub fn forget(&mut self) {
        (self.indices, self.aliases, self.scrolls) = Default::default();
    }

    fn id(&mut self) -> String {
        self.ids += 1;
        format!("{:022}", self.ids)
    }

    /// The names of the indexes behind a name.
    pub fn find(&self, name: &str) -> Vec<&str> {
        match self.aliases.get(name).filter(|names| !names.is_empty()) {
            Some(names) => names.iter().map(String::as_str).filter(|name| self.indices.contains_key(*name)).collect(),
            None => self.indices.get_key_value(name).map(|(name, _)| name.as_str()).into_iter().collect(),
        }
    }

    pub fn one(&self, name: &str) -> Option<&Index> {
        self.indices.get(*self.find(name).first()?)
    }

    pub fn one_mut(&mut self, name: &str) -> Option<&mut Index> {
        let name = self.find(name).first()?.to_string();
        self.indices.get_mut(&name)
    }

    pub fn create(&mut self, name: &str, settings: &Value, mapping: Value) -> Result<(), String> {
        let mut flat = BTreeMap::new();
        flatten("", settings, &mut flat);
        let known = ["refresh_interval", "gc_deletes", "hidden", "number_of_shards", "auto_expand_replicas"];
        if let Some(key) = flat.keys().find(|key| !known.iter().any(|known| **key == format!("index.{known}"))) {
            return Err(format!("unknown setting [{key}]"));
        }
        let index = Index { uuid: self.id(), settings: flat, mapping, ..Index::default() };
        self.indices.insert(name.to_string(), index);
        Ok(())
    }

    /// Removes an index, and with it its aliases.
    pub fn remove(&mut self, name: &str) {
        self.indices.remove(name);
        self.aliases.values_mut().for_each(|indices| indices.retain(|index| index != name));
    }

    pub fn add_alias(&mut self, alias: &str, index: &str) {
        let indices = self.aliases.entry(alias.to_string()).or_default();
        if !indices.iter().any(|known| known == index) {
            indices.push(index.to_string());
        }
    }

    pub fn remove_alias(&mut self, alias: &str, index: &str) {
        if let Some(indices) = self.aliases.get_mut(alias) {
            indices.retain(|known| known != index);
        }
        self.aliases.retain(|_, indices| !indices.is_empty());
    }

    pub fn put(&mut self, name: &str, id: &str, source: &str, condition: Condition) -> Written {
        let now = self.now();
        let index = self.one_mut(name).expect("an index");
        let version = match index.judge(id, condition, now) {
            Ok(version) => version,
            Err(reason) => return Written::Conflict(reason),
        };
        let sequence = index.next();
        index.written += 1;
        let document = Document { version, sequence, source: source.to_string() };
        let created = index.documents.insert(id.to_string(), document).is_none();
        index.deleted.remove(id);
        Written::Done { version, sequence, created, found: !created }
    }

    pub fn delete(&mut self, name: &str, id: &str, condition: Condition) -> Written {
        let now = self.now();
        let index = self.one_mut(name).expect("an index");
        let version = match index.judge(id, condition, now) {
            Ok(version) => version,
            Err(reason) => return Written::Conflict(reason),
        };
        let sequence = index.next();
        let found = index.documents.remove(id).is_some();
        index.deleted.insert(id.to_string(), (version, now));
        Written::Done { version, sequence, created: false, found }
    }

    pub fn open_scroll(&mut self, name: &str, size: usize) -> Option<String> {
        let visible = &self.one(name)?.visible;
        let hits = visible.iter().map(|(id, (version, source))| (id.clone(), *version, source.clone())).collect();
        let id = self.id();
        self.scrolls.insert(id.clone(), Scroll { index: name.to_string(), size, hits });
        Some(id)
    }

    pub fn page(&mut self, id: &str) -> Option<(String, Vec<(String, u64, String)>)> {
        let scroll = self.scrolls.get_mut(id)?;
        let size = scroll.size.min(scroll.hits.len());
        Some((scroll.index.clone(), scroll.hits.drain(..size).collect()))
    }

    pub fn close_scroll(&mut self, id: &str) -> bool {
        self.scrolls.remove(id).is_some()
    }

    /// Readings that nobody has closed.
    pub fn open_scrolls(&self) -> usize {
        self.scrolls.len()
    }
}

impl Index {
    fn next(&mut self) -> u64 {
        self.next_sequence += 1;
        self.next_sequence - 1
    }

    /// The version a write gets, or why it is not executed.
    fn judge(&mut self, id: &str, condition: Condition, now: Duration) -> Result<u64, String> {
        let gc_deletes = self.gc_deletes();
        self.deleted.retain(|_, (_, at)| now.saturating_sub(*at) < gc_deletes);
        let document = self.documents.get(id);
        let version =
            document.map(|document| document.version).or_else(|| self.deleted.get(id).map(|(version, _)| *version));
        match (condition, document) {
            (Condition::Absent, Some(document)) => {
                Err(format!("document already exists (current version [{}])", document.version))
            }
            (Condition::Absent, None) => Ok(version.unwrap_or(0) + 1),
            (Condition::Unchanged { sequence, term }, document) => {
                let required = format!("required seqNo [{sequence}], primary term [{term}].");
                match document {
                    Some(document) if (document.sequence, 1) == (sequence, term) => Ok(document.version + 1),
                    Some(document) => Err(format!(
                        "{required} current document has seqNo [{}] and primary term [1]",
                        document.sequence
                    )),
                    None => Err(format!("{required} but no document was found")),
                }
            }
            (Condition::Newer { version: given, gte }, _) => match version {
                Some(current) if gte && current > given => {
                    Err(format!("current version [{current}] is higher than the one provided [{given}]"))
                }
                Some(current) if !gte && current >= given => {
                    Err(format!("current version [{current}] is higher or equal to the one provided [{given}]"))
                }
                _ => Ok(given),
            },
        }
    }

    pub fn refresh(&mut self) {
        let shown = |(id, document): (&String, &Document)| (id.clone(), (document.version, document.source.clone()));
        self.visible = self.documents.iter().map(shown).collect();
    }

    fn gc_deletes(&self) -> Duration {
        let text = self.settings.get("index.gc_deletes").map_or("60s", String::as_str);
        match (text.strip_suffix("ms"), text.strip_suffix('s')) {
            (Some(ms), _) => Duration::from_millis(ms.parse().expect("a time")),
            (None, Some(s)) => Duration::from_secs(s.parse().expect("a time")),
            (None, None) => panic!("the stub reads no such time: {text}"),
        }
    }

    pub fn shown_settings(&self, name: &str) -> Value {
        let mut shown: Map<String, Value> =
            self.settings.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        let own = [("uuid", self.uuid.as_str()), ("provided_name", name), ("number_of_replicas", "1")];
        shown.extend(own.map(|(key, value)| (format!("index.{key}"), json!(value))));
        Value::Object(shown)
    }
}

/// Settings by their whole names, however they were written.
fn flatten(prefix: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                flatten(&format!("{prefix}{key}."), value, out);
            }
        }
        value => {
            let name = prefix.trim_end_matches('.');
            let name = if name.starts_with("index.") { name.to_string() } else { format!("index.{name}") };
            out.insert(name, value.as_str().map_or_else(|| value.to_string(), str::to_string));
        }
    }
}
