//! Runs operations through the C ABI and compares each with the model in `tests/it/model.rs`. The
//! first byte chooses a store in memory or in a file. A file is sometimes reopened.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/model.rs"]
mod model;
#[path = "../../tests/support/mod.rs"]
mod support;

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    if first % 8 == 0 {
        let folder = support::Folder::new();
        model::replay(rest, Some(folder.file("tokens.db")));
    } else {
        model::replay(rest, None);
    }
});
