//! Keys against an order and equality stated independently, and encodings against damage.

use crate::value::json::Json;
use crate::value::numeric::Numeric;
use crate::value::{Array, Datum, EnumLabel, Interval, Row, RowBuilder, Type, encoding, key, text};
use proptest::prelude::*;
use std::cmp::Ordering;
use std::sync::Arc;

fn key_of(values: &[Datum]) -> Vec<u8> {
    let mut bytes = Vec::new();
    values.iter().for_each(|value| key::encode(value, &mut bytes));
    bytes
}

fn numeric() -> impl Strategy<Value = Numeric> {
    let small =
        (any::<i64>(), 0u32..60, 0u16..12).prop_map(|(n, shift, scale)| Numeric::Small(i128::from(n >> shift), scale));
    let large = "-?[0-9]{1,60}(\\.[0-9]{1,40})?".prop_map(|text| Numeric::parse(&text).unwrap());
    let special = prop_oneof![Just(Numeric::NaN), Just(Numeric::PositiveInfinity), Just(Numeric::NegativeInfinity)];
    prop_oneof![8 => small, 4 => large, 1 => special]
}

fn document() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        (-50i128..50, 0u16..3).prop_map(|(n, scale)| Json::Number(Numeric::Small(n, scale))),
        "[ab\u{1}]{0,3}".prop_map(|s| Json::String(s.into())),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
            prop::collection::vec(("[ab]{0,2}".prop_map(Arc::from), inner), 0..3).prop_map(Json::object),
        ]
    })
}

fn interval() -> impl Strategy<Value = Interval> {
    let micros = prop_oneof![any::<i64>(), (-3i64..3).prop_map(|d| d * 86_400_000_000)];
    let months = prop_oneof![any::<i32>(), -2..2];
    let days = prop_oneof![any::<i32>(), -60..60];
    (months, days, micros).prop_map(|(months, days, micros)| Interval { months, days, micros })
}

/// Two values of one type, near enough to each other to be equal now and then.
fn pair() -> impl Strategy<Value = (Datum, Datum)> {
    fn two<X: Strategy<Value: Clone + 'static> + Clone + 'static>(
        of: X,
        datum: fn(X::Value) -> Datum,
    ) -> BoxedStrategy<(Datum, Datum)> {
        let null = move |x: Option<X::Value>| x.map_or(Datum::Null, datum);
        let item = prop::option::weighted(0.95, of);
        let same = item.clone().prop_map(move |x| (null(x.clone()), null(x)));
        prop_oneof![4 => (item.clone(), item).prop_map(move |(a, b)| (null(a), null(b))), 1 => same].boxed()
    }
    let bytes = prop::collection::vec(prop_oneof![Just(0u8), Just(255), Just(1), Just(b'a')], 0..5);
    let items = prop::collection::vec(prop::option::of(-2i32..2), 0..4);
    let array = |items: Vec<Option<i32>>| {
        let dimensions = if items.is_empty() { vec![] } else { vec![(items.len(), 1)] };
        let items = items.into_iter().map(|i| i.map_or(Datum::Null, Datum::Int4)).collect();
        Datum::Array(Arc::new(Array { element: Type::Int4, dimensions, items }))
    };
    prop_oneof![
        two(any::<bool>(), Datum::Bool),
        two(any::<i16>(), Datum::Int2),
        two(any::<i32>(), Datum::Int4),
        two(any::<i64>(), Datum::Int8),
        two(any::<f32>(), Datum::Float4),
        two(prop_oneof![any::<f64>(), Just(0.0), Just(-0.0), Just(f64::NAN)].boxed(), Datum::Float8),
        two(numeric().boxed(), Datum::Numeric),
        two("[a\u{1}é]{0,3}", Datum::text),
        two("[ab ]{0,3}", |s| Datum::Char(s.into())),
        two(bytes, |b| Datum::Bytea(b.into())),
        two(any::<i32>(), Datum::Date),
        two(any::<i64>(), Datum::Timestamptz),
        two(interval().boxed(), Datum::Interval),
        two(any::<[u8; 16]>(), Datum::Uuid),
        two(0u32..3, |order| Datum::Enum(EnumLabel { order, label: format!("l{order}").into() })),
        two(document().boxed(), |json| Datum::Jsonb(Arc::new(json))),
        two(items, array),
    ]
}

