//! Where a Postgres server is and how to reach it.
//!
//! Every session, of whatever kind, runs under the same pinned settings, so that a value has one text form wherever it comes from
//! and neither role nor database settings can change it or cut a long snapshot short.

use super::{TlsMode, TlsSettings};
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The settings of every session.
pub const PINNED_SETTINGS: &[(&str, &str)] = &[
    ("DateStyle", "ISO,YMD"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("xmloption", "content"),
    ("row_security", "off"),
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
];

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The connection settings are wrong.
    #[error("{0}")]
    Settings(String),
    /// The server refused or was out of reach.
    #[error(transparent)]
    Server(#[from] tokio_postgres::Error),
}

/// A server, a database and a user.
#[derive(Clone)]
pub struct Endpoint {
    config: tokio_postgres::Config,
    tls: TlsSettings,
}

impl Endpoint {
    /// Reads a connection string: a `postgres://` URL or `key=value` pairs, as libpq takes them.
    pub fn parse(text: &str, application_name: &str) -> Result<Endpoint, ConnectError> {
        let (rest, tls) = take_tls_settings(text.trim())?;
        let mut config: tokio_postgres::Config = rest.parse().map_err(|error: tokio_postgres::Error| {
            ConnectError::Settings(format!("the connection string cannot be read: {}", describe(&error)))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(ConnectError::Settings(
                "the connection string names no host; write postgres://user@host/database".into(),
            ));
        }
        if config.get_user().is_none() {
            let user = std::env::var("USER").map_err(|_| {
                ConnectError::Settings(
                    "the connection string names no user; write postgres://user@host/database".into(),
                )
            })?;
            config.user(user);
        }
        if config.get_application_name().is_none() {
            config.application_name(application_name);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config.ssl_mode(match tls.mode {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        });
        // A peer that is gone without a word is noticed within two minutes.
        config
            .keepalives_idle(Duration::from_secs(60))
            .keepalives_interval(Duration::from_secs(15))
            .keepalives_retries(4);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(120));
        }
        config.options(session_options(config.get_options()));
        Ok(Endpoint { config, tls })
    }

    /// The settings as `tokio-postgres` has them, the pinned session settings among them.
    pub fn config(&self) -> &tokio_postgres::Config {
        &self.config
    }

    /// How TLS is used.
    pub fn tls(&self) -> &TlsSettings {
        &self.tls
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        self.config.get_dbname().or(self.config.get_user()).unwrap_or_default()
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// The server and database for people to read; never the password.
    pub fn label(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => self.config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        format!("{host}:{port}/{}", self.database())
    }

    /// Opens a session for queries and `COPY`. Its traffic is driven by a task of the runtime this is called on.
    pub async fn connect(&self) -> Result<tokio_postgres::Client, ConnectError> {
        let tls = MakeRustlsConnect::new(self.tls.client_config()?);
        let (client, connection) = self.config.connect(tls).await.map_err(refused)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a Postgres session ended: {}", describe(&error));
            }
        });
        Ok(client)
    }
}

/// Why there is no session: trouble that no waiting mends is told apart by its kind, which `tokio-postgres` only has in words.
fn refused(error: tokio_postgres::Error) -> ConnectError {
    let cause = error.source();
    let in_handshake = cause.and_then(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::get_ref);
    match (error.to_string().as_str(), in_handshake) {
        ("error performing TLS handshake", Some(Some(cause))) if cause.is::<rustls::Error>() => {
            ConnectError::Settings(format!("TLS with the server failed: {cause}"))
        }
        ("error performing TLS handshake", None) => ConnectError::Settings(
            "sslmode asks for TLS, but the server has none; set ssl = on in postgresql.conf".into(),
        ),
        ("invalid configuration", _) if cause.is_some_and(|cause| cause.to_string() == "password missing") => {
            ConnectError::Settings("the server asks for a password, but the connection string has none".into())
        }
        _ => ConnectError::Server(error),
    }
}

/// The error with its causes, in one line.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// The `options` startup parameter: the user's first, the pinned ones last, so that these win.
fn session_options(given: Option<&str>) -> String {
    let mut options = given.unwrap_or_default().to_string();
    for (name, value) in PINNED_SETTINGS {
        if !options.is_empty() {
            options.push(' ');
        }
        options.push_str(&format!("-c {name}={value}"));
    }
    options
}

/// Takes `sslmode` and `sslrootcert` out of a connection string: `tokio-postgres` knows fewer modes than libpq.
fn take_tls_settings(text: &str) -> Result<(String, TlsSettings), ConnectError> {
    let mut tls = TlsSettings::default();
    let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
    let rest = if is_url { take_from_url(text, &mut tls)? } else { take_from_pairs(text, &mut tls)? };
    Ok((rest, tls))
}

fn take_from_url(text: &str, tls: &mut TlsSettings) -> Result<String, ConnectError> {
    let Some((base, query)) = text.split_once('?') else { return Ok(text.into()) };
    let mut kept = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !take(name, &percent_decoded(value), tls)? {
            kept.push(pair);
        }
    }
    if kept.is_empty() { Ok(base.into()) } else { Ok(format!("{base}?{}", kept.join("&"))) }
}

fn take_from_pairs(text: &str, tls: &mut TlsSettings) -> Result<String, ConnectError> {
    let mut kept = Vec::new();
    for word in quoted_words(text) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        if !take(name.trim(), value.trim().trim_matches('\''), tls)? {
            kept.push(word);
        }
    }
    Ok(kept.join(" "))
}

/// Splits at blanks that stand outside quotes.
fn quoted_words(text: &str) -> Vec<&str> {
    let (mut words, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => {
                words.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    words.push(&text[start..]);
    words.retain(|word| !word.is_empty());
    words
}

fn take(name: &str, value: &str, tls: &mut TlsSettings) -> Result<bool, ConnectError> {
    match name {
        "sslmode" => tls.mode = value.parse()?,
        "sslrootcert" if value == "system" => tls.root_certificate = None,
        "sslrootcert" => tls.root_certificate = Some(PathBuf::from(value)),
        _ => return Ok(false),
    }
    Ok(true)
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                bytes.push(decoded);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::parse(text, "tidegate").unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn urls_and_pairs_mean_the_same() {
        for text in [
            "postgres://u:p%40ss@db.example:5433/shop?sslmode=verify-full&sslrootcert=%2Fca.pem&connect_timeout=3",
            "host=db.example port=5433 user=u password='p@ss' dbname=shop sslmode=verify-full sslrootcert='/ca.pem' connect_timeout=3",
        ] {
            let endpoint = endpoint(text);
            assert_eq!(endpoint.label(), "db.example:5433/shop");
            assert_eq!(endpoint.config().get_password(), Some(&b"p@ss"[..]));
            assert_eq!(endpoint.tls().mode, TlsMode::VerifyFull);
            assert_eq!(endpoint.tls().root_certificate, Some(PathBuf::from("/ca.pem")));
        }
    }

    #[test]
    fn pinned_settings_follow_the_users_own() {
        let endpoint = endpoint("postgres://u@h/d?options=-c%20DateStyle%3DGerman");
        let options = endpoint.config().get_options().unwrap_or_default();
        assert!(options.starts_with("-c DateStyle=German -c DateStyle=ISO,YMD "), "{options}");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("postgres://u@h/d?sslmode=always", "none of disable"),
            ("dbname=d user=u", "names no host"),
            ("postgres://u@h:port/d", "cannot be read"),
        ] {
            let error = Endpoint::parse(text, "t").err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
