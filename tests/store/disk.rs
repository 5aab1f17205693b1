//! A disk that forgets, at any moment, what was not synced.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::sync::{Arc, Mutex, MutexGuard};
use tidegate::store::{Append, Disk, ReadSeek};

use crate::support::random::Random;

/// A directory in memory. Clones are the same directory.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    files: Vec<File>,
    /// What the names stand for, as a running process sees it.
    names: BTreeMap<String, usize>,
    /// And as a crash would leave it, but for the changes below.
    durable: BTreeMap<String, usize>,
    /// Changes of names since they were synced: a name, and what it stands for now.
    unsynced: Vec<(String, Option<usize>)>,
    /// How many syncs are left before the power goes.
    left: Option<usize>,
    /// Whether it has gone.
    is_gone: bool,
    /// Syncs so far.
    syncs: usize,
}

#[derive(Clone, Default)]
struct File {
    bytes: Vec<u8>,
    synced: usize,
}

fn gone() -> io::Error {
    io::Error::other("the power is gone")
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Memory {
    /// Of these files.
    pub(super) fn of(files: &BTreeMap<String, Vec<u8>>) -> Memory {
        let memory = Memory::default();
        {
            let mut state = memory.lock();
            for (name, bytes) in files {
                state.files.push(File { bytes: bytes.clone(), synced: bytes.len() });
                let id = state.files.len() - 1;
                state.names.insert(name.clone(), id);
                state.durable.insert(name.clone(), id);
            }
        }
        memory
    }

    /// Lets the power go at the sync after so many.
    pub(super) fn fail_after(&self, syncs: usize) {
        self.lock().left = Some(syncs);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.lock().is_gone
    }

    /// The files as they are now.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.lock();
        state.names.iter().map(|(name, id)| (name.clone(), state.files[*id].bytes.clone())).collect()
    }

    /// What a crash leaves: of what was not synced any beginning, of the changes of names the first few. The end of a file may be
    /// zeros where its length was written before its content.
    pub(super) fn image(&self, random: &mut Random) -> Memory {
        let state = self.lock();
        let mut names = state.durable.clone();
        let kept = random.below(state.unsynced.len() as u64 + 1) as usize;
        for (name, file) in &state.unsynced[..kept] {
            match file {
                Some(file) => names.insert(name.clone(), *file),
                None => names.remove(name),
            };
        }
        let content = |id: usize| {
            let File { bytes, synced } = &state.files[id];
            let kept = synced + random.below((bytes.len() - synced) as u64 + 1) as usize;
            let mut content = bytes[..kept].to_vec();
            if kept > *synced && random.chance(30) {
                let from = synced + random.below((kept - synced) as u64) as usize;
                content[from..].fill(0);
            }
            content
        };
        let mut content = content;
        Memory::of(&names.into_iter().map(|(name, id)| (name, content(id))).collect())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics here")
    }
}

impl State {
    fn check(&self) -> io::Result<()> {
        if self.is_gone { Err(gone()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.check()?;
        if self.left == Some(0) {
            self.is_gone = true;
            return Err(gone());
        }
        self.left = self.left.map(|left| left - 1);
        self.syncs += 1;
        Ok(())
    }

    fn name(&mut self, name: &str, file: Option<usize>) {
        match file {
            Some(file) => self.names.insert(name.to_string(), file),
            None => self.names.remove(name),
        };
        self.unsynced.push((name.to_string(), file));
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.check()?;
        self.names.get(name).copied().ok_or_else(missing)
    }
}

impl Disk for Memory {
    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let mut state = self.lock();
        state.check()?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.files.push(File::default());
        let id = state.files.len() - 1;
        state.name(name, Some(id));
        Ok(Box::new(Writer { memory: self.clone(), id }))
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn ReadSeek>> {
        let state = self.lock();
        let id = state.find(name)?;
        Ok(Box::new(Cursor::new(state.files[id].bytes.clone())))
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        let mut state = self.lock();
        let id = state.find(name)?;
        state.sync()?;
        state.files[id].bytes.truncate(length as usize);
        state.files[id].synced = length as usize;
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        let id = state.find(from)?;
        state.name(to, Some(id));
        state.name(from, None);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.find(name)?;
        state.name(name, None);
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let state = self.lock();
        state.check()?;
        Ok(state.names.iter().map(|(name, id)| (name.clone(), state.files[*id].bytes.len() as u64)).collect())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.sync()?;
        state.unsynced.clear();
        state.durable = state.names.clone();
        Ok(())
    }
}

struct Writer {
    memory: Memory,
    id: usize,
}

impl Append for Writer {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.memory.lock();
        state.check()?;
        state.files[self.id].bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.memory.lock();
        state.sync()?;
        let length = state.files[self.id].bytes.len();
        state.files[self.id].synced = length;
        Ok(())
    }
}
