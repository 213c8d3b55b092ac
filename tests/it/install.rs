//! Installed files, and programs that find them. They are built against a copy in a temporary
//! folder, with the profile in `RBTOKEN_TEST_PROFILE` (`dev` by default, which `cargo test` has
//! built).
#![cfg(all(unix, not(target_vendor = "apple")))]

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::{env, fs};

use crate::support::c;

const FILES: &[&str] = &[
    "include/rbtoken.h",
    "include/rbtoken.hpp",
    "include/rbtoken_extension.h",
    "lib/librbtoken.a",
    "lib/librbtoken.so",
    "lib/librbtoken.so.0",
    "lib/librbtoken.so.VERSION",
    "lib/pkgconfig/rbtoken.pc",
    "share/cmake/rbtoken/rbtokenConfig.cmake",
    "share/cmake/rbtoken/rbtokenConfigVersion.cmake",
    "share/doc/rbtoken/LICENSE",
    "share/doc/rbtoken/THIRD-PARTY.txt",
    "share/doc/rbtoken/rbtoken.cdx.json",
];
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns an empty folder for this test.
fn folder(name: &str) -> PathBuf {
    let folder = c::BUILD.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("a folder below the target folder can be removed");
    }
    fs::create_dir_all(&folder).expect("a folder can be made below the target folder");
    folder
}

/// Serializes tests that write to the same folders with `make`.
fn one_make() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn profile() -> String {
    env::var("RBTOKEN_TEST_PROFILE").unwrap_or("dev".to_owned())
}

fn target_dir() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is a folder inside")
}

/// Runs `make` with a target and variables, in this build's target folder.
fn make(target: &str, variables: &[(&str, &Path)]) {
    let _lock = one_make();
    let variables = variables.iter().map(|(name, value)| format!("{name}={}", value.display()));
    c::successful_output(
        Command::new("make")
            .arg("-C")
            .arg(c::root())
            .arg(target)
            .arg(format!("PROFILE={}", profile()))
            .arg(format!("BUILD={}", c::BUILD.join("examples").display()))
            .args(variables)
            .env("CARGO_TARGET_DIR", target_dir())
            .env("CARGO", c::cargo().get_program())
            .env_remove("MAKEFLAGS"),
    );
}

/// The installed copy.
static PREFIX: LazyLock<PathBuf> = LazyLock::new(|| {
    let prefix = folder("prefix");
    make("install", &[("PREFIX", &prefix)]);
    prefix
});

/// Returns the files below a folder, each with its text, if any.
fn files(root: &Path) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("it is below").to_string_lossy();
                found.insert(name.into_owned(), fs::read_to_string(&path).ok());
            }
        }
    }
    found
}

fn expected_files() -> Vec<String> {
    FILES.iter().map(|name| name.replace("VERSION", VERSION)).collect()
}

fn pkg_config(prefix: &Path, arguments: &[&str]) -> Vec<String> {
    let printed = c::successful_output(
        Command::new("pkg-config")
            .args(arguments)
            .arg("rbtoken")
            .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")),
    );
    printed.split_whitespace().map(String::from).collect()
}

/// Compiles a source with only the flags from pkg-config.
fn build(source: &Path, flags: &[String], name: &str) -> PathBuf {
    let program = c::BUILD.join(name);
    let compiler = if source.extension().is_some_and(|it| it == "cpp") { "g++" } else { "gcc" };
    c::successful_output(Command::new(compiler).arg(source).arg("-o").arg(&program).args(flags));
    program
}

/// Returns the libraries that a program or library needs at load time.
fn needed(program: &Path) -> Vec<String> {
    let dynamic = c::successful_output(Command::new("readelf").arg("-dW").arg(program));
    let needed = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    needed.filter_map(|line| line.split_once('[')?.1.strip_suffix(']')).map(String::from).collect()
}

fn example(path: &str) -> PathBuf {
    c::root().join("examples").join(path)
}

