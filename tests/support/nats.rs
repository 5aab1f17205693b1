//! A NATS server of the test's own with JetStream: a free port, a directory of its own, gone with the test.

use super::server::{Ending, Home, Running, free_port, on_path};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A running server, or one that was killed and can be started again.
pub struct NatsServer {
    home: Home,
    port: u16,
    process: Option<Running>,
}

impl NatsServer {
    /// A server with JetStream.
    pub fn start() -> NatsServer {
        let mut server = NatsServer { home: Home::new("tidegate-nats-", "nats"), port: free_port(), process: None };
        // Somebody else may have taken the port in the meantime.
        while !server.run() {
            server.port = free_port();
        }
        server
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
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

    /// Whether the server on the port is ours.
    fn run(&mut self) -> bool {
        let (port, directory) = (self.port.to_string(), self.home.path().to_str().expect("a plain path").to_owned());
        let arguments = ["-a", "127.0.0.1", "-p", &port, "-n", &directory, "-js", "-sd", &directory];
        self.process = Some(self.home.run(&program(), &arguments, "KILL"));
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match self.greeting() {
                Some(greeting) => return greeting.contains(&directory),
                None => assert!(Instant::now() < deadline, "nats-server on port {port} does not answer"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What whoever listens on the port says first: a server says its name.
    fn greeting(&self) -> Option<String> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        Some(line).filter(|line| !line.is_empty())
    }
}

/// Debian puts it where only root looks.
fn program() -> PathBuf {
    let found =
        on_path("nats-server").or_else(|| Some(PathBuf::from("/usr/sbin/nats-server")).filter(|p| Path::exists(p)));
    found.expect("nats-server is installed (Debian: apt-get install nats-server)")
}
