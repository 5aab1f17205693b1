//! `tidegate slots`: whose slots there are, and which may be dropped.

use super::{CONFIG, TABLES, VIEWS, ask, ask_json};
use crate::support::postgres::Postgres;
use crate::support::program::{Program, ViewSet};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Asks until the slots are so.
fn wait(set: &ViewSet, url: &str, mut program: Option<&mut Program>, is_so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let slots = ask_json(set, url, &["slots", "list"]).expect("slots")["slots"].as_array().cloned();
        let slots = slots.expect("a list");
        if is_so(&slots) {
            return slots;
        }
        program.iter_mut().for_each(|program| program.must_run());
        assert!(Instant::now() < deadline, "{slots:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until the change feed is followed: a slot whose tables are still being read goes with its run.
fn wait_until_followed(set: &ViewSet, url: &str, program: &mut Program) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while ask_json(set, url, &["status"]).is_none_or(|status| status["sources"][0]["phase"] != "following") {
        program.must_run();
        assert!(Instant::now() < deadline, "{}", program.errors());
        std::thread::sleep(Duration::from_millis(50));
    }
    wait(set, url, Some(program), |slots| slots.iter().any(|slot| slot["active"] == true))
}

#[test]
fn only_what_nobody_needs_is_dropped() {
    let database = Postgres::shared().create_database();
    database.execute(TABLES);
    let set = ViewSet::new(CONFIG, VIEWS);
    let list = || ask(&set, &database.url, &["slots", "list"], &[]);
    let drop_slot = |arguments: &[&str]| ask(&set, &database.url, &["slots", "drop"], arguments);
    let is_idle = |slots: &[Value]| slots.iter().all(|slot| slot["active"] == false);
    assert_eq!(list(), (0, "no slots\n".to_owned()));
    let (code, said) = drop_slot(&[]);
    assert!(code == 64 && said.contains("<NAME>"), "{code}: {said}");
    let other = "tidegate_shop_eu_0123456789ab";
    database.execute(&format!("SELECT pg_create_logical_replication_slot('{other}', 'pgoutput')"));

    let mut program = set.start(&["run"], &database.url);
    let slots = wait_until_followed(&set, &database.url, &mut program);
    let name = slots[0]["name"].as_str().expect("a name").to_owned();
    assert!(slots.len() == 1 && slots[0]["owner"] == "store" && slots[0]["source"] == "shop", "{slots:#?}");
    assert!(slots[0]["wal_status"] == "reserved" && slots[0]["held_back_bytes"].is_u64(), "{slots:#?}");
    let (code, said) = drop_slot(&[&name]);
    assert!(
        code == 80 && said.contains("is in use by process") && said.contains("stop the view set"),
        "{code}: {said}"
    );
    let (code, said) = drop_slot(&["--orphans"]);
    assert!(code == 0 && said.contains("nothing to do"), "{code}: {said}");
    program.terminate();
    wait(&set, &database.url, None, is_idle);

    // Without its store the slot is nobody's.
    std::fs::remove_dir_all(set.path().join("state")).expect("our own directory");
    let (_, said) = list();
    assert!(said.contains(&name) && said.contains("idle") && said.contains("no store of this view set"), "{said}");
    let (code, said) = drop_slot(&["--orphans"]);
    assert!(code == 0 && said.contains(&format!("dropped slot {name}")), "{code}: {said}");
    assert_eq!(list().1, "no slots\n");

    // A store's own slot goes only by its name, and what that means is said.
    let mut program = set.start(&["run"], &database.url);
    let slots = wait_until_followed(&set, &database.url, &mut program);
    program.terminate();
    wait(&set, &database.url, None, is_idle);
    let name = slots[0]["name"].as_str().expect("a name");
    let (code, said) = drop_slot(&["tidegate_shop_ba9876543210"]);
    assert!(code == 78 && said.contains(name), "{code}: {said}");
    let (code, said) = drop_slot(&[name]);
    assert!(code == 0 && said.contains("slot_lost = \"snapshot\""), "{code}: {said}");

    // The slot of a run without a store is that run's.
    set.write("tidegate.toml", &CONFIG.replace("\"state\"", "\"none\""));
    let mut program = set.start(&["run"], &database.url);
    let slots = wait_until_followed(&set, &database.url, &mut program);
    assert!(slots.len() == 1 && slots[0]["owner"] == "run", "{slots:#?}");
    assert_eq!(drop_slot(&["--orphans"]).0, 0);
    program.must_run();
    drop(program);
    database.execute(&format!("SELECT pg_drop_replication_slot('{other}')"));
}
