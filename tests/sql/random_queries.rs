//! Random queries over a random little database, against Postgres: joins of every kind, subqueries at every place, groups, set
//! operations, limits. Nothing in them can fail on a row, and what Postgres leaves open (which of equal rows a limit keeps) does not
//! occur. A view that differs is shown with the seed; it belongs into `scripts/`.

use super::script::Script;
use crate::support::random::{Random, seed, setting};
use std::time::{Duration, Instant};
use tidegate::sql::{SqlFile, compile};

/// Views that are run together.
const VIEWS: usize = 12;
/// Rounds of changes.
const ROUNDS: usize = 3;

const TABLES: &str = "CREATE TABLE r (id int PRIMARY KEY, a int, b int NOT NULL, t text, n numeric(8,2));
CREATE TABLE s (id int PRIMARY KEY, a int NOT NULL, b int, t text NOT NULL, n numeric(8,2));
CREATE TABLE u (id int, a int, b int, t text, n numeric(8,2));\n";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Int,
    Text,
    Num,
}
use Kind::{Int, Num, Text};

/// A column that may be named.
#[derive(Clone)]
struct Name {
    written: String,
    kind: Kind,
}

struct Generator {
    random: Random,
    aliases: usize,
}

impl Generator {
    fn kind(&mut self) -> Kind {
        *self.random.pick(&[Int, Int, Text, Num])
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("x{}", self.aliases)
    }

    fn literal(&mut self, kind: Kind) -> String {
        let number = self.random.below(5);
        match kind {
            Int => number.to_string(),
            Text => format!("'{}'", ["p", "q", "r", "", "pq"][number as usize]),
            Num => format!("{number}.{}0", self.random.below(3)),
        }
    }

    /// An expression of that kind. `depth` bounds what may still be nested.
    fn value(&mut self, kind: Kind, names: &[Name], depth: usize) -> String {
        let known: Vec<&Name> = names.iter().filter(|name| name.kind == kind).collect();
        if !known.is_empty() && self.random.chance(65) {
            return self.random.pick(&known).written.clone();
        }
        if depth == 0 || self.random.chance(30) {
            return self.literal(kind);
        }
        match (self.random.below(6), kind) {
            (0, _) => format!("coalesce({}, {})", self.value(kind, names, depth - 1), self.literal(kind)),
            (1, _) => {
                let (test, yes) = (self.condition(names, depth - 1), self.value(kind, names, depth - 1));
                format!("CASE WHEN {test} THEN {yes} ELSE {} END", self.value(kind, names, depth - 1))
            }
            (2 | 3, kind) => self.one_value(kind, names, depth - 1),
            (_, Int) => format!("({} + {})", self.value(Int, names, depth - 1), self.value(Int, names, depth - 1)),
            (_, Text) => format!("({} || {})", self.value(Text, names, depth - 1), self.literal(Text)),
            (_, Num) => format!("({} + {})", self.value(Num, names, depth - 1), self.literal(Num)),
        }
    }

    /// A subquery with at most one row.
    fn one_value(&mut self, kind: Kind, names: &[Name], depth: usize) -> String {
        let (from, own) = self.from(names, depth, false);
        let inner: Vec<Name> = own.iter().chain(names).cloned().collect();
        let filter = self.condition(&inner, depth);
        if self.random.chance(25) {
            let value = self.value(kind, &inner, 0);
            return format!("(SELECT {value} FROM {from} WHERE {filter} ORDER BY 1 LIMIT 1)");
        }
        if self.random.chance(20) {
            let (value, alias) = (self.value(kind, &inner, 0), self.alias());
            let aggregate = self.aggregate(kind, &format!("{alias}.v"));
            return format!(
                "(WITH {alias}(v) AS (SELECT {value} FROM {from} WHERE {filter}) SELECT {aggregate} FROM {alias})"
            );
        }
        // Over columns of outer queries alone it would be an aggregate of theirs.
        let value = self.value(kind, &own, 0);
        format!("(SELECT {} FROM {from} WHERE {filter})", self.aggregate(kind, &value))
    }

