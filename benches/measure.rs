//! Clocks, memory, medians, and processes of their own for what is measured.
//!
//! CPU time is read from `/proc`, in ticks of 10 ms: what is measured has to take a multiple of that. On a machine that others
//! use too it is the firmer figure.

use std::process::Command;
use std::time::{Duration, Instant};

/// The argument that makes this program a child process which measures one subject.
pub const CHILD: &str = "--subject";

/// What something took, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// On the clock on the wall.
    pub wall: f64,
    /// Of all threads of the process.
    pub cpu: f64,
}

/// Measures from its making on.
pub struct Stopwatch {
    wall: Instant,
    cpu: f64,
}

impl Stopwatch {
    /// Begins.
    pub fn start() -> Stopwatch {
        Stopwatch { wall: Instant::now(), cpu: cpu_seconds("self") }
    }

    /// The cost so far.
    pub fn cost(&self) -> Cost {
        Cost { wall: self.wall.elapsed().as_secs_f64(), cpu: cpu_seconds("self") - self.cpu }
    }
}

/// Waits until this process has nothing to do but wait: what it does of its own after being given much, such as merging, is then over.
pub fn settle() {
    loop {
        let before = cpu_seconds("self");
        std::thread::sleep(Duration::from_millis(300));
        if cpu_seconds("self") - before < 0.03 {
            return;
        }
    }
}

/// The CPU seconds a process has taken, those of ended threads included. 0 for a process that is gone.
pub fn cpu_seconds(process: &str) -> f64 {
    /// `USER_HZ`: what `/proc` counts in, on every Linux.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The second field, the program's name, may hold spaces; it ends with the last parenthesis.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

/// The CPU seconds of each thread of this process that runs now.
pub fn thread_seconds() -> Vec<f64> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let seconds = threads.filter_map(|thread| {
        let scheduled = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let nanoseconds: f64 = scheduled.split_whitespace().next()?.parse().ok()?;
        Some(nanoseconds / 1e9)
    });
    seconds.collect()
}

/// This process's resident memory in bytes.
pub fn resident_bytes() -> f64 {
    resident_bytes_of("self")
}

/// A process's resident memory in bytes.
pub fn resident_bytes_of(process: &str) -> f64 {
    memory(process, "VmRSS:")
}

/// The most this process had resident so far, in bytes.
pub fn peak_bytes() -> f64 {
    memory("self", "VmHWM:")
}

fn memory(process: &str, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("");
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(f64::NAN) * 1024.0
}

/// The middle one; of an even number the mean of the middle two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match (values.len() / 2, values.len() % 2) {
        (_, _) if values.is_empty() => f64::NAN,
        (middle, 1) => values[middle],
        (middle, _) => (values[middle - 1] + values[middle]) / 2.0,
    }
}

/// The value that this share of all does not exceed.
pub fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The figure at each position, the median of several runs.
pub fn medians<const N: usize>(runs: &[[f64; N]]) -> [f64; N] {
    std::array::from_fn(|figure| median(runs.iter().map(|run| run[figure]).collect()))
}

/// Measures a subject in a process of its own, so that no run finds the memory of another. `lean`: freed memory goes back to the
/// system at once, so that what is resident is what is held.
pub fn in_child<const N: usize>(subject: &[&str], lean: bool) -> [f64; N] {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg(CHILD).args(subject);
    if lean {
        command.env("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0");
    }
    let output = command.output().expect("this program can be started again");
    let printed = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = printed.split_whitespace().filter_map(|figure| figure.parse().ok()).collect();
    figures.try_into().unwrap_or_else(|_| {
        panic!("{subject:?} gave no figures: {printed}\n{}", String::from_utf8_lossy(&output.stderr))
    })
}

/// Tells the parent process what was measured.
pub fn print_figures(figures: &[f64]) {
    let shown: Vec<String> = figures.iter().map(f64::to_string).collect();
    println!("{}", shown.join(" "));
}
