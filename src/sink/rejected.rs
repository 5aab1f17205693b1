//! The rows that a target refuses, so that it does not show them.
//!
//! A target that is gone on with must also be known by what it lacks. So with a store the rows are kept in a file beside it, durable
//! before the target has the mark. Without one they are known as long as the process runs: the next start tries all of them again.
//! What must hold: a row leaves when its key is taken, deleted, or tried again with the whole content and not refused. How many there are is
//! kept with the mark, too: of a target whose file is gone or damaged the whole content is compared.
//!
//! The first line of a file says of which content it is. Then comes a line for each row that was refused, and one with nothing but a
//! key for each that has left since. What a crash has cut off at the end was not told anybody.

use super::SinkError;
use crate::failpoint::reach;
use crate::timeline::now;
use crate::value::{Datum, calendar, json};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file is written anew when it has twice as many lines as rows, and this many more.
const STALE: u64 = 1_000;

const FOLDER: &str = "rejected";

/// The files there are in a store's directory, in the order of their names.
pub fn files(store: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(store.join(FOLDER)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    let mut files: Vec<PathBuf> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect();
    files.sort();
    Ok(files)
}

/// The file of a sink's rows, in a store's directory.
pub fn path(store: &Path, sink: &str) -> PathBuf {
    let plain = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    store.join(FOLDER).join(format!("{}.jsonl", sink.bytes().map(plain).collect::<String>()))
}

/// A row that the target refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// Its key, as JSON.
    pub(super) key: String,
    /// The row, as JSON.
    pub(super) row: String,
    /// The target's word for what is wrong,
    pub(super) code: String,
    /// and its sentence.
    pub(super) message: String,
}

/// The rows that are refused now.
#[derive(Debug, Default)]
pub(super) struct Rejected {
    sink: String,
    /// Where they are kept; nowhere without a store.
    path: Option<PathBuf>,
    content: Content,
}

/// What a file holds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Content {
    /// Of which content of the target it is.
    view: String,
    /// The rows by their keys, which are JSON.
    rows: BTreeMap<String, Known>,
    /// Whole lines and their bytes. None: the next write begins anew.
    lines: u64,
    bytes: u64,
}

/// What is known of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    /// The number of its line.
    line: u64,
    /// From when on its key was refused, as JSON.
    since: String,
}

#[derive(Serialize, Deserialize)]
struct Head {
    view: String,
}

/// As much of a line as is read back.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    key: &'a RawValue,
    /// None: its key has left.
    #[serde(borrow)]
    since: Option<&'a RawValue>,
}

impl Rejected {
    /// Nothing is refused yet.
    pub(super) fn new(sink: &str) -> Rejected {
        Rejected { sink: sink.to_owned(), ..Rejected::default() }
    }

    /// They are kept in this file, and read from it if it is of this content of the target.
    pub(super) fn keep_in(&mut self, path: &Path, view: &str) {
        let read = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Content::default()),
            opened => opened.and_then(|file| Content::read(&mut BufReader::new(file))),
        };
        // Without it the target is compared, if it lacks any row.
        let read = read.unwrap_or_else(|error| {
            tracing::warn!("sink {}: {} cannot be read: {error}", self.sink, path.display());
            Content::default()
        });
        self.content = if read.view == view { read } else { Content { view: view.to_owned(), ..Content::default() } };
        self.path = Some(path.to_path_buf());
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.content.rows.len() as u64
    }

    /// Notes what became of a delivery, durably: of these keys, these rows were refused. `whole`: it told of all rows there are.
    pub(super) fn note(
        &mut self,
        whole: bool,
        keys: impl Iterator<Item = String>,
        refused: &[Refused],
    ) -> Result<(), SinkError> {
        let noted = self.try_note(whole, keys, refused);
        noted.map_err(|error| {
            let path = self.path.as_deref().unwrap_or(Path::new("")).display();
            SinkError::Transient(format!("cannot keep the rows that are refused in {path}: {error}"))
        })
    }

    fn try_note(&mut self, whole: bool, keys: impl Iterator<Item = String>, refused: &[Refused]) -> io::Result<()> {
        let stay: BTreeSet<&str> = refused.iter().map(|refused| refused.key.as_str()).collect();
        let known = &self.content.rows;
        let left: Vec<String> = match whole {
            true => known.keys().filter(|key| !stay.contains(key.as_str())).cloned().collect(),
            false => keys.filter(|key| known.contains_key(key) && !stay.contains(key.as_str())).collect(),
        };
        if !whole && left.is_empty() && refused.is_empty() {
            return Ok(());
        }
        let now = moment();
        let since = |key: &str| known.get(key).map_or_else(|| now.clone(), |known| known.since.clone());
        let since: Vec<String> = refused.iter().map(|refused| since(&refused.key)).collect();
        let lines = refused.iter().zip(&since).map(|(refused, since)| refused.line(&self.sink, since)).collect();
        let first = self.write(whole, &left, lines)?;
        left.iter().for_each(|key| drop(self.content.rows.remove(key)));
        for (line, (refused, since)) in (first..).zip(refused.iter().zip(since)) {
            self.content.rows.insert(refused.key.clone(), Known { line, since });
        }
        self.content.lines = first + refused.len() as u64;
        reach("rejected.noted");
        match &self.path {
            Some(path) if self.content.lines > 2 * self.count() + STALE => self.content.shrink(path),
            _ => Ok(()),
        }
    }

    /// Writes that these keys have left, and these lines. The number of the first of the lines.
    fn write(&mut self, whole: bool, left: &[String], lines: String) -> io::Result<u64> {
        let Some(path) = &self.path else { return Ok(0) };
        if whole && lines.is_empty() {
            remove(path)?;
            self.content.bytes = 0;
            return Ok(0);
        }
        if whole || self.content.bytes == 0 {
            let text = self.content.head()? + &lines;
            replace(path, |file| file.write_all(text.as_bytes()))?;
            self.content.bytes = text.len() as u64;
            return Ok(1);
        }
        let text = left.iter().map(|key| format!("{{\"key\":{key}}}\n")).collect::<String>() + &lines;
        let mut file = File::options().write(true).open(path)?;
        // What a write before has left behind it, when it failed, goes.
        file.set_len(self.content.bytes)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        self.content.bytes += text.len() as u64;
        Ok(self.content.lines + left.len() as u64)
    }
}

