//! Data and status of the host's callbacks.

use std::ffi::c_void;

use crate::error::{Error, ErrorKind, Result};

/// Function of the host that destroys its data.
type Destroy = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>;

/// Data of a callback, which is destroyed exactly once.
pub(crate) struct UserData {
    data: *mut c_void,
    destroy: Destroy,
}

// SAFETY: the library only passes the pointer on; the header states that the host's callbacks
// are called from any thread.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

impl UserData {
    pub fn new(data: *mut c_void, destroy: Destroy) -> Self {
        Self { data, destroy }
    }

    pub fn get(&self) -> *mut c_void {
        self.data
    }

    /// Forgets the data, which has another owner.
    pub fn forget(mut self) {
        self.destroy = None;
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the host gave the function for this data, and this is its only call.
            unsafe { destroy(self.data) };
        }
    }
}

/// Converts the status of a failed callback to an error with the same status.
pub(crate) fn check_status(status: i32, callback: &'static str) -> Result<()> {
    if status == 0 {
        return Ok(());
    }
    let message = format!("the host's {callback} returned the status {status}");
    Err(Error::new(ErrorKind::Host(status), message))
}
