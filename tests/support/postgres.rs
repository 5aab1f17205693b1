//! A private Postgres: the installed one, or that of `TIDEGATE_TEST_POSTGRES_BIN`. Never touches a server that runs already.

use super::server::{Ending, Home, Running, free_port, on_path};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once, OnceLock};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// The role every test server is made with.
pub const USER: &str = "tidegate";
/// Its password, asked for only where `Options::authentication` does.
pub const PASSWORD: &str = "wellenbrecher";

/// The windows of a time, which Postgres itself does not know.
pub const WINDOWS: &str = "
CREATE FUNCTION tumble(ts timestamptz, size interval) RETURNS TABLE (window_start timestamptz, window_end timestamptz) LANGUAGE sql AS
$$ SELECT date_bin(size, ts, 'epoch'), date_bin(size, ts, 'epoch') + size $$;
CREATE FUNCTION hop(ts timestamptz, slide interval, size interval)
RETURNS TABLE (window_start timestamptz, window_end timestamptz) LANGUAGE sql AS
$$ SELECT s, s + size FROM generate_series(date_bin(slide, ts, 'epoch'), ts - size, - slide) AS s WHERE s > ts - size $$;
";

/// How a server differs from the shared one.
#[derive(Clone, Debug)]
pub struct Options {
    /// The method in `pg_hba.conf`: `trust`, `scram-sha-256`, `md5`, `password`.
    pub authentication: &'static str,
    /// Only TLS connections (`hostssl`); `files` must hold certificate and key, `settings` switch `ssl` on.
    pub tls_only: bool,
    /// More lines of `postgresql.conf`, winning over the usual ones.
    pub settings: Vec<String>,
    /// More files beside the configuration, such as `server.crt`.
    pub files: Vec<(String, Vec<u8>)>,
    /// The directory of the server's programs; none: the one `programs` finds.
    pub programs: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options { authentication: "trust", tls_only: false, settings: vec![], files: vec![], programs: None }
    }
}

/// A running Postgres.
pub struct Postgres {
    home: Home,
    programs: PathBuf,
    port: u16,
    running: Mutex<Option<Running>>,
}

