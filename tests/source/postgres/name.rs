//! Names as people write them: any case, spaces, quotes, words of SQL.

use super::ingest::Case;

#[test]
fn names_of_any_form_are_read() {
    Case {
        tables: &[("\"Shop\".\"Order Lines\"", "*"), ("\"select\"", "*"), ("plain", "*"), ("sales.plain", "*")],
        before: r#"
            CREATE SCHEMA "Shop"; CREATE SCHEMA sales;
            CREATE TABLE "Shop"."Order Lines" ("Id" int, "the ""Note""" text, "from" int, "Größe" text, PRIMARY KEY ("from", "Id"));
            CREATE TABLE "select" ("ID" int PRIMARY KEY, id int); CREATE TABLE plain (a int PRIMARY KEY);
            CREATE TABLE sales.plain (a int PRIMARY KEY, b text);
            INSERT INTO "Shop"."Order Lines" VALUES (1, 'a', 1, 'x'); INSERT INTO plain VALUES (1);
            INSERT INTO sales.plain VALUES (7, 'seven')"#,
        steps: &[
            r#"UPDATE "Shop"."Order Lines" SET "from" = 2, "the ""Note""" = NULL; INSERT INTO "select" VALUES (1, 2)"#,
            r#"INSERT INTO plain VALUES (2); UPDATE sales.plain SET b = 'x'; DELETE FROM "select""#,
        ],
    }
    .holds();
}
