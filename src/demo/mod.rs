//! The demonstration: a shop that keeps changing, and the judge who asks Postgres whether every sink is right.
//!
//! `cli::demo` runs it: load, start the workload beside the view set, stop it, wait until the frontiers pass, compare.

mod search;
mod verify;
mod workload;

pub use search::{add_cache, search};
pub use verify::{Difference, Judge, Verdict};
pub use workload::Workload;

use crate::config::{self, Config, SourceConfig};
use crate::engine::{Exit, Failure};
use crate::pg::{Blocking, StatementError};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A copy of a view set in a directory of its own, which is removed in the end.
pub struct Stage {
    directory: PathBuf,
}

/// What the shop's database is made of, beside the views.
const LOADED: [&str; 2] = ["schema.sql", "data.sql"];

impl Stage {
    /// Copies a view set's files into a new temporary directory.
    pub fn set(view_set: &Path) -> Result<Stage, Failure> {
        let directory = std::env::temp_dir().join(format!("tidegate-demo-{}", std::process::id()));
        let stage = Stage { directory };
        stage.copy(view_set).map_err(|error| {
            Failure::config(format!("cannot copy {} to {}: {error}", view_set.display(), stage.directory.display()))
        })?;
        Ok(stage)
    }

    fn copy(&self, view_set: &Path) -> io::Result<()> {
        fs::create_dir(&self.directory)?;
        for entry in fs::read_dir(view_set)? {
            let path = entry?.path();
            let wanted = path.extension().is_some_and(|extension| extension == "sql" || extension == "toml");
            if let (true, Some(name)) = (wanted, path.file_name()) {
                fs::copy(&path, self.directory.join(name))?;
            }
        }
        Ok(())
    }

    /// The staged view set reading from this database, its streams still empty.
    pub fn load(&self, url: &str) -> Result<Config, Failure> {
        let mut config = config::load(&self.directory)?;
        for (_, source) in &mut config.sources {
            match source {
                SourceConfig::Postgres(postgres) => postgres.url = url.into(),
                SourceConfig::Jsonl(stream) => fs::write(&stream.path, "")
                    .map_err(|error| Failure::config(format!("cannot write {}: {error}", stream.path.display())))?,
                _ => {}
            }
        }
        Ok(config)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            tracing::warn!("cannot remove {}: {error}", self.directory.display());
        }
    }
}

/// Loads tables and rows that lie in the view set's `database` folder.
pub fn load_database(view_set: &Path, url: &str) -> Result<(), Failure> {
    let database = Blocking::connect(url, "tidegate demo").map_err(unavailable)?;
    for name in LOADED {
        database.execute(&read(&view_set.join("database").join(name))?).map_err(unavailable)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::config(format!("cannot read {}: {error}", path.display())))
}

fn unavailable(error: StatementError) -> Failure {
    Failure::new(Exit::Unavailable, format!("the demo's database: {error}"))
}
