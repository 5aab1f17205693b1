//! What a function's argument or result may be: a type, or one of Postgres's polymorphic kinds.

use crate::value::{OpaqueType, Type};
use std::sync::{Arc, LazyLock};

/// The type of paths, of which there are only literals.
static JSONPATH: LazyLock<Arc<OpaqueType>> =
    LazyLock::new(|| Arc::new(OpaqueType { name: "jsonpath".into(), readable: true, as_text: true }));

/// A type whose values are held as Postgres shows them, which a cast to text does not give.
fn shown(name: &str) -> Arc<OpaqueType> {
    Arc::new(OpaqueType { name: name.into(), readable: true, as_text: false })
}

static INET: LazyLock<Arc<OpaqueType>> = LazyLock::new(|| shown("inet"));
static CIDR: LazyLock<Arc<OpaqueType>> = LazyLock::new(|| shown("cidr"));

/// A type, or a rule for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::expr) enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Varchar,
    Char,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    /// A path through JSON, held as its text.
    Jsonpath,
    Inet,
    Cidr,
    TextArray,
    Int4Array,
    /// Any type, each argument for itself.
    Any,
    /// The element type that all `Element` and `Array` arguments agree on exactly.
    Element,
    /// The array of `Element`.
    Array,
    /// As `Element`, but an enum.
    Enum,
    /// As `Element`, but a type held as Postgres shows it, of which equal values are shown alike.
    Canonical,
    /// As `Element`, but not an array.
    NonArray,
    /// The type all `Common` and `CommonArray` arguments can be converted to.
    Common,
    /// The array of `Common`.
    CommonArray,
}

impl Kind {
    /// The type, unless polymorphic.
    pub(in crate::expr) fn concrete(self) -> Option<Type> {
        Some(match self {
            Kind::Bool => Type::Bool,
            Kind::Int2 => Type::Int2,
            Kind::Int4 => Type::Int4,
            Kind::Int8 => Type::Int8,
            Kind::Float4 => Type::Float4,
            Kind::Float8 => Type::Float8,
            Kind::Numeric => Type::Numeric,
            Kind::Text => Type::Text,
            Kind::Varchar => Type::Varchar,
            Kind::Char => Type::Char,
            Kind::Bytea => Type::Bytea,
            Kind::Date => Type::Date,
            Kind::Time => Type::Time,
            Kind::Timestamp => Type::Timestamp,
            Kind::Timestamptz => Type::Timestamptz,
            Kind::Interval => Type::Interval,
            Kind::Uuid => Type::Uuid,
            Kind::Json => Type::Json,
            Kind::Jsonb => Type::Jsonb,
            Kind::Jsonpath => Type::Opaque(JSONPATH.clone()),
            Kind::Inet => Type::Opaque(INET.clone()),
            Kind::Cidr => Type::Opaque(CIDR.clone()),
            Kind::TextArray => Type::Text.array_of(),
            Kind::Int4Array => Type::Int4.array_of(),
            Kind::Any | Kind::Element | Kind::Array | Kind::Enum | Kind::Canonical => return None,
            Kind::NonArray | Kind::Common | Kind::CommonArray => return None,
        })
    }
}
