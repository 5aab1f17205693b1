//! The bank of `restart`, killed at every named moment of the log, of acknowledgement and of each target's commit.

use crate::faults::{self, SEARCH, found};
use crate::restart::{Bank, StopOnDrop, write};
use crate::support::program::Program;
use crate::support::random::{Random, seed, setting};
use crate::support::search::{Product, SearchServer};
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tidegate::failpoint;

/// How long a moment is waited for that must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks at the targets until the program is killed at this moment; whether it was, in this time.
fn is_killed(
    bank: &mut Bank,
    search: (&SearchServer, &mut u64),
    program: &mut Program,
    moment: &str,
    within: Duration,
) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < within {
        bank.look();
        faults::look(search.0, search.1);
        if let Some(status) = program.ended() {
            assert_eq!(status.signal(), Some(9), "{moment}: ended with {status}\n{}", program.errors());
            return true;
        }
    }
    false
}

#[test]
fn killed_at_every_named_moment_it_goes_on_where_it_was() {
    let mut random = Random::new(seed(31));
    let mut bank = Bank::new();
    let (search, mut found_at) = (SearchServer::start(Product::OpenSearch), 0);
    // What an interrupted delivery wrote may arrive for half of this time.
    let search_config = format!("{SEARCH}settings = {{ index = {{ gc_deletes = \"1s\" }} }}\n");
    bank.set.write("tidegate.toml", &format!("{}{}", bank.config, search_config.replace("URL", &search.url())));
    let (stop, writer, mut chance) = (AtomicBool::new(false), bank.database.another(), random.clone());
    // Those of merging come when much is long past, pieces are large, rows are refused when there are bad ones, and side snapshots are taken
    // when views read more: see `verbs::compact`, `life::large`, `sink::rejected` and `life::newcomers`.
    let elsewhere = |name: &&str| ["merge.", "piece.", "rejected.", "side."].iter().any(|of| name.starts_with(of));
    let moments: Vec<&str> = failpoint::ALL.iter().copied().filter(|name| !elsewhere(name)).collect();
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        scope.spawn(|| write(&writer, &mut chance, &stop));
        for moment in &moments {
            let mut program = bank.set.start_until(&["run"], &bank.database.url, moment);
            let is_killed = is_killed(&mut bank, (&search, &mut found_at), &mut program, moment, PATIENCE);
            assert!(is_killed, "{moment} does not come\n{}", program.errors());
        }
        // Once more and later, at moments that may not come again: then it is killed wherever it is.
        for _ in moments.len() as u64..setting("TIDEGATE_TEST_KILLS", 25) {
            let moment = format!("{}:{}", random.pick(&moments), 2 + random.below(8));
            let mut program = bank.set.start_until(&["run"], &bank.database.url, &moment);
            is_killed(&mut bank, (&search, &mut found_at), &mut program, &moment, Duration::from_secs(2));
        }
    });
    let mut program = bank.set.start(&["run"], &bank.database.url);
    bank.settle(&mut program);
    let deadline = Instant::now() + PATIENCE;
    while found(&search) != Some(bank.expected()) {
        assert!(Instant::now() < deadline, "the search finds something else\n{}", program.errors());
        std::thread::sleep(Duration::from_millis(20));
    }
    program.terminate();
}
