//! A Redis server of the test's own: a free port, a temporary directory, every write synced.

use redis::Connection;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running server, or one that was killed and can be started again.
pub(super) struct RedisServer {
    directory: TempDir,
    port: u16,
    process: Option<Child>,
}

impl RedisServer {
    pub(super) fn start() -> RedisServer {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let mut server = RedisServer { directory: TempDir::new().expect("a temporary directory"), port, process: None };
        server.restart();
        server
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    pub(super) fn connection(&self) -> Connection {
        redis::Client::open(self.url()).and_then(|client| client.get_connection()).expect("the server runs")
    }

    /// As `kill -9` does.
    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("the server can be killed");
            process.wait().expect("the server was killed");
        }
    }

    /// Starts the server with the data it has.
    pub(super) fn restart(&mut self) {
        let port = self.port.to_string();
        let directory = self.directory.path().to_str().expect("a plain path");
        let settings = ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--bind", "127.0.0.1"];
        let process = Command::new("redis-server")
            .args(["--port", &port, "--dir", directory])
            .args(settings)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (Debian: apt-get install redis-server)");
        self.process = Some(process);
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.answers() {
            assert!(Instant::now() < deadline, "redis-server on port {port} does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn answers(&self) -> bool {
        let ping = |client: redis::Client| redis::cmd("PING").exec(&mut client.get_connection()?);
        redis::Client::open(self.url()).and_then(ping).is_ok()
    }

    /// How often the server ran these commands since it was started.
    pub(super) fn calls(&self, commands: &[&str]) -> u64 {
        let info: String = redis::cmd("INFO").arg("commandstats").query(&mut self.connection()).expect("statistics");
        let calls = |line: &str| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let calls = rest.split(',').next()?.parse::<u64>().ok()?;
            commands.contains(&name).then_some(calls)
        };
        info.lines().filter_map(calls).sum()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
