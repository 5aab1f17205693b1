//! From changes to keys: which columns identify a row in a keyed target, how a key reads there, and the one `Put` or `Delete`
//! per key that a step comes down to.
//!
//! The steps a keyed sink is told never have two rows with one key, nor a null in it: where that is not proven
//! ([`SinkKey::is_enforced`]), the dataflow enforces it and makes errors of the other rows. So a step decides its keys alone.

use super::{SinkError, SinkView};
use crate::value::{Diff, Row, RowBuilder, Schema, Time, encoding, text};

/// The columns that identify a row in a keyed target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkKey {
    columns: Vec<usize>,
    proven: bool,
    nullable: bool,
}

impl SinkKey {
    /// The declared columns, or else the view's proven key.
    pub fn of(view: &SinkView, declared: Option<&[String]>) -> Result<SinkKey, SinkError> {
        match (declared, &view.schema.key) {
            (Some(names), _) => {
                let columns = names.iter().map(|name| position(view, name)).collect::<Result<Vec<_>, _>>()?;
                SinkKey::of_columns(view, columns)
            }
            (None, Some(key)) if !key.is_empty() => SinkKey::of_columns(view, key.clone()),
            (None, _) => Err(SinkError::Config(format!(
                "no key could be derived for view {}; declare one of its columns as the key: {}",
                view.name,
                names(&view.schema)
            ))),
        }
    }

    fn of_columns(view: &SinkView, columns: Vec<usize>) -> Result<SinkKey, SinkError> {
        if columns.is_empty() {
            return Err(SinkError::Config(format!("the key of view {} names no column", view.name)));
        }
        if let Some(twice) = columns.iter().enumerate().find(|(i, c)| columns[..*i].contains(c)) {
            let name = &view.schema.columns[*twice.1].name;
            return Err(SinkError::Config(format!("the key of view {} names column {name} twice", view.name)));
        }
        let proven = view.schema.key.as_ref().is_some_and(|key| key.iter().all(|c| columns.contains(c)));
        let nullable = columns.iter().any(|&c| view.schema.columns[c].nullable);
        Ok(SinkKey { columns, proven, nullable })
    }

    /// The key's columns as positions in the view.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Whether the view itself has at most one row per key.
    pub fn is_proven(&self) -> bool {
        self.proven
    }

    /// Whether no row of the view can do without: the key is proven and never null.
    pub fn is_enforced(&self) -> bool {
        self.proven && !self.nullable
    }

    /// The keys of these rows, with the rows.
    pub(super) fn with_keys<'a>(&self, rows: &'a [(Row, Diff)]) -> impl Iterator<Item = (Row, &'a Row)> {
        let (mut builder, mut starts) = (RowBuilder::default(), Vec::new());
        rows.iter().map(move |(row, _)| (self.of_row(row, &mut builder, &mut starts), row))
    }

    /// The key of a row.
    fn of_row(&self, row: &Row, builder: &mut RowBuilder, starts: &mut Vec<usize>) -> Row {
        row.with_bytes(|bytes| {
            starts.clear();
            let mut at = 0;
            while at < bytes.len() {
                starts.push(at);
                at += encoding::skip(&bytes[at..]);
            }
            starts.push(at);
            for &column in &self.columns {
                builder.push_encoded(&bytes[starts[column]..starts[column + 1]]);
            }
        });
        builder.finish()
    }
}

fn position(view: &SinkView, name: &str) -> Result<usize, SinkError> {
    view.schema.column(name).ok_or_else(|| {
        SinkError::Config(format!("view {} has no column {name}; it has {}", view.name, names(&view.schema)))
    })
}

fn names(schema: &Schema) -> String {
    schema.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// How a key reads in a target: literal text with the key's columns in between, `product:{id}`. `{{` and `}}` stand for braces.
///
/// Different keys read differently: with more than one column, `%` and the character that ends a column's text are written
/// as `%XX` within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTemplate {
    /// Before each column: the literal text.
    literals: Vec<String>,
    /// After the last column.
    tail: String,
}

