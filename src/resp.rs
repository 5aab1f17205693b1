//! A connection to Redis that gives up with the first reply that does not come.
//!
//! The client reads on behind a reply that is late, up to the last one of a pipeline, and waits the whole time for each: a
//! server that says nothing any more would not be missed for hours. After an error the connection is of no use.

use redis::{ConnectionLike, RedisResult, Value};

/// The client's connection.
pub struct Connection {
    client: redis::Connection,
    sent: fn(),
}

impl Connection {
    /// A connection that was made. `sent` is called when a transaction is sent, before its replies come.
    pub fn new(client: redis::Connection, sent: fn()) -> Connection {
        Connection { client, sent }
    }

    /// The next reply; what the server says unasked is none.
    fn reply(&mut self) -> RedisResult<Value> {
        loop {
            match self.client.recv_response()? {
                Value::Push { .. } => {}
                reply => return Ok(reply),
            }
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command(&mut self, command: &[u8]) -> RedisResult<Value> {
        self.client.req_packed_command(command)
    }

    fn req_packed_commands(&mut self, commands: &[u8], offset: usize, count: usize) -> RedisResult<Vec<Value>> {
        self.client.send_packed_command(commands)?;
        // Only the replies within a transaction are passed over.
        if offset > 0 {
            (self.sent)();
        }
        for _ in 0..offset {
            self.reply()?.extract_error()?;
        }
        (0..count).map(|_| self.reply()).collect()
    }

    fn get_db(&self) -> i64 {
        self.client.get_db()
    }

    fn check_connection(&mut self) -> bool {
        self.client.check_connection()
    }

    fn is_open(&self) -> bool {
        self.client.is_open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    /// Answers what a client says when it comes, and nothing more.
    fn fall_silent(listener: &TcpListener) {
        let (mut client, _) = listener.accept().expect("a client");
        let mut said = [0; 4096];
        let greeting = client.read(&mut said).expect("a greeting");
        let commands = said[..greeting].iter().filter(|byte| **byte == b'*').count();
        client.write_all("+OK\r\n".repeat(commands).as_bytes()).expect("a client that listens");
        while client.read(&mut said).is_ok_and(|length| length > 0) {}
    }

    #[test]
    fn a_silent_server_is_waited_for_once() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("redis://{}", listener.local_addr().expect("bound"));
        std::thread::scope(|scope| {
            scope.spawn(|| fall_silent(&listener));
            let connection = redis::Client::open(url).and_then(|client| client.get_connection()).expect("greeted");
            connection.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
            let mut pipeline = redis::pipe();
            // For each of them it would take an hour.
            for _ in 0..100_000 {
                pipeline.cmd("PING");
            }
            let error = pipeline.exec(&mut Connection::new(connection, || ())).expect_err("nobody answers");
            assert!(error.is_timeout(), "{error}");
        });
    }
}
