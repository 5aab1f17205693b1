//! A Redis server of the test's own: a free port, a directory of its own, gone with the test.

use super::server::{Ending, Home, Running, free_port, on_path};
use redis::Connection;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A running server, or one that was killed and can be started again.
pub struct RedisServer {
    home: Home,
    port: u16,
    /// Whether what it was told outlives it.
    durable: bool,
    process: Option<Running>,
}

impl RedisServer {
    /// A server that syncs every write.
    pub fn start() -> RedisServer {
        RedisServer::new(true)
    }

    /// A server that keeps nothing.
    pub fn forgetful() -> RedisServer {
        RedisServer::new(false)
    }

    fn new(durable: bool) -> RedisServer {
        let home = Home::new("tidegate-redis-", "redis");
        let mut server = RedisServer { home, port: free_port(), durable, process: None };
        // Somebody else may have taken the port in the meantime.
        while !server.run() {
            server.port = free_port();
        }
        server
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    pub fn connection(&self) -> Connection {
        redis::Client::open(self.url()).and_then(|client| client.get_connection()).expect("the server runs")
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.end(Ending::Kill);
        }
    }

    /// Starts the server with the data it has.
    pub fn restart(&mut self) {
        while !self.run() {}
    }

    /// Stops the process where it stands: it keeps its connections and answers nothing.
    pub fn freeze(&self) -> Frozen {
        let pid = info(&mut self.connection(), "server", "process_id");
        Frozen::new(pid)
    }

    /// Whether the server on the port is ours.
    fn run(&mut self) -> bool {
        let port = self.port.to_string();
        let directory = self.home.path().to_str().expect("a plain path");
        let mut arguments = vec!["--port", &port, "--bind", "127.0.0.1", "--dir", directory, "--save", ""];
        if self.durable {
            arguments.extend(["--appendonly", "yes", "--appendfsync", "always"]);
        }
        on_path("redis-server").expect("redis-server is installed (Debian: apt-get install redis-server)");
        // By its name: the program that the name is a link to decides by it what it is.
        self.process = Some(self.home.run(Path::new("redis-server"), &arguments, "KILL"));
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match self.directory_answered() {
                Some(answered) => return answered == directory,
                None => assert!(Instant::now() < deadline, "redis-server on port {port} does not answer"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The directory of whoever listens on the port, once it has loaded its data.
    fn directory_answered(&self) -> Option<String> {
        let mut connection = redis::Client::open(self.url()).and_then(|client| client.get_connection()).ok()?;
        redis::cmd("DBSIZE").exec(&mut connection).ok()?;
        let (_, directory): (String, String) =
            redis::cmd("CONFIG").arg("GET").arg("dir").query(&mut connection).ok()?;
        Some(directory)
    }

    /// How often the server ran these commands since it was started.
    pub fn calls(&self, commands: &[&str]) -> u64 {
        let mut connection = self.connection();
        let calls = |command: &&str| {
            let line: String = info(&mut connection, "commandstats", &format!("cmdstat_{command}"));
            line.strip_prefix("calls=").and_then(|rest| rest.split(',').next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        commands.iter().map(calls).sum()
    }
}

/// A field of a section of what the server says of itself; empty if it is not there.
fn info(connection: &mut Connection, section: &str, field: &str) -> String {
    let info: String = redis::cmd("INFO").arg(section).query(connection).expect("the server answers");
    let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_default().to_string()
}

/// A stopped process; it goes on when this is dropped.
pub struct Frozen {
    pid: String,
}

impl Frozen {
    fn new(pid: String) -> Frozen {
        signal("-STOP", &pid);
        Frozen { pid }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("-CONT", &self.pid);
    }
}

fn signal(signal: &str, pid: &str) {
    let sent = Command::new("kill").args([signal, pid]).status().expect("kill is installed");
    assert!(sent.success(), "kill {signal} {pid}");
}
