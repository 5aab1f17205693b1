//! What the views may read: relations by name, and the user-defined types their columns have.

use crate::value::{EnumType, RelationName, Schema, Type};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The relations that exist before any view does.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    relations: BTreeMap<RelationName, Arc<Schema>>,
    enums: BTreeMap<String, Arc<EnumType>>,
}

impl Catalog {
    /// A catalog without relations.
    pub fn new() -> Catalog {
        Catalog::default()
    }

    /// Adds a relation; one of the same name is replaced.
    pub fn insert(&mut self, name: RelationName, schema: impl Into<Arc<Schema>>) {
        let schema = schema.into();
        for column in &schema.columns {
            let element = match &column.ty {
                Type::Array(element) => element,
                ty => ty,
            };
            if let Type::Enum(labels) = element {
                self.enums.insert(labels.name.clone(), labels.clone());
            }
        }
        self.relations.insert(name, schema);
    }

    /// The relation of that name.
    pub fn get(&self, name: &RelationName) -> Option<&Arc<Schema>> {
        self.relations.get(name)
    }

    /// All names in order.
    pub fn names(&self) -> impl Iterator<Item = &RelationName> {
        self.relations.keys()
    }

    /// Adds an enum that no column has yet.
    pub(super) fn add_enum(&mut self, labels: EnumType) {
        self.enums.insert(labels.name.clone(), Arc::new(labels));
    }

    /// The enum of that name, as some column has it.
    pub(super) fn enum_type(&self, name: &str) -> Option<&Arc<EnumType>> {
        self.enums.get(name)
    }
}
