//! The user that the process runs as.
#![cfg_attr(
    not(all(feature = "sqlite", feature = "postgres")),
    allow(dead_code, reason = "each function is used by only one kind of store")
)]

/// Returns the effective user id.
pub(crate) fn effective_id() -> u32 {
    // SAFETY: always succeeds, and accesses no memory.
    unsafe { libc::geteuid() }
}

/// Returns whether the process has privileges that the user who started it lacks, such as those of
/// a set-user-ID program. Environment variables must not be trusted then.
pub(crate) fn is_elevated() -> bool {
    // SAFETY: these always succeed, and access no memory.
    #[cfg(target_os = "linux")]
    let is_marked = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    #[cfg(not(target_os = "linux"))]
    let is_marked = false;
    // SAFETY: as above.
    is_marked || unsafe { libc::geteuid() != libc::getuid() || libc::getegid() != libc::getgid() }
}
