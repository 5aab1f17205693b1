//! A Kafka broker of the test's own and its ZooKeeper: free ports, a directory of their own, gone with the test.

use super::server::{Ending, Home, Running, free_port, on_path};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Once;
use std::time::{Duration, Instant};

/// A running broker, or one that was killed and can be started again.
pub struct KafkaServer {
    home: Home,
    java: PathBuf,
    /// All jars of a directory, as Java takes them.
    jars: String,
    partitions: i32,
    port: u16,
    zookeeper_port: u16,
    // Ends first.
    broker: Option<Running>,
    zookeeper: Option<Running>,
}

/// A broker that was killed can register again when its session has ended, which lasts two ticks at least.
const ZOOKEEPER: &str = "tickTime=500\ndataDir=zookeeper\nclientPortAddress=127.0.0.1\n";
const BROKER: &str = "broker.id=0\nlog.dirs=topics\nlog.cleaner.enable=false\nlog.segment.bytes=1048576\n\
                      zookeeper.session.timeout.ms=1500\n";
const LOGGING: &str = "log4j.rootLogger=INFO, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n\
                       log4j.appender.out.layout=org.apache.log4j.SimpleLayout\n";

impl KafkaServer {
    /// A broker, if one is there, that makes the topics it is asked for, with so many partitions.
    pub fn start(partitions: i32) -> Option<KafkaServer> {
        let jars = jars()?;
        let java = on_path("java").expect("TIDEGATE_KAFKA is set, but there is no Java");
        let home = Home::new("tidegate-kafka-", "nobody");
        home.write("log4j.properties", LOGGING);
        let mut server =
            KafkaServer { home, java, jars, partitions, port: 0, zookeeper_port: 0, broker: None, zookeeper: None };
        // Somebody else may have taken a port in the meantime.
        while !server.run_both() {
            server.zookeeper.take().iter().for_each(|zookeeper| zookeeper.end(Ending::Kill));
        }
        Some(server)
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The segments of the topic's first partition that are there, by offset.
    pub fn segments(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.home.path().join("topics/events-0")).expect("a topic's directory");
        let mut segments: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
        segments.retain(|file| file.extension().is_some_and(|extension| extension == "log"));
        segments.sort();
        segments
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        self.broker.take().iter().for_each(|broker| broker.end(Ending::Kill));
    }

    /// Starts the broker with the data it has.
    pub fn restart(&mut self) {
        while !self.run() {}
    }

    /// Starts the broker with the data it has, on another port.
    pub fn restart_on(&mut self, port: u16) {
        self.port = port;
        self.restart();
    }

    fn run_both(&mut self) -> bool {
        (self.zookeeper_port, self.port) = (free_port(), free_port());
        self.home.write("zookeeper.properties", format!("{ZOOKEEPER}clientPort={}\n", self.zookeeper_port));
        self.zookeeper = Some(self.java("org.apache.zookeeper.server.quorum.QuorumPeerMain", "zookeeper.properties"));
        self.run()
    }

    /// Whether the broker started: its port may have been taken, or the session of its predecessor may not have ended.
    fn run(&mut self) -> bool {
        let (zookeeper, partitions) = (self.zookeeper_port, self.partitions);
        let told = format!("zookeeper.connect=127.0.0.1:{zookeeper}\nlisteners=PLAINTEXT://{}\n", self.address());
        self.home.write("broker.properties", format!("{BROKER}num.partitions={partitions}\n{told}"));
        let before = self.log().len();
        let broker = self.java("kafka.Kafka", "broker.properties");
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let log = self.log();
            let said = log.get(before..).unwrap_or_default();
            if said.contains("[Kafka Server 0], started") {
                self.broker = Some(broker);
                return true;
            }
            if said.contains("FATAL") {
                broker.end(Ending::Kill);
                return false;
            }
            assert!(Instant::now() < deadline, "Kafka does not start:\n{said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn java(&self, class: &str, configuration: &str) -> Running {
        // Little memory, and compiled quickly: it does not live long.
        let options =
            ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j.configuration=file:log4j.properties"];
        let arguments = [&options[..], &["-cp", &self.jars, class, configuration]].concat();
        self.home.run(&self.java, &arguments, "KILL")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }
}

/// Where Kafka is. That it is missing is said once, past the harness, which hides what passing tests print.
fn jars() -> Option<String> {
    static SAID: Once = Once::new();
    let named = std::env::var("TIDEGATE_KAFKA").ok().filter(|named| !named.is_empty());
    if named.is_none() {
        SAID.call_once(|| {
            let said = "TIDEGATE_KAFKA is not set: source `kafka` is tested on a mock cluster only, not on a broker\n";
            let _ = std::io::stderr().write_all(said.as_bytes());
        });
    }
    named.map(|directory| format!("{directory}/*"))
}
