//! Certificates for servers of the tests, and the authority that vouches for them.

use std::path::PathBuf;
use std::process::Command;

/// Files of an authority and of a server it vouches for.
pub struct Certificates {
    directory: tempfile::TempDir,
}

impl Certificates {
    /// Made for a server of this name.
    pub fn new(name: &str) -> Certificates {
        let made = Certificates { directory: tempfile::tempdir().expect("a temporary directory") };
        made.openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.crt -subj /CN=authority");
        made.openssl("req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=server");
        std::fs::write(made.directory.path().join("names"), format!("subjectAltName = {name}\n"))
            .expect("our own file");
        made.openssl(
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
        );
        made
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        let done = command.args(arguments.split(' ')).current_dir(&self.directory).output();
        let done = done.expect("openssl: `scripts/install tests` installs it");
        assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A file of the server by its name, and what is in it.
    pub fn server_file(&self, name: &str) -> (String, Vec<u8>) {
        (name.to_owned(), std::fs::read(self.path(name)).expect("our own file"))
    }
}
