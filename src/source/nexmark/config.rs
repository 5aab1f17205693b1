//! `[sources.NAME]` with `type = "nexmark"`: as written, then as meant.

use crate::value::{Datum, Time, Type, calendar, text};
use serde::Deserialize;

/// The auction house, as the configuration means it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub struct Config {
    /// How many events there are; none: without end.
    pub events: Option<u64>,
    /// Events per second of event time.
    pub rate: u64,
    /// Whether events also come at that rate by the clock on the wall; otherwise as fast as they are taken.
    pub paced: bool,
    /// Another seed gives other events.
    pub seed: u64,
    /// The time of the first event; none: when the source starts.
    pub base_time: Option<Time>,
}

/// As written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    events: Option<u64>,
    #[serde(default = "rate")]
    rate: u64,
    #[serde(default)]
    paced: bool,
    #[serde(default)]
    seed: u64,
    #[serde(default = "base_time")]
    base_time: String,
}

fn rate() -> u64 {
    10_000
}

/// The specification's.
fn base_time() -> String {
    "2015-07-15 00:00:00Z".into()
}

/// More events would share one millisecond, and therefore one tick, than are handled well.
const RATE_MAX: u64 = 10_000_000;

impl TryFrom<Written> for Config {
    type Error = String;

    fn try_from(written: Written) -> Result<Config, String> {
        let Written { events, rate, paced, seed, base_time } = written;
        if !(1..=RATE_MAX).contains(&rate) {
            return Err(format!("`rate` is expected to be 1 to {RATE_MAX}"));
        }
        let base_time = match base_time.as_str() {
            "now" => None,
            written => Some(time(written)?),
        };
        Ok(Config { events, rate, paced, seed, base_time })
    }
}

/// A time, without what lies below its millisecond.
fn time(written: &str) -> Result<Time, String> {
    let wrong = || format!("`base_time` is expected to be a time from 1970 on, or \"now\", not \"{written}\"");
    match text::parse(&Type::Timestamptz, -1, written) {
        Ok(Datum::Timestamptz(micros)) if calendar::is_finite_timestamp(micros) => {
            let micros = Time::try_from(micros + calendar::EPOCH_MICROS).map_err(|_| wrong())?;
            Ok(micros - micros % 1000)
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|e: toml::de::Error| e.message().to_owned())
    }

    #[test]
    fn settings_have_the_specifications_defaults() {
        let config = read("").unwrap();
        assert_eq!((config.events, config.rate, config.paced, config.seed), (None, 10_000, false, 0));
        assert_eq!(config.base_time, Some(1_436_918_400_000_000));
        let config = read("base_time = 'now'\nevents = 5").unwrap();
        assert_eq!((config.events, config.base_time), (Some(5), None));
        assert_eq!(read("base_time = '1970-01-01 00:00:01.0029Z'").unwrap().base_time, Some(1_002_000));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("rate = 0", "`rate` is expected to be 1 to"),
            ("base_time = 'soon'", "`base_time` is expected to be a time"),
            ("base_time = '1969-12-31'", "`base_time` is expected to be a time"),
            ("base_time = 'infinity'", "`base_time` is expected to be a time"),
            ("event = 5", "unknown field `event`"),
        ];
        for (text, message) in cases {
            let error = read(text).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