/// Runs an example program, which must print the expected output.
fn run_example(language: &str, program: &Path, library_path: &Path) {
    let expected = c::root().join("tests").join(language).join("client_token.expected");
    let expected = fs::read_to_string(expected).expect("the file can be read");
    let mut command = Command::new(program);
    let printed = c::successful_output(command.env("LD_LIBRARY_PATH", library_path));
    assert_eq!(c::masked(&printed), expected);
}

#[test]
fn installed_files_match_the_list() {
    let prefix = &*PREFIX;
    assert_eq!(files(prefix).into_keys().collect::<Vec<_>>(), expected_files());
    for link in ["librbtoken.so", "librbtoken.so.0"] {
        let link = fs::read_link(prefix.join("lib").join(link)).expect("it is a link");
        assert_eq!(link, Path::new(&format!("librbtoken.so.{VERSION}")));
    }
    for name in ["include/rbtoken.h", "include/rbtoken.hpp", "include/rbtoken_extension.h"] {
        let installed = fs::read(prefix.join(name)).expect("the header is installed");
        assert_eq!(installed, fs::read(c::root().join(name)).expect("there is a header"));
    }
}

#[test]
#[ignore = "needs pkg-config"]
fn installed_files_have_the_version_of_the_crate() {
    assert_eq!(pkg_config(&PREFIX, &["--modversion"]), [VERSION]);
    let version = PREFIX.join("share/cmake/rbtoken/rbtokenConfigVersion.cmake");
    let version = fs::read_to_string(version).expect("the file is installed");
    assert!(version.contains(&format!("set(PACKAGE_VERSION \"{VERSION}\")")), "{version}");
}

#[test]
fn staging_folder_is_not_in_installed_files() {
    let stage = folder("stage");
    let [prefix, libdir] = ["/opt/rbtoken", "/opt/rbtoken/lib64"].map(Path::new);
    let variables = [("DESTDIR", stage.as_path()), ("PREFIX", prefix), ("LIBDIR", libdir)];
    make("install", &variables);
    let installed = files(&stage.join("opt/rbtoken"));
    let expected = expected_files().into_iter().map(|name| name.replace("lib/", "lib64/"));
    assert_eq!(installed.keys().cloned().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    for (name, text) in &installed {
        let text = text.as_deref().unwrap_or_default();
        assert!(!text.contains(&*stage.to_string_lossy()), "{name}: {text}");
    }
    let config = installed["lib64/pkgconfig/rbtoken.pc"].as_deref().expect("it is a text");
    for line in ["prefix=/opt/rbtoken", "libdir=${prefix}/lib64", "includedir=${prefix}/include"] {
        assert!(config.lines().any(|it| it == line), "{config}");
    }

    make("uninstall", &variables);
    assert!(files(&stage).is_empty(), "{:?}", files(&stage));
}

#[test]
fn static_library_exports_only_its_functions() {
    let symbols = c::successful_output(
        Command::new("nm")
            .args(["-g", "--defined-only", "--format=posix"])
            .arg(PREFIX.join("lib/librbtoken.a")),
    );
    // The first line is the name of the object.
    let symbols = symbols.lines().filter(|line| !line.ends_with(':'));
    let mut defined: Vec<_> = symbols.filter_map(|line| line.split(' ').next()).collect();
    defined.sort_unstable();
    assert_eq!(defined, c::declared_functions());
}

#[test]
fn shared_library_needs_only_libc_and_the_unwinder() {
    let needed = needed(&PREFIX.join("lib/librbtoken.so"));
    let allowed = ["libc.so.", "libm.so.", "libgcc_s.so.", "ld-linux"];
    let allowed = |name: &String| allowed.iter().any(|prefix| name.starts_with(prefix));
    assert!(!needed.is_empty() && needed.iter().all(allowed), "{needed:?}");
}

#[test]
#[ignore = "needs pkg-config"]
fn programs_find_the_shared_library_by_pkg_config() {
    let flags = pkg_config(&PREFIX, &["--cflags", "--libs"]);
    for language in ["c", "cpp"] {
        let source = example(&format!("{language}/client_token.{language}"));
        let program = build(&source, &flags, &format!("pkg_config_shared_{language}"));
        assert!(needed(&program).contains(&"librbtoken.so.0".to_owned()));
        run_example(language, &program, &PREFIX.join("lib"));
    }
}

/// Copies the installation without the shared library, which linkers would prefer.
fn static_prefix(name: &str) -> PathBuf {
    let prefix = folder(name);
    c::copy(&PREFIX, &prefix);
    for name in ["so".to_owned(), "so.0".to_owned(), format!("so.{VERSION}")] {
        let library = prefix.join("lib/librbtoken").with_extension(name);
        fs::remove_file(library).expect("the library is installed");
    }
    prefix
}

#[test]
#[ignore = "needs pkg-config"]
fn programs_find_the_static_library_by_pkg_config() {
    let prefix = static_prefix("static_prefix");
    let flags = pkg_config(&prefix, &["--define-prefix", "--cflags", "--libs", "--static"]);
    for language in ["c", "cpp"] {
        let source = example(&format!("{language}/client_token.{language}"));
        let program = build(&source, &flags, &format!("pkg_config_static_{language}"));
        assert!(needed(&program).iter().all(|name| !name.contains("rbtoken")));
        run_example(language, &program, Path::new(""));
    }
}

#[test]
#[ignore = "needs pkg-config"]
fn programs_link_statically_by_pkg_config() {
    let libraries = pkg_config(&PREFIX, &["--cflags", "--libs", "--static"]);
    for kind in ["-static", "-static-pie"] {
        for language in ["c", "cpp"] {
            let mut flags = vec![kind.to_owned()];
            flags.extend_from_slice(&libraries);
            let source = example(&format!("{language}/client_token.{language}"));
            let program = build(&source, &flags, &format!("pkg_config{kind}_{language}"));
            assert_eq!(needed(&program), Vec::<String>::new());
            run_example(language, &program, Path::new(""));
        }
    }
}

/// Builds the CMake project against an installation.
fn cmake(prefix: &Path, languages: &str, name: &str) -> PathBuf {
    let build = folder(name);
    c::successful_output(
        Command::new("cmake")
            .arg("-S")
            .arg(c::root().join("tests/consumers"))
            .arg("-B")
            .arg(&build)
            .arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()))
            .arg(format!("-DEXAMPLES={}", c::root().join("examples").display()))
            .arg(format!("-DLANGUAGES={languages}")),
    );
    c::successful_output(Command::new("cmake").arg("--build").arg(&build));
    build
}

