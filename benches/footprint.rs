//! What the program weighs: its size, its start to the first frontier of an empty table, and what it takes while nothing happens.

use crate::Scale;
use crate::measure::{cpu_seconds, median};
use crate::report::{Aim, Report};
use crate::support::postgres::Postgres;
use crate::support::program::ViewSet;
use std::time::{Duration, Instant};

const CONFIG: &str = r#"
[sources.bench]
type = "postgres"
url = { env = "DATABASE_URL" }
tables = ["empty"]
create = true

[sinks.out]
type = "jsonl"
view = "all_of_it"
path = "out.jsonl"
"#;

const VIEWS: &str = "CREATE VIEW all_of_it AS SELECT * FROM empty;";

/// Runs and reports.
pub fn run(scale: Scale, report: &mut Report) {
    let (runs, idle) = (scale.pick(2, 7), Duration::from_secs(scale.pick(2, 10)));
    let server = Postgres::start();
    let database = server.create_database();
    database.execute("CREATE TABLE empty (id int PRIMARY KEY)");
    report.section("The program: size, start, and idleness");
    let program = std::fs::metadata(env!("CARGO_BIN_EXE_tidegate")).expect("the program");
    report.figure("binary with its line tables, MB", program.len() as f64 / 1e6, None, Aim::None);
    if let Some(stripped) = stripped() {
        report.figure("binary stripped, MB", stripped / 1e6, None, Aim::None);
    }
    let (mut starts, mut resident, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let set = ViewSet::new(CONFIG, VIEWS);
        let begun = Instant::now();
        let mut program = set.start(&["run"], &database.url);
        while !std::fs::read_to_string(set.path().join("out.jsonl")).is_ok_and(|text| text.contains("frontier")) {
            program.must_run();
            std::thread::sleep(Duration::from_millis(1));
        }
        starts.push(begun.elapsed().as_secs_f64() * 1e3);
        let process = program.id().to_string();
        let before = cpu_seconds(&process);
        std::thread::sleep(idle);
        cpu.push((cpu_seconds(&process) - before) / idle.as_secs_f64() * 100.0);
        resident.push(crate::measure::resident_bytes_of(&process) / 1e6);
        program.terminate();
    }
    report.figure("start to the first frontier, ms", median(starts), None, Aim::None);
    report.figure("resident while idle, MB", median(resident), None, Aim::None);
    report.figure("CPU while idle, % of a core", median(cpu), None, Aim::None);
}

/// The size of the binary without symbols and line tables, if there is a `strip`.
fn stripped() -> Option<f64> {
    let directory = tempfile::tempdir().ok()?;
    let copy = directory.path().join("tidegate");
    std::fs::copy(env!("CARGO_BIN_EXE_tidegate"), &copy).ok()?;
    let done = std::process::Command::new("strip").arg(&copy).status().ok()?;
    done.success().then(|| std::fs::metadata(&copy).map(|file| file.len() as f64).ok())?
}
