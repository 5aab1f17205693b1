//! A server process of our own in a directory of its own, gone when the test process is gone, however that ends.
//!
//! The server runs under a shell that waits for its standard input to close. The test process holds the other end of that
//! pipe, so a panic, an abort or a kill of the test process ends the server and removes its directory.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

/// Starts `"$@"` and waits for a word: the signal to end it with. If the input closes without one, the directory goes too.
const WATCHDOG: &str = r#"
"$@" </dev/null >>log 2>&1 &
server=$!
read -r word
kill -"${word:-$KILL}" "$server" 2>/dev/null
wait "$server" 2>/dev/null
[ -n "$word" ] || rm -rf "$PWD"
"#;

/// How a server is to end.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    /// By an interrupt: Postgres's "fast" shutdown.
    Orderly,
    /// At once, as in a power cut.
    Kill,
}

/// A directory for one server, and the unprivileged user it belongs to when the tests run as root.
pub struct Home {
    directory: PathBuf,
    user: Option<(u32, u32)>,
}

impl Home {
    /// A new directory. `user` names the account that root steps down to.
    pub fn new(prefix: &str, user: &str) -> Home {
        let directory = tempfile::Builder::new().prefix(prefix).tempdir().expect("a temporary directory").keep();
        let user = account(user);
        if let Some((uid, gid)) = user {
            chown(&directory, Some(uid), Some(gid)).expect("root may give a directory away");
        }
        Home { directory, user }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// A command that runs as the directory's owner.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(&self.directory).env("HOME", &self.directory);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Writes a file that the directory's owner may read and nobody else (private keys must be so).
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.directory.join(name);
        std::fs::write(&path, content).expect("a file in our own directory");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("our own file");
        if let Some((uid, gid)) = self.user {
            chown(&path, Some(uid), Some(gid)).expect("root may give a file away");
        }
        path
    }

    /// Runs a server in this directory until it is ended or this process is gone. `kill` is the signal that ends it at
    /// once together with its children.
    pub fn run(&self, program: &Path, arguments: &[&str], kill: &'static str) -> Running {
        let mut command = self.command("/bin/sh");
        command.args(["-c", WATCHDOG, "watchdog"]).arg(program).args(arguments);
        // Out of the terminal's process group: an interrupt is for the tests, the watchdog then follows.
        command.env("KILL", kill).stdin(Stdio::piped()).process_group(0);
        let watchdog = Mutex::new(Some(command.spawn().expect("/bin/sh")));
        Running { watchdog, kill, log: self.directory.join("log") }
    }
}

/// A running server.
pub struct Running {
    watchdog: Mutex<Option<Child>>,
    kill: &'static str,
    log: PathBuf,
}

impl Running {
    /// Ends the server, keeps its directory, and returns when it is gone.
    pub fn end(&self, ending: Ending) {
        use std::io::Write;
        let Some(mut watchdog) = self.watchdog.lock().unwrap().take() else { return };
        let word = match ending {
            Ending::Orderly => "INT",
            Ending::Kill => self.kill,
        };
        let mut input = watchdog.stdin.take().expect("piped");
        // A watchdog that is gone already has nothing to end.
        let _ = writeln!(input, "{word}");
        let _ = watchdog.wait();
    }

    /// What the server wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// A dropped server is gone together with its directory.
impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut watchdog) = self.watchdog.lock().unwrap().take() {
            drop(watchdog.stdin.take());
            let _ = watchdog.wait();
        }
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// The first of these programs on the PATH, symbolic links resolved.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|d| d.join(program)).find(|p| p.is_file())?.canonicalize().ok()
}

/// When we are root: the account's user and group; `nobody` where it does not exist.
fn account(name: &str) -> Option<(u32, u32)> {
    let ours = std::fs::metadata("/proc/self").expect("/proc");
    use std::os::unix::fs::MetadataExt;
    if ours.uid() != 0 {
        return None;
    }
    let accounts = std::fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let find = |name: &str| {
        let line = accounts.lines().find(|l| l.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    find(name).or_else(|| find("nobody"))
}
