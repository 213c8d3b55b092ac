//! A temporary database server, which a test may suspend, fill and kill.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::c::deadline::{output, wait_until};

/// The tables that the library uses, and those they refer to.
const TABLES: [&str; 5] = [
    "django_site",
    "auth_user",
    "site_localsite",
    "siteconfig_siteconfiguration",
    "webapi_webapitoken",
];

/// Maximum number of connections to the server.
pub const MAX_CONNECTIONS: usize = 30;

/// A PostgreSQL or MariaDB server with the empty tables of a Review Board site. Requires root.
pub struct Server {
    pub is_postgres: bool,
    pub port: u16,
    folder: PathBuf,
    /// Folder of PostgreSQL's programs.
    programs: PathBuf,
    /// `None` until it is started.
    child: Option<Child>,
    admin: Option<Client>,
}

impl Server {
    /// Creates a server with the tables of the site at a location.
    pub fn like(site: &str) -> Self {
        let is_postgres = site.starts_with("postgresql");
        let folder = std::env::temp_dir().join(format!(
            "rbtoken-server-{}-{}",
            std::process::id(),
            if is_postgres { "postgresql" } else { "mariadb" }
        ));
        fs::create_dir(&folder).unwrap();
        let programs = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let programs = programs.map(|entry| entry.unwrap().path().join("bin")).max();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut server = Self {
            is_postgres,
            port,
            programs: programs.unwrap_or_default(),
            child: None,
            admin: None,
            folder,
        };
        let folder = server.folder.clone();
        server.own(&folder);
        server.own(&folder.join("disk"));
        server.initialize();
        server.start();
        server.copy_tables(site);
        server
    }

