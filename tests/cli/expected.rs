//! Files with expected output.

use std::fs;
use std::path::Path;

/// Compares a text with a file in `expected`, or writes the file if `RBTOKEN_UPDATE` is set.
pub fn compare(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/expected").join(name);
    if std::env::var_os("RBTOKEN_UPDATE").is_some() {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let line = expected.lines().zip(found.lines()).position(|(expected, found)| expected != found);
    assert!(
        expected == found,
        "{name} differs from line {} on; if that is right, run RBTOKEN_UPDATE=1 cargo test \
         --features cli --test cli. Found:\n{found}",
        line.unwrap_or_else(|| expected.lines().count().min(found.lines().count())) + 1,
    );
}
