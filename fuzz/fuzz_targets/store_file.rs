//! Opens a store's file with damaged bytes: it is rejected unchanged or read, without a crash. The
//! input is a list of patches of 4 bytes: an offset in units of 16 bytes (2 bytes, little-endian),
//! the rest of the offset, and the new byte.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rbtoken::store::{ClientTokenRequest, GenerateRequest, Store, StoreOptions, TokenFilter};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = PathBuf::from(format!("/dev/shm/rbtoken-fuzz-file-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
});

fn open(path: &str) -> rbtoken::Result<std::sync::Arc<Store>> {
    Store::open(StoreOptions { location: Some(path), ..StoreOptions::default() })
}

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let path = FOLDER.join("whole.db");
    let location = path.to_str().expect("the path is a text");
    let store = open(location).expect("a new file is a store");
    store.add_local_site("north").expect("the site is new");
    store.set_user_active("bob", false).expect("the user is changed");
    for client in ["RBTools", "tool"] {
        let request = ClientTokenRequest::new("alice", client);
        store.get_or_create_client_token(&request).expect("a token is created");
    }
    store.generate_token(&GenerateRequest::new("bob")).expect("a token is generated");
    drop(store);
    fs::read(path).expect("the file is read")
});

fuzz_target!(|input: &[u8]| {
    let mut bytes = WHOLE.clone();
    for patch in input.chunks_exact(4) {
        let offset =
            usize::from(u16::from_le_bytes([patch[0], patch[1]])) * 16 + usize::from(patch[2] % 16);
        let length = bytes.len();
        bytes[offset % length] = patch[3];
    }
    if input.len() % 4 == 1 {
        bytes.truncate(bytes.len() / 256 * usize::from(input[input.len() - 1]));
    }
    let path = FOLDER.join("patched.db");
    fs::write(&path, &bytes).expect("the file is written");
    let permissions: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&path, permissions).expect("the file is restricted");
    let _ = fs::remove_file(FOLDER.join("patched.db-wal"));
    let location = path.to_str().expect("the path is a text");
    match open(location) {
        Ok(store) => {
            let count = store.list_tokens(&TokenFilter::default()).map(|tokens| tokens.len());
            let _ = store.invalidate_all_tokens("");
            let _ = store.get_or_create_client_token(&ClientTokenRequest::new("carol", "tool"));
            drop(count);
        }
        Err(error) => {
            assert!(!error.message().is_empty());
            if !bytes.is_empty() {
                assert_eq!(fs::read(&path).expect("the file is there"), bytes, "{error}");
            }
        }
    }
});
