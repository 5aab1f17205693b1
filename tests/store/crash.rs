//! The workload is run until every one of its syncs in turn is the one that the power does not survive.

use super::disk::Memory;
use super::model::{Content, Writer, open};
use crate::support::random::{Random, seed, setting};
use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate::store::StoreError;
use tidegate::timeline::Tick;

/// What a run of the workload was told, and what it may have been told.
#[derive(Clone, Default)]
struct Told {
    acknowledged: Option<Content>,
    /// With the tick that was under way.
    attempted: Option<Content>,
}

impl Told {
    fn may_be(&self, found: &Option<Content>) -> bool {
        *found == self.acknowledged || *found == self.attempted
    }
}

/// Opens the store and appends some ticks, merging now and then. What was found must be what was told before.
fn run(disk: &Memory, random: &mut Random, ticks: u64, told: &mut Told) -> Result<(), StoreError> {
    let (store, found) = open(Arc::new(disk.clone()), "d")?;
    assert!(told.may_be(&found), "found {found:#?}\nacknowledged {:#?}", told.acknowledged);
    told.acknowledged = found.clone();
    told.attempted = found.clone();
    let mut writer = Writer::new(found.clone().unwrap_or_default());
    let mut waiting: Vec<Tick> = if found.is_none() { writer.snapshot(random) } else { Vec::new() };
    waiting.reverse();
    for _ in 0..ticks {
        let tick = waiting.pop().unwrap_or_else(|| writer.tick(random));
        let live = !tick.snapshot;
        let append = store.append(&tick);
        writer.content.take(tick);
        // Until the first real tick the source would begin anew.
        told.attempted = live.then(|| writer.content.clone());
        append?;
        told.acknowledged = told.attempted.clone();
        if random.chance(15) {
            let below = match random.chance(20) {
                true => u64::MAX,
                false => writer.content.frontier.saturating_sub(random.below(300)),
            };
            while store.compact(below, 1 + random.below(500))? {}
        }
    }
    if random.chance(50) { store.close() } else { Ok(()) }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_else_is_found() {
    let seed = seed(1);
    for world in 0..setting("TIDEGATE_TEST_WORLDS", 3) {
        let mut crashes = 0;
        for sync in 0.. {
            let mut random = Random::new(seed + world);
            let disk = Memory::default();
            disk.fail_after(sync);
            let mut told = Told::default();
            let first = run(&disk, &mut random, 40, &mut told).and_then(|()| run(&disk, &mut random, 20, &mut told));
            if let Err(error) = &first {
                assert!(disk.is_gone(), "{error}");
                crashes += 1;
            }
            let mut chance = Random::new(seed + sync as u64);
            // What was closed or killed goes on; twice, as the first start mends.
            let image = disk.image(&mut chance);
            for _ in 0..2 {
                run(&image, &mut chance, 10, &mut told).expect("a store that a crash left opens");
            }
            if first.is_ok() {
                break;
            }
        }
        assert!(crashes > 50, "only {crashes} crashes");
    }
}

/// A store with runs, sealed segments and a log, closed in order.
fn small() -> (BTreeMap<String, Vec<u8>>, Content) {
    let (disk, mut random, mut told) = (Memory::default(), Random::new(5), Told::default());
    run(&disk, &mut random, 12, &mut told).expect("a store");
    let (store, found) = open(Arc::new(disk.clone()), "d").expect("a store");
    let content = found.expect("it is live");
    while store.compact(content.frontier - 200, 1000).expect("merged") {}
    store.close().expect("closed");
    (disk.files(), content)
}

#[test]
fn no_flipped_byte_goes_unseen() {
    let (files, content) = small();
    assert!(
        files.keys().any(|name| name.starts_with("run-"))
            && files.keys().filter(|name| name.starts_with("log-")).count() > 1
    );
    let (mut refused, mut harmless) = (0, 0);
    for (name, bytes) in &files {
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80] {
                let mut damaged = files.clone();
                damaged.get_mut(name).expect("its file")[at] ^= flip;
                match open(Arc::new(Memory::of(&damaged)), "d") {
                    Err(StoreError::Damaged { .. } | StoreError::Format { .. }) => refused += 1,
                    Err(error) => panic!("{name} at {at}: {error}"),
                    Ok((_, found)) => {
                        assert_eq!(found.as_ref(), Some(&content), "{name} at {at}");
                        harmless += 1;
                    }
                }
            }
        }
    }
    println!("{refused} flips refused, {harmless} harmless");
    assert!(refused > 10 * harmless);
}

#[test]
fn no_missing_file_or_end_goes_unseen() {
    let (files, content) = small();
    for (name, bytes) in &files {
        for kept in [None, Some(0), Some(bytes.len() / 2), Some(bytes.len() - 1)] {
            let mut damaged = files.clone();
            match kept {
                None => drop(damaged.remove(name)),
                Some(kept) => damaged.get_mut(name).expect("its file").truncate(kept),
            }
            let opened = open(Arc::new(Memory::of(&damaged)), "d");
            match opened {
                Err(StoreError::Damaged { .. } | StoreError::Io { .. }) => {}
                Err(error) => panic!("{name} cut to {kept:?}: {error}"),
                // Without a manifest there is no store, but for its log, which is not its own.
                Ok((_, found)) => assert!(found.as_ref() == Some(&content), "{name} cut to {kept:?}: {found:?}"),
            }
        }
    }
}

#[test]
fn another_definition_begins_anew() {
    let (files, _) = small();
    let disk = Memory::of(&files);
    let (store, found) = open(Arc::new(disk.clone()), "another").expect("it opens");
    assert_eq!(found, None);
    drop(store);
    // Nor does what it was before come back.
    let (_, found) = open(Arc::new(disk.clone()), "d").expect("it opens");
    assert_eq!(found, None);
    assert!(!disk.files().keys().any(|name| name.starts_with("run-")), "its runs are gone");
}
