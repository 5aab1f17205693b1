//! Arrangement keys: three kinds, chosen per arrangement from the types and nullability of the key's columns.
//!
//! A `u64` for one fixed-width column that is never null, `[u64; 2]` for two such, for one that may be null, and for a uuid; the
//! bytes of a row for everything else. SQL-equal values have equal keys in every kind. Null keys of a join are dropped before
//! they come here, so that a nullable integer still joins as a `u64`.

use super::slab::Slab;
use crate::value::{Column, Row, RowBuilder, Type, encoding, key};
use differential_dataflow::ExchangeData;
use differential_dataflow::trace::implementations::BatchContainer;
use std::hash::Hash;
use timely::container::PushInto;

/// Which kind of key an arrangement has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// `u64`
    Word,
    /// `[u64; 2]`
    Pair,
    /// `Row`
    Bytes,
}

/// How keys are made of encoded columns.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyPlan {
    kind: KeyKind,
    columns: Vec<KeyColumn>,
}

#[derive(Clone, Debug, PartialEq)]
struct KeyColumn {
    form: Form,
    nullable: bool,
}

/// What a column looks like, for reading and writing it as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A tag and up to eight bytes, or a tag alone that is the value (boolean).
    Word { tag: u8, width: usize },
    /// A tag and sixteen bytes.
    Uuid { tag: u8 },
    /// Of any length; equal values have equal bytes.
    Canonical,
    /// Equal values may have different bytes: the key encoding is taken.
    Loose,
}

impl Form {
    fn of(ty: &Type) -> Form {
        use crate::value::Datum;
        let tag = |sample: Datum| Row::pack([&sample]).with_bytes(|bytes| bytes[0]);
        let word = |sample: Datum, width| Form::Word { tag: tag(sample), width };
        match ty {
            Type::Bool => Form::Word { tag: 0, width: 0 },
            Type::Int2 => word(Datum::Int2(0), 2),
            Type::Int4 => word(Datum::Int4(0), 4),
            Type::Int8 => word(Datum::Int8(0), 8),
            Type::Date => word(Datum::Date(0), 4),
            Type::Time => word(Datum::Time(0), 8),
            Type::Timestamp => word(Datum::Timestamp(0), 8),
            Type::Timestamptz => word(Datum::Timestamptz(0), 8),
            Type::Uuid => Form::Uuid { tag: tag(Datum::Uuid([0; 16])) },
            ty if ty.is_canonical() => Form::Canonical,
            _ => Form::Loose,
        }
    }
}

impl KeyPlan {
    /// The plan for keys of these columns.
    pub fn new(columns: &[Column]) -> KeyPlan {
        let columns: Vec<KeyColumn> =
            columns.iter().map(|c| KeyColumn { form: Form::of(&c.ty), nullable: c.nullable }).collect();
        let kind = match columns.as_slice() {
            [] => KeyKind::Word,
            [KeyColumn { form: Form::Word { .. }, nullable: false }] => KeyKind::Word,
            [KeyColumn { form: Form::Word { .. }, nullable: true }] => KeyKind::Pair,
            [KeyColumn { form: Form::Uuid { .. }, nullable: false }] => KeyKind::Pair,
            [a, b] if a.is_word() && b.is_word() => KeyKind::Pair,
            _ => KeyKind::Bytes,
        };
        KeyPlan { kind, columns }
    }

    /// Which kind.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Whether the columns can be read back from the key: equal values have equal bytes.
    pub fn shows_columns(&self) -> bool {
        self.columns.iter().all(|column| column.form != Form::Loose)
    }
}

impl KeyColumn {
    fn is_word(&self) -> bool {
        matches!(self.form, Form::Word { .. }) && !self.nullable
    }

    /// Takes a word off the front of encoded columns.
    #[inline]
    fn read_word(&self, columns: &mut &[u8]) -> u64 {
        let Form::Word { width, .. } = self.form else { return 0 };
        let mut word = [0; 8];
        let (column, rest) = columns.split_at(width + 1);
        *columns = rest;
        if width == 0 {
            return u64::from(column[0]);
        }
        word[8 - width..].copy_from_slice(&column[1..]);
        u64::from_be_bytes(word)
    }

