//! A proxy between a program and a server that does to connections what networks do: it cuts them, lets them wait, delays them, lets
//! them through a byte at a time, or swallows what they say without a word.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is done to what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Nothing passes, and the senders have to wait.
    Stall,
    /// Everything passes late.
    Delay(Duration),
    /// Everything passes a byte at a time.
    Trickle,
}

/// How often a connection looks for faults.
const LOOK: Duration = Duration::from_millis(20);

/// A proxy; the server behind it may change.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    server: AtomicU16,
    fault: Mutex<Fault>,
    /// Connections made before this one are cut.
    cut_below: AtomicU64,
    /// Connections made before this one are swallowed: they stay open, and nobody hears anything.
    swallowed_below: AtomicU64,
    next: AtomicU64,
    /// So many bytes may still come from the server before all connections are cut.
    left: AtomicU64,
    stop: AtomicBool,
}

impl Proxy {
    /// To the server at this port.
    pub fn new(server: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let shared = Arc::new(Shared {
            server: AtomicU16::new(server),
            fault: Mutex::new(Fault::None),
            cut_below: AtomicU64::new(0),
            swallowed_below: AtomicU64::new(0),
            next: AtomicU64::new(0),
            left: AtomicU64::new(u64::MAX),
            stop: AtomicBool::new(false),
        });
        let own = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if own.stop.load(Ordering::Relaxed) {
                    return;
                }
                own.join(client);
            }
        });
        Proxy { port, shared }
    }

    /// Where the program finds it, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What is done from now on.
    pub fn set(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Cuts all connections once so many bytes more have come from the server.
    pub fn cut_after(&self, bytes: u64) {
        self.shared.left.store(bytes, Ordering::Relaxed);
    }

    /// Whether that has happened.
    pub fn has_cut(&self) -> bool {
        self.shared.left.load(Ordering::Relaxed) == u64::MAX
    }

    /// From now on nothing comes through the present connections, and nobody is told. New ones are as others.
    pub fn swallow(&self) {
        self.shared.swallowed_below.store(self.shared.next.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// New connections go to this server.
    pub fn lead_to(&self, server: u16) {
        self.shared.server.store(server, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // The thread waits for connections.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    /// Joins a client with the server; a server out of reach refuses it.
    fn join(self: &Arc<Shared>, client: TcpStream) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server.load(Ordering::Relaxed))) else { return };
        for (from, to, is_server) in [(&client, &server, false), (&server, &client, true)] {
            let (Ok(from), Ok(to), shared) = (from.try_clone(), to.try_clone(), self.clone()) else { return };
            let _ = (from.set_read_timeout(Some(LOOK)), to.set_nodelay(true));
            std::thread::spawn(move || {
                shared.pass(number, &from, &to, is_server);
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            });
        }
    }

    fn cut(&self) {
        self.cut_below.store(self.next.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Takes bytes from what may still come.
    fn spend(&self, bytes: u64) {
        let spend = |left: u64| (left < u64::MAX).then(|| left.checked_sub(bytes).unwrap_or(u64::MAX));
        let spent = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
        if spent.is_ok_and(|left| left < bytes) {
            self.cut();
        }
    }

    fn is_cut(&self, number: u64) -> bool {
        number < self.cut_below.load(Ordering::Relaxed) || self.stop.load(Ordering::Relaxed)
    }

    /// Passes what one side says on to the other until one of them ends.
    fn pass(&self, number: u64, mut from: &TcpStream, to: &TcpStream, is_server: bool) {
        let mut buffer = [0; 16 * 1024];
        while !self.is_cut(number) {
            let fault = *self.fault.lock().unwrap();
            if fault == Fault::Stall {
                std::thread::sleep(LOOK);
                continue;
            }
            let bytes = match from.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => &buffer[..length],
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    continue;
                }
                Err(_) => return,
            };
            if is_server {
                self.spend(bytes.len() as u64);
            }
            let swallowed = number < self.swallowed_below.load(Ordering::Relaxed);
            if !swallowed && write(to, bytes, fault).is_err() {
                return;
            }
        }
    }
}

fn write(mut to: &TcpStream, bytes: &[u8], fault: Fault) -> std::io::Result<()> {
    match fault {
        Fault::None | Fault::Stall => to.write_all(bytes),
        Fault::Delay(time) => {
            std::thread::sleep(time);
            to.write_all(bytes)
        }
        Fault::Trickle => bytes.iter().try_for_each(|byte| {
            std::thread::sleep(Duration::from_micros(20));
            to.write_all(&[*byte])
        }),
    }
}

#[test]
fn what_is_said_passes_until_it_is_cut_or_swallowed() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let proxy = Proxy::new(server.local_addr().expect("bound").port());
    let pair = || {
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).expect("the proxy listens");
        (client, server.accept().expect("the proxy comes").0)
    };
    let passes = |from: &mut TcpStream, to: &mut TcpStream| {
        let _ = from.write_all(b"hello");
        let _ = to.set_read_timeout(Some(Duration::from_secs(1)));
        let mut got = [0; 5];
        to.read_exact(&mut got).is_ok_and(|()| &got == b"hello")
    };
    let (mut client, mut behind) = pair();
    for fault in [Fault::None, Fault::Trickle, Fault::Delay(LOOK)] {
        proxy.set(fault);
        assert!(passes(&mut client, &mut behind) && passes(&mut behind, &mut client), "{fault:?}");
    }
    proxy.set(Fault::None);
    proxy.swallow();
    assert!(!passes(&mut client, &mut behind));
    let (mut other, mut behind_other) = pair();
    assert!(passes(&mut other, &mut behind_other));
    proxy.cut();
    assert!(matches!(other.read(&mut [0]), Ok(0) | Err(_)) && matches!(client.read(&mut [0]), Ok(0) | Err(_)));
}
