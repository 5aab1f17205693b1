//! SQL expressions, with Postgres as the judge: value in text and as JSON, result type, and the SQLSTATE of errors.
//!
//! The cases are data: `cases/*.txt` hold one expression per line, `grammar.txt` the pieces that random ones are built of.
//! `«…»` marks an operand: every expression is judged with its operands in place, and again with them as the columns of a
//! one-row relation, where neither side can compute anything beforehand.

mod catalogue;
mod generate;
mod judge;
mod pairs;

use crate::support::random::{Random, seed, setting};
use generate::Grammar;
use judge::Judge;
use std::path::PathBuf;

/// Expressions in which Tidegate's answer is not Postgres's, and why it has to be so.
const DEVIATIONS: &[(&str, &str)] = &[
    ("cbrt(«27::float8»)", "Postgres shows what its machine's C library computes, which may be off by one unit"),
    (
        "age(«timestamp 'infinity'», «timestamp '2024-01-01'»)",
        "Postgres 15 counts the days of infinity; here it has no age",
    ),
    (
        "«timestamp '294276-12-31'» - «timestamp '4713-11-24 BC'»",
        "Postgres 15 wraps around where a difference fits no interval; here it is out of range",
    ),
    ("«time '12:00'» + «interval '2562047788:00:54.775807'»", "Postgres 15 wraps around before it takes the remainder"),
    (
        "«timestamp '294276-12-31 23:59:59.9'»::timestamp(0)",
        "Postgres rounds beyond its last timestamp, and shows what it would not read; here it is out of range",
    ),
    (
        "md5(«'abc'»)::date",
        "of text that is no date at all, Postgres takes a part for the name of a time zone, and misses that",
    ),
    (
        "regexp_match(«'abcd'», «'(a|ab)(c|bcd)(d*)'»)",
        "Postgres makes every group as long as it can be, one after the other; here only the whole match is",
    ),
];

fn text(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/expr_semantics").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The expressions of a file: its lines, without empty ones and comments.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Judges a theme's expressions; all that differ are shown.
fn check(theme: &str, at_least: usize) {
    check_by(&Judge::new(), theme, at_least);
}

fn check_by(judge: &Judge, theme: &str, at_least: usize) {
    let text = text(&format!("cases/{theme}.txt"));
    let cases: Vec<String> = lines(&text).map(str::to_owned).collect();
    assert!(cases.len() >= at_least, "{theme} has only {} expressions", cases.len());
    let known = |case: &String| DEVIATIONS.iter().any(|(deviation, _)| deviation == case);
    let differences = judge.differences(&cases).into_iter().filter(|(case, _)| !known(&cases[*case]));
    let shown: Vec<String> = differences.map(|(_, difference)| difference).collect();
    assert!(shown.is_empty(), "{theme}: {} of {} differ\n{}", shown.len(), cases.len(), shown.join("\n"));
}

macro_rules! themes {
    ($($name:ident: $at_least:literal;)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name), $at_least);
        })*
    };
}

themes! {
    integers: 50;
    numerics: 80;
    floats: 40;
    strings: 80;
    patterns: 50;
    casts: 80;
    times: 100;
    formats: 30;
    conditions: 60;
    json: 40;
    arrays: 40;
    enums: 60;
    networks: 80;
    syntax: 40;
    bytes: 50;
    quoting: 60;
    angles: 60;
    number_templates: 150;
    time_templates: 130;
    jsonpath: 140;
}

/// What came after version 15.
#[test]
fn later() {
    if let Some(judge) = Judge::newest() {
        check_by(&judge, "later", 150);
    }
}

/// A deviation that is none any more is to be struck off the list.
#[test]
fn deviations_still_deviate() {
    assert!(DEVIATIONS.len() <= 10);
    let cases: Vec<String> = DEVIATIONS.iter().map(|(case, _)| case.to_string()).collect();
    let differing: Vec<usize> = Judge::new().differences(&cases).into_iter().map(|(case, _)| case).collect();
    for (index, (case, reason)) in DEVIATIONS.iter().enumerate() {
        assert!(differing.contains(&index), "{case} is as in Postgres now; it was not because {reason}");
    }
}

#[test]
fn random_expressions_are_what_postgres_says() {
    let grammar = Grammar::parse(&text("grammar.txt"));
    let mut random = Random::new(seed(11));
    let judge = Judge::ignoring_planner();
    let expressions: Vec<generate::Expression> =
        (0..setting("TIDEGATE_TEST_EXPRESSIONS", 400)).map(|_| grammar.expression(&mut random)).collect();
    let cases: Vec<String> = expressions.iter().map(ToString::to_string).collect();
    let differing = judge.differences(&cases);
    let smallest = differing.iter().take(5).map(|(case, _)| {
        let small = grammar.shrink(&expressions[*case], |candidates| {
            judge.differences(candidates).into_iter().map(|(candidate, _)| candidate).collect()
        });
        let shown = judge.differences(&[small.to_string()]);
        format!("{}\n  of {}", shown[0].1, cases[*case])
    });
    let smallest: Vec<String> = smallest.collect();
    assert!(smallest.is_empty(), "{} of {} differ\n{}", differing.len(), cases.len(), smallest.join("\n"));
}
