//! Functions that return rows: one line of a family's table each.
//!
//! To add one, add a line to the table of its family. Rows are written as they will be held, column after column, so that an
//! element costs no more than its bytes.

mod array;
mod json;
mod plain;
mod record;
mod series;
mod text;
mod window;

use super::EvalError;
use super::coercion::{Argument, ResolveError};
use super::function::{Definition as Signature, Kind};
use super::resolve::resolve_among;
use crate::value::{Column, Datum, Type, encoding};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

type Result<X> = std::result::Result<X, EvalError>;

/// What computes the rows of a call.
type Body = fn(&Call<'_>, &mut Cells) -> Result<()>;

/// More rows than this are a data error rather than a full memory.
const MAX_ROWS: usize = 10_000_000;

/// One overload of a function that returns rows.
struct Definition {
    signature: Signature,
    columns: &'static [Output],
    /// The column that no two rows of a call share.
    key: Option<usize>,
    strict: bool,
    body: Body,
}

/// A column that a function returns.
struct Output {
    /// The name; that of the function, or what a query calls it, if it has none of its own.
    name: &'static str,
    kind: Kind,
    nullable: bool,
}

/// A column without a name of its own.
const fn unnamed(kind: Kind, nullable: bool) -> [Output; 1] {
    [Output { name: "", kind, nullable }]
}

const fn named(name: &'static str, kind: Kind, nullable: bool) -> Output {
    Output { name, kind, nullable }
}

impl Definition {
    /// Strict: no rows for a null argument, without a call.
    const fn new(
        name: &'static str,
        arguments: &'static [Kind],
        columns: &'static [Output],
        fallible: bool,
        body: Body,
    ) -> Definition {
        // Of several columns each has a type of its own.
        let result = if columns.len() == 1 { columns[0].kind } else { Kind::Any };
        let signature = Signature::of_rows(name, arguments, result, fallible);
        Definition { signature, columns, key: None, strict: true, body }
    }

    const fn sees_nulls(mut self) -> Definition {
        self.strict = false;
        self
    }

    const fn keyed_by(mut self, column: usize) -> Definition {
        self.key = Some(column);
        self
    }
}

/// What a function is called with.
pub(super) struct Call<'a> {
    /// The arguments, encoded.
    arguments: &'a [u8],
    /// The columns that are asked for.
    columns: &'a [Column],
}

impl Call<'_> {
    /// An argument as it is encoded.
    fn encoded(&self, position: usize) -> &[u8] {
        encoding::column(self.arguments, position)
    }

    fn value(&self, position: usize) -> Datum {
        encoding::decode(self.encoded(position)).0
    }

    /// How many arguments there are.
    fn count(&self) -> usize {
        let (mut rest, mut count) = (self.arguments, 0);
        while !rest.is_empty() {
            rest = &rest[encoding::skip(rest)..];
            count += 1;
        }
        count
    }

    fn values(&self) -> Vec<Datum> {
        (0..self.count()).map(|position| self.value(position)).collect()
    }
}

/// Rows in one buffer, encoded.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Cells {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Forgets all rows.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// A row's columns, one after the other.
    pub fn row(&self, position: usize) -> Option<&[u8]> {
        let start = position.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.bytes.get(Range { start, end: *self.ends.get(position)? })
    }

    fn push(&mut self, value: &Datum) {
        encoding::encode(value, &mut self.bytes);
    }

    fn push_text(&mut self, text: &str) {
        encoding::encode_text(text, &mut self.bytes);
    }

    /// The columns pushed since the last row are a row.
    fn end_row(&mut self) -> Result<()> {
        if self.ends.len() == MAX_ROWS {
            return Err(EvalError::new("54000", format!("the function gives more than {MAX_ROWS} rows")));
        }
        self.ends.push(self.bytes.len());
        Ok(())
    }

    /// A row of one column.
    fn push_row(&mut self, value: &Datum) -> Result<()> {
        self.push(value);
        self.end_row()
    }
}

/// A function that returns rows: one overload.
#[derive(Clone, Copy)]
pub struct TableFunction(&'static Definition);

impl TableFunction {
    /// The function that returns its one argument as its one row.
    pub fn value() -> TableFunction {
        TableFunction(&plain::VALUE)
    }

    /// Its SQL name; several overloads share one.
    pub fn name(&self) -> &'static str {
        self.0.signature.name
    }

    /// Whether it may give an error.
    pub fn is_fallible(&self) -> bool {
        self.0.signature.is_fallible()
    }

    /// The column that no two rows of a call share.
    pub fn key(&self) -> Option<usize> {
        self.0.key
    }

    /// Whether its columns are those that a query defines.
    pub fn returns_records(&self) -> bool {
        self.0.columns.is_empty()
    }

    /// Appends the rows for these arguments, given encoded one after the other.
    pub fn call(&self, arguments: &[u8], columns: &[Column], rows: &mut Cells) -> Result<()> {
        if self.0.strict && has_null(arguments) {
            return Ok(());
        }
        (self.0.body)(&Call { arguments, columns }, rows)
    }
}

fn has_null(arguments: &[u8]) -> bool {
    let mut rest = arguments;
    while let Some(tag) = rest.first() {
        if *tag == encoding::NULL {
            return true;
        }
        rest = &rest[encoding::skip(rest)..];
    }
    false
}

impl PartialEq for TableFunction {
    fn eq(&self, other: &TableFunction) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl fmt::Debug for TableFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The overload a call means.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedTable {
    /// The function.
    pub function: TableFunction,
    /// What each argument is to be cast to, implicitly.
    pub arguments: Vec<Type>,
    /// What it returns; a column without a name of its own has an empty one.
    pub columns: Vec<Column>,
}

static FAMILIES: [&[Definition]; 6] =
    [array::FUNCTIONS, series::FUNCTIONS, text::FUNCTIONS, json::FUNCTIONS, record::FUNCTIONS, window::FUNCTIONS];

static BY_NAME: LazyLock<HashMap<&'static str, Vec<&'static Definition>>> = LazyLock::new(|| {
    let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
    for definition in FAMILIES.iter().copied().flatten() {
        by_name.entry(definition.signature.name).or_default().push(definition);
    }
    by_name
});

/// Whether functions of that name return rows.
pub fn is_table_function(name: &str) -> bool {
    BY_NAME.contains_key(name)
}

/// Finds a function that returns rows by name.
pub fn resolve_table_function(name: &str, arguments: &[Argument]) -> std::result::Result<ResolvedTable, ResolveError> {
    let all = BY_NAME.get(name).map_or(&[][..], Vec::as_slice);
    let signatures: Vec<&'static Signature> = all.iter().map(|definition| &definition.signature).collect();
    let (chosen, arguments, result) = resolve_among(name, &signatures, arguments)?;
    let definition = all.iter().find(|definition| std::ptr::eq(&definition.signature, chosen));
    let Some(definition) = definition else { return Err(super::resolve::not_found("function", name, &[])) };
    let column = |output: &Output| {
        let ty = match definition.columns {
            [_] => result.clone(),
            _ => output.kind.concrete().unwrap_or(Type::Text),
        };
        Column::new(output.name, ty, output.nullable)
    };
    let columns = definition.columns.iter().map(column).collect();
    Ok(ResolvedTable { function: TableFunction(definition), arguments, columns })
}
