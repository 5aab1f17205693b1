//! The text of a `tidegate.toml`: read, or refused with a reason that can be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use tidegate::config::parse;

fuzz_target!(|text: &str| {
    if let Err(errors) = parse(Path::new("shop"), text) {
        assert!(!errors.is_empty());
        errors.iter().for_each(|error| assert!(!error.to_string().is_empty()));
    }
});