/// SQL's order, nulls last, told without keys wherever that is possible.
fn sql_order(a: &Datum, b: &Datum) -> Ordering {
    match (a, b) {
        (Datum::Null, Datum::Null) => Ordering::Equal,
        (Datum::Null, _) => Ordering::Greater,
        (_, Datum::Null) => Ordering::Less,
        (Datum::Array(a), Datum::Array(b)) => {
            let elements = a.items.iter().zip(&b.items).map(|(a, b)| sql_order(a, b)).find(|o| o.is_ne());
            elements.unwrap_or(a.items.len().cmp(&b.items.len()))
        }
        (a, b) => a.sql_cmp(b),
    }
}

proptest! {
    #[test]
    fn keys_order_as_sql_does((a, b) in pair()) {
        prop_assert_eq!(key_of(std::slice::from_ref(&a)).cmp(&key_of(std::slice::from_ref(&b))), sql_order(&a, &b));
    }

    #[test]
    fn keys_side_by_side_order_as_tuples((a, b) in pair(), (c, d) in pair()) {
        let order = sql_order(&a, &b).then(sql_order(&c, &d));
        let (first, second) = (key_of(&[a, c]), key_of(&[b, d]));
        prop_assert_eq!(first.cmp(&second), order);
        let length = encoding::skip(&first);
        prop_assert_eq!(length + encoding::skip(&first[length..]), first.len());
    }

    #[test]
    fn rows_give_back_every_form((a, b) in pair(), (c, d) in pair()) {
        let values = [a, b, c, d];
        let row = Row::pack(&values);
        prop_assert!(row.check(4) && !row.check(3) && !row.check(5));
        // By their text, as NaN differs from itself.
        let shown = |value: &Datum| { let mut out = String::new(); text::write(value, &mut out); out };
        for (i, (value, again)) in values.iter().zip(row.unpack()).enumerate() {
            prop_assert_eq!((shown(value), value.is_null()), (shown(&again), again.is_null()));
            prop_assert_eq!(shown(&row.column(i)), shown(value));
        }
    }

    #[test]
    fn canonical_types_have_one_encoding((a, b) in pair()) {
        for value in [a, b] {
            let mut builder = RowBuilder::default();
            builder.push_key(&value);
            let canonical = !matches!(
                value,
                Datum::Float4(_) | Datum::Float8(_) | Datum::Numeric(_) | Datum::Char(_) | Datum::Interval(_) | Datum::Jsonb(_) | Datum::Array(_)
            );
            if canonical {
                prop_assert_eq!(builder.finish(), Row::pack([&value]));
            }
        }
    }

    #[test]
    fn small_coefficients_are_encoded_as_big_ones(bits in any::<i128>(), narrower in 0u32..128, scale in any::<u16>()) {
        let small = bits >> narrower;
        let big = Numeric::Big(Arc::new(small.into()), scale);
        prop_assert_eq!(Row::pack([&Datum::Numeric(Numeric::Small(small, scale))]), Row::pack([&Datum::Numeric(big)]));
    }

    #[test]
    fn damaged_rows_are_refused_or_read((a, b) in pair(), at in 0usize..64, bits in 1u8.., cut in 0usize..64) {
        let mut bytes = Row::pack([&a, &b]).with_bytes(<[u8]>::to_vec);
        let at = at % bytes.len();
        bytes[at] ^= bits;
        bytes.truncate(bytes.len().saturating_sub(cut % 4));
        let row = Row::from_bytes(&bytes);
        if row.check(2) {
            row.unpack();
        }
    }
}

#[test]
fn equal_in_sql_is_equal_in_bytes() {
    let parse = |ty: &Type, input: &str| text::parse(ty, -1, input).unwrap();
    let equal = [
        (Type::Numeric, "1.0", "1.00"),
        (Type::Numeric, "0", "0.000"),
        (Type::Numeric, "1e50", "100000000000000000000000000000000000000000000000000.0"),
        (Type::Interval, "1 month", "30 days"),
        (Type::Interval, "1 day", "24:00:00"),
        (Type::Float8, "0", "-0"),
        (Type::Char, "ab", "ab  "),
        (Type::Jsonb, "{\"a\": 1.0}", "{\"a\": 1}"),
        (Type::Numeric.array_of(), "{1.0,2}", "{1,2.0}"),
    ];
    for (ty, a, b) in equal {
        let (a, b) = (parse(&ty, a), parse(&ty, b));
        assert_eq!(key_of(std::slice::from_ref(&a)), key_of(std::slice::from_ref(&b)), "{a:?} {b:?}");
        assert_ne!(Row::pack([&a]), Row::pack([&b]), "{a:?} {b:?}");
    }
}
