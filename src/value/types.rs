//! The data types: Postgres's, by Postgres's names and without their modifiers.

use std::fmt;
use std::sync::Arc;

/// A Postgres data type. Modifiers such as `numeric(10,2)` belong to a column or a cast, not to the type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `real`
    Float4,
    /// `double precision`
    Float8,
    /// `numeric`, arbitrary precision
    Numeric,
    /// `text`
    Text,
    /// `character varying`
    Varchar,
    /// `character(n)`: blank-padded, trailing blanks do not count in comparisons
    Char,
    /// `bytea`
    Bytea,
    /// `date`
    Date,
    /// `time without time zone`
    Time,
    /// `timestamp without time zone`
    Timestamp,
    /// `timestamp with time zone`
    Timestamptz,
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `json`: kept as written
    Json,
    /// `jsonb`
    Jsonb,
    /// An enum; its labels order by `pg_enum.enumsortorder`.
    Enum(Arc<EnumType>),
    /// An array of any number of dimensions.
    Array(Arc<Type>),
    /// Any other: its values are the text that Postgres shows.
    Opaque(Arc<OpaqueType>),
}

/// A user-defined enum: name and labels in sort order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnumType {
    /// The type's name, schema-qualified unless in `public`.
    pub name: String,
    /// The labels, least first.
    pub labels: Vec<String>,
}

/// A type without operators here: its values pass through.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OpaqueType {
    /// The type's name, as `format_type` prints it.
    pub name: String,
    /// Whether its text is also what JSON shows; otherwise SQL cannot read it.
    pub readable: bool,
    /// Whether a cast to text gives it too.
    pub as_text: bool,
}

impl OpaqueType {
    /// Whether equal values are always shown alike, and others never.
    pub fn is_canonical(&self) -> bool {
        matches!(
            self.name.as_str(),
            "inet" | "cidr" | "macaddr" | "macaddr8" | "bit" | "bit varying" | "int4range" | "int8range" | "daterange"
        )
    }
}

impl Type {
    /// The array type of this element type.
    pub fn array_of(self) -> Type {
        Type::Array(Arc::new(self))
    }

    /// Whether SQL-equal values of this type always have one and the same form, so that a key can be shown as it is.
    pub fn is_canonical(&self) -> bool {
        match self {
            Type::Bool | Type::Int2 | Type::Int4 | Type::Int8 | Type::Text | Type::Varchar | Type::Bytea => true,
            Type::Date | Type::Time | Type::Timestamp | Type::Timestamptz | Type::Uuid | Type::Enum(_) => true,
            Type::Float4 | Type::Float8 | Type::Numeric | Type::Char | Type::Interval => false,
            Type::Json | Type::Jsonb | Type::Array(_) | Type::Opaque(_) => false,
        }
    }

    /// Whether SQL can tell if two values are equal.
    pub fn has_equality(&self) -> bool {
        match self {
            Type::Json => false,
            Type::Opaque(opaque) => opaque.is_canonical(),
            Type::Array(element) => element.has_equality(),
            _ => true,
        }
    }

    /// Whether SQL can tell which of two values is the lesser.
    pub fn has_order(&self) -> bool {
        match self {
            Type::Opaque(_) => false,
            Type::Array(element) => element.has_order(),
            ty => ty.has_equality(),
        }
    }

    /// Whether values hold `json`, of which some text is no `jsonb`.
    pub fn holds_json(&self) -> bool {
        match self {
            Type::Json => true,
            Type::Array(element) => element.holds_json(),
            _ => false,
        }
    }

    /// Whether SQL can read a value at all.
    pub fn is_readable(&self) -> bool {
        !matches!(self, Type::Opaque(opaque) if !opaque.readable)
    }
}

/// Postgres's own name for the type, as `format_type` prints it.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Type::Bool => "boolean",
            Type::Int2 => "smallint",
            Type::Int4 => "integer",
            Type::Int8 => "bigint",
            Type::Float4 => "real",
            Type::Float8 => "double precision",
            Type::Numeric => "numeric",
            Type::Text => "text",
            Type::Varchar => "character varying",
            Type::Char => "character",
            Type::Bytea => "bytea",
            Type::Date => "date",
            Type::Time => "time without time zone",
            Type::Timestamp => "timestamp without time zone",
            Type::Timestamptz => "timestamp with time zone",
            Type::Interval => "interval",
            Type::Uuid => "uuid",
            Type::Json => "json",
            Type::Jsonb => "jsonb",
            Type::Enum(e) => &e.name,
            Type::Array(element) => return write!(f, "{element}[]"),
            Type::Opaque(opaque) => &opaque.name,
        };
        f.write_str(name)
    }
}
