//! The temporary replication slot and its exported snapshot.

use super::connection::ReplicationConnection;
use super::failure::Failure;
use crate::pg::quote_identifier;
use crate::source::Progress;
use std::time::Duration;
use tokio_postgres::Client;

/// How often it is looked what creation waits for.
const LOOK: Duration = Duration::from_millis(500);
/// After how many looks it is explained in the log, and again.
const EXPLAIN_EVERY: u32 = 6;

/// A slot, as long as its connection lives; the snapshot, as long as nothing else is asked of it.
#[derive(Debug)]
pub(super) struct Slot {
    /// Its name.
    pub(super) name: String,
    /// The WAL position that separates snapshot and stream.
    pub(super) consistent_point: u64,
    /// The exported snapshot.
    pub(super) snapshot: String,
}

/// Creates a slot. Postgres waits for the transactions that are writing now: which ones, is said if it takes long.
pub(super) async fn create(
    connection: &mut ReplicationConnection,
    control: &Client,
    prefix: &str,
    progress: &Progress,
) -> Result<Slot, Failure> {
    let command = format!(
        "CREATE_REPLICATION_SLOT {} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT",
        quote_identifier(&unique_name(prefix))
    );
    let create = connection.query(&command);
    let mut create = std::pin::pin!(create);
    let mut looks = 0;
    let rows = loop {
        tokio::select! {
            created = &mut create => break created?,
            () = tokio::time::sleep(LOOK) => {
                let Some(waits) = writers(control).await else { continue };
                looks += 1;
                if looks % EXPLAIN_EVERY == 0 {
                    tracing::warn!("{waits}");
                }
                progress.holds(waits);
            }
        }
    };
    let row = rows.into_iter().next().unwrap_or_default();
    let mut fields = row.into_iter().flatten();
    let (name, point, snapshot) = (fields.next(), fields.next(), fields.next());
    let consistent_point = point.as_deref().and_then(parse_position);
    match (name, consistent_point, snapshot) {
        (Some(name), Some(consistent_point), Some(snapshot)) => Ok(Slot { name, consistent_point, snapshot }),
        _ => Err(Failure::Lost("the server's answer to CREATE_REPLICATION_SLOT makes no sense".into())),
    }
}

/// A name no other slot has, so that the server's memory of a lost connection is not in the way.
fn unique_name(prefix: &str) -> String {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{prefix}_{:x}_{:x}", std::process::id(), elapsed.as_micros() & 0xff_ffff_ffff)
}

/// Postgres's `X/Y` form of a WAL position.
pub(super) fn parse_position(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let (high, low) = (u32::from_str_radix(high, 16).ok()?, u32::from_str_radix(low, 16).ok()?);
    Some(u64::from(high) << 32 | u64::from(low))
}

/// Postgres's `X/Y` form of a WAL position.
pub(super) fn show_position(position: u64) -> String {
    format!("{:X}/{:X}", position >> 32, position & 0xffff_ffff)
}

/// Who keeps Postgres from giving a slot.
async fn writers(control: &Client) -> Option<String> {
    let writers = "
        SELECT pid, coalesce(usename::text, ''), (extract(epoch FROM clock_timestamp() - xact_start))::int8, left(query, 60)
        FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start LIMIT 5";
    let rows = control.query(writers, &[]).await.ok()?;
    let shown = rows.iter().filter_map(|row| {
        let (pid, user): (i32, String) = (row.try_get(0).ok()?, row.try_get(1).ok()?);
        let (age, query): (Option<i64>, Option<String>) = (row.try_get(2).ok()?, row.try_get(3).ok()?);
        Some(format!("pid {pid} ({user}, open for {} s): {}", age.unwrap_or(0), query.unwrap_or_default()))
    });
    let shown: Vec<String> = shown.collect();
    Some(format!("Postgres waits for open write transactions before it gives a slot: {}", shown.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_names() {
        assert_eq!(parse_position("1A/2b"), Some(0x1A_0000_002B));
        assert_eq!(show_position(0x1A_0000_002B), "1A/2B");
        assert_eq!((parse_position("1A"), parse_position("x/y")), (None, None));
        assert!(unique_name("tidegate_shop").len() <= 63);
    }
}
