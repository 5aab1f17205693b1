//! The rows that targets refuse, as the store's directory keeps them: `tidegate rejected`.

use super::failure::{Exit, Failure};
use crate::config::Config;
use crate::sink::rejected;
use std::io;
use std::path::Path;

/// Gives the rows that the targets of all sinks refuse, or the one of that name: a line of JSON each. Those of a sink that was removed are
/// there as long as nobody deletes them.
pub fn read_refused(config: &Config, sink: Option<&str>, take: &mut dyn FnMut(&str)) -> Result<(), Failure> {
    let Some(store) = &config.settings.store else {
        return Err(Failure::config(
            "the view set has no store: which rows are refused is told in its log, and every start tries them again. `store = \"DIRECTORY\"` \
             in [settings] keeps them",
        ));
    };
    let unreadable = |path: &Path, error: io::Error| {
        Failure::new(Exit::Operator, format!("{} cannot be read: {error}", path.display()))
    };
    let files = match sink {
        None => rejected::files(store).map_err(|error| unreadable(store, error))?,
        Some(name) => vec![rejected::path(store, name)],
    };
    let known: Vec<&str> = config.sinks.iter().map(|entry| entry.name.as_str()).collect();
    if let Some(name) = sink.filter(|name| !known.contains(name) && files.iter().all(|file| !file.exists())) {
        return Err(Failure::config(format!("there is no sink `{name}`; there are {}", known.join(", "))));
    }
    for file in files {
        let read = rejected::read(&file, &mut |line| {
            take(line);
            Ok(())
        });
        read.map_err(|error| unreadable(&file, error))?;
    }
    Ok(())
}
