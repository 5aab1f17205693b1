//! Text that nobody meant: it is compiled or refused, without a panic and within a thread's stack.

use super::{Script, refusals, scripts};
use crate::support::random::{Random, mutate, mutations, seed};
use tidegate::sql::{Catalog, SqlFile, compile, compile_expression};

/// The stack of the threads that compile here: what Rust gives a thread if nobody asks for more.
const STACK: usize = 2 << 20;

fn within_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work).expect("a thread");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn file(text: String) -> [SqlFile; 1] {
    [SqlFile { path: "v.sql".into(), text }]
}

/// Bytes changed, or words: one left out, doubled, swapped, or taken from another statement.
fn mutated(random: &mut Random, text: &str, other: &str) -> String {
    if random.chance(30) {
        return String::from_utf8_lossy(&mutate(random, text.as_bytes())).into_owned();
    }
    let mut words: Vec<&str> = text.split_inclusive([' ', '\n', '(', ')', ',']).collect();
    let others: Vec<&str> = other.split_inclusive([' ', '\n', '(', ')', ',']).collect();
    for _ in 0..=random.below(4) {
        if words.is_empty() {
            break;
        }
        let at = random.below(words.len() as u64) as usize;
        match random.below(4) {
            0 => drop(words.remove(at)),
            1 => words.insert(at, words[at]),
            2 => {
                let to = random.below(words.len() as u64) as usize;
                words.swap(at, to);
            }
            _ => words[at] = others[random.below(others.len() as u64) as usize],
        }
    }
    words.concat()
}

#[test]
fn mutated_views_are_compiled_or_refused() {
    let mut corpus: Vec<(Catalog, Vec<String>)> = vec![(refusals::catalog(), refusals::statements())];
    for path in scripts() {
        let script = Script::read(&path);
        let statements = script.views.split_inclusive(';').map(str::to_owned).collect();
        corpus.push((script.catalog(), statements));
    }
    let mut random = Random::new(seed(12));
    let total = mutations();
    within_stack(move || {
        for number in 0..total {
            let (catalog, statements) = random.pick(&corpus);
            let (text, other) = (random.pick(statements).clone(), random.pick(statements).clone());
            let text = mutated(&mut random, &text, &other);
            let shown = text.clone();
            let compiled = std::panic::catch_unwind(|| drop(compile(&file(text), catalog)));
            assert!(compiled.is_ok(), "mutation {number} panics:\n{shown}");
        }
    });
}

#[test]
fn deep_and_long_text_is_refused() {
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let mut expressions = Vec::new();
    for depth in [90, 150, 1000, 6000] {
        expressions.extend([
            nested("(", "1", ")", depth),
            nested("abs(", "1", ")", depth),
            nested("NOT ", "true", "", depth),
            nested("- ", "id", "", depth),
            nested("-", "id", "", depth),
            nested("~ ", "id", "", depth),
            nested("CASE WHEN true THEN ", "1", " END", depth),
            nested("CASE ", "1", " WHEN 1 THEN 1 END", depth),
            nested("CAST(", "1", " AS int)", depth),
            nested("ARRAY[", "1", "]", depth),
            nested("coalesce(1, ", "1", ")", depth),
            nested("1 IN (", "1", ")", depth),
            nested("", "1", "::int", depth),
            nested("", "id", " IS NULL", depth),
            nested("", "id", " + 1", depth),
            nested("", "id", " ^ 2", depth),
            nested("- ", "id", " ^ 2", depth),
            nested("", "tags", "[1]", depth),
            nested("", "id", ".id", depth),
            nested("", "name", " LIKE 'a'", depth),
            nested("", "name", " || 'a'", depth),
            nested("", "true", " AND true", depth),
            nested("", "true", " OR id = 1", depth),
            nested("", "id", " BETWEEN 1 AND 2", depth),
            nested("", "at", " AT TIME ZONE 'UTC'", depth),
            nested("", "name", " COLLATE \"C\"", depth),
            nested("", "doc", " -> 'a'", depth),
            nested("(SELECT ", "1", ")", depth),
            nested("EXISTS (SELECT ", "1", ")", depth),
            nested("interval ", "'1'", " day", depth),
            nested("1, ", "1", "", depth),
        ]);
    }
    let mut queries: Vec<String> = expressions.iter().map(|expression| format!("SELECT {expression} FROM t")).collect();
    queries.extend(expressions.iter().map(|expression| format!("SELECT 1 FROM t WHERE {expression}")));
    for depth in [50, 1000, 5000] {
        queries.extend([
            nested("SELECT * FROM (", "SELECT id FROM t", ") AS x", depth),
            nested("(", "SELECT id FROM t", ")", depth),
            nested("SELECT 1 UNION ALL ", "SELECT 2", "", depth),
            nested("SELECT 1 UNION ALL (", "SELECT 2", ")", depth),
            format!("SELECT 1 FROM {}", nested("(", "t", ")", depth)),
            format!("SELECT 1 FROM t {}", "JOIN u ON true ".repeat(depth)),
            format!("SELECT 1 FROM {}t{}", "(t JOIN ".repeat(depth), " ON true)".repeat(depth)),
            format!("SELECT 1 FROM t{}", ", u".repeat(depth)),
            format!("WITH {}a AS (SELECT 1) SELECT 1", "a AS (SELECT 1), ".repeat(depth)),
            nested("WITH a AS (", "SELECT 1", ") SELECT 1", depth),
            format!("SELECT 1 FROM t GROUP BY {}id", "id, ".repeat(depth)),
            format!("VALUES {}(1)", "(1), ".repeat(depth)),
        ]);
    }
    // An overflow ends the process: with `--nocapture` the last line tells of what.
    let tell = |text: &str| eprintln!("{} bytes: {}", text.len(), text.chars().take(60).collect::<String>());
    for query in queries {
        tell(&query);
        within_stack(move || drop(compile(&file(format!("CREATE VIEW v AS {query}")), &refusals::catalog())));
    }
    for expression in expressions {
        tell(&expression);
        within_stack(move || drop(compile_expression(&expression, &[], &Catalog::new())));
    }
}