impl Refused {
    /// Its line.
    fn line(&self, sink: &str, since: &str) -> String {
        let Refused { key, row, code, message } = self;
        let text = |text: &str| {
            let mut shown = String::new();
            json::write_string(text, &mut shown);
            shown
        };
        let (sink, code, message) = (text(sink), text(code), text(message));
        format!(
            "{{\"sink\":{sink},\"since\":{since},\"code\":{code},\"message\":{message},\"key\":{key},\"row\":{row}}}\n"
        )
    }
}

impl Content {
    fn head(&self) -> io::Result<String> {
        Ok(serde_json::to_string(&Head { view: self.view.clone() })? + "\n")
    }

    /// Reads all whole lines.
    fn read(file: &mut impl BufRead) -> io::Result<Content> {
        let mut content = Content::default();
        let mut text = String::new();
        while file.read_line(&mut text)? > 0 && text.ends_with('\n') {
            match content.lines {
                0 => content.view = serde_json::from_str::<Head>(&text)?.view,
                line => content.take(line, serde_json::from_str(&text)?),
            }
            content.lines += 1;
            content.bytes += text.len() as u64;
            text.clear();
        }
        Ok(content)
    }

    fn take(&mut self, line: u64, Line { key, since }: Line<'_>) {
        match since {
            Some(since) => drop(self.rows.insert(key.get().to_owned(), Known { line, since: since.get().to_owned() })),
            None => drop(self.rows.remove(key.get())),
        }
    }

    /// Whether the line of that number tells of a row that is refused now.
    fn has(&self, number: u64, line: &str) -> bool {
        let key = serde_json::from_str::<Line<'_>>(line).ok().map(|line| line.key.get());
        key.and_then(|key| self.rows.get(key)).is_some_and(|known| known.line == number)
    }

    /// Writes the file anew without the lines that say nothing any more.
    fn shrink(&mut self, path: &Path) -> io::Result<()> {
        let head = self.head()?;
        replace(path, |file| {
            file.write_all(head.as_bytes())?;
            each(&mut BufReader::new(File::open(path)?), self, &mut |line| {
                file.write_all(format!("{line}\n").as_bytes())
            })
        })?;
        *self = Content::read(&mut BufReader::new(File::open(path)?))?;
        Ok(())
    }
}

/// Gives the lines of the rows in a file that are refused now; of a file that is not there, none.
pub fn read(path: &Path, take: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => BufReader::new(opened?),
    };
    let content = Content::read(&mut file)?;
    file.rewind()?;
    each(&mut file, &content, take)
}

/// How many rows in a file are refused now.
pub fn count(path: &Path) -> io::Result<u64> {
    let mut count = 0;
    read(path, &mut |_| {
        count += 1;
        Ok(())
    })?;
    Ok(count)
}