impl KeyTemplate {
    /// Reads a template and the key it declares. Its columns must exist in the view and stand apart.
    pub fn parse(template: &str, view: &SinkView) -> Result<(KeyTemplate, SinkKey), SinkError> {
        let wrong = |what: &str| SinkError::Config(format!("key template \"{template}\": {what}"));
        let (mut literals, mut columns, mut literal) = (Vec::new(), Vec::new(), String::new());
        let mut rest = template.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '{' | '}' if rest.next_if_eq(&c).is_some() => literal.push(c),
                '}' => return Err(wrong("a } without {; write }} for the character itself")),
                '{' => {
                    let name: String = rest.by_ref().take_while(|&c| c != '}').collect();
                    if !template.contains(&format!("{{{name}}}")) {
                        return Err(wrong("a { without }; write {{ for the character itself"));
                    }
                    if literal.is_empty() && !columns.is_empty() {
                        return Err(wrong(&format!(
                            "put a separator before {{{name}}}, so that keys cannot be confused"
                        )));
                    }
                    columns.push(position(view, &name).map_err(|error| wrong(&error.to_string()))?);
                    literals.push(std::mem::take(&mut literal));
                }
                c => literal.push(c),
            }
        }
        if columns.is_empty() {
            return Err(wrong(&format!("it names no column; the view has {}", names(&view.schema))));
        }
        let key = SinkKey::of_columns(view, columns)?;
        Ok((KeyTemplate { literals, tail: literal }, key))
    }

    /// The columns' texts joined by colons.
    pub fn joined(key: &SinkKey) -> KeyTemplate {
        let literals = (0..key.columns.len()).map(|i| if i == 0 { String::new() } else { ":".to_string() }).collect();
        KeyTemplate { literals, tail: String::new() }
    }

    /// How this key reads.
    pub fn write(&self, key: &Row) -> String {
        let mut out = String::new();
        let values = key.unpack();
        if let [value] = values.as_slice() {
            out.push_str(&self.literals[0]);
            text::write(value, &mut out);
        } else {
            let mut plain = String::new();
            for (i, value) in values.iter().enumerate() {
                out.push_str(&self.literals[i]);
                plain.clear();
                text::write(value, &mut plain);
                let end = self.literals.get(i + 1).and_then(|literal| literal.chars().next());
                escape(&plain, end, &mut out);
            }
        }
        out.push_str(&self.tail);
        out
    }
}

/// Writes `plain` with `%` and `end` as `%XX`.
fn escape(plain: &str, end: Option<char>, out: &mut String) {
    for c in plain.chars() {
        if c == '%' || Some(c) == end {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        } else {
            out.push(c);
        }
    }
}

/// One key's fate in a step.
#[derive(Debug, PartialEq)]
pub(super) struct KeyChange {
    pub(super) key: Row,
    /// Whether the key had a row before.
    pub(super) existed: bool,
    /// Its row now.
    pub(super) row: Option<Row>,
}

/// Gives one change for every key whose row a step's changes change.
pub(super) fn by_key(key: &SinkKey, changes: Vec<(Row, Time, Diff)>, mut emit: impl FnMut(KeyChange)) {
    let mut net = net(key, changes);
    let mut at = 0;
    while at < net.len() {
        let end = at + net[at..].iter().take_while(|(key, _, _)| *key == net[at].0).count();
        let group = &mut net[at..end];
        if group.iter().any(|(_, _, diff)| *diff != 0) {
            let existed = group.iter().any(|(_, _, diff)| *diff < 0);
            let row = group.iter_mut().find(|(_, _, diff)| *diff > 0).map(|(_, row, _)| std::mem::take(row));
            emit(KeyChange { key: std::mem::take(&mut group[0].0), existed, row });
        }
        at = end;
    }
}

/// The changes by key, row by row without regard to time, ordered.
fn net(key: &SinkKey, changes: Vec<(Row, Time, Diff)>) -> Vec<(Row, Row, Diff)> {
    let (mut builder, mut starts) = (RowBuilder::default(), Vec::new());
    let keyed = changes.into_iter().map(|(row, _, diff)| (key.of_row(&row, &mut builder, &mut starts), row, diff));
    let mut net: Vec<(Row, Row, Diff)> = keyed.collect();
    net.sort_unstable_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    net.dedup_by(|next, kept| {
        let same = next.0 == kept.0 && next.1 == kept.1;
        if same {
            kept.2 += next.2;
        }
        same
    });
    net
}
