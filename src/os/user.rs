//! For whom the process acts.
#![cfg_attr(
    not(all(feature = "sqlite", feature = "postgres")),
    allow(dead_code, reason = "stores in files ask for one, databases for the other")
)]

/// The id of the user that owns what this process makes.
pub(crate) fn effective_id() -> u32 {
    // SAFETY: it always succeeds, and touches no memory.
    unsafe { libc::geteuid() }
}

/// Whether the process has rights that the user who started it does not have, as a set-user-id
/// program has: its environment is not to be trusted then.
pub(crate) fn is_elevated() -> bool {
    // SAFETY: they always succeed, and touch no memory.
    #[cfg(target_os = "linux")]
    let is_marked = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    #[cfg(not(target_os = "linux"))]
    let is_marked = false;
    // SAFETY: as above.
    is_marked || unsafe { libc::geteuid() != libc::getuid() || libc::getegid() != libc::getgid() }
}