    /// An aggregate of the same kind as what it is over. Where order matters, it is that of the values.
    fn aggregate(&mut self, kind: Kind, of: &str) -> String {
        let forms: &[&str] = match kind {
            Int => &[
                "count(@)#",
                "count(DISTINCT @)#",
                "max(@)#",
                "min(@)#",
                "bit_or(@)#",
                "mode() WITHIN GROUP (ORDER BY @ DESC)#",
                "percentile_disc(0.5) WITHIN GROUP (ORDER BY @)#",
                "cardinality(array_agg(@)#)",
            ],
            Text => &[
                "max(@)#",
                "min(@)#",
                "string_agg(@, ',' ORDER BY @)#",
                "string_agg(DISTINCT @::text, ',' ORDER BY @::text DESC)#",
                "(jsonb_agg(@::text ORDER BY @ DESC NULLS LAST)#)::text",
                "(json_agg(@::text ORDER BY @)#)::text",
            ],
            Num => &[
                "max(@)#",
                "min(@)#",
                "sum(@)#",
                "round(stddev(@)#, 2)",
                "round(var_pop(@)#, 2)",
                "percentile_disc(0.3) WITHIN GROUP (ORDER BY @ DESC)#",
            ],
        };
        let filter = if self.random.chance(15) { format!(" FILTER (WHERE {of} IS NOT NULL)") } else { String::new() };
        self.random.pick(forms).replace('@', of).replace('#', &filter)
    }

    fn condition(&mut self, names: &[Name], depth: usize) -> String {
        let kind = self.kind();
        if depth == 0 {
            let operator = *self.random.pick(&["=", "=", "<", "<>", ">="]);
            return format!("{} {operator} {}", self.value(kind, names, 0), self.value(kind, names, 0));
        }
        match self.random.below(14) {
            0..3 => self.condition(names, 0),
            3 => format!("({} AND {})", self.condition(names, depth - 1), self.condition(names, depth - 1)),
            4 => format!("({} OR {})", self.condition(names, depth - 1), self.condition(names, depth - 1)),
            5 => format!("NOT ({})", self.condition(names, depth - 1)),
            6 => format!("{} IS NULL", self.value(kind, names, depth - 1)),
            7 => {
                let (left, right) = (self.value(kind, names, 0), self.value(kind, names, 0));
                format!("{left} IS {}DISTINCT FROM {right}", if self.random.chance(50) { "NOT " } else { "" })
            }
            8 | 9 => {
                let not = if self.random.chance(40) { "NOT " } else { "" };
                format!("{not}EXISTS ({})", self.query(&[kind], names, depth - 1))
            }
            10 | 11 => {
                let not = if self.random.chance(40) { "NOT " } else { "" };
                format!("{} {not}IN ({})", self.value(kind, names, depth - 1), self.query(&[kind], names, depth - 1))
            }
            12 => {
                let operator = *self.random.pick(&["=", "<", ">=", "<>"]);
                let quantifier = *self.random.pick(&["ANY", "ALL"]);
                let mut query = self.query(&[kind], names, depth - 1);
                // The parser takes no second parenthesis here.
                if query.starts_with('(') {
                    query = format!("SELECT * FROM ({query}) {}", self.alias());
                }
                format!("{} {operator} {quantifier} ({query})", self.value(kind, names, 0))
            }
            _ => {
                let (a, b) = (self.value(Int, names, 0), self.value(kind, names, 0));
                let operator = *self.random.pick(&["IN", "IN", "NOT IN", "< ANY", ">= ALL", "<> ANY"]);
                let query = self.query(&[Int, kind], names, depth - 1);
                format!("({a}, {b}) {operator} (SELECT * FROM ({query}) {})", self.alias())
            }
        }
    }

    /// A table or a subquery under a new name. What `names` has may be read by a lateral one.
    fn factor(&mut self, names: &[Name], depth: usize, lateral: bool) -> (String, Vec<Name>) {
        let alias = self.alias();
        let columns = |columns: &[(&str, Kind)]| -> Vec<Name> {
            columns.iter().map(|(name, kind)| Name { written: format!("{alias}.{name}"), kind: *kind }).collect()
        };
        if depth > 0 && self.random.chance(25) {
            let kinds = [Int, self.kind()];
            let (keyword, visible) = if lateral { ("LATERAL ", names) } else { ("", &[][..]) };
            let query = self.query(&kinds, visible, depth - 1);
            return (format!("{keyword}({query}) {alias}(c, d)"), columns(&[("c", kinds[0]), ("d", kinds[1])]));
        }
        if self.random.chance(12) {
            let (call, offers) = self.call(names);
            return (
                format!("{call} {alias}({})", offers.iter().map(|o| o.0).collect::<Vec<_>>().join(", ")),
                columns(&offers),
            );
        }
        let table = *self.random.pick(&["r", "s", "u"]);
        (format!("{table} {alias}"), columns(&[("id", Int), ("a", Int), ("b", Int), ("t", Text), ("n", Num)]))
    }

