//! Both sides of a case: what Postgres answers, and what Tidegate's binder, rewrites and evaluator make of the same text.

use crate::support::postgres::{Database, Postgres};
use std::sync::Arc;
use tidegate::expr::{EvalError, Scalar};
use tidegate::plan::{Rel, rewrite::rewrite};
use tidegate::sql::{Catalog, compile_expression};
use tidegate::value::{Column, Datum, EnumType, RelationName, Row, Schema, Type, json, text};

/// Type, text and JSON of a value (none of a null), or the SQLSTATE of an error.
type Answer = Result<(String, Option<(String, String)>), String>;

/// An expression, and what its columns hold.
struct Form {
    expression: String,
    operands: Vec<String>,
}

impl Form {
    /// Without columns: `«…»` in parentheses.
    fn constant(case: &str) -> Form {
        Form { expression: case.replace('«', "(").replace('»', ")"), operands: Vec::new() }
    }

    /// With a column in place of each `«…»`.
    fn columns(case: &str) -> Form {
        let (mut expression, mut operands, mut rest) = (String::new(), Vec::new(), case);
        while let Some((before, (operand, after))) =
            rest.split_once('«').and_then(|(b, r)| Some((b, r.split_once('»')?)))
        {
            operands.push(operand.to_owned());
            expression.push_str(&format!("{before}c{}", operands.len()));
            rest = after;
        }
        Form { expression: expression + rest, operands }
    }

    /// The relation the expression is over, as Postgres is told it.
    fn given(&self) -> String {
        let columns = self.operands.iter().enumerate().map(|(i, operand)| format!("({operand}) AS c{}", i + 1));
        columns.collect::<Vec<_>>().join(", ")
    }

    fn ours(&self) -> [Answer; 2] {
        match self.plan() {
            Ok(plan) => [self.evaluate(plan.clone()), self.evaluate(rewrite(plan))],
            Err(code) => [Err(code.clone()), Err(code)],
        }
    }

    /// One row of operands, and the expression over it.
    fn plan(&self) -> Result<Rel, String> {
        let catalog = catalog();
        let compile = |text: &str, columns: &[Column]| {
            compile_expression(text, columns, &catalog).map_err(|error| error.code.to_owned())
        };
        let (mut columns, mut values) = (Vec::new(), Vec::new());
        for (index, operand) in self.operands.iter().enumerate() {
            let scalar = compile(operand, &[])?;
            columns.push(Column::new(format!("c{}", index + 1), scalar.ty(), true));
            values.push(scalar.eval(&[]).map_err(|error| error.code.to_owned())?);
        }
        let scalar = compile(&self.expression, &columns)?;
        let types = columns.into_iter().map(|column| column.ty).collect();
        let row = Rel::Constant { rows: vec![Row::pack(&values)], columns: types };
        Ok(Rel::Map { input: Box::new(row), expressions: vec![scalar] })
    }

    fn evaluate(&self, plan: Rel) -> Answer {
        let ty = plan.columns()[0].to_string();
        let value = row_of(plan).map_err(|error| error.code.to_owned())?.remove(0);
        if value.is_null() {
            return Ok((ty, None));
        }
        let (mut shown, mut as_json) = (String::new(), String::new());
        text::write(&value, &mut shown);
        json::write_value(&value, &mut as_json);
        Ok((ty, Some((shown, as_json))))
    }
}

/// The one row of a plan of maps over a constant.
fn row_of(plan: Rel) -> Result<Vec<Datum>, EvalError> {
    match plan {
        Rel::Constant { rows, .. } => Ok(rows[0].unpack()),
        Rel::Map { input, expressions } => {
            let row = row_of(*input)?;
            expressions.iter().map(|scalar: &Scalar| scalar.eval(&row)).collect()
        }
        other => panic!("maps over a constant are no {other:?}"),
    }
}

/// The labels of the enum that expressions may name.
const MOODS: [&str; 4] = ["sad", "ok", "Happy", "so so"];

/// One relation, with a column of that enum.
fn catalog() -> Catalog {
    let labels = EnumType { name: "mood".into(), labels: MOODS.map(str::to_owned).to_vec() };
    let column = Column::new("mood", Type::Enum(Arc::new(labels)), true);
    let mut catalog = Catalog::new();
    catalog.insert(RelationName::public("moods"), Schema::table(vec![column], None));
    catalog
}

