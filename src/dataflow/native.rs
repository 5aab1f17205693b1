//! Views written in Rust over differential collections.

use super::types::{Errors, Rows, Scope};
use crate::value::{RelationName, Schema, Time};
use std::fmt;
use std::sync::Arc;

/// Builds a Rust view's collection from its inputs. Run once per worker; must not depend on the worker.
pub type Build = Arc<dyn for<'s> Fn(&mut NativeInputs<'s>) -> Rows<'s> + Send + Sync>;

/// A view written in Rust.
#[derive(Clone)]
pub struct NativeView {
    /// Its name.
    pub name: RelationName,
    /// Raised whenever its meaning changes: its fingerprint.
    pub version: u64,
    /// The rows it makes.
    pub schema: Arc<Schema>,
    /// The relations it reads.
    pub inputs: Vec<RelationName>,
    /// Its definition.
    pub build: Build,
}

impl fmt::Debug for NativeView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NativeView { name, version, inputs, .. } = self;
        f.debug_struct("NativeView").field("name", name).field("version", version).field("inputs", inputs).finish()
    }
}

/// What a Rust view's definition is given.
pub struct NativeInputs<'s> {
    scope: Scope<'s>,
    inputs: Vec<(RelationName, Arc<Schema>, Rows<'s>)>,
    errors: Vec<Errors<'s>>,
}

impl<'s> NativeInputs<'s> {
    /// Inputs in the order in which the view names them.
    pub(super) fn new(scope: Scope<'s>, inputs: Vec<(RelationName, Arc<Schema>, Rows<'s>)>) -> Self {
        NativeInputs { scope, inputs, errors: Vec::new() }
    }

    /// Where new collections may be made.
    pub fn scope(&self) -> Scope<'s> {
        self.scope
    }

    /// The rows of the input at that position of `NativeView::inputs`.
    pub fn rows(&self, position: usize) -> Option<Rows<'s>> {
        self.inputs.get(position).map(|(_, _, rows)| rows.clone())
    }

    /// The position of the input of that name.
    pub fn position(&self, name: &RelationName) -> Option<usize> {
        self.inputs.iter().position(|(input, _, _)| input == name)
    }

    /// The shape of the input at that position.
    pub fn schema(&self, position: usize) -> Option<Arc<Schema>> {
        self.inputs.get(position).map(|(_, schema, _)| schema.clone())
    }

    /// Adds rows to the view's error relation.
    pub fn report(&mut self, errors: Errors<'s>) {
        self.errors.push(errors);
    }

    /// What was reported.
    pub(super) fn into_errors(self) -> Vec<Errors<'s>> {
        self.errors
    }
}

/// Runs a definition once, without rows, on a dataflow of its own: for what it does besides.
pub fn rehearse(build: Build) {
    timely::execute_directly(move |worker| {
        worker.dataflow::<Time, _, _>(|scope| drop(build(&mut NativeInputs::new(scope, Vec::new()))));
    });
}