    /// A function that returns rows, over columns that may be read, and what it returns.
    fn call(&mut self, names: &[Name]) -> (String, Vec<(&'static str, Kind)>) {
        let (int, text) = (self.value(Int, names, 0), self.value(Text, names, 0));
        match self.random.below(4) {
            0 => (format!("generate_series(0, least({int}, 3))"), vec![("a", Int)]),
            1 => {
                let other = self.value(Int, names, 0);
                (format!("unnest(ARRAY[{int}, {other}, NULL], ARRAY[{text}])"), vec![("a", Int), ("t", Text)])
            }
            2 => (format!("unnest(array_remove(ARRAY[{int}, 2], 1))"), vec![("a", Int)]),
            _ => {
                let call = format!("ROWS FROM (generate_series(1, 2), string_to_table({text}, 'p'))");
                (call, vec![("a", Int), ("t", Text)])
            }
        }
    }

    /// A FROM list and the columns it offers; `names` are those of outer queries.
    fn from(&mut self, names: &[Name], depth: usize, joins: bool) -> (String, Vec<Name>) {
        let (mut text, mut own) = self.factor(names, depth, false);
        let more = if joins { self.random.below(3) } else { self.random.below(2) };
        for _ in 0..more {
            let kind = *self.random.pick(&["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", ","]);
            let lateral = matches!(kind, "JOIN" | "LEFT JOIN" | ",");
            let readable = if lateral { own.clone() } else { Vec::new() };
            let (right, columns) = self.factor(&readable, depth, lateral);
            let before = own.clone();
            own.extend(columns.iter().cloned());
            text = match kind {
                "," => format!("{text} CROSS JOIN {right}"),
                // Postgres has full joins on equalities only.
                "FULL JOIN" | "RIGHT JOIN" => {
                    let (a, b) = (self.value_of(Int, &before), self.value_of(Int, &columns));
                    format!("{text} {kind} {right} ON {a} = {b}")
                }
                kind => {
                    let (a, b) = (self.value_of(Int, &before), self.value_of(Int, &columns));
                    let visible: Vec<Name> = own.iter().chain(names).cloned().collect();
                    let more =
                        if self.random.chance(40) { self.condition(&visible, depth.min(1)) } else { "true".into() };
                    format!("{text} {kind} {right} ON {a} = {b} AND {more}")
                }
            };
        }
        (text, own)
    }

    fn value_of(&mut self, kind: Kind, names: &[Name]) -> String {
        let known: Vec<&Name> = names.iter().filter(|name| name.kind == kind).collect();
        self.random.pick(&known).written.clone()
    }

    /// A query that gives columns of these kinds.
    fn query(&mut self, kinds: &[Kind], outer: &[Name], depth: usize) -> String {
        if depth > 0 && self.random.chance(15) {
            let (left, right) = (self.query(kinds, outer, depth - 1), self.query(kinds, outer, depth - 1));
            let operator =
                *self.random.pick(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL", "INTERSECT ALL"]);
            return format!("({left}) {operator} ({right})");
        }
        let (from, own) = self.from(outer, depth, true);
        let visible: Vec<Name> = own.iter().chain(outer).cloned().collect();
        let filter = if self.random.chance(70) { self.condition(&visible, depth) } else { "true".into() };
        if self.random.chance(25) {
            return self.grouped(kinds, &from, &own, &filter, depth);
        }
        let values: Vec<String> = kinds.iter().map(|kind| self.value(*kind, &visible, depth.min(1))).collect();
        let distinct = if self.random.chance(20) { "DISTINCT " } else { "" };
        let (distinct, limit) = match self.random.below(100) {
            0..12 => (distinct, self.limit(kinds.len())),
            12..17 => ("DISTINCT ON (1) ", format!(" ORDER BY {}", self.positions(kinds.len()))),
            17..32 if kinds[0] == Int => return self.windowed(kinds, &from, &own, &visible, &filter),
            _ => (distinct, String::new()),
        };
        format!("SELECT {distinct}{} FROM {from} WHERE {filter}{limit}", values.join(", "))
    }

    /// All output columns as sort keys.
    fn positions(&mut self, columns: usize) -> String {
        let key = |position: usize| format!("{position}{}", self.random.pick(&["", " DESC", " NULLS FIRST"]));
        (1..=columns).map(key).collect::<Vec<_>>().join(", ")
    }

    /// What keeps some rows, none of which Postgres may choose.
    fn limit(&mut self, columns: usize) -> String {
        let (keys, count) = (self.positions(columns), 1 + self.random.below(3));
        match self.random.below(4) {
            0 => format!(" ORDER BY {keys} LIMIT {count} OFFSET {}", self.random.below(3)),
            1 => format!(" ORDER BY {} FETCH FIRST {count} ROWS WITH TIES", self.positions(1)),
            _ => format!(" ORDER BY {keys} LIMIT {count}"),
        }
    }

    /// A query whose first column is that of a window function. Where peers are told apart, all that is shown is sorted by.
    fn windowed(&mut self, kinds: &[Kind], from: &str, own: &[Name], visible: &[Name], filter: &str) -> String {
        let argument = self.value(Int, visible, 0);
        let others: Vec<String> = kinds[1..].iter().map(|kind| self.value(*kind, visible, 0)).collect();
        let partition = match self.random.chance(60) {
            true => format!("PARTITION BY {} ", self.value_of(Int, own)),
            false => String::new(),
        };
        let direction = *self.random.pick(&["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]);
        let sorted: Vec<String> =
            std::iter::once(format!("{argument}{direction}")).chain(others.iter().cloned()).collect();
        let (call, order, frame) = match self.random.below(3) {
            0 => (self.random.pick(&["rank()", "dense_rank()"]).to_string(), format!("{argument}{direction}"), ""),
            1 => {
                let call = *self.random.pick(&["count(*)", "count(?)", "max(?)", "min(?) FILTER (WHERE ? > 1)"]);
                let frames = [
                    "",
                    " RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING",
                    " GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW",
                    " RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
                    " RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW",
                    " GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES",
                    " RANGE UNBOUNDED PRECEDING EXCLUDE GROUP",
                ];
                (call.replace('?', &argument), format!("{argument}{direction}"), *self.random.pick(&frames))
            }
            _ => {
                let call =
                    *self.random.pick(&["row_number()", "lag(?)", "lead(?, 2, 0)", "first_value(?)", "count(?)"]);
                let frames = [
                    "",
                    " ROWS 1 PRECEDING",
                    " ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING",
                    " ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING EXCLUDE CURRENT ROW",
                ];
                let frame = *self.random.pick(&frames);
                (call.replace('?', &argument), sorted.join(", "), frame)
            }
        };
        let values: Vec<String> =
            std::iter::once(format!("{call} OVER ({partition}ORDER BY {order}{frame})")).chain(others).collect();
        let query = format!("SELECT {} FROM {from} WHERE {filter}", values.join(", "));
        let alias = self.alias();
        let columns = ["c", "d"][..kinds.len()].join(", ");
        match self.random.chance(40) {
            true => format!("SELECT * FROM ({query}) {alias}({columns}) WHERE c <= {}", 1 + self.random.below(2)),
            false => query,
        }
    }

    fn grouped(&mut self, kinds: &[Kind], from: &str, own: &[Name], filter: &str, depth: usize) -> String {
        let mut group = Vec::new();
        let mut values = Vec::new();
        for kind in kinds {
            let column = match own.iter().any(|name| name.kind == *kind) {
                true => self.value_of(*kind, own),
                false => self.literal(*kind),
            };
            values.push(match (self.random.below(4), kind) {
                (0 | 1, kind) => self.aggregate(*kind, &column),
                (2, Int) => "count(*)".into(),
                (_, _) if !column.contains('.') || column.starts_with(|c: char| c.is_ascii_digit()) => {
                    format!("min({column})")
                }
                _ => {
                    group.push(column.clone());
                    column
                }
            });
        }
        let columns = group.join(", ");
        let by = match group.is_empty() {
            true => String::new(),
            false if self.random.chance(15) => format!(" GROUP BY ROLLUP ({columns})"),
            false if self.random.chance(10) => format!(" GROUP BY GROUPING SETS (({columns}), ())"),
            false => format!(" GROUP BY {columns}"),
        };
        let having = match self.random.below(10) {
            0..2 => " HAVING count(*) > 1".to_owned(),
            // Inside a subquery these are aggregates of an outer query.
            2..5 => {
                let ints: Vec<&Name> = own.iter().filter(|name| name.kind == Int).collect();
                let of = self.random.pick(&ints).written.clone();
                let call = |call: &str| Name { written: format!("{call}({of})"), kind: Int };
                format!(" HAVING {}", self.condition(&[call("count"), call("max")], depth.min(1)))
            }
            _ => String::new(),
        };
        format!("SELECT {} FROM {from} WHERE {filter}{by}{having}", values.join(", "))
    }

    fn rows(&mut self, first: u64, count: u64) -> String {
        let mut text = String::new();
        for table in ["r", "s", "u"] {
            for id in first..first + count {
                let mut value = |kind, required: bool| match !required && self.random.chance(25) {
                    true => "NULL".into(),
                    false => self.literal(kind),
                };
                let (a, b, t, n) =
                    (value(Int, table == "s"), value(Int, table == "r"), value(Text, table == "s"), value(Num, false));
                text.push_str(&format!("INSERT INTO {table} VALUES ({id}, {a}, {b}, {t}, {n});\n"));
            }
        }
        text
    }

    fn changes(&mut self, round: usize) -> String {
        let mut text = self.rows(100 * (round as u64 + 1), 1 + self.random.clone().below(3));
        for table in ["r", "s", "u"] {
            let (row, gone) = (self.random.below(8), self.random.below(8));
            let assignment = match self.random.below(3) {
                0 => format!("a = {}", self.literal(Int)),
                1 => format!("t = {}", self.literal(Text)),
                _ => "n = n + 1, b = b + 1".into(),
            };
            text.push_str(&format!("UPDATE {table} SET {assignment} WHERE id % 8 = {row};\n"));
            text.push_str(&format!(
                "DELETE FROM {table} WHERE id % 8 = {gone} AND id % 3 = {};\n",
                self.random.below(3)
            ));
        }
        if self.random.chance(15) {
            text.push_str("TRUNCATE s;\n");
        }
        text
    }
}

/// The first batch runs in every test; `TIDEGATE_TEST_SECONDS` sets how long more follow.
#[test]
fn random_queries_are_what_postgres_says() {
    let mut random = Random::new(seed(21));
    let until = Instant::now() + Duration::from_secs(setting("TIDEGATE_TEST_SECONDS", 10));
    let (mut run, mut refused) = (0, 0);
    while run == 0 || Instant::now() < until {
        let mut generator = Generator { random: Random::new(random.next()), aliases: 0 };
        let given = format!("{TABLES}{}", generator.rows(1, 6));
        let catalog = Script::new("random", given.clone(), String::new(), Vec::new()).catalog();
        let mut views = String::new();
        for number in 0..VIEWS {
            let kinds = [Int, generator.kind()];
            let view = format!("CREATE VIEW v{number} (c, d) AS {};\n", generator.query(&kinds, &[], 3));
            match compile(&[SqlFile { path: "random".into(), text: view.clone() }], &catalog) {
                Ok(_) => views.push_str(&view),
                Err(errors) if errors.iter().all(|error| error.code == "0A000") => refused += 1,
                Err(errors) => panic!("{view}\n{}", errors[0]),
            }
        }
        run += views.lines().count();
        let changes = (0..ROUNDS).map(|round| generator.changes(round)).collect();
        let differences = Script::new("random", given.clone(), views.clone(), changes).differences();
        assert!(differences.is_empty(), "{}\n{given}\n{views}", differences.join("\n"));
    }
    eprintln!("{run} random queries, {refused} refused");
    assert!(refused * 5 <= run, "of {run} queries {refused} are refused");
}