    #[inline]
    fn write_word(&self, word: u64, out: &mut RowBuilder) {
        let Form::Word { tag, width } = self.form else { return };
        let mut column = [0; 9];
        if width == 0 {
            column[0] = word as u8;
        } else {
            column[0] = tag;
            column[1..=width].copy_from_slice(&word.to_be_bytes()[8 - width..]);
        }
        out.push_encoded(&column[..=width]);
    }
}

/// An arrangement's key.
pub trait Key: ExchangeData + Hash {
    /// Holds a batch's keys.
    type Container: for<'a> BatchContainer<Owned = Self, ReadItem<'a>: PartialEq<&'a Self>> + PushInto<Self>;

    /// The key of these encoded columns.
    fn read(plan: &KeyPlan, columns: &[u8]) -> Self;

    /// Appends the columns, encoded. Only for plans with `shows_columns`.
    fn write(plan: &KeyPlan, key: <Self::Container as BatchContainer>::ReadItem<'_>, out: &mut RowBuilder);

    /// What a container of keys takes.
    fn memory(keys: &Self::Container) -> usize;

    /// Spreads keys over workers and buckets; the same on every worker.
    fn spread(&self) -> u64 {
        differential_dataflow::Hashable::hashed(self)
    }
}

#[inline]
fn mix(word: u64) -> u64 {
    let product = u128::from(word ^ 0x9e37_79b9_7f4a_7c15) * 0xa076_1d64_78bd_642f;
    (product as u64) ^ ((product >> 64) as u64)
}

impl Key for u64 {
    type Container = Vec<u64>;

    #[inline]
    fn read(plan: &KeyPlan, mut columns: &[u8]) -> u64 {
        plan.columns.first().map_or(0, |column| column.read_word(&mut columns))
    }

    #[inline]
    fn write(plan: &KeyPlan, key: &u64, out: &mut RowBuilder) {
        if let Some(column) = plan.columns.first() {
            column.write_word(*key, out);
        }
    }

    fn memory(keys: &Vec<u64>) -> usize {
        keys.capacity() * size_of::<u64>()
    }

    #[inline]
    fn spread(&self) -> u64 {
        mix(*self)
    }
}

impl Key for [u64; 2] {
    type Container = Vec<[u64; 2]>;

    #[inline]
    fn read(plan: &KeyPlan, mut columns: &[u8]) -> [u64; 2] {
        match plan.columns.as_slice() {
            [a, b] => [a.read_word(&mut columns), b.read_word(&mut columns)],
            [KeyColumn { form: Form::Uuid { .. }, .. }] => {
                let word = |bytes: &[u8]| bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
                [word(&columns[1..9]), word(&columns[9..17])]
            }
            [_] if columns[0] == encoding::NULL => [1, 0],
            [column] => [0, column.read_word(&mut columns)],
            _ => [0, 0],
        }
    }

    fn write(plan: &KeyPlan, key: &[u64; 2], out: &mut RowBuilder) {
        match plan.columns.as_slice() {
            [a, b] => {
                a.write_word(key[0], out);
                b.write_word(key[1], out);
            }
            [KeyColumn { form: Form::Uuid { tag }, .. }] => {
                out.push_encoded(&[*tag]);
                key.iter().for_each(|word| out.push_encoded(&word.to_be_bytes()));
            }
            [_] if key[0] == 1 => out.push_encoded(&[encoding::NULL]),
            [column] => column.write_word(key[1], out),
            _ => {}
        }
    }

    fn memory(keys: &Vec<[u64; 2]>) -> usize {
        keys.capacity() * size_of::<[u64; 2]>()
    }

    #[inline]
    fn spread(&self) -> u64 {
        mix(mix(self[0]).wrapping_add(self[1]))
    }
}

impl Key for Row {
    type Container = Slab;

    #[inline]
    fn read(plan: &KeyPlan, columns: &[u8]) -> Row {
        if plan.shows_columns() { Row::from_bytes(columns) } else { read_loose(plan, columns) }
    }

