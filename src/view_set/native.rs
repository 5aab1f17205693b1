//! Views in Rust: a closure over typed differential collections.
//!
//! What a closure reads is learnt by running it once without rows before anything starts, so that nobody has to list inputs
//! twice, and a row type that does not fit its relation is told like an error in SQL. On a worker the same closure runs over
//! the real rows. Serde converts at the boundaries only: where rows enter the closure and where its results leave it.

use super::typed::{self, RowReader, TypedError};
use crate::dataflow::prelude::{
    Build, DataError, Errors, ExchangeData, NativeInputs, NativeView, Rows, Scope, VecCollection,
};
use crate::dataflow::{empty, rehearse};
use crate::engine::{NativeDefinition, relation_name};
use crate::value::{Column, Diff, RelationName, Row, Schema, Time, text};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::sync::{Arc, Mutex};

/// A row type of a Rust view: a struct with named fields that serde can read and write.
pub trait RowType: ExchangeData + Serialize + DeserializeOwned {}

impl<T: ExchangeData + Serialize + DeserializeOwned> RowType for T {}

/// A collection of typed rows.
pub type Collection<'s, T> = VecCollection<'s, Time, T, Diff>;

/// What a Rust view reads, by name.
pub struct Inputs<'s> {
    scope: Scope<'s>,
    /// Nothing while the view is only asked what it reads.
    relations: Vec<(RelationName, Arc<Schema>, Rows<'s>)>,
    asked: RefCell<Vec<Asked>>,
    errors: RefCell<Vec<Errors<'s>>>,
}

/// A relation that was asked for, and the columns of the row type, unless it has none.
type Asked = (RelationName, Result<Vec<Column>, TypedError>);

impl<'s> Inputs<'s> {
    fn new(native: &NativeInputs<'s>, names: &[RelationName]) -> Inputs<'s> {
        let relation = |(position, name): (usize, &RelationName)| {
            Some((name.clone(), native.schema(position)?, native.rows(position)?))
        };
        Inputs {
            scope: native.scope(),
            relations: names.iter().enumerate().filter_map(relation).collect(),
            asked: RefCell::default(),
            errors: RefCell::default(),
        }
    }

    /// The rows of a relation: a table, a stream or another view. `T`'s fields are found among its columns by name.
    pub fn get<T: RowType>(&self, relation: &str) -> Collection<'s, T> {
        let name = relation_name(relation);
        let Some((_, schema, rows)) = self.relations.iter().find(|(known, _, _)| *known == name) else {
            self.asked.borrow_mut().push((name, typed::columns::<T>()));
            return empty(self.scope);
        };
        // Cannot fail: what the closure asked for when it was rehearsed was checked against the schemas.
        let reader = RowReader::<T>::new(schema).unwrap_or_else(|error| panic!("{error}"));
        let (values, errors) = split(rows.clone().map(move |row| reader.read(&row).map_err(|e| data_error(&e, &row))));
        self.errors.borrow_mut().push(errors);
        values
    }

    /// Where new collections may be made.
    pub fn scope(&self) -> Scope<'s> {
        self.scope
    }
}

/// The definition of the engine for a Rust view; an error says which type does not fit.
pub(super) fn define<T: RowType>(
    name: &str,
    version: u64,
    key: &[&str],
    definition: impl for<'s> Fn(&Inputs<'s>) -> Collection<'s, T> + Send + Sync + 'static,
) -> Result<NativeDefinition, TypedError> {
    let schema = output_schema::<T>(key)?;
    let definition = Arc::new(definition);
    let mut inputs = Vec::new();
    let mut expected = Vec::new();
    for (relation, columns) in asked_by(definition.clone()) {
        inputs.push(relation);
        expected.push(columns?);
    }
    let (names, schema) = (inputs.clone(), Arc::new(schema));
    let columns = schema.clone();
    let build: Build = Arc::new(move |native| {
        let inputs = Inputs::new(native, &names);
        let columns = columns.clone();
        let results = definition(&inputs)
            .map(move |value| typed::to_row(&value, &columns.columns).map_err(|e| value_error(&e, &value)));
        let (rows, errors) = split(results);
        inputs.errors.take().into_iter().for_each(|errors| native.report(errors));
        native.report(errors);
        rows
    });
    let view = NativeView { name: relation_name(name), version, schema, inputs, build };
    let fits = |schema: &Schema, field: &Column| typed::find(schema, field).map_err(|error| error.to_string());
    Ok(NativeDefinition { view, expected, fits })
}

fn output_schema<T: RowType>(key: &[&str]) -> Result<Schema, TypedError> {
    let columns = typed::columns::<T>()?;
    let position = |name: &&str| {
        let found = columns.iter().position(|column| column.name == *name);
        let row_type = std::any::type_name::<T>();
        found.ok_or_else(|| TypedError(format!("key column `{name}` is not a field of {row_type}")))
    };
    let key: Vec<usize> = key.iter().map(position).collect::<Result<_, _>>()?;
    Ok(Schema::table(columns, Some(key).filter(|key| !key.is_empty())))
}

/// Runs the closure once without rows and notes what it asks for.
fn asked_by<T: RowType>(
    definition: Arc<impl for<'s> Fn(&Inputs<'s>) -> Collection<'s, T> + Send + Sync + 'static>,
) -> Vec<Asked> {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let build: Build = Arc::new({
        let notes = notes.clone();
        move |native| {
            let inputs = Inputs::new(native, &[]);
            definition(&inputs);
            *notes.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = inputs.asked.take();
            empty(native.scope())
        }
    });
    rehearse(build);
    let mut asked = notes.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    std::mem::take(&mut *asked)
}

/// Values and errors apart.
fn split<'s, T: ExchangeData>(results: Collection<'s, Result<T, DataError>>) -> (Collection<'s, T>, Errors<'s>) {
    let errors = results.clone().flat_map(Result::err);
    (results.flat_map(Result::ok), errors)
}

/// A row that its row type cannot hold.
fn data_error(error: &TypedError, row: &Row) -> DataError {
    let mut input = String::new();
    for (index, value) in row.unpack().iter().enumerate() {
        input.push_str(if index == 0 { "" } else { ", " });
        if value.is_null() { input.push_str("null") } else { text::write(value, &mut input) }
    }
    DataError { code: INVALID.into(), message: error.to_string(), input }
}

/// A result that no row can hold.
fn value_error<T: std::fmt::Debug>(error: &TypedError, value: &T) -> DataError {
    DataError { code: INVALID.into(), message: error.to_string(), input: format!("{value:?}") }
}

/// `invalid_parameter_value`
const INVALID: &str = "22023";
