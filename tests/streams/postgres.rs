//! What Postgres says of the same views when all has come: it knows no watermarks, but windows and joins of what was taken.

use super::content::{Content, add, compare};
use super::equal::VIEWS;
use super::run::Views;
use super::shrink::must_hold;
use super::step::{Event, SOURCES};
use super::world::World;
use crate::support::postgres::{Database, Postgres, WINDOWS};
use crate::support::random::{Random, seed, setting};
use tidegate::timeline::Step;
use tidegate::value::calendar::EPOCH_MICROS;
use tidegate::value::{Datum, Diff, text};

/// An absent value, as no text is.
const NULL: &str = "\u{0}";

/// Every set of views in a schema of its own, over the same two streams.
fn database() -> Database {
    let database = Postgres::shared().create_database();
    let streams =
        ["a", "b"].map(|name| format!("CREATE TABLE {name} (id bigint, key bigint, at timestamptz, value bigint);\n"));
    database.execute(&format!("{WINDOWS}{}", streams.concat()));
    for (number, views) in VIEWS.iter().enumerate() {
        database.execute(&format!("CREATE SCHEMA s{number}; SET search_path = s{number}, public; {views}"));
    }
    database
}

/// Puts what a world's streams have taken in place of what is there.
fn fill(database: &Database, world: &World) {
    for (stream, events) in world.streams.iter().enumerate() {
        let row = |(Event { id, key, at, value }, _): &(Event, u64)| {
            let mut moment = String::new();
            text::write(&Datum::Timestamptz(*at as i64 - EPOCH_MICROS), &mut moment);
            format!("{id}\t{key}\t{moment}\t{value}\n")
        };
        let name = format!("public.{}", SOURCES[stream]);
        database.execute(&format!("TRUNCATE {name}"));
        database.copy_in(&name, &events.iter().map(row).collect::<String>());
    }
}

fn at_the_end(steps: &[Step]) -> Content {
    let value = |value: &Datum| {
        let mut shown = String::new();
        text::write(value, &mut shown);
        if *value == Datum::Null { NULL.to_owned() } else { shown }
    };
    let mut content = Content::new();
    for (row, _, diff) in steps.iter().flat_map(|step| &step.changes) {
        add(&mut content, row.unpack().iter().map(value).collect(), *diff);
    }
    content
}

fn in_postgres(database: &Database, number: usize) -> Content {
    let mut content = Content::new();
    for row in database.query_text(&format!("SELECT * FROM s{number}.v")) {
        add(&mut content, row.into_iter().map(|value| value.unwrap_or(NULL.into())).collect(), 1 as Diff);
    }
    content
}

#[test]
fn at_the_end_it_is_what_postgres_says() {
    let database = database();
    let seed = seed(1);
    let mut random = Random::new(seed);
    for (number, text) in VIEWS.iter().enumerate() {
        let views = Views::new(text);
        for run in 0..setting("TIDEGATE_TEST_WORLDS", 5) {
            let world = World::random(&mut random, 60);
            must_hold(&format!("seed {seed}, view {number}, world {run}"), world, &views, |world| {
                fill(&database, world);
                let got = at_the_end(&world.run(2, &views)["v"]);
                let expected = in_postgres(&database, number);
                compare(&expected, &got)
            });
        }
    }
}