#[test]
#[ignore = "needs cmake"]
fn programs_find_both_libraries_by_cmake() {
    let build = cmake(&PREFIX, "C;CXX", "cmake");
    for language in ["c", "cpp"] {
        for (kind, shared) in [("shared", true), ("static", false)] {
            let program = build.join(format!("{language}_{kind}"));
            assert_eq!(needed(&program).contains(&"librbtoken.so.0".to_owned()), shared);
            run_example(language, &program, Path::new(""));
        }
    }
}

#[test]
#[ignore = "needs cmake"]
fn cmake_projects_in_c_alone_need_no_cpp_compiler() {
    let build = cmake(&PREFIX, "C", "cmake_c");
    run_example("c", &build.join("c_static"), Path::new(""));
}

#[test]
#[ignore = "needs cmake"]
fn cmake_reports_missing_components() {
    let prefix = static_prefix("cmake_static_prefix");
    let configured = c::output(
        Command::new("cmake")
            .arg("-S")
            .arg(c::root().join("tests/consumers"))
            .arg("-B")
            .arg(folder("cmake_missing"))
            .arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()))
            .arg(format!("-DEXAMPLES={}", c::root().join("examples").display()))
            .arg("-DLANGUAGES=C"),
    );
    let messages = String::from_utf8_lossy(&configured.stderr);
    assert!(!configured.status.success(), "a library that is not there is found");
    let messages = messages.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(messages.contains("the shared library is not in"), "{messages}");
}

#[test]
fn programs_load_the_installed_library_at_run_time() {
    let flags = [format!("-I{}", PREFIX.join("include").display())];
    let program = build(&example("host/minimal.c"), &flags, "loads");
    assert!(needed(&program).iter().all(|name| !name.contains("rbtoken")));
    let mut command = Command::new(program);
    let printed = c::successful_output(command.arg(PREFIX.join("lib/librbtoken.so.0")));
    assert_eq!(printed, "rbp_***#1 of alice\n");
}

