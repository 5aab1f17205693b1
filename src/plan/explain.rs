//! A plan as people and machines read it.
//!
//! Columns go by their names where these are unambiguous, by `#position` otherwise.

use super::{
    Aggregate, Bound, ClockTest, Emit, Equality, Exclusion, Frame, FrameUnits, Held, JoinKind, Rel, RelId, SetOpKind,
    Settling, SortKey, TableCall, View, WindowCall, rel::working_schema,
};
use crate::expr::Scalar;
use crate::value::{Column, Datum, Interval, Schema, Type, text};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;

/// Looks up the schema of a relation, for the names of its columns.
pub type Schemas<'a> = &'a dyn Fn(&RelId) -> Option<Arc<Schema>>;

/// The view's columns, key, plan as an indented tree, and what its operators hold.
pub fn explain(view: &View, held: &[Held], schemas: Schemas<'_>) -> String {
    let mut text = format!("{}\n", view.name);
    for column in &view.schema.columns {
        let not_null = if column.nullable { "" } else { " not null" };
        let _ = writeln!(text, "  {} {}{not_null}", column.name, column.ty);
    }
    let _ = match key_names(view) {
        Some(key) => writeln!(text, "  key ({})", key.join(", ")),
        None => writeln!(text, "  no key"),
    };
    tree(&node(&view.rel, schemas).0, 1, &mut text);
    if !held.is_empty() {
        text.push_str("  holds\n");
    }
    for Shown { forms, of, by, columns, in_loop, shared_with } in held.iter().map(|held| Shown::new(held, schemas)) {
        let _ = write!(text, "    {} of {of}", forms.join(", "));
        let list = |before: &str, items: &[String], after: &str| match items {
            [] => String::new(),
            items => format!("{before}{}{after}", items.join(", ")),
        };
        text.push_str(&list(" by [", &by, "]"));
        text.push_str(&list(": ", &columns.unwrap_or_default(), ""));
        text.push_str(if in_loop { "; inside the loop" } else { "" });
        text.push_str(&list("; shared with ", &shared_with, ""));
        text.push('\n');
    }
    text
}

/// The same as one JSON object.
pub fn explain_json(view: &View, held: &[Held], schemas: Schemas<'_>) -> Value {
    let columns = view
        .schema
        .columns
        .iter()
        .map(|column| json!({ "name": column.name, "type": column.ty.to_string(), "nullable": column.nullable }));
    json!({
        "view": view.name.to_string(),
        "columns": columns.collect::<Vec<Value>>(),
        "key": key_names(view),
        "plan": as_json(&node(&view.rel, schemas).0),
        "holds": held.iter().map(|held| Shown::new(held, schemas).json()).collect::<Vec<Value>>(),
    })
}

/// What an operator holds, in words.
struct Shown {
    forms: Vec<&'static str>,
    of: String,
    by: Vec<String>,
    /// All of them if there are none.
    columns: Option<Vec<String>>,
    in_loop: bool,
    shared_with: Vec<String>,
}

impl Shown {
    fn new(held: &Held, schemas: Schemas<'_>) -> Shown {
        let (node, names) = node(&held.rel, schemas);
        let relations: Vec<String> = held.rel.relations().into_iter().map(RelId::to_string).collect();
        let of = match &held.rel {
            Rel::Get { .. } => relations.join(", "),
            _ => format!("{} of {}", node.operator, relations.join(", ")),
        };
        let columns = held.columns.as_ref();
        Shown {
            forms: held.forms.clone(),
            of,
            by: shown(&held.by, &names),
            columns: columns.map(|columns| columns.iter().map(|at| column(*at, &names)).collect()),
            in_loop: held.in_loop,
            shared_with: held.shared_with.iter().map(RelId::to_string).collect(),
        }
    }

    fn json(self) -> Value {
        let Shown { forms, of, by, columns, in_loop, shared_with } = self;
        json!({
            "forms": forms, "of": of, "by": by, "columns": columns, "in_loop": in_loop, "shared_with": shared_with
        })
    }
}

