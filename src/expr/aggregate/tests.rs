//! What scripts cannot show: errors, which Postgres gives for the whole query, and what Postgres 15 does not have.

use super::*;
use crate::expr::Argument;
use crate::value::text;

/// The aggregate of rows, each with its arguments as Postgres writes them.
fn aggregate(name: &str, types: &[Type], rows: &[&[Option<&str>]]) -> String {
    let arguments: Vec<Argument> = types.iter().cloned().map(Argument::Known).collect();
    let function = resolve_aggregate(name, &arguments).expect("an aggregate").function;
    let value = |(ty, value): (&Type, &Option<&str>)| match value {
        Some(value) => text::parse(ty, -1, value).expect("a value"),
        None => Datum::Null,
    };
    let mut rows = rows.iter().map(|row| (types.iter().zip(*row).map(value).collect(), 1));
    match function.fold(&mut rows) {
        Ok(Datum::Null) => "null".into(),
        Ok(value) => {
            let mut shown = String::new();
            text::write(&value, &mut shown);
            shown
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn errors_are_postgres_s() {
    let (int, array, text) = (Type::Int4, Type::Int4.array_of(), Type::Text);
    let one = |name: &str, ty: &Type, values: &[Option<&str>]| {
        let rows: Vec<[Option<&str>; 1]> = values.iter().map(|value| [*value]).collect();
        aggregate(name, std::slice::from_ref(ty), &rows.iter().map(|row| row.as_slice()).collect::<Vec<_>>())
    };
    assert_eq!(one("array_agg", &array, &[Some("{1}"), None]), "cannot accumulate null arrays (22004)");
    assert_eq!(one("array_agg", &array, &[Some("{}")]), "cannot accumulate empty arrays (2202E)");
    let unlike = "cannot accumulate arrays of different dimensionality (2202E)";
    assert_eq!(one("array_agg", &array, &[Some("{1}"), Some("{1,2}")]), unlike);
    assert_eq!(one("array_agg", &array, &[Some("{1}"), Some("[2:2]={1}")]), unlike);
    for name in ["json_object_agg", "jsonb_object_agg"] {
        let types = [text.clone(), int.clone()];
        assert_eq!(aggregate(name, &types, &[&[None, Some("1")]]), "field name must not be null (22023)");
        let scalar = "key value must be scalar, not array, composite, or json (22023)";
        assert_eq!(aggregate(name, &[array.clone(), int.clone()], &[&[Some("{1}"), Some("1")]]), scalar);
    }
    let beyond = "percentile value 1.5 is not between 0 and 1 (22003)";
    for name in ["percentile_cont", "percentile_disc"] {
        let types = [Type::Float8, Type::Float8];
        assert_eq!(aggregate(name, &types, &[&[Some("1"), Some("1.5")]]), beyond);
        assert_eq!(aggregate(name, &types, &[]), "null");
    }
    let huge = [Some("1e308"), Some("-1e308")];
    assert_eq!(one("var_pop", &Type::Float8, &huge), "value out of range: overflow (22003)");
}

#[test]
fn any_value_is_the_least() {
    let rows: [&[Option<&str>]; 3] = [&[None], &[Some("1.50")], &[Some("-3.0")]];
    assert_eq!(aggregate("any_value", &[Type::Numeric], &rows), "-3.0");
    assert_eq!(aggregate("any_value", &[Type::Numeric], &rows[..1]), "null");
}

/// However rows came and went, an accumulator holds what it would if only those left had come.
#[test]
fn what_is_taken_back_leaves_nothing() {
    let float = |x: f64| Datum::Float8(x);
    let numeric = |x: &str| Datum::Numeric(Numeric::parse(x).expect("a numeric"));
    let cases: [(&str, Vec<Vec<Datum>>); 4] = [
        ("bit_xor", [5, -1, i64::MIN, 7].map(|x| vec![Datum::Int8(x)]).to_vec()),
        ("stddev", ["1.50", "-7", "NaN", "1e30", "0.001", "Infinity"].map(|x| vec![numeric(x)]).to_vec()),
        ("variance", [0.1, -1e200, 3e-300, f64::NAN, f64::INFINITY].map(|x| vec![float(x)]).to_vec()),
        ("corr", [(0.1, 2.5), (1e100, -3.0), (f64::NAN, 1.0)].map(|(y, x)| vec![float(y), float(x)]).to_vec()),
    ];
    for (name, rows) in cases {
        let ty = |value: &Datum| match value {
            Datum::Int8(_) => Type::Int8,
            Datum::Numeric(_) => Type::Numeric,
            _ => Type::Float8,
        };
        let arguments: Vec<Argument> = rows[0].iter().map(|value| Argument::Known(ty(value))).collect();
        let function = resolve_aggregate(name, &arguments).expect("an aggregate").function;
        let empty = function.accumulable().expect("it accumulates");
        let mut once = empty.clone();
        rows.iter().for_each(|row| once.add(row, 1));
        let mut sum = empty.clone();
        rows.iter().for_each(|row| sum.add(row, 3));
        rows.iter().rev().for_each(|row| sum.add(row, -2));
        assert_eq!(sum, once, "{name}");
        once.multiply(-1);
        sum.merge(&once);
        assert!(sum.is_zero(), "{name}");
        assert_eq!(sum, empty, "{name}");
    }
}
