//! The table that is printed.

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Everything in under two minutes: to see that it runs. The figures are rough.
    Quick,
    /// What `docs/benchmarks.md` shows.
    Full,
}

impl Scale {
    /// The one or the other.
    pub fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Scale::Quick => quick,
            Scale::Full => full,
        }
    }
}

/// What is hoped for.
#[derive(Clone, Copy, Debug)]
pub enum Aim {
    /// At least this.
    Least(f64),
    /// At most this.
    Most(f64),
    /// Nothing: told for comparison.
    None,
}

/// Prints the benchmarks as they are done.
pub struct Report {
    missed: usize,
}

impl Report {
    /// Prints where and when.
    pub fn new(scale: Scale) -> Report {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split_whitespace().next().unwrap_or("?").to_owned();
        println!("tidegate {}, {cores} cores, load {load} at the start", env!("CARGO_PKG_VERSION"));
        if scale == Scale::Quick {
            println!("--quick: small sizes, rough figures");
        }
        Report { missed: 0 }
    }

    /// A benchmark's heading.
    pub fn section(&self, title: &str) {
        println!("\n{title}");
        println!("  {:<52}{:>14}{:>14}{:>9}  {:<9}", "", "ours", "baseline", "ratio", "aim");
    }

    /// Ours against the baseline; the aim is for the ratio.
    pub fn ratio(&mut self, label: &str, ours: f64, baseline: f64, aim: Aim) {
        let ratio = ours / baseline;
        let verdict = self.judge(ratio, aim);
        println!("  {label:<52}{:>14}{:>14}{ratio:>9.2}  {verdict}", number(ours), number(baseline));
    }

    /// A figure of ours alone; the aim is for itself.
    pub fn figure(&mut self, label: &str, ours: f64, baseline: Option<f64>, aim: Aim) {
        let verdict = self.judge(ours, aim);
        let baseline = baseline.map_or(String::new(), number);
        println!("  {label:<52}{:>14}{baseline:>14}{:>9}  {verdict}", number(ours), "");
    }

    fn judge(&mut self, value: f64, aim: Aim) -> String {
        let (met, shown) = match aim {
            Aim::Least(least) => (value >= least, format!("≥ {}", number(least))),
            Aim::Most(most) => (value <= most, format!("≤ {}", number(most))),
            Aim::None => return String::new(),
        };
        self.missed += usize::from(!met);
        format!("{shown:<8} {}", if met { "met" } else { "missed" })
    }

    /// The sum of it.
    pub fn end(&self) {
        println!("\naims missed: {}", self.missed);
    }
}

/// With as many digits as say something.
fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => grouped(value),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}

/// `1234567` as `1,234,567`.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut shown = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position) % 3 == 0 {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}
