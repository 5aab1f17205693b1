//! All slots of one source, whoever made them: the present store's, those of stores that are gone, and those of runs without one.
//!
//! A slot is told by its whole name: what only begins alike may be another source's.

use super::failure::Failure;
use super::slot::{HELD_BACK, drop_kept};
use serde::Serialize;
use tokio_postgres::{Client, Row};

/// A slot as the server has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: SlotOwner,
    /// The process that reads it.
    pub active_pid: Option<i32>,
    /// Whether the WAL it needs is there: `reserved`, `extended`, `unreserved`, `lost`.
    pub wal_status: Option<String>,
    /// Bytes of WAL that the server holds back for it; nothing if it is lost.
    pub held_back_bytes: Option<u64>,
}

/// Whose a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotOwner {
    /// The store's that is there.
    Store,
    /// A run's without a store: it goes with the run.
    Run,
    /// Of another store: one that was removed, or of another view set with a source of the same name.
    Orphan,
}

/// So many characters of a store's incarnation are part of its slot's name.
pub(super) const INCARNATION: usize = 12;

/// The name of a store's slot.
pub(super) fn kept_name(prefix: &str, incarnation: &str) -> String {
    let short: String = incarnation.chars().take(INCARNATION).collect();
    format!("{prefix}_{short}")
}

/// The slots of the source whose slots' names begin so.
pub(super) async fn list(client: &Client, prefix: &str, incarnation: Option<&str>) -> Result<Vec<Slot>, Failure> {
    let query = format!(
        "SELECT slot_name::text, temporary, active_pid, wal_status, {HELD_BACK} FROM pg_catalog.pg_replication_slots
         WHERE database = current_database() AND plugin = 'pgoutput' AND starts_with(slot_name::text, $1) ORDER BY 1"
    );
    let ours = incarnation.map(|incarnation| kept_name(prefix, incarnation));
    let rows = client.query(&query, &[&format!("{prefix}_")]).await?;
    let slots = rows.iter().map(|row| read(row, prefix, ours.as_deref()));
    slots.filter_map(Result::transpose).collect()
}

/// Nothing of a slot that is another's.
fn read(row: &Row, prefix: &str, ours: Option<&str>) -> Result<Option<Slot>, Failure> {
    let (name, temporary): (String, bool) = (row.try_get(0)?, row.try_get(1)?);
    let Some(owner) = owner(&name, temporary, prefix, ours) else { return Ok(None) };
    let held_back: Option<i64> = row.try_get(4)?;
    Ok(Some(Slot {
        name,
        owner,
        active_pid: row.try_get(2)?,
        wal_status: row.try_get(3)?,
        held_back_bytes: held_back.and_then(|bytes| u64::try_from(bytes).ok()),
    }))
}

fn owner(name: &str, temporary: bool, prefix: &str, ours: Option<&str>) -> Option<SlotOwner> {
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let rest = name.strip_prefix(prefix)?.strip_prefix('_')?;
    match (temporary, rest.split_once('_')) {
        (true, Some((process, moment))) => (hex(process) && hex(moment)).then_some(SlotOwner::Run),
        (true, None) | (false, Some(_)) => None,
        (false, None) if ours == Some(name) => Some(SlotOwner::Store),
        (false, None) => (rest.len() == INCARNATION && hex(rest)).then_some(SlotOwner::Orphan),
    }
}

/// Drops a slot that nobody reads.
pub(super) async fn drop(client: &Client, slot: &Slot) -> Result<(), Failure> {
    let Slot { name, active_pid, .. } = slot;
    match active_pid {
        None => drop_kept(client, name).await,
        Some(pid) => Err(Failure::operator(format!(
            "slot \"{name}\" is in use by process {pid} of the server; stop the view set that reads it first, or, if that is gone, \
             run SELECT pg_terminate_backend({pid})"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_told_by_its_whole_name() {
        let ours = kept_name("tidegate_shop", "0123456789abcdef");
        let owner = |name: &str, temporary| owner(name, temporary, "tidegate_shop", Some(&ours));
        assert_eq!(owner("tidegate_shop_0123456789ab", false), Some(SlotOwner::Store));
        assert_eq!(owner("tidegate_shop_ba9876543210", false), Some(SlotOwner::Orphan));
        assert_eq!(owner("tidegate_shop_1a2b_64a0c0ffee", true), Some(SlotOwner::Run));
        for others in ["tidegate_shop_eu_ba9876543210", "tidegate_shop_mine", "tidegate_shops_ba9876543210"] {
            assert_eq!((owner(others, false), owner(others, true)), (None, None), "{others}");
        }
    }
}
