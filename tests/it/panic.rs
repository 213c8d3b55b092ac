//! No panic crosses the C boundary in the release profile. Each exported function is made to panic
//! where panics are caught, and each one that changes a store also while the store is locked.
#![cfg(all(unix, not(target_vendor = "apple")))]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::c;
use crate::support::calls::{caller, has_status, one_call};
use crate::support::declarations;

/// Builds a library in the release profile with panic injection. It is not optimized, which takes
/// long, unless CARGO_PROFILE_RELEASE_OPT_LEVEL says so: the optimizer affects which code can
/// unwind.
fn library() -> PathBuf {
    let optimization =
        std::env::var("CARGO_PROFILE_RELEASE_OPT_LEVEL").unwrap_or_else(|_| "0".to_owned());
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panic_injection");
    c::successful_output(
        c::cargo()
            .args(["rustc", "--quiet", "--release", "--lib", "--crate-type", "cdylib"])
            .arg("--manifest-path")
            .arg(c::root().join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .args(["--", "--cfg", "rbtoken_panic_injection"])
            .env("CARGO_PROFILE_RELEASE_LTO", "false")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", optimization)
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    );
    let folder = target.join("release");
    let link = folder.join("librbtoken.so.0");
    let _ = fs::remove_file(&link);
    symlink("librbtoken.so", &link).expect("a link can be made");
    folder
}

#[test]
fn panics_become_errors_and_poison_a_half_changed_store() {
    let header = crate::support::header::text();
    let functions = declarations::functions(&header);
    let structs = declarations::structs(&header);

    let mut program = "#include \"panic.h\"\n".to_owned();
    let mut main = "int main(void) {\n".to_owned();
    for function in &functions {
        let expected = if has_status(function) { "RBTOKEN_E_INTERNAL" } else { "FAILURE" };
        program += &caller(function, &structs);
        main += &one_call(function, "panics", "", expected, "");
        let good = if has_status(function) { "RBTOKEN_OK" } else { "ANY" };
        main += &format!(
            "    place = 0;\n{}    place = 1;\n",
            one_call(function, "does not panic", "", good, "")
        );
    }
    main += "    half_changed();\n    the_extension_table();\n    printf(\"%d calls\\n\", calls);\n    return failures > 0;\n}\n";
    program += &main;

    let folder = c::BUILD.join("panic_source");
    fs::create_dir_all(&folder).expect("a folder can be made below the target folder");
    let source = folder.join("panic.c");
    fs::write(&source, program).expect("a file can be written");
    let (library, program) = (library(), c::BUILD.join("panic"));
    c::successful_output(
        c::compiler(c::C11)
            .arg(&source)
            .arg("-o")
            .arg(&program)
            .arg("-L")
            .arg(&library)
            .arg(format!("-Wl,--disable-new-dtags,-rpath,{}", library.display()))
            .arg("-lrbtoken"),
    );
    // Each panic prints a message, which is expected.
    let printed = c::successful_output(
        // Cargo sets it to a folder with the ordinary library.
        Command::new(program).env("RUST_BACKTRACE", "0").env_remove("LD_LIBRARY_PATH"),
    );
    for rule in ["ok a half-changed store", "ok no panic crosses the extension table"] {
        assert!(printed.contains(rule), "{printed}");
    }
    let calls = printed.lines().last().and_then(|line| line.strip_suffix(" calls"));
    let calls: usize = calls.and_then(|calls| calls.parse().ok()).expect("it counts its calls");
    assert_eq!(calls, 2 * functions.len(), "each function is called with and without a panic");
    println!("{calls} calls");
}
