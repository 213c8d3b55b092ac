//! Stores in files, and transfers of tokens through files.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::*;

pub const E_FORKED: i32 = rbtoken_status_code::RBTOKEN_E_FORKED as i32;
pub const E_LOCKED: i32 = rbtoken_status_code::RBTOKEN_E_LOCKED as i32;
pub const E_IO: i32 = rbtoken_status_code::RBTOKEN_E_IO as i32;
pub const E_CORRUPT: i32 = rbtoken_status_code::RBTOKEN_E_CORRUPT as i32;
pub const E_VERSION: i32 = rbtoken_status_code::RBTOKEN_E_VERSION as i32;

/// A temporary folder, which is removed when dropped. In memory if possible, so that syncing is
/// fast.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let shared_memory = Path::new("/dev/shm");
        let parent =
            if shared_memory.is_dir() { shared_memory.into() } else { std::env::temp_dir() };
        let count = COUNT.fetch_add(1, Ordering::SeqCst);
        let folder = parent.join(format!("rbtoken-test-{}-{count}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Returns the sorted names in the folder.
    pub fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

impl Store {
    /// Opens a store in a file with the host's clock and the system's entropy.
    pub fn open_file(host: &Arc<Host>, path: &str) -> Result<Self, Failure> {
        Self::open_file_with(host, path, None)
    }

    pub fn open_file_with(
        host: &Arc<Host>,
        path: &str,
        settings: Option<&str>,
    ) -> Result<Self, Failure> {
        let clock = host.clock();
        let ((location, location_len), (settings, settings_len)) = (text(path), optional(settings));
        let options = rbtoken_store_options_t {
            location,
            location_len,
            settings,
            settings_len,
            clock: &raw const clock,
            ..init()
        };
        Self::open(host, &options)
    }

    pub fn flush(&self) -> Result<(), Failure> {
        // SAFETY: the handle and the texts are valid during the call; this also holds below.
        call(|error| unsafe { rbtoken_store_flush(self.raw, error) })
    }

    pub fn backup(&self, path: &str) -> Result<(), Failure> {
        let (path, len) = text(path);
        call(|error| unsafe { rbtoken_store_backup(self.raw, path, len, error) })
    }

    pub fn export_file(&self, path: &str, progress: Option<&Watched>) -> Result<u64, Failure> {
        self.transfer(path, progress, rbtoken_store_export_file)
    }

    pub fn import_file(&self, path: &str, progress: Option<&Watched>) -> Result<u64, Failure> {
        self.transfer(path, progress, rbtoken_store_import_file)
    }

    fn transfer(
        &self,
        path: &str,
        progress: Option<&Watched>,
        function: unsafe extern "C" fn(
            *mut rbtoken_store_t,
            *const c_char,
            usize,
            *const rbtoken_progress_t,
            *mut u64,
            *mut *mut rbtoken_error_t,
        ) -> rbtoken_status_t,
    ) -> Result<u64, Failure> {
        let (path, len) = text(path);
        let progress = progress.map(Watched::progress);
        let progress = progress.as_ref().map_or(null(), |progress| &raw const *progress);
        let mut count = u64::MAX;
        let done =
            call(|error| unsafe { function(self.raw, path, len, progress, &raw mut count, error) });
        assert!(done.is_ok() || count == 0);
        done.map(|()| count)
    }
}

/// The calls of a progress callback, and what it returns.
#[derive(Default)]
pub struct Watched {
    pub told: std::sync::Mutex<Vec<(u64, u64)>>,
    /// 0 means continue.
    pub answer: AtomicI32,
    pub destroyed: AtomicU64,
}

impl Watched {
    fn progress(&self) -> rbtoken_progress_t {
        rbtoken_progress_t {
            user_data: (&raw const *self).cast_mut().cast(),
            progress: Some(progress),
            destroy: Some(destroy_progress),
            ..init()
        }
    }
}

unsafe extern "C-unwind" fn progress(user_data: *mut c_void, done: u64, total: u64) -> i32 {
    // SAFETY: the test keeps it longer than the call.
    let watched = unsafe { &*user_data.cast::<Watched>() };
    watched.told.lock().unwrap().push((done, total));
    watched.answer.load(Ordering::SeqCst)
}

unsafe extern "C-unwind" fn destroy_progress(user_data: *mut c_void) {
    // SAFETY: as above.
    unsafe { &*user_data.cast::<Watched>() }.destroyed.fetch_add(1, Ordering::SeqCst);
}
