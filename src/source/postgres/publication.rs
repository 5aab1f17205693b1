//! The publication: what the change feed carries. It must carry every wanted table whole.

use super::failure::Failure;
use super::preflight::Table;
use crate::pg::{quote_identifier, quote_relation};
use crate::value::RelationName;
use tokio_postgres::Client;

/// A publication as the catalog has it.
struct Publication {
    all_tables: bool,
    /// Kinds of change it leaves out.
    unpublished: Vec<&'static str>,
    via_root: bool,
    members: Vec<Member>,
}

struct Member {
    table: RelationName,
    filtered: bool,
    /// `None`: all columns.
    columns: Option<Vec<String>>,
}

/// Makes sure that the publication carries these tables. Creates it, or adds what is missing, if `create`; otherwise says what
/// is missing. Returns what was done.
pub(super) async fn ensure(
    client: &Client,
    name: &str,
    tables: &[Table],
    create: bool,
) -> Result<Vec<String>, Failure> {
    let Some(publication) = load(client, name).await? else {
        let statement = create_statement(name, tables);
        if !create {
            return Err(Failure::operator(format!(
                "there is no publication {name}; run `tidegate setup`, or set create = true in the source, or have this \
                 run in the database: {statement}"
            )));
        }
        execute(client, &statement).await?;
        return Ok(vec![format!("created publication {name} for {} tables", tables.len())]);
    };
    refuse_partial(name, &publication, tables)?;
    let missing: Vec<&Table> = tables.iter().filter(|table| !publication.carries(table)).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!("ALTER PUBLICATION {} ADD TABLE {}", quote_identifier(name), table_list(&missing));
    if !create {
        return Err(Failure::operator(format!(
            "publication {name} lacks {}; run `tidegate setup`, or set create = true in the source, or have this run in \
             the database: {statement}",
            names(&missing)
        )));
    }
    execute(client, &statement).await?;
    Ok(vec![format!("added {} to publication {name}", names(&missing))])
}

/// Whether the publication still carries these tables whole; if not, why.
pub(super) async fn still_carries(client: &Client, name: &str, tables: &[Table]) -> Result<(), Failure> {
    let publication = load(client, name).await?.ok_or_else(|| {
        Failure::operator(format!("publication {name} was dropped; create it again (`tidegate setup`) and restart"))
    })?;
    refuse_partial(name, &publication, tables)?;
    let missing: Vec<&Table> = tables.iter().filter(|table| !publication.carries(table)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::operator(format!(
        "publication {name} no longer carries {}: changes in between are lost to the change feed; add the table again \
         (`tidegate setup`) and restart",
        names(&missing)
    )))
}

async fn execute(client: &Client, statement: &str) -> Result<(), Failure> {
    client.batch_execute(statement).await.map_err(|error| match Failure::from(error) {
        Failure::Final(error) => Failure::operator(format!(
            "cannot set the publication up: {error}; let the tables' owner or a superuser run: {statement}"
        )),
        failure => failure,
    })
}

fn create_statement(name: &str, tables: &[Table]) -> String {
    let tables: Vec<&Table> = tables.iter().collect();
    format!(
        "CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true)",
        quote_identifier(name),
        table_list(&tables)
    )
}

fn table_list(tables: &[&Table]) -> String {
    let list = tables.iter().map(|table| {
        let only = if table.entry.is_partitioned() { "" } else { "ONLY " };
        format!("{only}{}", quote_relation(&table.relation.name))
    });
    list.collect::<Vec<_>>().join(", ")
}

fn names(tables: &[&Table]) -> String {
    tables.iter().map(|table| table.relation.name.to_string()).collect::<Vec<_>>().join(", ")
}

/// Refuses a publication that carries less than the tables' whole story.
fn refuse_partial(name: &str, publication: &Publication, tables: &[Table]) -> Result<(), Failure> {
    let quoted = quote_identifier(name);
    let mut refusals = Vec::new();
    if !publication.unpublished.is_empty() {
        refusals.push(format!(
            "publication {name} leaves out {}; run ALTER PUBLICATION {quoted} SET (publish = 'insert, update, delete, truncate')",
            publication.unpublished.join(", ")
        ));
    }
    for table in tables {
        let relation = &table.relation.name;
        if table.entry.is_partitioned() && !publication.via_root {
            refusals.push(format!(
                "{relation} is partitioned, but publication {name} publishes its partitions; \
                 run ALTER PUBLICATION {quoted} SET (publish_via_partition_root = true)"
            ));
        }
        let Some(member) = publication.members.iter().find(|member| member.table == *relation) else { continue };
        if member.filtered {
            refusals.push(format!(
                "publication {name} filters the rows of {relation}, which the snapshot would not; publish it without \
                 WHERE and filter in the view"
            ));
        }
        let Some(columns) = &member.columns else { continue };
        let lacking: Vec<&str> = table.entry.columns.iter().filter(|c| !c.generated).map(|c| c.name.as_str()).collect();
        let lacking: Vec<&str> = lacking.into_iter().filter(|c| !columns.iter().any(|have| have == c)).collect();
        if !lacking.is_empty() {
            refusals.push(format!(
                "publication {name} leaves out columns of {relation}: {}; publish it without a column list",
                lacking.join(", ")
            ));
        }
    }
    if refusals.is_empty() { Ok(()) } else { Err(Failure::operator(refusals.join("\n"))) }
}

impl Publication {
    fn carries(&self, table: &Table) -> bool {
        self.all_tables || self.members.iter().any(|member| member.table == table.relation.name)
    }
}

const PUBLICATION_QUERY: &str = "
SELECT puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot
FROM pg_catalog.pg_publication WHERE pubname = $1";

const MEMBERS_QUERY: &str =
    "SELECT schemaname::text, tablename::text FROM pg_catalog.pg_publication_tables WHERE pubname = $1";

/// From Postgres 15 on members have row filters and column lists.
const MEMBERS_QUERY_15: &str = "
SELECT schemaname::text, tablename::text, rowfilter IS NOT NULL, attnames::text[]
FROM pg_catalog.pg_publication_tables WHERE pubname = $1";

async fn load(client: &Client, name: &str) -> Result<Option<Publication>, Failure> {
    let Some(row) = client.query_opt(PUBLICATION_QUERY, &[&name]).await? else { return Ok(None) };
    let mut unpublished = Vec::new();
    for (column, kind) in [(1, "INSERT"), (2, "UPDATE"), (3, "DELETE"), (4, "TRUNCATE")] {
        if !row.try_get::<_, bool>(column)? {
            unpublished.push(kind);
        }
    }
    let has_lists = super::preflight::server_version(client).await? >= 150_000;
    let query = if has_lists { MEMBERS_QUERY_15 } else { MEMBERS_QUERY };
    let mut members = Vec::new();
    for member in client.query(query, &[&name]).await? {
        members.push(Member {
            table: RelationName { schema: member.try_get(0)?, name: member.try_get(1)? },
            filtered: has_lists && member.try_get(2)?,
            columns: if has_lists { member.try_get(3)? } else { None },
        });
    }
    Ok(Some(Publication { all_tables: row.try_get(0)?, unpublished, via_root: row.try_get(5)?, members }))
}