fn each(file: &mut impl BufRead, content: &Content, take: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    for (number, line) in (0..content.lines).zip(file.lines()) {
        let line = line?;
        if content.has(number, &line) {
            take(&line)?;
        }
    }
    Ok(())
}

/// Puts a file in the place of the one before, durably.
fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let staged = path.with_extension("new");
    let mut file = BufWriter::new(File::create(&staged)?);
    write(&mut file)?;
    file.into_inner()?.sync_all()?;
    std::fs::rename(&staged, path)?;
    File::open(directory)?.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The moment, as JSON.
fn moment() -> String {
    let since_2000 = i64::try_from(now()).unwrap_or(i64::MAX).saturating_sub(calendar::EPOCH_MICROS);
    let mut shown = String::new();
    json::write_value(&Datum::Timestamptz(since_2000), &mut shown);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(key: u64) -> Refused {
        let [row, code, message] = ["{\"a\": null}", "wrong", "it is \"wrong\"\n"].map(str::to_owned);
        Refused { key: format!("{{\"id\": {key}}}"), row, code, message }
    }

    fn note(rejected: &mut Rejected, whole: bool, told: &[u64], wrong: &[u64]) {
        let wrong: Vec<Refused> = wrong.iter().copied().map(refused).collect();
        rejected.note(whole, told.iter().map(|key| refused(*key).key), &wrong).expect("a disk with room");
    }

    fn opened(path: &Path, view: &str) -> Rejected {
        let mut rejected = Rejected::new("s");
        rejected.keep_in(path, view);
        rejected
    }

    fn lines(path: &Path) -> Vec<String> {
        let mut lines = Vec::new();
        read(path, &mut |line| {
            lines.push(line.to_owned());
            Ok(())
        })
        .expect("a whole file");
        lines
    }

    #[test]
    fn rows_stay_until_they_are_taken() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = path(directory.path(), "a/b");
        assert!(path.ends_with("rejected/a%2Fb.jsonl") && files(directory.path()).is_ok_and(|files| files.is_empty()));
        let mut rejected = opened(&path, "v");
        note(&mut rejected, true, &[1, 2, 3], &[]);
        assert!(!path.exists());
        note(&mut rejected, false, &[1, 2, 3, 4], &[1, 2, 4]);
        assert!(files(directory.path()).is_ok_and(|files| files == [path.clone()]));
        let first = lines(&path);
        assert!(first[0].contains(r#""message":"it is \"wrong\"\n","key":{"id": 1},"row":{"a": null}}"#), "{first:?}");
        // Refused again it is known from when on; what others are told says nothing of it.
        note(&mut rejected, false, &[2, 3, 4], &[2]);
        assert_eq!((rejected.count(), lines(&path)), (2, first[..2].to_vec()));
        let mut again = opened(&path, "v");
        assert_eq!(again.content, rejected.content);
        note(&mut again, true, &[1, 2, 5], &[1]);
        assert_eq!((again.count(), lines(&path)), (1, first[..1].to_vec()));
        assert_eq!(opened(&path, "w").count(), 0);
        note(&mut again, true, &[1], &[]);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_is_written_anew_when_most_of_it_is_stale() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = path(directory.path(), "s");
        let mut rejected = opened(&path, "v");
        note(&mut rejected, false, &[7], &[7]);
        let many: Vec<u64> = (10..10 + STALE).collect();
        note(&mut rejected, false, &many, &many);
        note(&mut rejected, false, &many, &[]);
        assert_eq!(rejected.content.lines, 2);
        assert_eq!(opened(&path, "v").content, rejected.content);
        assert_eq!(lines(&path).len(), 1);
    }

    /// Cut off anywhere, a file is read up to its last whole line, and goes on there.
    #[test]
    fn what_a_crash_cuts_off_goes() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = path(directory.path(), "s");
        note(&mut opened(&path, "v"), false, &[1, 2], &[1, 2]);
        let whole = std::fs::read(&path).expect("our own file");
        let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
        for cut in ends[0]..whole.len() {
            std::fs::write(&path, &whole[..cut]).expect("our own file");
            let mut rejected = opened(&path, "v");
            let left = ends[1..].iter().filter(|end| **end < cut).count();
            assert_eq!(rejected.count(), left as u64, "{cut}");
            note(&mut rejected, false, &[3], &[3]);
            assert_eq!(opened(&path, "v").count(), left as u64 + 1, "{cut}");
        }
        std::fs::write(&path, "{}\n").expect("our own file");
        assert_eq!(opened(&path, "v").count(), 0);
    }
}