    pub fn location(&self, user: &str, port: u16) -> String {
        let scheme = if self.is_postgres { "postgresql" } else { "mysql" };
        format!("{scheme}://{user}@127.0.0.1:{port}/reviewboard")
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// Gives a folder to the user of the server.
    fn own(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let (user, group) = self.user();
        chown(folder, Some(user), Some(group)).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Returns the user and group of the server.
    fn user(&self) -> (u32, u32) {
        let name = if self.is_postgres { "postgres:" } else { "mysql:" };
        let users = fs::read_to_string("/etc/passwd").unwrap();
        let line = users.lines().find(|line| line.starts_with(name)).unwrap();
        let mut numbers = line.split(':').skip(2).map(|number| number.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    }

    fn command(&self, program: &str) -> Command {
        let program =
            if self.is_postgres { self.programs.join(program) } else { PathBuf::from(program) };
        let mut command = Command::new(program);
        let (user, group) = self.user();
        command.uid(user).gid(group).current_dir(&self.folder).env("HOME", &self.folder);
        command
    }

    fn initialize(&self) {
        let mut command = if self.is_postgres {
            let mut command = self.command("initdb");
            command.args(["-A", "trust", "-U", "root", "--no-sync", "-D", &self.path("data")]);
            command
        } else {
            let mut command = self.command("mariadb-install-db");
            command.arg("--no-defaults").arg(format!("--datadir={}", self.path("data")));
            command.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
            command
        };
        successful(&mut command);
    }

    /// Starts the server and waits until it responds.
    pub fn start(&mut self) {
        let (port, most) = (self.port.to_string(), MAX_CONNECTIONS.to_string());
        let mut command = if self.is_postgres {
            let mut command = self.command("postgres");
            command.args(["-D", &self.path("data"), "-k", &self.path(""), "-p", &port]);
            command.args(["-N", &most, "-F", "-c", "listen_addresses=127.0.0.1"]);
            command.args(["-c", "autovacuum=off"]);
            command
        } else {
            let mut command = self.command("mariadbd");
            command.arg("--no-defaults").arg(format!("--datadir={}", self.path("data")));
            command.arg(format!("--socket={}", self.path("socket")));
            command.args(["--bind-address=127.0.0.1", "--skip-name-resolve"]);
            command.args(["--port", &port, "--max-connections", &most]);
            command.arg("--character-set-server=utf8mb4");
            command
        };
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut child = command.spawn().unwrap();
        wait_until("the server answers", || {
            let ended = child.try_wait().unwrap();
            let log = || fs::read_to_string(self.path("log"));
            assert!(ended.is_none(), "{ended:?}: {}", log().unwrap());
            self.client("root").is_some()
        });
        self.child = Some(child);
        self.admin = self.client("root");
    }

    /// Ends the server with all its processes.
    pub fn end(&mut self, signal: i32) {
        self.admin = None;
        self.signal(signal);
        let _ = self.child.take().map(|mut child| child.wait());
    }

    fn copy_tables(&mut self, site: &str) {
        let port = site.rsplit_once(':').unwrap().1.split('/').next().unwrap();
        self.ask("CREATE DATABASE reviewboard");
        let mut dump = if self.is_postgres {
            let mut dump = Command::new(self.programs.join("pg_dump"));
            dump.args(["-h", "127.0.0.1", "-U", "root", "-p", port, "--schema-only"]);
            dump.args(["--no-owner", "--no-comments"]);
            dump.args(TABLES.iter().flat_map(|table| ["-t", table])).arg("reviewboard");
            dump
        } else {
            let mut dump = Command::new("mariadb-dump");
            dump.args(["--no-defaults", "-h", "127.0.0.1", "-u", "root", "-P", port]);
            dump.args(["--no-data", "reviewboard"]).args(TABLES);
            dump
        };
        fs::write(self.path("tables"), successful(&mut dump)).unwrap();
        let mut load = self.client_command("root", "reviewboard");
        load.stdin(fs::File::open(self.path("tables")).unwrap()).stdout(Stdio::null());
        assert!(load.status().unwrap().success());
        self.admin = self.client_of("root", "reviewboard");
    }

    fn client_command(&self, user: &str, database: &str) -> Command {
        if self.is_postgres {
            let mut command = Command::new(self.programs.join("psql"));
            command.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-U", user]);
            command.args(["-h", &self.path(""), "-p", &self.port.to_string()]);
            command
        } else {
            let mut command = Command::new("mariadb");
            command.args(["--no-defaults", "-N", "-B", "-n", "-u", user, "-S"]);
            command.args([&self.path("socket"), database]);
            command
        }
    }

    fn client_of(&self, user: &str, database: &str) -> Option<Client> {
        let mut command = self.client_command(user, database);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (input, lines) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut client = Client { child, input, lines: BufReader::new(lines) };
        client.try_ask("SELECT 1").map(|_| client)
    }

    /// Connects as a user; `None` if the server refuses.
    pub fn client(&self, user: &str) -> Option<Client> {
        let system = if self.is_postgres { "postgres" } else { "mysql" };
        let is_made = self.folder.join("tables").exists();
        self.client_of(user, if is_made { "reviewboard" } else { system })
    }

    /// Runs a statement as administrator, and returns the lines of its result.
    pub fn ask(&mut self, statement: &str) -> Vec<String> {
        let answer = self.admin.as_mut().unwrap().try_ask(statement);
        answer.unwrap_or_else(|| panic!("{statement}"))
    }

    pub fn number(&mut self, query: &str) -> usize {
        self.ask(query)[0].parse().unwrap()
    }

    /// Returns the server's identifiers of a user's connections.
    pub fn connections(&mut self, user: &str) -> Vec<String> {
        self.ask(&if self.is_postgres {
            format!("SELECT pid FROM pg_stat_activity WHERE usename = '{user}' ORDER BY pid")
        } else {
            format!(
                "SELECT id FROM information_schema.processlist WHERE user = '{user}' ORDER BY 1"
            )
        })
    }

    pub fn kill_connections(&mut self, user: &str) {
        for connection in self.connections(user) {
            self.ask(&match self.is_postgres {
                true => format!("SELECT pg_terminate_backend({connection}, 1000)"),
                false => format!("KILL {connection}"),
            });
        }
        wait_until("killed connections are gone", || self.connections(user).is_empty());
    }

    /// Sends a signal to all processes of the server.
    pub fn signal(&self, signal: i32) {
        let Some(parent) = self.child.as_ref().map(Child::id) else { return };
        let send = |process: u32| {
            // SAFETY: the process belongs to this test's server.
            unsafe { libc::kill(process as i32, signal) };
        };
        // The parent first, so that it starts no new processes.
        send(parent);
        for entry in fs::read_dir("/proc").unwrap() {
            let path = entry.unwrap().path();
            let number = path.file_name().and_then(|name| name.to_str()?.parse().ok());
            let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
            // State and parent follow the name, which may contain spaces.
            let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
            let is_child = fields.split(' ').nth(1) == Some(&parent.to_string());
            if let Some(number) = number.filter(|_| is_child) {
                send(number);
            }
        }
    }

    /// Makes the server a read-only standby without a primary.
    pub fn make_standby(&mut self) {
        self.end(libc::SIGINT);
        fs::write(self.folder.join("data/standby.signal"), "").unwrap();
        self.start();
    }

    /// Moves the tokens to a small disk, and fills it.
    pub fn fill_disk(&mut self) {
        let disk = self.path("disk");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m,mode=777", "tmpfs", &disk])
            .status()
            .unwrap();
        assert!(status.success(), "a disk cannot be mounted");
        let disk = self.folder.join("disk");
        self.own(&disk);
        self.ask(&format!("CREATE TABLESPACE small LOCATION '{}'", disk.display()));
        self.ask("VACUUM FULL webapi_webapitoken");
        self.ask("ALTER TABLE webapi_webapitoken SET TABLESPACE small");
        let file = fs::File::create(disk.join("filler")).unwrap();
        while (&file).write_all(&[1; 4096]).is_ok() {}
        // Fills the remaining space on the page as well.
        let insert = "INSERT INTO webapi_webapitoken (user_id, token, token_generator_id, \
             time_added, last_updated, valid, invalid_reason, note) \
             SELECT id, gen_random_uuid(), '', now(), now(), true, '', 'filler' FROM auth_user";
        let fill = format!("DO $$ BEGIN LOOP {insert} LIMIT 1; COMMIT; END LOOP; END $$");
        assert_eq!(self.client("root").unwrap().try_ask(&fill), None);
    }

    pub fn empty_disk(&mut self) {
        fs::remove_file(self.folder.join("disk/filler")).unwrap();
        self.ask("DELETE FROM webapi_webapitoken WHERE note = 'filler'");
        self.ask("ALTER TABLE webapi_webapitoken SET TABLESPACE pg_default");
        self.ask("DROP TABLESPACE small");
        self.unmount();
    }

    fn unmount(&self) {
        let _ = output(Command::new("umount").arg(self.folder.join("disk")));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(libc::SIGKILL);
        self.unmount();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A connection with the server's own command-line client.
pub struct Client {
    child: Child,
    input: ChildStdin,
    lines: BufReader<ChildStdout>,
}

impl Client {
    /// Runs a statement; `None` if the server refuses it.
    pub fn try_ask(&mut self, statement: &str) -> Option<Vec<String>> {
        writeln!(self.input, "{statement};\nSELECT 'done';").ok()?;
        let mut answer = Vec::new();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end() {
                "done" => return Some(answer),
                line => answer.push(line.to_owned()),
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn successful(command: &mut Command) -> Vec<u8> {
    let done = output(command).unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}
