//! Typed rows: Rust structs as rows, through serde, at declared boundaries only.

mod read;
mod trace;
mod values;
mod write;

pub use read::{RowReader, find};
pub use trace::columns;
pub use values::{Date, Decimal, Jsonb, Timestamp, Timestamptz, Uuid};
pub use write::to_row;

/// Why a Rust type and a relation do not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TypedError(pub String);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Column, Datum, Schema, Type};
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Payment {
        id: i64,
        card: String,
        cents: Option<i32>,
        at: Timestamptz,
        on: Date,
        rate: Decimal,
        open: bool,
        share: f64,
    }

    fn payment() -> Payment {
        Payment {
            id: 7,
            card: "4111".into(),
            cents: None,
            at: Timestamptz(1_700_000_000_000_000),
            on: Date(19_675),
            rate: Decimal("1.50".into()),
            open: true,
            share: 0.25,
        }
    }

    #[test]
    fn columns_are_the_fields() {
        let expected = [
            ("id", Type::Int8, false),
            ("card", Type::Text, false),
            ("cents", Type::Int4, true),
            ("at", Type::Timestamptz, false),
            ("on", Type::Date, false),
            ("rate", Type::Numeric, false),
            ("open", Type::Bool, false),
            ("share", Type::Float8, false),
        ];
        let expected: Vec<Column> = expected.map(|(name, ty, nullable)| Column::new(name, ty, nullable)).into();
        assert_eq!(columns::<Payment>(), Ok(expected));
    }

    #[test]
    fn there_and_back_by_name() {
        let mut columns = columns::<Payment>().expect("every field has a SQL type");
        let row = to_row(&payment(), &columns).expect("its own columns fit");
        assert_eq!(row.unpack()[3], Datum::Timestamptz(753_315_200_000_000));
        let reader = RowReader::<Payment>::new(&Schema::table(columns.clone(), None)).expect("its own columns fit");
        assert_eq!(reader.read(&row), Ok(payment()));

        let mut values = row.unpack();
        columns.reverse();
        values.reverse();
        let reader = RowReader::<Payment>::new(&Schema::table(columns, None)).expect("order does not matter");
        assert_eq!(reader.read(&crate::value::Row::pack(&values)), Ok(payment()));
    }

    #[test]
    fn a_row_is_what_was_declared() {
        let declared = columns::<Payment>().expect("every field has a SQL type");
        let refused = |columns: &[Column]| to_row(&payment(), columns).err().map(|e| e.to_string()).unwrap_or_default();
        let mut not_null = declared.clone();
        not_null[2].nullable = false;
        assert_eq!(refused(&not_null), "field `cents` is written where `cents`, integer, was declared");
        assert_eq!(refused(&declared[..7]), "field `share` is written but was not declared");
        let mut more = declared.clone();
        more.push(Column::new("more", Type::Bool, false));
        assert_eq!(refused(&more), "field `more` was declared but is not written");
    }

    #[test]
    fn what_does_not_fit_is_refused_at_start() {
        #[derive(Debug, Deserialize)]
        struct Id {
            #[expect(dead_code)]
            id: i32,
        }
        let refused = |ty, nullable| {
            let schema = Schema::table(vec![Column::new("id", ty, nullable)], None);
            RowReader::<Id>::new(&schema).err().map(|e| e.to_string()).unwrap_or_default()
        };
        assert_eq!(refused(Type::Int2, false), "");
        assert!(refused(Type::Int8, false).contains("field `id` is integer, but its column is bigint"));
        assert!(refused(Type::Int4, true).contains("must be an Option"));
        assert!(columns::<i64>().is_err());

        #[derive(Debug, Deserialize)]
        struct Nested {
            #[expect(dead_code)]
            ids: Vec<i64>,
        }
        assert!(columns::<Nested>().is_err_and(|e| e.to_string().contains("field `ids`")));
    }
}
