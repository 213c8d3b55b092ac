//! Which file a path leads to.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The device and the number of the file that a path leads to.
///
/// Its times are not asked for: Linux notes who asks, and then gives the next change a time of its
/// own, which a sync has to write to the disk as well.
pub(crate) fn identity(path: &Path) -> io::Result<(u64, u64)> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if let Some(identity) = without_times(path) {
        return identity;
    }
    fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// None: the kernel has no such call, or does not let it through.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn without_times(path: &Path) -> Option<io::Result<(u64, u64)>> {
    use std::ffi::CString;
    use std::mem::MaybeUninit;
    use std::os::unix::ffi::OsStrExt;

    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut file = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: a path that ends with a NUL, and a place of this call's own, of the size that is
    // written; all zeros are one of its values.
    let (answer, file) = unsafe {
        let (at, flags, wanted) = (libc::AT_FDCWD, libc::AT_STATX_SYNC_AS_STAT, libc::STATX_INO);
        let answer = libc::statx(at, path.as_ptr(), flags, wanted, file.as_mut_ptr());
        (answer, file.assume_init())
    };
    if answer == 0 {
        let device = libc::makedev(file.stx_dev_major, file.stx_dev_minor);
        return Some(Ok((device, file.stx_ino)));
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::ENOSYS | libc::EPERM) => None,
        _ => Some(Err(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_one_that_its_metadata_tell_of() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        for path in [here, &here.join("Cargo.toml"), Path::new("/dev/null")] {
            let metadata = fs::metadata(path).unwrap();
            assert_eq!(identity(path).unwrap(), (metadata.dev(), metadata.ino()));
        }
        let missing = identity(&here.join("no such file")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
