//! The replication slot and its exported snapshot: temporary, or kept for a store.

use super::connection::ReplicationConnection;
use super::failure::Failure;
use super::preflight::server_version;
use super::silence::while_it_works;
use crate::pg::quote_identifier;
use crate::source::Progress;
use std::time::Duration;
use tokio_postgres::Client;

/// How often it is looked what creation waits for.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is looked whether a slot was given back.
const RELEASE: Duration = Duration::from_millis(20);
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

/// What becomes of a slot when its connection is lost.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'a> {
    /// It is gone; its name begins so.
    Temporary(&'a str),
    /// It stays, under this name.
    Kept(&'a str),
}

/// A kept slot as the server has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// It can be read on, and stands at this position.
    Good(u64),
    /// Another connection reads it; its process.
    InUse(i32),
    /// It cannot be read on any more, and why.
    Stale(String),
}

/// Looks at a kept slot before it is read on from `position`, up to which everything is durable here, the last transaction ending at
/// `taken`. What the slot was told is durable, the server passes over silently.
pub(super) async fn look(
    control: &Client,
    name: &str,
    position: u64,
    taken: Option<u64>,
) -> Result<Condition, Failure> {
    let look = "
        SELECT active_pid, wal_status, confirmed_flush_lsn::text, pg_current_wal_lsn()::text, to_jsonb(s) ->> 'invalidation_reason'
        FROM pg_catalog.pg_replication_slots s
        WHERE slot_name = $1 AND database = current_database() AND plugin = 'pgoutput' AND NOT temporary";
    let Some(row) = control.query_opt(look, &[&name]).await? else {
        return Ok(Condition::Stale(format!("slot \"{name}\" is gone")));
    };
    let user: Option<i32> = row.try_get(0)?;
    let text = |column| row.try_get::<_, Option<String>>(column);
    let (status, confirmed, written, invalidated) = (text(1)?, text(2)?, text(3)?, text(4)?);
    let [confirmed, written] = [confirmed, written].map(|text| text.as_deref().and_then(parse_position));
    if status.as_deref() == Some("lost") {
        let why = invalidated.map_or(String::new(), |reason| format!(", {reason}"));
        return Ok(Condition::Stale(format!(
            "slot \"{name}\" is lost: the server has removed the WAL it needs (see max_slot_wal_keep_size{why})"
        )));
    }
    if let Some(user) = user {
        return Ok(Condition::InUse(user));
    }
    let told = |what: &str, at: u64, here: u64| {
        let (at, here) = (show_position(at), show_position(here));
        Ok(Condition::Stale(format!("slot \"{name}\" {what} {at}, and {here} is where to go on")))
    };
    match (confirmed, written, taken) {
        (Some(confirmed), ..) if confirmed > position => told("was advanced by somebody else to", confirmed, position),
        (_, Some(written), Some(taken)) if written < taken => {
            told("is on a server that has only come to", written, taken)
        }
        (Some(confirmed), ..) => Ok(Condition::Good(confirmed)),
        (None, ..) => Ok(Condition::Stale(format!("slot \"{name}\" was never ready to be read"))),
    }
}

/// The bytes of WAL that the server holds back for a slot, in a query of `pg_replication_slots`.
pub(super) const HELD_BACK: &str =
    "CASE WHEN wal_status <> 'lost' THEN greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::int8 END";

/// How many bytes of WAL the server holds back for a slot; nothing if it is not there, or lost.
pub(super) async fn held_back(control: &Client, name: &str) -> Result<Option<u64>, Failure> {
    let bytes = format!(
        "SELECT {HELD_BACK} FROM pg_catalog.pg_replication_slots WHERE slot_name = $1 AND database = current_database()"
    );
    let Some(row) = control.query_opt(&bytes, &[&name]).await? else { return Ok(None) };
    Ok(row.try_get::<_, Option<i64>>(0)?.and_then(|bytes| u64::try_from(bytes).ok()))
}

/// Waits until nobody reads a slot any more, whose connection was closed.
pub(super) async fn released(control: &Client, name: &str) -> Result<(), Failure> {
    let read = "SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = $1 AND active";
    while control.query_opt(read, &[&name]).await?.is_some() {
        tokio::time::sleep(RELEASE).await;
    }
    Ok(())
}

/// Drops a kept slot that nobody reads, if it is there.
pub(super) async fn drop_kept(control: &Client, name: &str) -> Result<(), Failure> {
    let drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots WHERE slot_name = $1";
    control.query(drop, &[&name]).await?;
    Ok(())
}

/// Creates a slot. Postgres waits for the transactions that are writing now: which ones, is said if it takes long.
pub(super) async fn create(
    connection: &mut ReplicationConnection,
    control: &Client,
    kind: Kind<'_>,
    progress: &Progress,
) -> Result<Slot, Failure> {
    let command = match kind {
        Kind::Temporary(prefix) => format!(
            "CREATE_REPLICATION_SLOT {} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT",
            quote_identifier(&unique_name(prefix))
        ),
        // Standbys are kept informed of it where that is possible.
        Kind::Kept(name) if server_version(control).await? >= 170_000 => {
            format!("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput (SNAPSHOT 'export', FAILOVER)", quote_identifier(name))
        }
        Kind::Kept(name) => {
            format!("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput EXPORT_SNAPSHOT", quote_identifier(name))
        }
    };
    let process = connection.process();
    let tell = async {
        let mut looks = 0;
        loop {
            tokio::time::sleep(LOOK).await;
            let Some(waits) = writers(control).await else { continue };
            looks += 1;
            if looks % EXPLAIN_EVERY == 0 {
                tracing::warn!("{waits}");
            }
            progress.holds(waits);
        }
    };
    let create = while_it_works(control, process, connection.query(&command));
    let rows = tokio::select! {
        created = create => created??,
        never = tell => never,
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