    #[inline]
    fn write(_plan: &KeyPlan, key: super::slab::Bytes<'_>, out: &mut RowBuilder) {
        out.push_encoded(key.0);
    }

    fn memory(keys: &Slab) -> usize {
        keys.memory()
    }
}

fn read_loose(plan: &KeyPlan, mut columns: &[u8]) -> Row {
    let mut bytes = Vec::with_capacity(columns.len());
    for column in &plan.columns {
        let (this, rest) = columns.split_at(encoding::skip(columns));
        columns = rest;
        match column.form {
            Form::Loose => key::encode(&encoding::decode(this).0, &mut bytes),
            _ => bytes.extend_from_slice(this),
        }
    }
    Row::from_bytes(&bytes)
}

/// Runs a body with the type parameter `$key` bound to the key type of a kind.
macro_rules! with_key {
    ($kind:expr, $key:ident => $body:expr) => {
        match $kind {
            $crate::dataflow::key::KeyKind::Word => {
                type $key = u64;
                $body
            }
            $crate::dataflow::key::KeyKind::Pair => {
                type $key = [u64; 2];
                $body
            }
            $crate::dataflow::key::KeyKind::Bytes => {
                type $key = $crate::value::Row;
                $body
            }
        }
    };
}
pub(super) use with_key;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Datum;

    fn column(ty: Type, nullable: bool) -> Column {
        Column::new("c", ty, nullable)
    }

    fn round_trip<K: Key>(plan: &KeyPlan, row: &Row) -> Row {
        let key = row.with_bytes(|bytes| K::read(plan, bytes));
        let mut container = K::Container::with_capacity(1);
        container.push_own(&key);
        let mut out = RowBuilder::default();
        K::write(plan, container.index(0), &mut out);
        out.finish()
    }

    fn check(kind: KeyKind, columns: &[Column], values: &[Datum]) {
        let plan = KeyPlan::new(columns);
        assert_eq!(plan.kind(), kind, "{columns:?}");
        assert!(plan.shows_columns());
        let row = Row::pack(values);
        assert_eq!(with_key!(kind, K => round_trip::<K>(&plan, &row)).unpack(), values);
    }

    #[test]
    fn columns_come_back_from_every_kind() {
        use KeyKind::*;
        check(Word, &[], &[]);
        for v in [i64::MIN, -1, 0, 7, i64::MAX] {
            check(Word, &[column(Type::Int8, false)], &[Datum::Int8(v)]);
            check(Pair, &[column(Type::Int8, true)], &[Datum::Int8(v)]);
        }
        check(Word, &[column(Type::Int2, false)], &[Datum::Int2(-3)]);
        check(Word, &[column(Type::Bool, false)], &[Datum::Bool(true)]);
        check(Word, &[column(Type::Date, false)], &[Datum::Date(-5)]);
        check(Pair, &[column(Type::Int4, true)], &[Datum::Null]);
        check(Pair, &[column(Type::Uuid, false)], &[Datum::Uuid([9; 16])]);
        check(Pair, &[column(Type::Int4, false), column(Type::Bool, false)], &[Datum::Int4(4), Datum::Bool(false)]);
        check(Bytes, &[column(Type::Text, false)], &[Datum::text("a")]);
        check(Bytes, &[column(Type::Uuid, true)], &[Datum::Null]);
        let three = [Datum::Int4(1), Datum::Null, Datum::text("x")];
        check(Bytes, &[column(Type::Int4, false), column(Type::Int4, true), column(Type::Text, true)], &three);
    }

    #[test]
    fn equal_values_of_different_form_have_one_key() {
        let plan = KeyPlan::new(&[column(Type::Float8, true), column(Type::Int4, true)]);
        assert_eq!(plan.kind(), KeyKind::Bytes);
        assert!(!plan.shows_columns());
        let key = |v: f64| Row::pack(&[Datum::Float8(v), Datum::Int4(1)]).with_bytes(|bytes| Row::read(&plan, bytes));
        assert_eq!(key(0.0), key(-0.0));
        assert_ne!(key(0.0), key(1.0));
    }
}
