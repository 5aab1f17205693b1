//! The publication: what the change feed carries. It must carry every wanted table whole.

use super::catalog::Identity;
use super::failure::Failure;
use super::preflight::{self, Table};
use crate::pg::{quote_identifier, quote_relation};
use crate::value::RelationName;
use tokio_postgres::Client;

/// A publication as the catalog has it.
struct Publication {
    /// Kinds of change it leaves out.
    unpublished: Vec<&'static str>,
    via_root: bool,
    members: Vec<Member>,
}

/// A table as which changes are told: with `publish_via_partition_root` not its partitions.
struct Member {
    oid: u32,
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
    let Outlook { refusals, lacks } = look(client, name, tables).await?;
    refuse(refusals)?;
    match lacks {
        None => Ok(Vec::new()),
        Some(lacks) if !create => Err(Failure::operator(lacks.refusal)),
        Some(lacks) => {
            execute(client, &lacks.statement).await?;
            Ok(vec![lacks.done])
        }
    }
}

/// What keeps a publication from carrying some tables.
pub(super) struct Outlook {
    /// What people have to mend first.
    pub(super) refusals: Vec<String>,
    /// What is missing in it, or all of it.
    pub(super) lacks: Option<Lacks>,
}

/// What is missing, and how it is made.
pub(super) struct Lacks {
    statement: String,
    /// What is said when it may not be made.
    pub(super) refusal: String,
    /// What is said when it was made.
    pub(super) done: String,
}

/// Looks what would have to be done for the publication to carry these tables.
pub(super) async fn look(client: &Client, name: &str, tables: &[Table]) -> Result<Outlook, Failure> {
    let Some(publication) = load(client, name).await? else {
        let refusals = harm(client, &tables.iter().collect::<Vec<_>>()).await?;
        let statement = create_statement(name, tables);
        let refusal = format!(
            "there is no publication {name}; run `tidegate setup`, or set create = true in the source, or have this run in the \
             database: {statement}"
        );
        let done = format!("created publication {name} for {} tables", tables.len());
        return Ok(Outlook { refusals, lacks: Some(Lacks { statement, refusal, done }) });
    };
    let mut refusals = partial(name, &publication, tables);
    let missing: Vec<&Table> = tables.iter().filter(|table| publication.member(table).is_none()).collect();
    if missing.is_empty() {
        return Ok(Outlook { refusals, lacks: None });
    }
    refusals.extend(harm(client, &missing).await?);
    let statement = format!("ALTER PUBLICATION {} ADD TABLE {}", quote_identifier(name), table_list(&missing));
    let names = names(&missing);
    let refusal = format!(
        "publication {name} lacks {names}; run `tidegate setup`, or set create = true in the source, or have this run in the \
         database: {statement}"
    );
    let done = format!("added {names} to publication {name}");
    Ok(Outlook { refusals, lacks: Some(Lacks { statement, refusal, done }) })
}

fn refuse(refusals: Vec<String>) -> Result<(), Failure> {
    if refusals.is_empty() { Ok(()) } else { Err(Failure::operator(refusals.join("\n"))) }
}

/// Whether the publication still carries these tables whole; if not, why.
pub(super) async fn still_carries(client: &Client, name: &str, tables: &[Table]) -> Result<(), Failure> {
    let publication = load(client, name).await?.ok_or_else(|| {
        Failure::operator(format!("publication {name} was dropped; create it again (`tidegate setup`) and restart"))
    })?;
    refuse(partial(name, &publication, tables))?;
    let missing: Vec<&Table> = tables.iter().filter(|table| publication.member(table).is_none()).collect();
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

/// What Postgres would let nobody update once it is published. Tables published already are their owner's business.
async fn harm(client: &Client, tables: &[&Table]) -> Result<Vec<String>, Failure> {
    let identity_is_published_whole = preflight::server_version(client).await? >= 180_000;
    let mut refusals = Vec::new();
    for Table { relation, entry } in tables {
        let table = &relation.name;
        if let (false, Some(leaf)) = (entry.identity == Identity::Nothing, &entry.unidentified_leaf) {
            refusals.push(format!(
                "{leaf}, a partition of {table}, has no primary key, so publishing {table} would make every UPDATE and DELETE \
                 on that partition fail; run ALTER TABLE {leaf} REPLICA IDENTITY FULL"
            ));
        }
        if let (true, Some(column)) = (identity_is_published_whole, entry.generated_identity()) {
            refusals.push(format!(
                "{table}.{column} is a generated column and part of the replica identity, so publishing {table} would make \
                 every UPDATE and DELETE on it fail; choose another REPLICA IDENTITY, or publish {table} yourself with \
                 publish_generated_columns = stored"
            ));
        }
    }
    Ok(refusals)
}

/// Where a publication carries less than the tables' whole story.
fn partial(name: &str, publication: &Publication, tables: &[Table]) -> Vec<String> {
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
        if let Some(root) = publication.members.iter().find(|member| table.entry.above.contains(&member.oid)) {
            refusals.push(format!(
                "{relation} is a partition of {0}, and publication {name} tells its changes as {0}'s; read {0} instead and \
                 filter it in the view, or read another publication",
                root.table
            ));
        }
        let Some(member) = publication.member(table) else { continue };
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
    refusals
}

impl Publication {
    fn member(&self, table: &Table) -> Option<&Member> {
        self.members.iter().find(|member| member.oid == table.entry.oid)
    }
}

const PUBLICATION_QUERY: &str = "
SELECT pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot
FROM pg_catalog.pg_publication WHERE pubname = $1";

const MEMBERS_QUERY: &str = "
SELECT c.oid, p.schemaname::text, p.tablename::text, {filtered}, {columns}
FROM pg_catalog.pg_publication_tables p
JOIN pg_catalog.pg_namespace n ON n.nspname = p.schemaname
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
WHERE p.pubname = $1";

async fn load(client: &Client, name: &str) -> Result<Option<Publication>, Failure> {
    let Some(row) = client.query_opt(PUBLICATION_QUERY, &[&name]).await? else { return Ok(None) };
    let mut unpublished = Vec::new();
    for (column, kind) in ["INSERT", "UPDATE", "DELETE", "TRUNCATE"].into_iter().enumerate() {
        if !row.try_get::<_, bool>(column)? {
            unpublished.push(kind);
        }
    }
    // From Postgres 15 on members have row filters and column lists.
    let has_lists = preflight::server_version(client).await? >= 150_000;
    let (filtered, columns) =
        if has_lists { ("p.rowfilter IS NOT NULL", "p.attnames::text[]") } else { ("false", "NULL::text[]") };
    let query = MEMBERS_QUERY.replace("{filtered}", filtered).replace("{columns}", columns);
    let mut members = Vec::new();
    for member in client.query(&query, &[&name]).await? {
        members.push(Member {
            oid: member.try_get(0)?,
            table: RelationName { schema: member.try_get(1)?, name: member.try_get(2)? },
            filtered: member.try_get(3)?,
            columns: member.try_get(4)?,
        });
    }
    Ok(Some(Publication { unpublished, via_root: row.try_get(4)?, members }))
}
