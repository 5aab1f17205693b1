//! A store whose disk is really full: a file system of a few megabytes, which is mounted where only the program sees it.

use crate::restart::Bank;
use crate::support::program::PROGRAM;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// In a user's and mount namespace of its own, so that nobody needs to be root.
fn apart(script: &str, arguments: [&Path; 3]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", script, "sh"]).args(arguments);
    command
}

const MOUNT: &str = "mount -t tmpfs -o size=2m none \"$1\" || exit 77";

/// It runs until it ends by itself, and again while there is no room; then room is made, and it runs on.
const RUN: &str = "
for _ in 1 2 3; do \"$2\" run \"$3\"; echo $? >> \"$3/ended\"; done
mount -o remount,size=256m \"$1\" || exit 77
exec \"$2\" run \"$3\"";

#[test]
fn a_run_whose_disk_is_full_stops_and_goes_on_when_there_is_room() {
    let mut bank = Bank::new();
    let (state, set) = (bank.set.path().join("state"), bank.set.path().to_path_buf());
    std::fs::create_dir(&state).expect("our own directory");
    let arguments = [state.as_path(), Path::new(PROGRAM), set.as_path()];
    if !apart(MOUNT, arguments).status().is_ok_and(|status| status.success()) {
        println!("skipped: no file system of a bounded size can be mounted here (`unshare -Urm`)");
        return;
    }
    let mut program = bank.set.start_by(apart(&format!("{MOUNT}\n{RUN}"), arguments), &bank.database.url);
    let ended = || std::fs::read_to_string(set.join("ended")).unwrap_or_default();
    let deadline = Instant::now() + Duration::from_secs(120);
    let mut n = 0;
    while ended().lines().count() < 3 {
        program.must_run();
        assert!(Instant::now() < deadline, "the disk does not become full: {}\n{}", ended(), program.errors());
        n += 1;
        bank.database.execute(&format!(
            "UPDATE account SET note = (SELECT string_agg(md5(n::text || id || random()), '') FROM generate_series(1, 200) n) WHERE id % 4 = {};
             INSERT INTO move (a, b, amount) VALUES ({}, 7, 3)",
            n % 4,
            n % 100
        ));
        // Not so fast that all of it must be read afterwards.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(100) {
            bank.look();
        }
    }
    assert_eq!(ended(), "69\n69\n69\n", "{}", program.errors());
    let errors = program.errors();
    let sentences =
        errors.lines().filter(|line| line.contains("the store cannot") && line.contains("No space left on device"));
    assert_eq!(sentences.count(), 3, "{errors}");
    // All targets come to what Postgres says, and the file of lines goes on where it was: no table was read again.
    bank.settle(&mut program);
    program.terminate();
}
