//! Opening the target: makes the table where there is none, or sees that the one there is can take the view, and that it is ours.

use super::failure::Failure;
use super::table::{MARKS, Table};
use super::{Target, mark, types};
use crate::pg::{Blocking, StatementError, TextRows, quote_identifier, quote_literal};

/// Of several sinks that start at once, one creates the table of the marks.
const CREATION_LOCK: i64 = 0x7469_6465_6761_7465;

/// A target that is ready.
pub(super) struct Found {
    /// The mark it keeps.
    pub(super) mark: Option<String>,
    /// Whether it has no rows.
    pub(super) is_empty: bool,
    /// See `mark::identity`.
    pub(super) identity: String,
    /// For each column of the view the type, without modifier, that its texts are cast to.
    pub(super) casts: Vec<String>,
}

/// Creates what is missing, if that is allowed, and checks the rest.
pub(super) fn prepare(connection: &Blocking, target: &Target) -> Result<Found, Failure> {
    let types = connection.column(&types::declared(&target.table.columns))?;
    if let Some(statements) = missing(connection, target, &types)?.statements() {
        create(connection, &target.table, &statements)?;
    }
    examine(connection, target, &types)
}

/// Checks what is there, and reads the mark it keeps. Nothing is created.
pub(super) fn look(connection: &Blocking, target: &Target) -> Result<Option<String>, Failure> {
    let types = connection.column(&types::declared(&target.table.columns))?;
    let Missing { table, marks } = missing(connection, target, &types)?;
    match (table, marks) {
        (None, None) => {
            // Without rows it is compared when it is opened, whatever its mark says.
            let Found { mark, is_empty, .. } = examine(connection, target, &types)?;
            Ok(mark.filter(|_| !is_empty))
        }
        (None, Some(_)) => {
            check_columns(connection, &target.table, &types)?;
            check_key(connection, &target.table)?;
            if !is_empty(connection, &target.table)? {
                check_owner(target, None)?;
            }
            Ok(None)
        }
        (Some(_), _) => Ok(None),
    }
}

/// What creates the tables that are not there.
struct Missing {
    table: Option<String>,
    marks: Option<String>,
}

impl Missing {
    fn statements(&self) -> Option<String> {
        match (&self.table, &self.marks) {
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => Some(one.clone()),
            (Some(table), Some(marks)) => Some(format!("{table}; {marks}")),
        }
    }
}

fn is_empty(connection: &Blocking, table: &Table) -> Result<bool, Failure> {
    Ok(!is_true(&connection.rows(&format!("SELECT EXISTS (SELECT FROM {})", table.quoted()))?))
}

fn examine(connection: &Blocking, target: &Target, types: &[String]) -> Result<Found, Failure> {
    let table = &target.table;
    check_rights(connection, table)?;
    let casts = check_columns(connection, table, types)?;
    check_key(connection, table)?;
    let identity = connection.column(&mark::identity(table))?.into_iter().next().unwrap_or_default();
    let is_empty = is_empty(connection, table)?;
    let kept = connection.rows(&mark::read(table))?.into_iter().next();
    let (sink, mark) = kept.map_or((None, None), |row| (text(&row, 0), text(&row, 1)));
    if !is_empty {
        check_owner(target, sink.as_deref())?;
    }
    Ok(Found { mark, is_empty, identity, casts })
}

/// What creates the tables that are not there, if they may be created.
fn missing(connection: &Blocking, target: &Target, types: &[String]) -> Result<Missing, Failure> {
    let (table, name) = (&target.table, target.table.quoted());
    let (schema, relation) = (quote_literal(&table.name.schema), quote_literal(&table.name.name));
    let found = connection.rows(&format!(
        "SELECT c.relname, c.relkind FROM pg_catalog.pg_namespace n LEFT JOIN pg_catalog.pg_class c \
         ON c.relnamespace = n.oid AND c.relname IN ({relation}, '{MARKS}') WHERE n.nspname = {schema}"
    ))?;
    if found.is_empty() {
        let schema = quote_identifier(&table.name.schema);
        return Err(Failure::Operator(format!("there is no schema {schema}; run: CREATE SCHEMA {schema}")));
    }
    let kind = |name: &str| found.iter().find(|row| text(row, 0).as_deref() == Some(name)).and_then(|row| text(row, 1));
    let missing_table = match kind(&table.name.name).as_deref() {
        None => Some(table.create(types)),
        Some("r" | "p") => None,
        Some(_) => return Err(Failure::Operator(format!("{name} is there, but is no table"))),
    };
    let marks = kind(MARKS).is_none().then(|| mark::create(table));
    let missing = Missing { table: missing_table, marks };
    if let (Some(statements), false) = (missing.statements(), target.create) {
        let both = missing.table.is_some() && missing.marks.is_some();
        let what = if both { format!("{name} and {MARKS} are") } else { "a table is".to_string() };
        return Err(Failure::Operator(format!("{what} missing, and create = false; run: {statements}")));
    }
    Ok(missing)
}

