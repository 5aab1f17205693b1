//! The rows that targets refuse, as the store's directory keeps them: `tidegate rejected`.

use super::failure::{Exit, Failure};
use crate::config::Config;
use crate::sink::rejected;

/// Gives the rows that the targets of all sinks refuse, or the one of that name: a line of JSON each.
pub fn read_refused(config: &Config, sink: Option<&str>, take: &mut dyn FnMut(&str)) -> Result<(), Failure> {
    let Some(store) = &config.settings.store else {
        return Err(Failure::config(
            "the view set has no store: which rows are refused is told in its log, and every start tries them again. `store = \"DIRECTORY\"` \
             in [settings] keeps them",
        ));
    };
    let known: Vec<&str> = config.sinks.iter().map(|entry| entry.name.as_str()).collect();
    let asked: Vec<&str> = known.iter().copied().filter(|name| sink.is_none_or(|sink| sink == *name)).collect();
    if let (Some(sink), true) = (sink, asked.is_empty()) {
        return Err(Failure::config(format!("there is no sink `{sink}`; there are {}", known.join(", "))));
    }
    for name in asked {
        let path = rejected::path(store, name);
        let read = rejected::read(&path, &mut |line| {
            take(line);
            Ok(())
        });
        read.map_err(|error| Failure::new(Exit::Operator, format!("{} cannot be read: {error}", path.display())))?;
    }
    Ok(())
}
