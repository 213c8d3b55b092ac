//! `cargo bench`: builds the shared library in its release form and the measuring program, and runs
//! that.
//!
//! The measuring program is a separate package in `benches/suite`. `cargo bench -- --help` lists
//! its options.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, io};

fn main() -> io::Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A separate target folder: next to the rlib that `cargo bench` builds, the shared library
    // would have no LTO.
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    let library = match env::var_os("RBTOKEN_BENCH_LIBRARY") {
        Some(path) => PathBuf::from(path),
        None => {
            let mut arguments = vec!["rustc", "--release", "--lib", "--crate-type", "cdylib"];
            // The same features as this program.
            for (is_there, feature) in
                [(cfg!(feature = "postgres"), "postgres"), (cfg!(feature = "mysql"), "mysql")]
            {
                if is_there {
                    arguments.extend(["--features", feature]);
                }
            }
            cargo(root, &built.join("library"), &arguments)?;
            built.join(format!("library/release/{DLL_PREFIX}rbtoken{DLL_SUFFIX}"))
        }
    };
    // `.ci/benches` does not measure, and needs no optimized program.
    let profile = env::var("RBTOKEN_BENCH_PROFILE").unwrap_or_else(|_| "release".into());
    let arguments = ["build", "--profile", &profile, "--locked"];
    cargo(&root.join("benches/suite"), &built.join("suite"), &arguments)?;
    let output = if profile == "dev" { "debug" } else { &profile };
    let folder = env::var_os("RBTOKEN_BENCH_FOLDER").unwrap_or_else(|| built.clone().into());
    let status = Command::new(built.join("suite").join(output).join("rbtoken-bench"))
        .args(env::args_os().skip(1).filter(|argument| argument != "--bench"))
        .env("RBTOKEN_BENCH_LIBRARY", library)
        .env("RBTOKEN_BENCH_FOLDER", folder)
        // Huge pages for the heap only would favor the maps.
        .env_remove("GLIBC_TUNABLES")
        .current_dir(root)
        .status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs Cargo for a package with another target folder.
fn cargo(package: &Path, target: &Path, arguments: &[&str]) -> io::Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let (command, rest) = arguments.split_at(1);
    let status = Command::new(cargo)
        .args(command)
        .arg("--target-dir")
        .arg(target)
        .args(rest)
        .current_dir(package)
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("cargo {} failed", arguments.join(" "))))
    }
}