#[test]
#[ignore = "needs libsqlite3-dev, pkg-config"]
fn program_keeps_its_own_sqlite() {
    // This library comes first: an exported SQLite symbol would be used.
    let mut flags = vec![
        format!("-I{}", PREFIX.join("include").display()),
        PREFIX.join("lib/librbtoken.a").display().to_string(),
        "-l:libsqlite3.a".to_owned(),
    ];
    let private = pkg_config(&PREFIX, &["--libs-only-l", "--static"]);
    flags.extend(private.into_iter().filter(|flag| flag != "-lrbtoken"));
    let source = c::root().join("tests/consumers/own_sqlite.c");
    let program = build(&source, &flags, "own_sqlite");
    let file = folder("own_sqlite_store").join("tokens");
    assert_eq!(c::successful_output(Command::new(program).arg(file)), "rbp_***#1\n");
}

/// The archives, built below [`c::BUILD`].
fn dist(name: &str) -> PathBuf {
    // `.ci/packages` builds the archives for an old glibc, with all features.
    let made = c::BUILD.join("made_dist");
    let flags = Path::new("--allow-dirty --offline");
    let features = env::var("FEATURES").unwrap_or_default();
    let variables = [
        ("DIST", made.as_path()),
        ("GLIBC", Path::new("")),
        ("DIST_FEATURES", Path::new(&features)),
        ("PACKAGE_FLAGS", flags),
        // Libraries that are not optimized are large.
        ("GZIP_LEVEL", Path::new("1")),
    ];
    make("dist", &variables);
    let kept = folder(name);
    c::copy(&made, &kept);
    kept
}

#[test]
#[ignore = "needs cmake, pkg-config, tar"]
fn binary_archive_works_in_any_folder() {
    let first = dist("dist");
    let sums = fs::read_to_string(first.join("SHA256SUMS")).expect("there are sums");
    let second = dist("dist_again");
    assert_eq!(sums, fs::read_to_string(second.join("SHA256SUMS")).expect("there are sums"));

    let names: Vec<_> = sums.lines().filter_map(|line| line.split_once("  ")).collect();
    let [(_, debug), (_, binary), (_, source)] = names[..] else {
        panic!("three archives: {sums}")
    };
    let unpack = |archive: &str, name: &str| {
        let place = folder(name);
        c::successful_output(
            Command::new("tar").arg("-xzf").arg(first.join(archive)).arg("-C").arg(&place),
        );
        let top = archive.strip_suffix(".tar.gz").expect("it is one");
        place.join(top.trim_end_matches("-debug"))
    };

    let source = unpack(source, "unpacked_source");
    let sources = files(&source);
    for name in
        ["Cargo.lock", "build.rs", "Makefile", "packaging/install.mk", "src/lib.rs", "LICENSE"]
    {
        assert!(sources.contains_key(name), "the source archive lacks {name}");
    }
    // Cargo rewrites `Cargo.toml` for the package.
    let steps =
        c::successful_output(Command::new("make").args(["-n", "install", "-C"]).arg(&source));
    for name in [format!("librbtoken.so.{VERSION} "), "/lib/librbtoken.so.0'\n".to_owned()] {
        assert!(steps.contains(&name), "{name}: {steps}");
    }

    let prefix = unpack(binary, "unpacked");
    let mut expected = expected_files();
    expected.extend(["CHANGELOG.md", "LICENSE", "README.md"].map(String::from));
    expected.sort();
    assert_eq!(files(&prefix).into_keys().collect::<Vec<_>>(), expected);

    let library = format!("librbtoken.so.{VERSION}");
    let debug = unpack(debug, "unpacked_debug");
    let debug_file = format!("lib/.debug/{library}.debug");
    assert_eq!(files(&debug).into_keys().collect::<Vec<_>>(), [debug_file.as_str()]);
    let sections =
        |file: PathBuf| c::successful_output(Command::new("readelf").arg("-SW").arg(file));
    assert!(sections(debug.join(debug_file)).contains(".debug_line"));
    let stripped = sections(prefix.join("lib").join(library));
    assert!(stripped.contains(".gnu_debuglink") && !stripped.contains(".debug_"), "{stripped}");

    let program = build(
        &example("c/client_token.c"),
        &pkg_config(&prefix, &["--cflags", "--libs"]),
        "unpacked_pkg_config",
    );
    run_example("c", &program, &prefix.join("lib"));
    let build = cmake(&prefix, "C", "unpacked_cmake");
    run_example("c", &build.join("c_shared"), Path::new(""));
    run_example("c", &build.join("c_static"), Path::new(""));
}

