//! What lies below partitioned tables. A feed by the root tells rows that change wherever they lie, but not that a partition was
//! attached, detached or dropped with the rows in it, nor that one was truncated by itself (Postgres documentation, "Logical
//! Replication", restrictions).

use super::failure::Failure;
use super::preflight::Table;
use std::fmt;
use tokio_postgres::Client;

/// The partitions of some tables, and the files their rows are in: truncating gives a new one, as do some harmless rewrites.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Partitions(String);

impl fmt::Display for Partitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Partitions {
    /// As they are now.
    pub(super) async fn read(client: &Client, tables: &[Table]) -> Result<Partitions, Failure> {
        let query = "
            SELECT coalesce(string_agg(concat_ws(':', p.relid::oid, pg_catalog.pg_relation_filenode(p.relid)), ' '
                                       ORDER BY p.relid::oid), '')
            FROM pg_catalog.pg_class c, pg_catalog.pg_partition_tree(c.oid) p
            WHERE c.relkind = 'p' AND c.oid = ANY ($1) AND p.isleaf";
        let oids: Vec<u32> = tables.iter().map(|table| table.entry.oid).collect();
        Ok(Partitions(client.query_one(query, &[&oids]).await?.try_get(0)?))
    }
}
