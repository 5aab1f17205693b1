//! The program itself, run on a view set in a directory of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Where it is.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate");

/// A view set in a temporary directory, which stays for a look if the test fails.
pub struct ViewSet {
    directory: tempfile::TempDir,
}

impl Drop for ViewSet {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.directory.disable_cleanup(true);
            eprintln!("the view set and what it wrote: {}", self.path().display());
        }
    }
}

impl ViewSet {
    /// One with this `tidegate.toml` and these views.
    pub fn new(config: &str, views: &str) -> ViewSet {
        let set = ViewSet { directory: tempfile::tempdir().expect("a temporary directory") };
        set.write("tidegate.toml", config);
        set.write("views.sql", views);
        set
    }

    /// One with the files of this directory.
    pub fn copy(directory: &Path) -> ViewSet {
        let set = ViewSet { directory: tempfile::tempdir().expect("a temporary directory") };
        for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
            if entry.path().is_file() {
                std::fs::copy(entry.path(), set.path().join(entry.file_name())).expect("our own directory");
            }
        }
        set
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Puts a file into it.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).expect("a file in our own directory");
        path
    }

    /// Starts `tidegate VERB… DIR` against this database.
    pub fn start(&self, verb: &[&str], database_url: &str) -> Program {
        self.start_until(verb, database_url, "")
    }

    /// The same, to end at this moment (see `tidegate::failpoint`).
    pub fn start_until(&self, verb: &[&str], database_url: &str, failpoint: &str) -> Program {
        let mut command = Command::new(PROGRAM);
        command.args(verb).arg(self.path()).env("TIDEGATE_FAILPOINT", failpoint);
        self.start_by(command, database_url)
    }

    /// Starts the program by another one, which becomes it.
    pub fn start_by(&self, mut command: Command, database_url: &str) -> Program {
        let errors = self.path().join("stderr");
        let output = |name: &str| Stdio::from(File::create(self.path().join(name)).expect("our own directory"));
        let child = command
            .env("DATABASE_URL", database_url)
            .stdin(Stdio::null())
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .spawn()
            .expect("the program");
        Program { child, errors }
    }

    /// Runs `tidegate VERB… DIR` to its end; its exit code, standard output and standard error.
    pub fn run(&self, verb: &[&str], database_url: &str) -> (i32, String, String) {
        let mut program = self.start(verb, database_url);
        let status = program.wait(Duration::from_secs(120));
        let output = std::fs::read_to_string(self.path().join("stdout")).expect("our own file");
        (status.code().unwrap_or(-1), output, program.errors())
    }
}

/// The program under way; killed when dropped.
pub struct Program {
    child: Child,
    errors: PathBuf,
}

impl Program {
    /// What it has written to standard error.
    pub fn errors(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap_or_default()
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Panics with what it said if it has ended by itself.
    pub fn must_run(&mut self) {
        if let Some(status) = self.ended() {
            panic!("the program ended with {status}:\n{}", self.errors());
        }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours")
    }

    /// Waits for its end.
    pub fn wait(&mut self, at_most: Duration) -> ExitStatus {
        let deadline = Instant::now() + at_most;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                panic!("the program did not end in {at_most:?}:\n{}", self.errors());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to stop as a service manager would, and expects an orderly end.
    pub fn terminate(mut self) {
        self.must_run();
        let asked = Command::new("kill").args(["-TERM", &self.id().to_string()]).status();
        assert!(asked.expect("kill").success());
        let status = self.wait(Duration::from_secs(60));
        assert_eq!(status.code(), Some(0), "after SIGTERM:\n{}", self.errors());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
