//! Tests of database addresses.

use super::*;

fn refusal(text: &str) -> String {
    let error = Address::parse(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{text}");
    assert_eq!(error.argument(), Some(Argument::Location), "{text}");
    error.message()
}

#[test]
fn relative_sqlite_path_is_refused() {
    for (text, why) in [
        ("reviewboard+sqlite:reviewboard.db", "must be absolute and follow `://`"),
        ("reviewboard+sqlite:/srv/reviewboard.db", "must be absolute and follow `://`"),
        ("reviewboard+sqlite://reviewboard.db", "must be absolute and follow `://`"),
        ("reviewboard+sqlite://localhost/srv/rb.db", "must be absolute and follow `://`"),
        ("reviewboard+sqlite://./reviewboard.db", "must be absolute and follow `://`"),
        ("reviewboard+sqlite:", "must be absolute and follow `://`"),
        ("REVIEWBOARD+SQLITE:reviewboard.db", "must be absolute and follow `://`"),
        ("reviewboard+sqlite:///srv/rb.db?mode=ro", "takes no parameters"),
        ("reviewboard+sqlite:///srv/rb.db#x", "must not have a fragment"),
        ("reviewboard+sqlite:///srv/my board.db", "must not contain white space"),
        ("reviewboard+sqlite:///", "must not be empty"),
        ("reviewboard+sqlite:///a%00b", "must not contain a NUL"),
        ("reviewboard+sqlite:///%ff", "must be UTF-8"),
        ("reviewboard+sqlite:///a%2", "expected two hexadecimal digits after %"),
    ] {
        assert!(refusal(text).contains(why), "{text}: {}", refusal(text));
    }
    let Ok(Address::Sqlite(path)) = Address::parse("Reviewboard+SQLite:///srv/a%20b+%23.db") else {
        panic!("an absolute path was refused");
    };
    assert_eq!(path, PathBuf::from("/srv/a b+#.db"));
}

#[test]
fn build_without_a_driver_names_the_feature() {
    for (there, scheme, name) in [
        (cfg!(feature = "postgres"), "postgresql", "postgres"),
        (cfg!(feature = "mysql"), "mysql", "mysql"),
        (cfg!(feature = "mysql"), "mariadb", "mysql"),
    ] {
        let parsed = Address::parse(&format!("{scheme}://u@localhost/d"));
        assert_eq!(parsed.is_ok(), there);
        if let Err(error) = parsed {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.message().contains(name));
        }
    }
}

#[cfg(all(feature = "postgres", feature = "mysql"))]
mod servers {
    use super::*;