fn create(connection: &Blocking, table: &Table, statements: &str) -> Result<(), Failure> {
    let lock = format!("SELECT pg_catalog.pg_advisory_xact_lock({CREATION_LOCK})");
    connection.execute(&format!("BEGIN; {lock}; {statements}; COMMIT")).map_err(|error| match error.code() {
        "42501" => Failure::Operator(format!(
            "{error}; run: GRANT CREATE ON SCHEMA {} to the role, or as somebody who may: {statements}",
            quote_identifier(&table.name.schema)
        )),
        _ => error.into(),
    })
}

/// What a role needs that only writes rows.
fn check_rights(connection: &Blocking, table: &Table) -> Result<(), Failure> {
    let on_table = |relation: &str, rights: &str| {
        let relation = quote_literal(relation);
        format!(
            "SELECT pg_catalog.format('GRANT %s ON %s TO %I', pg_catalog.string_agg(p, ', '), {relation}, current_user) \
             FROM unnest('{{{rights}}}'::text[]) AS p WHERE NOT pg_catalog.has_table_privilege({relation}, p) \
             HAVING pg_catalog.count(*) > 0"
        )
    };
    let grants = connection.column(&format!(
        "{} UNION ALL {} UNION ALL \
         SELECT pg_catalog.format('GRANT TEMPORARY ON DATABASE %I TO %I', d, current_user) \
         FROM pg_catalog.current_database() AS d WHERE NOT pg_catalog.has_database_privilege(d, 'TEMPORARY')",
        on_table(&table.quoted(), "SELECT,INSERT,UPDATE,DELETE"),
        on_table(&table.marks(), "SELECT,INSERT,UPDATE"),
    ))?;
    match grants.is_empty() {
        true => Ok(()),
        false => Err(Failure::Operator(format!("the role may not do what is needed; run: {}", grants.join("; ")))),
    }
}

/// Refuses a table whose columns would not hold the view's values, and finds what texts are to be cast to.
fn check_columns(connection: &Blocking, table: &Table, types: &[String]) -> Result<Vec<String>, Failure> {
    let columns = table_columns(connection, table)?;
    let oids: Vec<u32> = columns.iter().map(|column| column.oid).collect();
    let catalog = connection.types(&oids)?;
    let name = table.quoted();
    let (mut wrong, mut mend, mut casts) = (Vec::new(), Vec::new(), Vec::new());
    for (column, ty) in table.columns.iter().zip(types) {
        let quoted = quote_identifier(&column.name);
        let Some(found) = columns.iter().find(|found| found.name == column.name) else {
            wrong.push(format!("column {quoted} is missing"));
            mend.push(format!("ALTER TABLE {name} ADD COLUMN {quoted} {ty}"));
            continue;
        };
        let holds = |(ty, modifier)| types::holds(column, &ty, modifier);
        if !catalog.resolve(found.oid, found.modifier).is_ok_and(holds) {
            wrong.push(format!("column {quoted} is of type {}, which would not hold {ty} as it is", found.shown));
            mend.push(format!("ALTER TABLE {name} ALTER COLUMN {quoted} TYPE {ty} USING {quoted}::{ty}"));
        }
        if found.is_computed {
            wrong.push(format!("column {quoted} is computed by the table"));
            mend.push(format!("ALTER TABLE {name} DROP COLUMN {quoted}, ADD COLUMN {quoted} {ty}"));
        }
        casts.push(found.cast.clone());
    }
    let is_ours = |name: &String| table.columns.iter().any(|column| column.name == *name);
    for other in columns.iter().filter(|other| other.is_required && !is_ours(&other.name)) {
        let quoted = quote_identifier(&other.name);
        wrong.push(format!("column {quoted} is none of the view's, and has to have a value"));
        mend.push(format!("ALTER TABLE {name} ALTER COLUMN {quoted} DROP NOT NULL"));
    }
    match wrong.is_empty() {
        true => Ok(casts),
        false => Err(Failure::Operator(format!(
            "{name} does not fit the view: {}; change the view, or run: {}",
            wrong.join("; "),
            mend.join("; ")
        ))),
    }
}