/// Runs the commands in the README in a folder with a new user's home.
#[test]
#[ignore = "needs cmake, pkg-config, python3"]
fn commands_in_the_readme_work() {
    let readme = fs::read_to_string(c::root().join("README.md")).expect("there is a README");
    assert!(readme.lines().count() < 250, "it is short");
    let between = |from: &str, to: &str| {
        let (_, rest) = readme.split_once(from).unwrap_or_else(|| panic!("README.md has {from}"));
        rest.split_once(to).unwrap_or_else(|| panic!("README.md has {to}")).0
    };
    let part = between("## Install\n", "## Durability\n");
    let mut commands = c::code_blocks(part, "sh");
    assert_eq!(commands.len(), 4, "to install, C, C++ and Python: {commands:?}");
    // The Python command needs downloads; `.ci/python` runs it.
    let python = commands.pop().expect("there are four");
    assert!(python.ends_with("environment/bin/python first.py\n"), "{python}");

    let place = folder("new_user");
    symlink(c::root().join("examples"), place.join("examples")).expect("a link can be made");
    for (language, name) in [("c", "first.c"), ("cpp", "first.cpp"), ("python", "first.py")] {
        let program = &c::code_blocks(part, language)[0];
        fs::write(place.join(name), program).expect("a file can be written");
    }
    let _lock = one_make();
    LazyLock::force(&c::LIBRARY);
    let home = env::home_dir().expect("there is a home");
    let kept = |name: &str, default: &str| env::var_os(name).unwrap_or(home.join(default).into());
    let printed = c::successful_output(
        Command::new("sh")
            .arg("-ec")
            .arg(commands.join("").replace("make ", &format!("make -C {} ", c::root().display())))
            .current_dir(&place)
            .env("CARGO_HOME", kept("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", kept("RUSTUP_HOME", ".rustup"))
            .env("HOME", &place)
            .env("PROFILE", profile())
            .env("MAKEFLAGS", format!("BUILD={}", c::BUILD.join("examples").display()))
            .env("CARGO_TARGET_DIR", target_dir()),
    );
    let tokens = printed.lines().filter(|line| line.starts_with("rbp_") && line.len() == 255);
    assert_eq!(tokens.count(), 1, "C alone prints a secret: {printed}");
    let printed = c::successful_output(
        Command::new("python3")
            .arg(place.join("first.py"))
            .env("PYTHONPATH", c::root().join("bindings/python/src"))
            .env("RBTOKEN_LIBRARY", LazyLock::force(&c::LIBRARY)),
    );
    assert!(printed.ends_with("True True\n"), "{printed}");

    let block = &c::code_blocks(part, "cmake")[0];
    let project = place.join("cmake");
    fs::create_dir(&project).expect("a folder can be made");
    let text = format!(
        "cmake_minimum_required(VERSION 3.13)\nproject(first C)\n\
         add_executable(your_program ../first.c)\n{block}"
    );
    fs::write(project.join("CMakeLists.txt"), text).expect("a file can be written");
    let build = project.join("build");
    let configure = ["-DCMAKE_PREFIX_PATH=".to_owned() + &place.join(".local").to_string_lossy()];
    let mut cmake = Command::new("cmake");
    c::successful_output(cmake.arg("-S").arg(&project).arg("-B").arg(&build).args(configure));
    c::successful_output(Command::new("cmake").arg("--build").arg(&build));
    let printed = c::successful_output(&mut Command::new(build.join("your_program")));
    assert!(printed.starts_with("rbp_"), "{printed}");
}
