//! Connections to a Review Board database: sockets, accounts, TLS, poolers, several hosts.
#![cfg(all(feature = "postgres", feature = "mysql"))]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::review_board::{generate, on};
use crate::support::installation::Installation;
use crate::support::*;
use rbtoken::ffi::*;
use serde_json::json;

const IO: i32 = rbtoken_status_code::RBTOKEN_E_IO as i32;
const DATABASE: i32 = rbtoken_status_code::RBTOKEN_E_DATABASE as i32;
const TIMEOUT: i32 = rbtoken_status_code::RBTOKEN_E_TIMEOUT as i32;

/// Defines tests that are ignored unless their requirements are met.
macro_rules! on_servers {
    ($($module:ident $database:literal: $($test:ident $needs:literal)*;)*) => {
        $(mod $module {
            $(
                #[test]
                #[ignore = $needs]
                fn $test() { super::on($database, super::$test); }
            )*
        })*
    };
}

on_servers! {
    on_postgresql "postgresql":
        postgres_socket_takes_user_password_and_port "needs Review Board"
        postgres_tls_modes_verify_what_they_say "needs Review Board"
        postgres_passwords_come_from_passfile "needs Review Board"
        postgres_passwords_come_from_the_environment "needs Review Board, root"
        transaction_pooler_works_with_its_parameter "needs Review Board, pgbouncer, root"
        transaction_pooler_without_its_parameter_is_named "needs Review Board, pgbouncer, root"
        session_pooler_works_or_names_the_parameter "needs Review Board, pgbouncer, root"
        fatal_error_of_a_pooler_is_a_lost_connection "needs Review Board, pgbouncer, root"
        bulk_calls_leave_the_session_as_it_was "needs Review Board"
        read_only_host_is_passed_over "needs Review Board, root"
        standby_logs_in_without_an_interval "needs Review Board, root";
    on_mysql "mysql":
        mariadb_accounts_work_over_socket_and_tls "needs Review Board"
        mariadb_tls_modes_verify_what_they_say "needs Review Board"
        read_only_mariadb_is_passed_over "needs Review Board";
}

fn open_with(location: &str, settings: &str) -> Result<Store, Failure> {
    let mut options = init::<rbtoken_store_options_t>();
    (options.location, options.location_len) = text(location);
    (options.settings, options.settings_len) = text(settings);
    Store::open(&Host::new(), &options)
}

fn open(location: &str) -> Result<Store, Failure> {
    open_with(location, "{}")
}

/// Uses a location with every kind of statement.
#[track_caller]
fn works(location: &str) {
    let store = open(location).unwrap_or_else(|failure| panic!("{location}: {failure:?}"));
    use_all(&store).unwrap_or_else(|failure| panic!("{location}: {failure:?}"));
}

fn use_all(store: &Store) -> Result<(), Failure> {
    let (token, created) = store.client_token("alice", "host", &init())?;
    let (again, created_again) = store.client_token("alice", "host", &init())?;
    assert!(created && !created_again && token.id() == again.id());
    assert_eq!(store.authenticate(&token.value(), Site::Any)?.verdict, ACCEPTED);
    assert!(store.find(&token.value())?.record().last_used.is_some());
    let update = Update { note: Field::Set("nöte ✓"), ..Update::default() };
    assert_eq!(store.update(token.id(), &update)?.record().note, "nöte ✓");
    generate(store, "bob", Some("north"));
    assert_eq!(store.list(&init())?.len(), 2);
    assert_eq!(store.count()?, 2);
    store.invalidate(&token.value(), Some("lost"))?;
    assert_eq!(store.authenticate(&token.value(), Site::Any)?.verdict, INVALID);
    assert_eq!(store.invalidate_user("bob", None)?, 1);
    assert_eq!(store.invalidate_all(None)?, 2);
    for record in store.list(&init())? {
        store.delete(record.id)?;
    }
    Ok(())
}