impl Postgres {
    /// The server that most tests share. Make a database of your own in it; slots and settings are everybody's.
    pub fn shared() -> &'static Postgres {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Postgres::start)
    }

    /// The shared server, and one of the newest version if there is one (`TIDEGATE_NEWEST_POSTGRES`).
    pub fn installed_and_newest() -> Vec<&'static Postgres> {
        static NEWEST: OnceLock<Option<Postgres>> = OnceLock::new();
        let newest = NEWEST.get_or_init(|| {
            let programs = newest_programs()?;
            Some(Postgres::start_with(Options { programs: Some(programs), ..Options::default() }))
        });
        [Some(Postgres::shared()), newest.as_ref()].into_iter().flatten().collect()
    }

    /// A server of version 15, whose meaning of expressions is ours; others give some another (see the README).
    pub fn fifteen() -> &'static Postgres {
        static FIFTEEN: OnceLock<Option<Postgres>> = OnceLock::new();
        let own = FIFTEEN.get_or_init(|| {
            if Postgres::shared().version() == 15 {
                return None;
            }
            let named = std::env::var_os("TIDEGATE_POSTGRES_15").filter(|named| !named.is_empty());
            let programs =
                named.expect("TIDEGATE_POSTGRES_15 names the programs of Postgres 15 (`scripts/install tests`)");
            Some(Postgres::start_with(Options { programs: Some(programs.into()), ..Options::default() }))
        });
        own.as_ref().unwrap_or_else(Postgres::shared)
    }

    /// Where the programs of both versions are, for servers of one's own.
    pub fn installed_and_newest_programs() -> Vec<PathBuf> {
        [Some(programs()), newest_programs()].into_iter().flatten().collect()
    }

    /// A server of one's own, to be killed and restarted at will.
    pub fn start() -> Postgres {
        Postgres::start_with(Options::default())
    }

    /// As `start`, set up differently.
    pub fn start_with(options: Options) -> Postgres {
        let programs = options.programs.clone().unwrap_or_else(programs);
        let home = Home::new("tidegate-postgres-", "postgres");
        let password = home.write("password", PASSWORD);
        let made = home
            .command(programs.join("initdb"))
            .args([
                "--no-sync",
                "--no-instructions",
                "--encoding=UTF8",
                "--locale=C",
                "--auth=trust",
                "-U",
                USER,
                "-D",
                "data",
            ])
            .arg(format!("--pwfile={}", password.display()))
            .output()
            .expect("initdb");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        for (name, content) in &options.files {
            home.write(&format!("data/{name}"), content);
        }
        let host = if options.tls_only { "hostssl" } else { "host" };
        let method = options.authentication;
        let mut hba = format!("local all all trust\n{host} all all 127.0.0.1/32 {method}\n");
        hba.push_str(&format!("{host} replication all 127.0.0.1/32 {method}\n"));
        home.write("data/pg_hba.conf", hba);
        home.write("data/postgresql.conf", configuration(&home, port, &options.settings));
        let server = Postgres { home, programs, port, running: Mutex::new(None) };
        server.restart();
        server
    }

    /// A standby of this server, which follows it; logical slots are given to it by `pg_sync_replication_slots`. The server is
    /// restarted for it.
    pub fn standby(&self) -> Postgres {
        let home = Home::new("tidegate-standby-", "postgres");
        self.stop(Ending::Orderly);
        // Slots stay behind, as they do with `pg_basebackup`.
        let script = "cp -a \"$0\"/data data && rm -rf data/pg_replslot/*";
        let copied = home.command("/bin/sh").args(["-c", script]).arg(self.home.path()).status();
        assert!(copied.expect("/bin/sh").success(), "{script}");
        self.restart();
        self.database("postgres").execute("SELECT pg_create_physical_replication_slot('standby', true)");
        let port = free_port();
        let settings = vec![
            format!("primary_conninfo = 'host=127.0.0.1 port={} user={USER} dbname=postgres'", self.port),
            "primary_slot_name = 'standby'".into(),
            "hot_standby_feedback = on".into(),
            "wal_receiver_status_interval = 1".into(),
        ];
        home.write("data/postgresql.conf", configuration(&home, port, &settings));
        home.write("data/standby.signal", "");
        let server = Postgres { home, programs: self.programs.clone(), port, running: Mutex::new(None) };
        server.restart();
        server
    }

    /// Copies the data directory of a server that is stopped; `restore` puts the copy back.
    pub fn back_up(&self) {
        self.copy("data", "copy");
    }

    /// Puts the copy in the place of the data directory of a server that is stopped.
    pub fn restore(&self) {
        self.copy("copy", "data");
    }

    fn copy(&self, from: &str, to: &str) {
        let script = format!("rm -rf {to} && cp -a {from} {to}");
        let copied = self.home.command("/bin/sh").args(["-c", &script]).status();
        assert!(copied.expect("/bin/sh").success(), "{script}");
    }

    /// The version before the dot.
    pub fn version(&self) -> u32 {
        let version = std::fs::read_to_string(self.home.path().join("data/PG_VERSION")).expect("initdb wrote it");
        version.trim().parse().expect("a number")
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's directory: `data` and `log` are in it.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The URL of a database in it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// A new, empty database that no other test knows.
    pub fn create_database(&self) -> Database {
        self.create_database_with("")
    }

    /// As `create_database`, with the letters of Unicode, as most servers have them; the order stays that of the bytes.
    pub fn create_unicode_database(&self) -> Database {
        self.create_database_with("TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'")
    }

    fn create_database_with(&self, options: &str) -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.database("postgres").execute(&format!("CREATE DATABASE {name} {options}"));
        self.database(&name)
    }

    /// A connection to an existing database.
    pub fn database(&self, name: &str) -> Database {
        Database::connect(&self.unix(name), name, self.url(name))
    }

    /// Ends the server; its data stays.
    pub fn stop(&self, ending: Ending) {
        if let Some(running) = self.running.lock().unwrap().take() {
            running.end(ending);
        }
    }

    /// Starts the server again, on the same port with the same data, and waits until it answers.
    pub fn restart(&self) {
        self.stop(Ending::Orderly);
        // A server that was killed leaves this file behind, and its process number may have been given to another.
        let _ = std::fs::remove_file(self.home.path().join("data/postmaster.pid"));
        let running = self.home.run(&self.programs.join("postgres"), &["-D", "data"], "QUIT");
        let deadline = Instant::now() + Duration::from_secs(60);
        while let Err(error) = Link::open(&self.unix("postgres")) {
            assert!(Instant::now() < deadline, "Postgres does not answer: {error}\n{}", running.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        *self.running.lock().unwrap() = Some(running);
    }

    /// The tests' own connections go through the Unix socket, which asks for no password and no TLS.
    fn unix(&self, database: &str) -> String {
        format!("host={} port={} user={USER} dbname={database}", self.home.path().display(), self.port)
    }
}

fn configuration(home: &Home, port: u16, settings: &[String]) -> String {
    let mut lines = vec![
        "listen_addresses = '127.0.0.1'".to_owned(),
        format!("port = {port}"),
        format!("unix_socket_directories = '{}'", home.path().display()),
        "wal_level = logical".into(),
        // Those of stores stay when a test has ended.
        "max_replication_slots = 100".into(),
        "max_wal_senders = 30".into(),
        "max_connections = 120".into(),
        "track_commit_timestamp = off".into(),
        "fsync = off".into(),
        "synchronous_commit = off".into(),
        "full_page_writes = off".into(),
        "shared_buffers = 64MB".into(),
        "max_wal_size = 1GB".into(),
        "timezone = 'UTC'".into(),
        "log_timezone = 'UTC'".into(),
    ];
    lines.extend_from_slice(settings);
    lines.push(String::new());
    lines.join("\n")
}

/// The directory with `postgres` and `initdb`: as `TIDEGATE_TEST_POSTGRES_BIN` says, else from the PATH, else Debian's newest.
pub fn programs() -> PathBuf {
    if let Some(named) = std::env::var_os("TIDEGATE_TEST_POSTGRES_BIN") {
        return named.into();
    }
    if let Some(program) = on_path("postgres") {
        return program.parent().expect("a file is in a directory").into();
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.map(|v| v.path().join("bin")).filter(|p| p.join("postgres").is_file()).max();
    newest.expect("no Postgres server found: `scripts/install` installs one")
}

/// The newest version's programs. That they are missing is said once, past the harness, which hides what passing tests print.
fn newest_programs() -> Option<PathBuf> {
    static SAID: Once = Once::new();
    let named = std::env::var_os("TIDEGATE_NEWEST_POSTGRES").filter(|named| !named.is_empty());
    if named.is_none() {
        SAID.call_once(|| {
            let said =
                "TIDEGATE_NEWEST_POSTGRES is not set: tests run on the installed Postgres only, not on the newest\n";
            let _ = std::io::stderr().write_all(said.as_bytes());
        });
    }
    named.map(PathBuf::from)
}

/// One database, and a connection to it that waits for each answer.
pub struct Database {
    /// Its name.
    pub name: String,
    /// Where the program under test finds it.
    pub url: String,
    link: Mutex<Link>,
    parameters: String,
}

/// A connection and the little runtime that drives it.
struct Link {
    runtime: Runtime,
    client: Client,
}

impl Link {
    fn open(parameters: &str) -> Result<Link, tokio_postgres::Error> {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(parameters, NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        })?;
        Ok(Link { runtime, client })
    }
}

impl Database {
    fn connect(parameters: &str, name: &str, url: String) -> Database {
        let link = Link::open(parameters).unwrap_or_else(|e| panic!("database {name}: {e}"));
        Database { name: name.into(), url, link: Mutex::new(link), parameters: parameters.into() }
    }

    /// Another connection to the same database, for a concurrent writer.
    pub fn another(&self) -> Database {
        Database::connect(&self.parameters, &self.name, self.url.clone())
    }

    /// Runs one or more statements.
    pub fn execute(&self, sql: &str) {
        self.try_execute(sql).unwrap_or_else(|e| panic!("{e:?}\n{sql}"));
    }

    /// Runs one or more statements that may fail.
    pub fn try_execute(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        let link = self.link.lock().unwrap();
        link.runtime.block_on(link.client.batch_execute(sql))
    }

    /// The rows of the last query, each value in its text form.
    pub fn query_text(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.try_query_text(sql).unwrap_or_else(|e| panic!("{e:?}\n{sql}"))
    }

    /// As `query_text`, of a query that may fail.
    pub fn try_query_text(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, tokio_postgres::Error> {
        let link = self.link.lock().unwrap();
        let messages = link.runtime.block_on(link.client.simple_query(sql))?;
        let rows = messages.iter().filter_map(|m| match m {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect()),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// How many columns a query has, or why it is none.
    pub fn width(&self, query: &str) -> Result<usize, tokio_postgres::Error> {
        let link = self.link.lock().unwrap();
        Ok(link.runtime.block_on(link.client.prepare(query))?.columns().len())
    }

    /// The one value of a query of one row and column; null is the empty text.
    pub fn value(&self, sql: &str) -> String {
        let rows = self.query_text(sql);
        assert!(rows.len() == 1 && rows[0].len() == 1, "one value expected from {sql}, got {rows:?}");
        rows[0][0].clone().unwrap_or_default()
    }

    /// Copies lines of Postgres's text format into a table.
    pub fn copy_in(&self, table: &str, lines: &str) {
        use futures_util::SinkExt;
        let link = self.link.lock().unwrap();
        let copied = link.runtime.block_on(async {
            let writer = link.client.copy_in(&format!("COPY {table} FROM STDIN")).await?;
            let mut writer = std::pin::pin!(writer);
            writer.send(bytes::Bytes::copy_from_slice(lines.as_bytes())).await?;
            writer.finish().await
        });
        copied.unwrap_or_else(|e| panic!("COPY {table}: {e:?}"));
    }
}

#[test]
fn a_private_server_answers_and_survives_a_kill() {
    let database = Postgres::shared().create_database();
    database.execute("CREATE TABLE t (a int primary key, b text)");
    database.copy_in("t", "1\tone\n2\t\\N\n");
    assert_eq!(database.query_text("SELECT * FROM t ORDER BY 1")[1], vec![Some("2".to_owned()), None]);

    let own = Postgres::start();
    own.database("postgres").execute("CREATE TABLE t AS SELECT 7 AS a");
    own.database("postgres").execute("CHECKPOINT");
    own.stop(Ending::Kill);
    own.restart();
    assert_eq!(own.database("postgres").another().value("SELECT a FROM t"), "7");
    assert!(own.home().path().join("data").is_dir() && own.port() != Postgres::shared().port());
}