/// A column that is there.
struct TableColumn {
    name: String,
    oid: u32,
    modifier: i32,
    /// Its type with the modifier.
    shown: String,
    /// Its type without, the base type of a domain: a cast to it cuts nothing.
    cast: String,
    /// Whether rows must say a value for it.
    is_required: bool,
    /// Whether rows may not.
    is_computed: bool,
}

fn table_columns(connection: &Blocking, table: &Table) -> Result<Vec<TableColumn>, Failure> {
    let rows = connection.rows(&format!(
        "SELECT a.attname, a.atttypid, a.atttypmod, pg_catalog.format_type(a.atttypid, a.atttypmod), \
         pg_catalog.format_type(base.oid, -1), a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', \
         a.attgenerated <> '' OR a.attidentity = 'a' \
         FROM pg_catalog.pg_attribute a CROSS JOIN LATERAL ( \
           WITH RECURSIVE b(oid, next) AS ( \
             SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid \
             UNION ALL SELECT t.oid, t.typbasetype FROM b JOIN pg_catalog.pg_type t ON t.oid = b.next) \
           SELECT b.oid FROM b WHERE b.next = 0) AS base \
         WHERE a.attrelid = {}::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped",
        quote_literal(&table.quoted())
    ))?;
    let column = |row: &Vec<Option<String>>| {
        Some(TableColumn {
            name: text(row, 0)?,
            oid: text(row, 1)?.parse().ok()?,
            modifier: text(row, 2)?.parse().ok()?,
            shown: text(row, 3)?,
            cast: text(row, 4)?,
            is_required: text(row, 5)? == "t",
            is_computed: text(row, 6)? == "t",
        })
    };
    let columns = rows.iter().map(column).collect::<Option<Vec<_>>>();
    columns.ok_or_else(|| StatementError::Lost("the catalog cannot be understood".into()).into())
}

/// `ON CONFLICT` needs it, and two rows of one key would never be noticed otherwise.
fn check_key(connection: &Blocking, table: &Table) -> Result<(), Failure> {
    let (name, key) = (table.quoted(), table.key_list());
    let names: Vec<String> = table.key_names().into_iter().map(quote_literal).collect();
    let has_index = connection.rows(&format!(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = {}::pg_catalog.regclass \
         AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL \
         AND i.indnkeyatts = {} AND ARRAY[{}]::text[] @> ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a \
           WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1])))",
        quote_literal(&name),
        names.len(),
        names.join(", "),
    ))?;
    match is_true(&has_index) {
        true => Ok(()),
        false => Err(Failure::Operator(format!(
            "{name} has no unique index on exactly the key ({key}); run: CREATE UNIQUE INDEX ON {name} ({key})"
        ))),
    }
}

/// Rows that this sink has not written would be lost.
fn check_owner(target: &Target, sink: Option<&str>) -> Result<(), Failure> {
    let name = target.table.quoted();
    let whose = match sink {
        Some(sink) if sink == target.sink => return Ok(()),
        _ if target.adopt => return Ok(()),
        Some(other) => format!("is kept by sink {other}"),
        None => "has rows that no sink has written".to_string(),
    };
    Err(Failure::Operator(format!(
        "{name} {whose}: they would be replaced by the view's. Name another table, or set adopt = true if that is meant"
    )))
}

fn text(row: &[Option<String>], position: usize) -> Option<String> {
    row.get(position).cloned().flatten()
}

fn is_true(rows: &TextRows) -> bool {
    rows.first().and_then(|row| text(row, 0)).as_deref() == Some("t")
}
