//! Rows that a table refuses: the run ends with the row's key, the constraint and what to do, and nothing is written.

use super::super::model::view;
use super::super::target::read_product;
use super::{product, sink};
use crate::support::postgres::Postgres;
use tidegate::sink::{Sink, SinkError};

/// What is done to the table, and what is said of the row with id 7, named "bad".
const REFUSING: &[(&str, &[&str])] = &[
    (
        "ALTER TABLE product ADD CONSTRAINT good CHECK (name <> 'bad')",
        &["violates check constraint \"good\" (23514)", "DROP CONSTRAINT"],
    ),
    (
        "CREATE TABLE names AS SELECT 'good ' || i AS name FROM generate_series(0, 9999) i;
         ALTER TABLE names ADD PRIMARY KEY (name); ALTER TABLE product ADD CONSTRAINT known FOREIGN KEY (name) REFERENCES names",
        &["violates foreign key constraint \"known\"", "Key (name)=(bad) is not present", "drop the foreign key"],
    ),
    (
        "CREATE TABLE names AS SELECT 'good ' || i AS name FROM generate_series(0, 9999) i;
         ALTER TABLE names ADD PRIMARY KEY (name);
         ALTER TABLE product ADD CONSTRAINT known FOREIGN KEY (name) REFERENCES names DEFERRABLE INITIALLY DEFERRED",
        &["violates foreign key constraint \"known\"", "Key (name)=(bad) is not present"],
    ),
    (
        "ALTER TABLE product ADD COLUMN upper text GENERATED ALWAYS AS (CASE name WHEN 'bad' THEN (1 / (id - 7))::text END) STORED",
        &["division by zero (22012)"],
    ),
    ("ALTER TABLE product ALTER COLUMN name TYPE varchar(10)", &["value too long for type character varying(10) (22001)"]),
    (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN IF NEW.name = 'bad' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON product FOR EACH ROW EXECUTE FUNCTION refuse()",
        &["not this one (P0001)", "change the table or the view"],
    ),
];

#[test]
fn are_named() {
    for (refusing, says) in REFUSING {
        // Few rows, many, and the whole content beside other content or in an empty table.
        for (rows, first, filled) in [(10, false, true), (3_000, false, true), (3_000, true, true), (10, true, false)] {
            let database = Postgres::shared().create_database();
            let mut sink = sink(&database, view(true), "table = 'product'");
            sink.open().expect("the table can be made");
            sink.apply(&product(&[], 1, true)).expect("an empty table");
            if filled {
                sink.apply(&product(&[(1, Some("good 0"))], 2, false)).expect("a good row");
            }
            database.execute(refusing);
            sink.open().expect("the table fits");
            let before = read_product(&database);
            let bad = if refusing.contains("varchar(10)") { "much too long" } else { "bad" };
            let names: Vec<String> =
                (0..rows).map(|id| if id == 7 { bad.into() } else { format!("good {id}") }).collect();
            let writes: Vec<(i64, Option<&str>)> =
                (0..rows).zip(&names).map(|(id, name)| (id, Some(&**name))).collect();
            let error = sink.apply(&product(&writes, 3, first)).expect_err("one of them is bad");
            let SinkError::Operator(text) = &error else { panic!("{refusing}: {error:?}") };
            for said in says.iter().chain(&["refuses the row with the key (id) = (7): "]) {
                assert!(text.contains(said), "{refusing}, {rows} rows, first {first}: not a word of {said} in\n{text}");
            }
            assert_eq!(read_product(&database), before, "{refusing}: something was written");
            // Without that row it goes on.
            sink.open().expect("the table is there");
            let good: Vec<_> = writes.into_iter().filter(|(id, _)| *id != 7).collect();
            sink.apply(&product(&good, 3, first)).unwrap_or_else(|error| panic!("{refusing}: {error}"));
        }
    }
}

/// A row that others refer to cannot go.
#[test]
fn that_cannot_go_are_named() {
    let database = Postgres::shared().create_database();
    let mut sink = sink(&database, view(true), "table = 'product'");
    sink.open().expect("the table can be made");
    sink.apply(&product(&[(1, Some("a")), (2, Some("b"))], 1, true)).expect("an empty table");
    database.execute(
        "CREATE TABLE orders (product int8 CONSTRAINT sold REFERENCES product); INSERT INTO orders VALUES (2)",
    );
    for (writes, first) in [(&[(1, None), (2, None)][..], false), (&[(1, Some("a"))], true)] {
        sink.open().expect("the table is there");
        let error = sink.apply(&product(writes, 2, first)).expect_err("an order refers to it");
        let said = "Key (id)=(2) is still referenced from table \"orders\"";
        assert!(
            matches!(&error, SinkError::Operator(text) if text.contains("\"sold\"") && text.contains(said)),
            "{error}"
        );
    }
}
