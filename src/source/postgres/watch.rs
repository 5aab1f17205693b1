//! Watching the catalog for what the change feed does not tell: a publication or table dropped, a table taken out of the
//! publication, a key gone.

use super::failure::Failure;
use super::preflight::{self, Table};
use super::publication;
use crate::value::RelationName;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_postgres::Client;

const INTERVAL: Duration = Duration::from_secs(5);

/// Watches over these tables until something is wrong or nobody listens.
pub(super) async fn run(client: Arc<Client>, publication: String, tables: Vec<Table>, found: oneshot::Sender<Failure>) {
    while !found.is_closed() {
        tokio::time::sleep(INTERVAL).await;
        match look(&client, &publication, &tables).await {
            Ok(()) => {}
            Err(failure @ Failure::Final(_)) => {
                let _ = found.send(failure);
                return;
            }
            Err(Failure::Lost(reason)) => {
                tracing::debug!("the catalog is no longer watched: {reason}");
                return;
            }
            Err(Failure::Closed) => return,
        }
    }
}

async fn look(client: &Client, publication: &str, tables: &[Table]) -> Result<(), Failure> {
    let names: Vec<RelationName> = tables.iter().map(|table| table.relation.name.clone()).collect();
    let now = preflight::tables(client, &names).await.map_err(|failure| match failure {
        Failure::Final(error) => Failure::operator(format!("a table was changed: {error}; then restart")),
        failure => failure,
    })?;
    for (before, now) in tables.iter().zip(&now) {
        let name = &before.relation.name;
        if before.entry.oid != now.entry.oid {
            return Err(Failure::operator(format!(
                "table {name} was dropped and created again; restart to take the new one"
            )));
        }
        if before.relation.upserts && key_names(before) != key_names(now) {
            return Err(Failure::operator(format!(
                "the key of {name} was changed; restart to take the new definition"
            )));
        }
    }
    publication::still_carries(client, publication, tables).await
}

fn key_names(table: &Table) -> Option<Vec<&str>> {
    let columns = &table.entry.columns;
    table.entry.key().map(|key| key.iter().map(|position| columns[*position].name.as_str()).collect())
}