    fn server(text: &str) -> Server {
        match Address::parse(text) {
            Ok(Address::Postgres(server) | Address::Mysql(server)) => server,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn verification(text: &str) -> Option<Verification> {
        server(text).tls.map(|tls| tls.verification)
    }

    #[test]
    fn address_is_decoded_without_showing_its_password() {
        let text = "postgresql://re%40view:p%3As+s%2Fw%20d@db.example:5433/review%20board";
        let server = server(text);
        assert_eq!(server.user.as_deref(), Some("re@view"));
        assert_eq!(server.password.as_ref().unwrap().as_str(), "p:s+s/w d");
        assert_eq!(format!("{:?}", server.hosts), "[db.example:5433]");
        assert_eq!(server.database, "review board");
        let printed = format!("{server:?}");
        assert!(!printed.contains("p:s") && !printed.contains("p%3A"), "{printed}");
        for wrong in [
            "postgresql://u:s3cret@h:x/d",
            "postgresql://u@h:s3cret/d",
            "postgresql://u:s3cret/d",
            "postgresql://u@h/d?sslmode=s3cret",
            "postgresql://u@h/d?s3cret=1",
            "postgresql://u@h/d?password=s3cret&password=s3cret",
            "postgresql://u:s3cret@h/d?pooler=s3cret",
            "postgresql://u:s3cret x@h/d",
            "postgresql://u:s3cret@h/d#s3cret",
            "postgresql://[s3cret]/d",
        ] {
            let error = Address::parse(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{wrong}");
        }
    }

    #[test]
    fn url_scheme_is_case_insensitive() {
        for (text, port) in [
            ("postgresql://u@h/db", 5432),
            ("postgres://u@h/db", 5432),
            ("PostgreSQL://u@h/db", 5432),
            ("mysql://u@h/db", 3306),
            ("mariadb://u@h/db", 3306),
            ("MariaDB://u@h/db", 3306),
        ] {
            assert_eq!(server(text).hosts[0].port, port, "{text}");
        }
        let mariadb = Address::parse("mariadb://u:p@h:1/db?sslmode=disable");
        assert!(matches!(mariadb, Ok(Address::Mysql(_))));
    }

    #[test]
    fn socket_takes_user_password_and_port() {
        for (text, socket, user, password, port) in [
            ("postgresql://root@/rb?host=/run/pg", "/run/pg", "root", None, 5432),
            ("postgresql://nat:s3@/rb?host=/run/pg", "/run/pg", "nat", Some("s3"), 5432),
            ("postgresql://nat:s3@:5433/rb?host=/run/pg", "/run/pg", "nat", Some("s3"), 5433),
            (
                "postgresql:///rb?user=nat&password=s%26&port=6432&host=/run/pg",
                "/run/pg",
                "nat",
                Some("s&"),
                6432,
            ),
            ("postgresql://nat@%2Frun%2Fpg:6432/rb", "/run/pg", "nat", None, 6432),
            ("mysql://nat:s3@/rb?socket=/run/m.sock", "/run/m.sock", "nat", Some("s3"), 3306),
            ("mariadb://nat@/rb?socket=/run/m.sock", "/run/m.sock", "nat", None, 3306),
            ("mysql://nat@:3307/rb?socket=/run/a+b.sock", "/run/a+b.sock", "nat", None, 3307),
            ("mysql:///rb?socket=/m%20y&user=nat", "/m y", "nat", None, 3306),
        ] {
            let server = server(text);
            assert_eq!(server.hosts[0].socket, Some(PathBuf::from(socket)), "{text}");
            assert_eq!(server.hosts[0].port, port, "{text}");
            assert_eq!(server.user.as_deref(), Some(user), "{text}");
            assert_eq!(server.password.as_ref().map(|it| it.as_str()), password, "{text}");
            assert_eq!(server.database, "rb");
            assert!(server.tls.is_none());
        }
    }

    #[test]
    fn duplicate_parameter_error_names_it() {
        for (text, name) in [
            ("postgresql://u@h/db?sslmode=verify-full&sslmode=disable", "`sslmode`"),
            ("postgresql://u@h/db?sslmode=disable&sslmode=disable", "`sslmode`"),
            ("postgresql:///db?host=/a&host=/b", "`host`"),
            ("postgresql://u@h/db?user=v", "`user`"),
            ("postgresql://u:p@h/db?password=q", "`password`"),
            ("postgresql://u@h:1/db?port=2", "`port`"),
            ("postgresql://u@:1/db?host=/a&port=1", "`port`"),
            ("postgresql://u@h/db?pooler=transaction&pooler=transaction", "`pooler`"),
            ("mysql:///db?socket=/a&socket=/b", "`socket`"),
            ("mysql://u@h/db?sslrootcert=/a&sslmode=verify-full&sslrootcert=/b", "`sslrootcert`"),
        ] {
            let why = refusal(text);
            assert!(why.contains(name) && why.contains("twice"), "{text}: {why}");
        }
    }

    #[test]
    fn fragment_is_refused() {
        for text in [
            "postgresql://u@h/db#x",
            "postgresql://u@h/db#",
            "postgresql://u@h/db?sslmode=disable#x",
            "postgresql://u:p#q@h/db",
            "mysql://u@h/db#sslmode=verify-full",
        ] {
            assert!(refusal(text).contains("must not have a fragment"), "{text}");
        }
        assert_eq!(server("mysql://u:p%23q@h/db").password.unwrap().as_str(), "p#q");
    }

    #[test]
    fn white_space_error_names_the_part() {
        for (text, name) in [
            ("postgresql://u@h/my db", "the database"),
            ("postgresql://u@h/db ", "the database"),
            ("postgresql://u@h/db\n", "the database"),
            ("postgresql://u @h/db", "user"),
            ("postgresql://u:p\tq@h/db", "password"),
            ("postgresql://u@ h/db", "the host"),
            ("postgresql://u@h\u{a0}/db", "the host"),
            ("postgresql://u@h: 5432/db", "`port`"),
            ("postgresql://u@h/db?sslrootcert=/my ca.pem", "sslrootcert"),
            ("postgresql://u@h/db?sslmode=verify-full\n", "sslmode"),
            ("mysql:///db?socket=/run/\u{2003}x", "socket"),
            ("postgresql://u@h/db? sslmode=disable", "unknown parameter"),
            (" postgresql://u@h/db", "unknown URL scheme"),
            ("postgresql: //u@h/db", "`//` must follow"),
        ] {
            assert!(refusal(text).contains(name), "{text}: {}", refusal(text));
        }
    }

    #[test]
    fn other_malformed_addresses_name_the_part() {
        for (text, name) in [
            ("postgresql:u@h/db", "`//` must follow"),
            ("mysql:db", "`//` must follow"),
            ("postgresql://u@h", "the database"),
            ("postgresql://u@h/", "the database"),
            ("postgresql://u@h/a/b", "the database"),
            ("postgresql://u@/db", "a host or `host`"),
            ("mysql://u@/db", "a host or `socket`"),
            ("postgresql://u@h/db?host=/run", "the host and `host`"),
            ("postgresql://u@h/db?socket=/run", "unknown parameter"),
            ("mysql://u@h/db?pooler=transaction", "unknown parameter"),
            ("postgresql://u@h/db?SSLMODE=disable", "unknown parameter"),
            ("postgresql://u@h/db?sslmode", "`sslmode` must not be empty"),
            ("postgresql://u@h/db?sslmode=prefer", "`sslmode` must be"),
            ("postgresql://u@h:0/db", "`port` must be"),
            ("postgresql://u@h:+1/db", "`port` must be"),
            ("postgresql://u@h:/db", "`port` must be"),
            ("postgresql://u@h,/db", "the host must be"),
            ("postgresql://u@::1/db", "`port` must be"),
            ("postgresql://u@[::1/db", "closing bracket"),
            ("mysql:///db?socket=run/m.sock", "`socket` must be"),
            ("postgresql:///db?host=run/pg", "the host must be"),
            ("postgresql://u@h/db?pooler=session", "`pooler` must be"),
            ("postgresql://u@h/db?target_session_attrs=standby", "`target_session_attrs`"),
            ("postgresql://u@h/db?sslcert=/c", "`sslkey`"),
            ("postgresql://u@h/db?sslkey=/k", "`sslcert`"),
            ("postgresql://u@h/db?sslmode=verify-ca", "`sslrootcert`"),
            ("postgresql://u@h/db?sslmode=require&sslrootcert=/a", "`sslrootcert`"),
            ("postgresql://u@h/db?sslmode=disable&sslrootcert=/a", "`sslmode`"),
            ("postgresql:///db?host=/run&sslmode=require", "`sslmode`"),
        ] {
            assert!(refusal(text).contains(name), "{text}: {}", refusal(text));
        }
    }

    #[test]
    fn remote_server_is_verified_by_default() {
        use Verification::{Authority, Name, Nothing};
        for (text, expected) in [
            ("postgresql://u@db.example/d", Some(Name)),
            ("postgresql://u@localhost.example/d", Some(Name)),
            ("postgresql://u@128.0.0.1/d", Some(Name)),
            ("postgresql://u@localhost,db.example/d", Some(Name)),
            ("postgresql://u@localhost/d?sslrootcert=/a", Some(Name)),
            ("postgresql://u@localhost/d?sslmode=verify-full", Some(Name)),
            ("mysql://u@db.example/d?sslcert=/c&sslkey=/k", Some(Name)),
            ("mysql://u@db.example/d?sslmode=verify-ca&sslrootcert=/a", Some(Authority)),
            ("mysql://u@db.example/d?sslmode=require", Some(Nothing)),
            ("postgresql://u@db.example/d?sslmode=disable", None),
            ("postgresql:///d?host=/run/postgresql", None),
            ("postgresql://u@localhost/d", None),
            ("postgresql://u@LOCALHOST/d", None),
            ("mysql://u@LocalHost:3307/d", None),
            ("postgresql://u@LOCALHOST,localhost:5433/d", None),
            ("postgresql://u@127.0.0.2/d", None),
            ("postgresql://u@[::1]/d", None),
            ("postgresql://u@[::ffff:127.0.0.1]:5433/d", None),
            ("mysql://u@%6Cocalhost/d", None),
        ] {
            assert_eq!(verification(text), expected, "{text}");
        }
    }

    #[test]
    fn several_hosts_are_kept_in_order() {
        let text = "postgresql://u@a:1,[::2]:2,b/d?target_session_attrs=read-write";
        let server = server(text);
        assert_eq!(format!("{:?}", server.hosts), "[a:1, ::2:2, b:5432]");
        assert!(server.needs_writes);
        // One of several hosts may be a standby.
        assert!(self::server("postgresql://u@a,b/d").needs_writes);
        assert!(!self::server("postgresql://u@a/d").needs_writes);
        let text = "mysql://u@a,b/d?port=3307&target_session_attrs=any&sslmode=disable";
        let Ok(Address::Mysql(server)) = Address::parse(text) else { panic!("refused") };
        assert_eq!(format!("{:?}", server.hosts), "[a:3307, b:3307]");
        assert!(!server.needs_writes);
    }
}