#[track_caller]
fn refused(location: &str, status: i32, text: &str) {
    let failure = open(location).map(drop).unwrap_err();
    assert_eq!(failure.status, status, "{location}: {failure:?}");
    assert!(failure.message.contains(text), "{location}: {failure:?}");
    assert!(!failure.message.contains("s3cret"), "{failure:?}");
}

/// Returns the port of a site's server.
fn port(site: &Installation) -> u16 {
    let (_, after) = site.location.rsplit_once(':').unwrap();
    after.split_once('/').unwrap().0.parse().unwrap()
}

/// Returns the folder with the certificates of the authority and the clients.
fn certificates(site: &Installation) -> PathBuf {
    let location = site.tls_location();
    let (_, authority) = location.split_once("sslrootcert=").unwrap();
    Path::new(authority).parent().unwrap().to_owned()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn location_that_looks_like_a_database_creates_no_file() {
    let files = || {
        let names = fs::read_dir(".").unwrap().map(|entry| entry.unwrap().file_name());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let before = files();
    for location in [
        "reviewboard+sqlite:reviewboard.db",
        "reviewboard+sqlite:./reviewboard.db",
        "reviewboard+sqlite://reviewboard.db",
        "ReviewBoard+SQLite:reviewboard.db",
        " reviewboard+sqlite:reviewboard.db",
        "reviewboard+sqlite:",
        "postgresql:reviewboard",
        "postgres:reviewboard",
        "mysql:reviewboard",
        "mariadb:reviewboard",
        "MariaDB:reviewboard",
        "oracle://u@h/reviewboard",
    ] {
        let failure = open(location).map(drop).unwrap_err();
        assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("location")), "{location}");
    }
    assert_eq!(files(), before);
}

#[test]
fn panic_of_the_mysql_driver_is_an_io_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // A server that requires an authentication plugin unknown to the driver.
    let server = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut greeting = b"\x0a11.6.2-MariaDB\0\x01\0\0\0abcdefgh\0".to_vec();
        // Protocol 4.1, secure connection, plugins.
        greeting.extend(0x8208_u16.to_le_bytes());
        greeting.extend([45, 2, 0]);
        greeting.extend(0x0008_u16.to_le_bytes());
        greeting.push(21);
        greeting.extend([0; 10]);
        greeting.extend(b"ijklmnopqrst\0mysql_native_password\0");
        send(&mut client, 0, &greeting);
        let sequence = receive(&mut client);
        send(&mut client, sequence + 1, b"\xfeparsec\0abcdefghijklmnopqrstuvwxyzabcdef\0");
        let sequence = receive(&mut client);
        send(&mut client, sequence + 1, b"\x01P\x00abcdefghijklmnopqr");
        let _ = client.read(&mut [0; 64]);
    });
    for password in [":s3cret", ""] {
        // The second connection fails, since the server has ended.
        let location = format!("mysql://u{password}@127.0.0.1:{port}/reviewboard");
        refused(&location, IO, "cannot be reached");
    }
    server.join().unwrap();
}

/// Sends a packet of the MySQL protocol.
fn send(stream: &mut TcpStream, sequence: u8, payload: &[u8]) {
    let mut packet = (payload.len() as u32).to_le_bytes().to_vec();
    packet[3] = sequence;
    packet.extend(payload);
    stream.write_all(&packet).unwrap();
}

/// Receives a packet and returns its sequence number.
fn receive(stream: &mut TcpStream) -> u8 {
    let mut header = [0; 4];
    stream.read_exact(&mut header).unwrap();
    let [a, b, c, sequence] = header;
    let mut payload = vec![0; u32::from_le_bytes([a, b, c, 0]) as usize];
    stream.read_exact(&mut payload).unwrap();
    sequence
}