const FUNCTION: &str = r#"
CREATE FUNCTION judge(expression text, given text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE answer text[];
BEGIN
  EXECUTE 'SELECT ARRAY['''', pg_typeof(x)::text, CASE WHEN x IS NOT NULL THEN format(''%s'', x) END, to_jsonb(x)::text] '
       || 'FROM (SELECT ' || expression || ' AS x'
       || CASE WHEN given <> '' THEN ' FROM (SELECT ' || given || ' OFFSET 0) AS given' ELSE '' END || ') AS result'
  INTO answer;
  RETURN answer;
EXCEPTION WHEN OTHERS THEN RETURN ARRAY[SQLSTATE];
END $$;
"#;

/// A database that judges. Its letters are those of Unicode, its order is that of the bytes.
pub struct Judge {
    database: Database,
    /// Whether it does not matter that Postgres's planner computes what it can before the row is looked at.
    ignores_planner: bool,
}

impl Judge {
    pub fn new() -> Judge {
        Judge::of(Postgres::fifteen())
    }

    /// Of the newest version, if there is one.
    pub fn newest() -> Option<Judge> {
        Postgres::installed_and_newest().into_iter().find(|server| server.version() >= 18).map(Judge::of)
    }

    fn of(server: &Postgres) -> Judge {
        let database = server.create_unicode_database();
        database.execute(FUNCTION);
        database.execute(&format!("CREATE TYPE mood AS ENUM ('{}')", MOODS.join("', '")));
        database.execute("SET datestyle TO 'ISO, YMD'");
        Judge { database, ignores_planner: false }
    }

    /// For expressions in which several operands may fail. With operands in place Postgres's planner computes some parts before
    /// others, or not at all, so that another failure is seen, or none; over columns every operand is evaluated in order.
    pub fn ignoring_planner() -> Judge {
        Judge { ignores_planner: true, ..Judge::new() }
    }

    fn agrees(&self, form: &Form, mine: &Answer, theirs: &Answer) -> bool {
        let planned = self.ignores_planner && form.operands.is_empty();
        mine == theirs || (planned && (mine.is_err() || theirs.is_err()))
    }

    /// The expressions that a query of Postgres's own catalogue gives.
    pub fn calls(&self, query: &str) -> Vec<String> {
        self.database.query_text(query).into_iter().filter_map(|mut row| row.remove(0)).collect()
    }

    /// The cases in which an answer differs, by position, and how.
    pub fn differences(&self, cases: &[String]) -> Vec<(usize, String)> {
        let forms: Vec<(usize, Form)> = cases
            .iter()
            .enumerate()
            .flat_map(|(index, case)| {
                let over_columns = case.contains('«').then(|| (index, Form::columns(case)));
                std::iter::once((index, Form::constant(case))).chain(over_columns)
            })
            .collect();
        let mut differences: Vec<(usize, String)> = Vec::new();
        for ((index, form), theirs) in forms.iter().zip(self.answers(&forms)) {
            let [plain, rewritten] = form.ours();
            let wrong = [("", plain), ("rewritten ", rewritten)]
                .into_iter()
                .find(|(_, mine)| !self.agrees(form, mine, &theirs));
            let known = differences.last().is_some_and(|(last, _)| last == index);
            if let Some((how, mine)) = wrong
                && !known
            {
                let given = form.given();
                let over = if given.is_empty() { String::new() } else { format!(" over {given}") };
                differences
                    .push((*index, format!("{}{over}\n  Postgres {theirs:?}\n  {how}ours {mine:?}", form.expression)));
            }
        }
        differences
    }

    fn answers(&self, forms: &[(usize, Form)]) -> Vec<Answer> {
        let quote = |text: &str| format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
        let mut answers = Vec::new();
        for part in forms.chunks(200) {
            let list: Vec<String> = part
                .iter()
                .enumerate()
                .map(|(i, (_, form))| format!("({i}, {}, {})", quote(&form.expression), quote(&form.given())))
                .collect();
            let rows = self.database.query_text(&format!(
                "SELECT a[1], a[2], a[3], a[4] FROM (SELECT i, judge(e, g) AS a FROM (VALUES {}) AS v(i, e, g)) AS x \
                 ORDER BY i",
                list.join(", ")
            ));
            answers.extend(rows.into_iter().map(answer));
        }
        answers
    }
}

fn answer(row: Vec<Option<String>>) -> Answer {
    let mut row = row.into_iter();
    let mut next = || row.next().flatten();
    match next().as_deref() {
        Some("") => {
            let ty = next().unwrap_or_default();
            Ok((ty, next().zip(next())))
        }
        code => Err(code.unwrap_or_default().to_owned()),
    }
}