fn key_names(view: &View) -> Option<Vec<&str>> {
    let key = view.schema.key.as_ref()?;
    Some(key.iter().map(|&column| view.schema.columns[column].name.as_str()).collect())
}

/// One operator, ready to show.
struct Node {
    operator: &'static str,
    details: Vec<(&'static str, Vec<String>)>,
    inputs: Vec<Node>,
}

fn tree(node: &Node, depth: usize, out: &mut String) {
    let _ = write!(out, "{}{}", "  ".repeat(depth), node.operator);
    for (name, items) in &node.details {
        let items = items.join(", ");
        let _ = match *name {
            "" => write!(out, " {items}"),
            name => write!(out, " {name} [{items}]"),
        };
    }
    out.push('\n');
    for input in &node.inputs {
        tree(input, depth + 1, out);
    }
}

fn as_json(node: &Node) -> Value {
    let mut object = serde_json::Map::new();
    object.insert("operator".into(), json!(node.operator));
    for (name, items) in &node.details {
        let name = if name.is_empty() { "expressions" } else { name };
        object.insert(name.into(), json!(items));
    }
    if !node.inputs.is_empty() {
        object.insert("inputs".into(), node.inputs.iter().map(as_json).collect());
    }
    Value::Object(object)
}

/// A recursion: its step reads what goes by the working relation's name.
fn recursive(working: &RelId, base: &Rel, step: &Rel, all: bool, schemas: Schemas<'_>) -> (Node, Vec<String>) {
    let (base_node, names) = node(base, schemas);
    let known = working_schema(names.iter().zip(base.columns()).map(|(name, ty)| Column::new(name.as_str(), ty, true)));
    let (step, _) = node(step, &|name| if name == working { Some(known.clone()) } else { schemas(name) });
    let operator = if all { "Recursive all" } else { "Recursive" };
    let details = vec![("", vec![working.to_string()])];
    (Node { operator, details, inputs: vec![base_node, step] }, names)
}

/// The operator and the names of its columns.
fn node(rel: &Rel, schemas: Schemas<'_>) -> (Node, Vec<String>) {
    let (inputs, names): (Vec<Node>, Vec<Vec<String>>) =
        rel.inputs().into_iter().map(|input| node(input, schemas)).unzip();
    let mut names = names.into_iter();
    let mut next = || names.next().unwrap_or_default();
    let (operator, details, names) = match rel {
        Rel::Get { relation, columns } => {
            let names = match schemas(relation) {
                Some(schema) => schema.columns.iter().map(|column| column.name.clone()).collect(),
                None => (0..columns.len()).map(|position| format!("#{position}")).collect(),
            };
            ("Get", vec![("", vec![relation.to_string()])], names)
        }
        Rel::Constant { rows, columns } => {
            let names = (0..columns.len()).map(|position| format!("#{position}")).collect();
            ("Constant", vec![("rows", vec![rows.len().to_string()])], names)
        }
        Rel::Recursive { working, base, step, all } => return recursive(working, base, step, *all, schemas),
        Rel::Filter { predicates, .. } => {
            let names = next();
            ("Filter", vec![("", shown(predicates, &names))], names)
        }
        Rel::Map { expressions, .. } => {
            let below = next();
            ("Map", vec![("", shown(expressions, &below))], expressions.iter().map(|e| name(e, &below)).collect())
        }
        Rel::Join { kind, on, residual, .. } => {
            let (left, right) = (next(), next());
            let keys = keys(on, &left, &right);
            let lefts = left.len();
            let mut both: Vec<String> = left.into_iter().chain(right).collect();
            let mut details = vec![("on", keys)];
            if !residual.is_empty() {
                details.push(("and", shown(residual, &both)));
            }
            let operator = match kind {
                JoinKind::Inner => "Join",
                JoinKind::Left => "Join left",
                JoinKind::Full => "Join full",
                JoinKind::Semi => "Semijoin",
                JoinKind::Anti => "Antijoin",
            };
            both.truncate(if kind.shows_right() { both.len() } else { lefts });
            (operator, details, both)
        }
        Rel::Reduce { group, aggregates, .. } => {
            let below = next();
            let mut details = Vec::new();
            if !group.is_empty() {
                details.push(("by", shown(group, &below)));
            }
            let calls: Vec<String> = aggregates.iter().map(|call| aggregate(call, &below)).collect();
            details.push(("give", calls));
            let functions = aggregates.iter().map(|call| call.function.name().to_string());
            ("Reduce", details, group.iter().map(|e| name(e, &below)).chain(functions).collect())
        }
        Rel::Sessions { group, at, gap, aggregates, .. } => {
            let below = next();
            let gap = literal(&interval(*gap), &Type::Interval);
            let mut details = vec![("", vec![scalar(at, &below), gap])];
            if !group.is_empty() {
                details.push(("by", shown(group, &below)));
            }
            details.push(("give", aggregates.iter().map(|call| aggregate(call, &below)).collect()));
            let functions = aggregates.iter().map(|call| call.function.name().to_string());
            let window = ["window_start", "window_end"].map(str::to_string);
            ("Sessions", details, group.iter().map(|e| name(e, &below)).chain(window).chain(functions).collect())
        }
        Rel::AsOf { kind, on, residual, at, .. } => {
            let (left, right) = (next(), next());
            let mut details = vec![("", vec![scalar(at, &left)]), ("on", keys(on, &left, &right))];
            let both: Vec<String> = left.into_iter().chain(right).collect();
            if !residual.is_empty() {
                details.push(("and", shown(residual, &both)));
            }
            (if *kind == JoinKind::Left { "As of left" } else { "As of" }, details, both)
        }
        Rel::Settle { settling, .. } => {
            let names = next();
            ("Settle", settled(settling, rel, &names), names)
        }
        Rel::Temporal { tests, .. } => {
            let names = next();
            let details = vec![("while", tests.iter().map(|test| clock_test(test, &names)).collect())];
            ("Temporal", details, names)
        }
        Rel::Distinct { .. } => ("Distinct", Vec::new(), next()),
        Rel::Union { .. } => ("Union", Vec::new(), next()),
        Rel::SetOp { kind, all, .. } => {
            let operator = match (kind, all) {
                (SetOpKind::Intersect, false) => "Intersect",
                (SetOpKind::Intersect, true) => "Intersect all",
                (SetOpKind::Except, false) => "Except",
                (SetOpKind::Except, true) => "Except all",
            };
            (operator, Vec::new(), next())
        }
        Rel::TopK { group, order, offset, limit, ties, .. } => {
            let names = next();
            let mut details = Vec::new();
            if !group.is_empty() {
                details.push(("by", shown(group, &names)));
            }
            if !order.is_empty() {
                details.push(("order", order.iter().map(|key| sort_key(key, &names)).collect()));
            }
            details.extend((*offset > 0).then(|| ("offset", vec![offset.to_string()])));
            let with_ties = if *ties { " with ties" } else { "" };
            details.extend(limit.map(|limit| ("limit", vec![format!("{limit}{with_ties}")])));
            ("TopK", details, names)
        }
        Rel::Window { partition, order, calls, .. } => {
            let mut names = next();
            let mut details = Vec::new();
            if !partition.is_empty() {
                details.push(("by", shown(partition, &names)));
            }
            if !order.is_empty() {
                details.push(("order", order.iter().map(|key| sort_key(key, &names)).collect()));
            }
            details.push(("give", calls.iter().map(|call| window_call(call, &names)).collect()));
            names.extend(calls.iter().map(|call| call.function.name().to_string()));
            ("Window", details, names)
        }
        Rel::Expand { expansion, .. } => {
            let mut names = next();
            let call =
                |call: &TableCall| format!("{}({})", call.function.name(), shown(&call.arguments, &names).join(", "));
            let mut details = vec![("", expansion.calls.iter().map(call).collect())];
            details.extend(expansion.ordinality.then(|| ("with", vec!["ordinality".into()])));
            if let Some(fold) = &expansion.fold {
                let returned = expansion.returned_columns().into_iter().map(|column| column.name);
                let both: Vec<String> = names.iter().cloned().chain(returned).collect();
                if !fold.predicates.is_empty() {
                    details.push(("where", shown(&fold.predicates, &both)));
                }
                details.push(("give", fold.aggregates.iter().map(|call| aggregate(call, &both)).collect()));
            }
            names.extend(expansion.columns().into_iter().map(|column| column.name));
            if let Some(conditions) = expansion.outer.as_ref().filter(|conditions| !conditions.is_empty()) {
                details.push(("on", shown(conditions, &names)));
            }
            (if expansion.outer.is_some() { "Expand left" } else { "Expand" }, details, names)
        }
    };
    (Node { operator, details, inputs }, names)
}

fn keys(on: &[Equality], left: &[String], right: &[String]) -> Vec<String> {
    let key = |key: &Equality| {
        let is = if key.null_safe { "is not distinct from" } else { "=" };
        format!("{} {is} {}", scalar(&key.left, left), scalar(&key.right, right))
    };
    on.iter().map(key).collect()
}

/// When an operator's rows settle.
fn settled(settling: &Settling, settle: &Rel, names: &[String]) -> Vec<(&'static str, Vec<String>)> {
    let at = |column: usize, last: i64| {
        let after = literal(&interval(last.saturating_add(1)), &Type::Interval);
        format!("{} + {after}", self::column(column, names))
    };
    let (until, emit) = match settling {
        Settling::Group { horizon, emit } => (vec![at(horizon.column, horizon.last())], emit),
        Settling::Pair { left, right, emit, .. } => {
            let width = match settle.inputs().first().map(|join| join.inputs()) {
                Some(sides) => sides.first().map_or(0, |side| side.width()),
                None => 0,
            };
            (vec![at(left.column, left.last), at(width + right.column, right.last)], emit)
        }
    };
    let mut details = vec![("at", until)];
    details.extend((*emit == Emit::Final).then(|| ("", vec!["final".into()])));
    details
}

fn interval(micros: i64) -> Datum {
    Datum::Interval(Interval { months: 0, days: 0, micros })
}

fn shown(scalars: &[Scalar], names: &[String]) -> Vec<String> {
    scalars.iter().map(|expression| scalar(expression, names)).collect()
}

/// What the column an expression gives is called: a column keeps its name.
fn name(expression: &Scalar, below: &[String]) -> String {
    match expression {
        Scalar::Column(position, _) => below.get(*position).cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

fn clock_test(ClockTest { order, at, after }: &ClockTest, names: &[String]) -> String {
    let at = scalar(at, names);
    match after {
        0 => format!("now() {} {at}", order.name()),
        _ => format!("now() {} {at} + {}", order.name(), literal(&interval(*after), &Type::Interval)),
    }
}

fn aggregate(call: &Aggregate, names: &[String]) -> String {
    let distinct = if call.distinct { "distinct " } else { "" };
    let arguments = if call.arguments.is_empty() { "*".into() } else { shown(&call.arguments, names).join(", ") };
    let keys: Vec<String> = call.order.iter().map(|key| sort_key(key, names)).collect();
    let order = if keys.is_empty() { String::new() } else { format!(" order by {}", keys.join(", ")) };
    let filter = call.filter.as_ref().map(|filter| format!(" filter ({})", scalar(filter, names)));
    format!("{}({distinct}{arguments}{order}){}", call.function.name(), filter.unwrap_or_default())
}

fn sort_key(key: &SortKey, names: &[String]) -> String {
    let descending = if key.descending { " desc" } else { "" };
    let nulls = match (key.descending, key.nulls_first) {
        (false, true) => " nulls first",
        (true, false) => " nulls last",
        _ => "",
    };
    format!("{}{descending}{nulls}", scalar(&key.expression, names))
}

fn window_call(call: &WindowCall, names: &[String]) -> String {
    let name = call.function.name();
    let arguments = if name == "count" && call.arguments.is_empty() {
        "*".into()
    } else {
        shown(&call.arguments, names).join(", ")
    };
    let filter = call.filter.as_ref().map(|filter| format!(" filter ({})", scalar(filter, names)));
    let framed = call.function.is_framed() && call.frame != Frame::default();
    let frame = if framed { frame(&call.frame, names) } else { String::new() };
    format!("{name}({arguments}){}{frame}", filter.unwrap_or_default())
}

fn frame(frame: &Frame, names: &[String]) -> String {
    let units = match frame.units {
        FrameUnits::Rows => "rows",
        FrameUnits::Groups => "groups",
        FrameUnits::Range => "range",
    };
    let bound = |bound: &Bound, unbounded: &str| match bound {
        Bound::Unbounded => format!("unbounded {unbounded}"),
        Bound::Current => "current row".into(),
        Bound::Steps(steps) if *steps < 0 => format!("{} preceding", steps.unsigned_abs()),
        Bound::Steps(steps) => format!("{steps} following"),
        Bound::Value(value) => scalar(value, names),
    };
    let without = match frame.exclusion {
        Exclusion::NoOthers => "",
        Exclusion::CurrentRow => " without current row",
        Exclusion::Group => " without group",
        Exclusion::Ties => " without ties",
    };
    format!(" {units} {} to {}{without}", bound(&frame.start, "preceding"), bound(&frame.end, "following"))
}

/// An expression over columns of these names.
fn scalar(expression: &Scalar, names: &[String]) -> String {
    let show = |operand: &Scalar| scalar(operand, names);
    let joined = |operands: &[Scalar], by: &str| operands.iter().map(show).collect::<Vec<_>>().join(by);
    match expression {
        Scalar::Column(position, _) => column(*position, names),
        Scalar::Literal(value, ty) => literal(value, ty),
        Scalar::And(operands) => format!("({})", joined(operands, " and ")),
        Scalar::Or(operands) => format!("({})", joined(operands, " or ")),
        Scalar::Coalesce(operands, _) => format!("coalesce({})", joined(operands, ", ")),
        Scalar::Case { branches, otherwise, .. } => {
            let branches: Vec<String> =
                branches.iter().map(|(when, then)| format!("when {} then {}", show(when), show(then))).collect();
            format!("case {} else {} end", branches.join(" "), show(otherwise))
        }
        Scalar::Call { function, arguments, ty } => match (function.name(), arguments.as_slice()) {
            (name, [operand]) if name.starts_with("is ") => format!("({} {name})", show(operand)),
            (name, [operand]) if name.starts_with("cast") => format!("{}::{ty}", show(operand)),
            ("relabel", [operand]) => format!("{}::{ty}", show(operand)),
            (name, [operand]) if is_symbol(name) || name == "not" => format!("({name} {})", show(operand)),
            (name, [left, right]) if is_symbol(name) || name.starts_with("is ") => {
                format!("({} {name} {})", show(left), show(right))
            }
            (name, [first @ .., last]) if function.is_spread() => {
                let first: String = first.iter().map(|argument| show(argument) + ", ").collect();
                format!("{name}({first}variadic {})", show(last))
            }
            (name, arguments) => format!("{name}({})", joined(arguments, ", ")),
        },
    }
}

fn is_symbol(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_alphabetic())
}

fn column(position: usize, names: &[String]) -> String {
    match names.get(position) {
        Some(name) if !name.is_empty() && names.iter().filter(|other| *other == name).count() == 1 => name.clone(),
        _ => format!("#{position}"),
    }
}

fn literal(value: &Datum, ty: &Type) -> String {
    let mut written = String::new();
    text::write(value, &mut written);
    match (value, ty) {
        (Datum::Null, _) => "null".into(),
        (_, Type::Int2 | Type::Int4 | Type::Int8 | Type::Numeric) => written,
        (Datum::Bool(truth), _) => truth.to_string(),
        (_, Type::Text | Type::Varchar) => format!("'{}'", written.replace('\'', "''")),
        (_, ty) => format!("{ty} '{}'", written.replace('\'', "''")),
    }
}