fn postgres_socket_takes_user_password_and_port(site: &mut Installation) {
    let rows = site.ask(json!({"do": "fetch", "statement": "SHOW unix_socket_directories"}));
    let (folder, port) = (rows[0][0].as_str().unwrap(), port(site));
    for location in [
        format!("postgresql://root@:{port}/reviewboard?host={folder}"),
        format!("postgresql://secure:s3cret@:{port}/reviewboard?host={folder}"),
        format!("postgresql:///reviewboard?host={folder}&port={port}&user=secure&password=s3cret"),
        format!("postgresql://root@{}:{port}/reviewboard", folder.replace('/', "%2F")),
    ] {
        works(&location);
    }
    let base = format!("@:{port}/reviewboard?host={folder}");
    refused(&format!("postgresql://secure:wr0ng{base}"), DATABASE, "28P01");
    refused(&format!("postgresql://secure{base}"), DATABASE, "password");
    refused(&format!("postgresql://root@/reviewboard?host={folder}"), IO, "");
}

fn postgres_tls_modes_verify_what_they_say(site: &mut Installation) {
    let folder = certificates(site);
    let folder = folder.display();
    let named = site.tls_location().split_once('?').unwrap().0.to_owned();
    let unnamed = named.replace("@localhost", "@127.0.0.1");
    let authority = format!("sslrootcert={folder}/authority.pem");
    let identity = format!("sslcert={folder}/client.pem&sslkey={folder}/client.key");
    let stranger = format!("sslrootcert={folder}/client.pem");
    for (location, encrypted) in [
        (format!("{named}?{authority}"), true),
        (format!("{named}?sslmode=verify-full&{authority}"), true),
        (format!("{unnamed}?sslmode=verify-ca&{authority}"), true),
        (format!("{unnamed}?sslmode=require"), true),
        (format!("{unnamed}?sslmode=require&{identity}"), true),
        (format!("{named}?{authority}&{identity}"), true),
        (unnamed.clone(), false),
    ] {
        let store = open(&location).unwrap_or_else(|failure| panic!("{location}: {failure:?}"));
        let rows = site.ask(json!({"do": "fetch", "statement":
            "SELECT ssl, client_dn FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
             WHERE application_name = 'rbtoken'"}));
        let name = if location.contains("sslcert") { json!("/CN=client") } else { json!(null) };
        let ssl = if encrypted { "True" } else { "False" };
        assert_eq!(rows, json!([[ssl, name]]), "{location}");
        drop(store);
        wait_until("the connection is closed", || {
            site.ask(json!({"do": "count_connections"})) == json!(0)
        });
    }
    refused(&format!("{unnamed}?sslmode=verify-full&{authority}"), DATABASE, "TLS");
    refused(&format!("{named}?sslmode=verify-ca&{stranger}"), DATABASE, "TLS");
    refused(&format!("{named}?{stranger}"), DATABASE, "TLS");
    refused(&format!("{named}?sslrootcert={folder}/missing.pem"), DATABASE, "sslrootcert");
    refused(&format!("{named}?sslrootcert={folder}/client.key"), DATABASE, "sslrootcert");
    let wrong = format!("{named}?sslmode=require&sslcert={folder}/client.pem");
    refused(&format!("{wrong}&sslkey={folder}/client.pem"), DATABASE, "sslkey");
    refused(&format!("{wrong}&sslkey={folder}/server.key"), DATABASE, "TLS");
}

fn postgres_passwords_come_from_passfile(site: &mut Installation) {
    let path = std::env::temp_dir().join(format!("rbtoken-passfile-{}", std::process::id()));
    let port = port(site);
    let lines = format!("elsewhere:*:*:*:wr0ng\n127.0.0.1:{port}:reviewboard:secure:s3cret\n");
    fs::write(&path, lines).unwrap();
    let base = format!("127.0.0.1:{port}/reviewboard");
    let passfile = format!("passfile={}", path.display());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    works(&format!("postgresql://secure@{base}?{passfile}"));
    // Another host name for the same server.
    let elsewhere = format!("postgresql://secure@localhost:{port}/reviewboard?{passfile}");
    refused(&elsewhere, DATABASE, "password");
    refused(&format!("postgresql://secure:wr0ng@{base}?{passfile}"), DATABASE, "28P01");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&format!("postgresql://secure@{base}?{passfile}"), DATABASE, "passfile");
    works(&format!("postgresql://secure:s3cret@{base}?{passfile}"));
    fs::remove_file(&path).unwrap();
}

fn postgres_passwords_come_from_the_environment(site: &mut Installation) {
    let program =
        c::compile(c::C11, &[c::root().join("examples/c/shared_database.c")], "shared_database");
    let home = std::env::temp_dir().join(format!("rbtoken-home-{}", std::process::id()));
    fs::create_dir(&home).unwrap();
    let file = home.join(".pgpass");
    let port = port(site);
    fs::write(&file, format!("*:{port}:*:secure:s3cret\n")).unwrap();
    let (home, file) = (home.to_str().unwrap(), file.to_str().unwrap());
    let mode = |mode| fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    let location = format!("postgresql://secure@127.0.0.1:{port}/reviewboard");
    // Runs the example. In an elevated process, the real and the effective user differ.
    let run = |location: &str, is_elevated: bool, variables: &[(&str, &str)]| {
        let mut command = Command::new("setpriv");
        if is_elevated {
            command.arg("--ruid=65534");
        }
        command.arg(&program).args([location, "alice"]);
        for name in ["PGPASSWORD", "PGPASSFILE", "HOME"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied());
        let output = command.output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!errors.contains("s3cret"), "{errors}");
        if output.status.success() { Ok(()) } else { Err(errors) }
    };
    let none = |result: Result<(), String>| {
        let errors = result.unwrap_err();
        assert!(errors.contains("password missing"), "{errors}");
    };
    mode(0o600);
    for variables in [("PGPASSWORD", "s3cret"), ("HOME", home), ("PGPASSFILE", file)] {
        assert_eq!(run(&location, false, &[variables]), Ok(()));
        none(run(&location, true, &[variables]));
        let wrong = location.replace("secure@", "secure:wr0ng@");
        let errors = run(&wrong, false, &[variables]).unwrap_err();
        assert!(errors.contains("28P01"), "{errors}");
    }
    none(run(&location, false, &[]));
    none(run(&location, false, &[("HOME", "/nonexistent"), ("PGPASSWORD", "")]));
    // A file in the location is used, unlike one from the environment.
    assert_eq!(run(&format!("{location}?passfile={file}"), true, &[]), Ok(()));
    mode(0o640);
    let errors = run(&location, false, &[("HOME", home)]).unwrap_err();
    assert!(errors.contains(".pgpass") && errors.contains("0600"), "{errors}");
    fs::remove_dir_all(home).unwrap();
}

/// PgBouncer in front of a site's server.
struct Pooler {
    process: Child,
    folder: PathBuf,
    location: String,
}

impl Pooler {
    fn start(site: &Installation, settings: &str) -> Self {
        let listen = free_port();
        let folder = std::env::temp_dir().join(format!("rbtoken-pooler-{listen}"));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let config = folder.join("pgbouncer.ini");
        let server = port(site);
        let text = format!(
            "[databases]\nreviewboard = host=127.0.0.1 port={server} user=root\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {listen}\nunix_socket_dir =\n\
             auth_type = any\ndefault_pool_size = 2\n{settings}\n"
        );
        fs::write(&config, text).unwrap();
        // PgBouncer refuses to run as root.
        let process = Command::new("runuser")
            .args(["-u", "postgres", "--", "pgbouncer", "-q"])
            .arg(&config)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("PgBouncer listens", || TcpStream::connect(("127.0.0.1", listen)).is_ok());
        let location = format!("postgresql://root@127.0.0.1:{listen}/reviewboard");
        Self { process, folder, location }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Returns the settings that another client of a pooler finds in its sessions.
fn sessions_of_others(pooler: &Pooler) -> Vec<String> {
    let (_, place) = pooler.location.split_once('@').unwrap();
    let (port, database) = place.split_once(':').unwrap().1.split_once('/').unwrap();
    let settings = "SELECT concat_ws(',', current_setting('statement_timeout'), \
        current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'), \
        current_setting('default_transaction_isolation'), current_setting('TimeZone'), \
        (SELECT count(*) FROM pg_prepared_statements))";
    let output = Command::new("psql")
        .args(["-h", "127.0.0.1", "-p", port, "-U", "root", "-At", "-c", settings, database])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn transaction_pooler_works_with_its_parameter(site: &mut Installation) {
    let pooler = Pooler::start(site, "pool_mode = transaction");
    let before = sessions_of_others(&pooler);
    let location = format!("{}?pooler=transaction", pooler.location);
    works(&location);
    // More threads than the pooler has sessions, which it assigns arbitrarily.
    let store = open(&location).unwrap();
    let value = generate(&store, "alice", None).value();
    thread::scope(|scope| {
        for thread in 0..8 {
            let (store, value) = (&store, &value);
            scope.spawn(move || {
                for round in 0..25 {
                    let login = store.authenticate(value, Site::Any).unwrap();
                    assert_eq!(login.verdict, ACCEPTED);
                    store.client_token("bob", &format!("{thread} {round}"), &init()).unwrap();
                    store.client_token("bob", "all", &init()).unwrap();
                }
            });
        }
    });
    assert_eq!(store.count().unwrap(), 202);
    assert_eq!(store.invalidate_user("bob", None).unwrap(), 201);
    assert_eq!(sessions_of_others(&pooler), before);
    // Time limits work.
    let settings = r#"{"statement_timeout_secs": 1, "call_timeout_secs": 20}"#;
    let store = open_with(&location, settings).unwrap();
    site.ask(json!({"do": "lock_table"}));
    let failure = store.authenticate(&value, Site::Any).map(drop).unwrap_err();
    assert_eq!(failure.status, TIMEOUT, "{failure:?}");
    site.ask(json!({"do": "unlock"}));
    assert_eq!(store.authenticate(&value, Site::Any).unwrap().verdict, ACCEPTED);
    assert_eq!(sessions_of_others(&pooler), before);
}

fn transaction_pooler_without_its_parameter_is_named(site: &mut Installation) {
    let pooler = Pooler::start(site, "pool_mode = transaction");
    refused(&pooler.location, DATABASE, "`pooler=transaction`");
    drop(pooler);
    // A pooler that silently ignores startup options.
    let ignores = "pool_mode = transaction\nignore_startup_parameters = options";
    let pooler = Pooler::start(site, ignores);
    refused(&pooler.location, DATABASE, "`pooler=transaction`");
    drop(pooler);
    // A pooler whose sessions have the right limit by accident.
    site.ask(json!({"do": "execute",
        "statement": "ALTER ROLE root SET statement_timeout = '27s'"}));
    let pooler = Pooler::start(site, ignores);
    let failures: Vec<_> = thread::scope(|scope| {
        let calls = (0..8).map(|_| {
            scope.spawn(|| {
                let store = open(&pooler.location).ok()?;
                (0..50).find_map(|_| store.count().err())
            })
        });
        let calls: Vec<_> = calls.collect();
        calls.into_iter().filter_map(|call| call.join().unwrap()).collect()
    });
    site.ask(json!({"do": "execute", "statement": "ALTER ROLE root RESET statement_timeout"}));
    println!("{} stores lost their statements", failures.len());
    for failure in failures {
        assert_eq!(failure.status, DATABASE, "{failure:?}");
        assert!(failure.message.contains("`pooler=transaction`"), "{failure:?}");
    }
}

fn session_pooler_works_or_names_the_parameter(site: &mut Installation) {
    let pooler = Pooler::start(site, "pool_mode = session\ndefault_pool_size = 20");
    refused(&pooler.location, DATABASE, "`pooler=transaction`");
    works(&format!("{}?pooler=transaction", pooler.location));
}

fn fatal_error_of_a_pooler_is_a_lost_connection(site: &mut Installation) {
    // It closes idle connections: the next call opens another one.
    let pooler = Pooler::start(site, "pool_mode = transaction\nclient_idle_timeout = 1");
    let store = open(&format!("{}?pooler=transaction", pooler.location)).unwrap();
    let value = generate(&store, "alice", None).value();
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(store.authenticate(&value, Site::Any).unwrap().verdict, ACCEPTED);
    thread::sleep(Duration::from_millis(2500));
    store.invalidate(&value, None).unwrap();
    drop((store, pooler));

    // It cancels a query that gets no session in time. Another connection would fare no better.
    let waits = "pool_mode = transaction\ndefault_pool_size = 1\nquery_wait_timeout = 1";
    let pooler = Pooler::start(site, waits);
    let store = open(&format!("{}?pooler=transaction", pooler.location)).unwrap();
    let value = generate(&store, "alice", None).value();
    let mut other = Command::new("psql")
        .args(["-qX", &pooler.location])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(other.stdin.as_ref().unwrap(), "BEGIN; SELECT 1;").unwrap();
    let in_transaction =
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'";
    wait_until("the session is taken", || {
        site.ask(json!({"do": "fetch", "statement": in_transaction}))[0][0] == "1"
    });
    for _ in 0..2 {
        let failure = store.authenticate(&value, Site::Any).map(drop).unwrap_err();
        assert_eq!(failure.status, IO, "{failure:?}");
        assert!(failure.message.contains("query_wait_timeout"), "{failure:?}");
    }
    drop(other.stdin.take());
    other.wait().unwrap();
    assert_eq!(store.authenticate(&value, Site::Any).unwrap().verdict, ACCEPTED);
}

fn bulk_calls_leave_the_session_as_it_was(site: &mut Installation) {
    let settings = r#"{"pool_size": 1, "statement_timeout_secs": 1, "bulk_timeout_secs": 60}"#;
    let store = open_with(&site.location, settings).unwrap();
    // The first call on a connection does not determine the session's limits.
    let value = generate(&store, "alice", None).value();
    for _ in 0..2 {
        assert_eq!(store.list(&init()).unwrap().len(), 1);
        assert_eq!(store.invalidate_all(None).unwrap(), 1);
        site.ask(json!({"do": "lock_table"}));
        let failure = store.authenticate(&value, Site::Any).map(drop).unwrap_err();
        assert_eq!(failure.status, TIMEOUT, "{failure:?}");
        // A bulk call waits longer.
        thread::scope(|scope| {
            let list = scope.spawn(|| store.list(&init()).unwrap().len());
            thread::sleep(Duration::from_millis(1500));
            site.ask(json!({"do": "unlock"}));
            assert_eq!(list.join().unwrap(), 1);
        });
    }
}

/// A standby of a site's server.
struct Standby {
    folder: PathBuf,
    port: u16,
}

impl Standby {
    fn start(site: &Installation) -> Self {
        let port = free_port();
        let standby =
            Self { folder: std::env::temp_dir().join(format!("rbtoken-standby-{port}")), port };
        let server = self::port(site).to_string();
        let backup = ["-h", "127.0.0.1", "-p", &server, "-U", "root", "-R", "-c", "fast", "-D"];
        standby.run("pg_basebackup", &backup, &[]);
        let options = format!("-p {port}");
        standby.run("pg_ctl", &["-D"], &["-w", "-s", "-l", "/dev/null", "-o", &options, "start"]);
        standby
    }

    /// Runs a program of PostgreSQL on the folder.
    fn run(&self, program: &str, before: &[&str], after: &[&str]) {
        let mut folders: Vec<_> =
            fs::read_dir("/usr/lib/postgresql").unwrap().map(|it| it.unwrap().path()).collect();
        folders.sort();
        let status = Command::new("runuser")
            .args(["-u", "postgres", "--"])
            .arg(folders.pop().unwrap().join("bin").join(program))
            .args(before)
            .arg(&self.folder)
            .args(after)
            .current_dir("/")
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{program}");
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-D"], &["-w", "-s", "-m", "immediate", "stop"]);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn read_only_host_is_passed_over(site: &mut Installation) {
    let standby = Standby::start(site);
    let (primary, standby) = (port(site), standby.port);
    let nobody = free_port();
    let location = |ports: &[u16], attributes: &str| {
        let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let hosts = hosts.join(",");
        format!("postgresql://root@{hosts}/reviewboard?target_session_attrs={attributes}")
    };
    works(&location(&[standby, primary], "read-write"));
    works(&location(&[primary, standby], "read-write"));
    works(&location(&[nobody, standby, primary], "read-write"));
    works(&location(&[nobody, primary], "any"));
    refused(&location(&[standby], "read-write"), IO, "`target_session_attrs`");
    refused(&location(&[nobody, standby], "read-write"), IO, "`target_session_attrs`");
    refused(&location(&[nobody], "any"), IO, "");

    let value = generate(&site.store(), "alice", None).value();
    let store = open(&location(&[standby, primary], "any")).unwrap();
    wait_until("the standby has the token", || store.find(&value).is_ok());
    let failure = store.invalidate(&value, None).unwrap_err();
    assert_eq!(failure.status, DATABASE, "{failure:?}");
    assert!(failure.message.contains("25006"), "{failure:?}");
    // Also checked through a pooler.
    let location = location(&[standby, primary], "read-write") + "&pooler=transaction";
    open(&location).unwrap().invalidate(&value, None).unwrap();
}

fn standby_logs_in_without_an_interval(site: &mut Installation) {
    let token = generate(&site.store(), "alice", None);
    let standby = Standby::start(site);
    let location = format!("postgresql://root@127.0.0.1:{}/reviewboard", standby.port);
    let store = open_with(&location, r#"{"last_used_interval_secs": null}"#).unwrap();
    assert_eq!(store.authenticate(&token.value(), Site::Any).unwrap().verdict, ACCEPTED);
    // With an interval, all verdicts except "accepted" are possible.
    let store = open(&location).unwrap();
    assert_eq!(store.authenticate("no such value", Site::Any).unwrap().verdict, UNKNOWN);
    let failure = store.authenticate(&token.value(), Site::Any).map(drop).unwrap_err();
    assert_eq!(failure.status, DATABASE, "{failure:?}");
}

fn mariadb_accounts_work_over_socket_and_tls(site: &mut Installation) {
    let mut execute = |statement: &str| {
        site.ask(json!({"do": "execute", "statement": statement}));
    };
    execute("INSTALL PLUGIN IF NOT EXISTS ed25519 SONAME 'auth_ed25519'");
    for (user, with) in [
        ("curve", "VIA ed25519 USING PASSWORD('s3cret')"),
        ("native", "VIA mysql_native_password USING PASSWORD('s3cret')"),
        ("native_empty", "BY ''"),
        (
            "either",
            "VIA ed25519 USING PASSWORD('s3cret') \
             OR mysql_native_password USING PASSWORD('s3cret')",
        ),
    ] {
        execute(&format!("CREATE OR REPLACE USER {user} IDENTIFIED {with}"));
        execute(&format!("GRANT ALL ON reviewboard.* TO {user}"));
    }
    let rows = site.ask(json!({"do": "fetch", "statement": "SELECT @@socket"}));
    let socket = rows[0][0].as_str().unwrap().to_owned();
    let (plain, tls) = (site.location.clone(), site.tls_location());
    for account in ["curve:s3cret", "native:s3cret", "native_empty", "either:s3cret"] {
        works(&format!("mysql://{account}@/reviewboard?socket={socket}"));
        works(&format!("mariadb://{account}@/reviewboard?socket={socket}"));
        works(&tls.replace("secure:s3cret@", &format!("{account}@")));
        works(&plain.replace("root@", &format!("{account}@")).replace("mysql:", "mariadb:"));
    }
    works(&format!("mysql://root@:1/reviewboard?socket={socket}"));
    for account in ["curve:wr0ng", "curve", "native:wr0ng", "native"] {
        refused(&format!("mysql://{account}@/reviewboard?socket={socket}"), DATABASE, "denied");
        refused(&tls.replace("secure:s3cret@", &format!("{account}@")), DATABASE, "denied");
    }
    refused(&format!("mysql://root@/reviewboard?socket={socket}x"), IO, "");
}

fn mariadb_tls_modes_verify_what_they_say(site: &mut Installation) {
    let folder = certificates(site);
    let folder = folder.display();
    site.ask(json!({"do": "execute",
        "statement": "CREATE OR REPLACE USER certified REQUIRE SUBJECT '/CN=client'"}));
    site.ask(json!({"do": "execute", "statement": "GRANT ALL ON reviewboard.* TO certified"}));
    let named = site.tls_location().split_once('?').unwrap().0.to_owned();
    let unnamed = named.replace("@localhost", "@127.0.0.1");
    let authority = format!("sslrootcert={folder}/authority.pem");
    let stranger = format!("sslrootcert={folder}/client.pem");
    let identity = format!("sslcert={folder}/client.pem&sslkey={folder}/client.key");
    works(&format!("{named}?{authority}"));
    works(&format!("{unnamed}?sslmode=verify-ca&{authority}"));
    works(&format!("{unnamed}?sslmode=require"));
    let certified = |location: &str| location.replace("secure:s3cret@", "certified@");
    works(&certified(&format!("{named}?{authority}&{identity}")));
    works(&certified(&format!("{unnamed}?sslmode=require&{identity}")));
    refused(&certified(&format!("{named}?{authority}")), DATABASE, "denied");
    refused(&format!("{unnamed}?{authority}"), DATABASE, "TLS");
    refused(&format!("{named}?sslmode=verify-ca&{stranger}"), DATABASE, "TLS");
    refused(&unnamed, DATABASE, "denied");
    refused(&format!("{named}?sslrootcert={folder}/client.key"), DATABASE, "sslrootcert");
    let wrong = format!("{named}?sslmode=require&sslcert={folder}/client.pem");
    refused(&format!("{wrong}&sslkey={folder}/client.pem"), DATABASE, "sslkey");
}

fn read_only_mariadb_is_passed_over(site: &mut Installation) {
    let mut execute = |statement: &str| {
        site.ask(json!({"do": "execute", "statement": statement}));
    };
    execute("CREATE OR REPLACE USER writer");
    execute("GRANT ALL ON reviewboard.* TO writer");
    let location = site.location.replace("root@", "writer@127.0.0.1:1,");
    works(&format!("{location}?target_session_attrs=read-write"));
    let mut execute = |statement: &str| {
        site.ask(json!({"do": "execute", "statement": statement}));
    };
    execute("SET GLOBAL read_only = 1");
    // Also by default with several hosts.
    let failures = ["?target_session_attrs=read-write", ""]
        .map(|parameters| open(&format!("{location}{parameters}")).map(drop));
    let read_only = open(&format!("{location}?target_session_attrs=any"))
        .and_then(|store| store.invalidate_all(None));
    execute("SET GLOBAL read_only = 0");
    for failure in failures.map(Result::unwrap_err) {
        assert_eq!(failure.status, IO, "{failure:?}");
        assert!(failure.message.contains("`target_session_attrs`"), "{failure:?}");
    }
    let failure = read_only.unwrap_err();
    assert_eq!(failure.status, DATABASE, "{failure:?}");
    assert!(failure.message.contains("1290"), "{failure:?}");
}
