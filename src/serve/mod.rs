//! Questions to a running view set, over a socket in the file system that only its user can reach.
//!
//! A client sends one line, and gets one line back: `ok` or `error`, a blank, and text. The socket's name follows from where the view
//! set lies, so whoever knows the one finds the other. What must hold: a client can keep nobody waiting but other clients.

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use sha2::{Digest, Sha256};
use std::fs::DirBuilder;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a client may take to ask, or to read the answer.
const CLIENT: Duration = Duration::from_secs(1);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// The longest question.
const QUESTION_MAX: u64 = 4096;

/// Takes questions while it lives.
pub struct Server {
    path: PathBuf,
    questions: Receiver<Question>,
}

/// A question whose client waits.
pub struct Question {
    /// What is asked.
    pub text: String,
    answer: Sender<Answer>,
}

/// What is said, or why nothing is.
pub type Answer = Result<String, String>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens.
    #[error("{} is not running (by this user, on this machine)", .0.display())]
    NotRunning(PathBuf),
    /// There is no such place.
    #[error("{}: cannot be found: {error}", place.display())]
    Nowhere {
        /// The place.
        place: PathBuf,
        /// Why it cannot.
        error: io::Error,
    },
    /// The question makes no sense to who runs there.
    #[error("{0}")]
    Refused(String),
    /// The answer did not come.
    #[error("the running view set does not answer: {0}")]
    Silent(#[from] io::Error),
}

impl Server {
    /// Listens for questions about the view set in this directory. It is an error if another process does.
    pub fn start(directory: &Path) -> io::Result<Server> {
        let path = socket(directory)?;
        let listener = match UnixListener::bind(&path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && UnixStream::connect(&path).is_err() => {
                // Left behind by a process that was killed.
                std::fs::remove_file(&path)?;
                UnixListener::bind(&path)
            }
            bound => bound,
        }?;
        let (sender, questions) = unbounded();
        std::thread::Builder::new().name("serve".into()).spawn(move || {
            for client in listener.incoming().flatten() {
                // A client that goes away or is slow gets no answer.
                let _ = serve(client, &sender);
            }
        })?;
        Ok(Server { path, questions })
    }

    /// The questions that wait.
    pub fn questions(&self) -> impl Iterator<Item = Question> + '_ {
        self.questions.try_iter()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Who finds it all the same finds nobody behind it.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Question {
    /// Answers it.
    pub fn answer(self, answer: Answer) {
        // The client may have gone.
        let _ = self.answer.send(answer);
    }
}

fn serve(mut client: UnixStream, questions: &Sender<Question>) -> io::Result<()> {
    client.set_read_timeout(Some(CLIENT))?;
    client.set_write_timeout(Some(CLIENT))?;
    let mut text = String::new();
    BufReader::new((&client).take(QUESTION_MAX)).read_line(&mut text)?;
    if text.is_empty() {
        // It only looked whether anybody listens.
        return Ok(());
    }
    let (answer, answered) = bounded(1);
    let question = Question { text: text.trim_end().to_owned(), answer };
    let nobody = || io::Error::from(io::ErrorKind::BrokenPipe);
    questions.send(question).map_err(|_| nobody())?;
    let (word, said) = match answered.recv_timeout(ANSWER).map_err(|_| nobody())? {
        Ok(said) => ("ok", said),
        Err(said) => ("error", said),
    };
    writeln!(client, "{word} {}", said.replace('\n', " "))
}

/// Asks whoever runs the view set in this directory.
pub fn ask(directory: &Path, question: &str) -> Result<String, AskError> {
    let nowhere = |error| AskError::Nowhere { place: directory.into(), error };
    let mut client =
        UnixStream::connect(socket(directory).map_err(nowhere)?).map_err(|_| AskError::NotRunning(directory.into()))?;
    client.set_read_timeout(Some(CLIENT + ANSWER))?;
    writeln!(client, "{question}")?;
    let mut line = String::new();
    BufReader::new(client).read_line(&mut line)?;
    match line.trim_end().split_once(' ') {
        Some(("ok", said)) => Ok(said.to_owned()),
        Some(("error", said)) => Err(AskError::Refused(said.to_owned())),
        _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
    }
}

/// The socket of the view set in this directory.
fn socket(directory: &Path) -> io::Result<PathBuf> {
    let place = directory.canonicalize()?;
    let digest = Sha256::digest(place.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    // Paths of sockets may have about a hundred bytes.
    Ok(private_directory()?.join(format!("{name}.sock")))
}

/// A directory that is ours alone.
fn private_directory() -> io::Result<PathBuf> {
    let user = std::fs::metadata("/proc/self")?.uid();
    let path = match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(runtime) if !runtime.is_empty() => PathBuf::from(runtime).join("tidegate"),
        _ => PathBuf::from(format!("/tmp/tidegate-{user}")),
    };
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = std::fs::symlink_metadata(&path)?;
    let is_ours = found.is_dir() && found.uid() == user && found.mode() & 0o077 == 0;
    let refused = || io::Error::new(io::ErrorKind::PermissionDenied, format!("{} is not ours alone", path.display()));
    if is_ours { Ok(path) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_finds_its_way() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(ask(directory.path(), "why"), Err(AskError::NotRunning(_))));
        let server = Server::start(directory.path()).unwrap();
        assert!(Server::start(directory.path()).is_err());
        let place = directory.path().to_owned();
        let asking = std::thread::spawn(move || (ask(&place, "why v"), ask(&place, "what")));
        for expected in ["why v", "what"] {
            let question = server.questions.recv_timeout(Duration::from_secs(10)).unwrap();
            assert_eq!(question.text, expected);
            question.answer(if expected == "what" { Err("nothing\nof it".into()) } else { Ok("because".into()) });
        }
        let (first, second) = asking.join().unwrap();
        assert_eq!(first.unwrap(), "because");
        assert!(matches!(second, Err(AskError::Refused(said)) if said == "nothing of it"));
    }

    #[test]
    fn what_a_killed_process_left_is_in_nobodys_way() {
        let directory = tempfile::tempdir().unwrap();
        let path = socket(directory.path()).unwrap();
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(Server::start(directory.path()).unwrap());
        assert!(!path.exists());
    }
}
