//! The extension table, and the one symbol that exports it.

use std::ffi::{c_char, c_void};

use super::host::{Host, rbtoken_host_v1_t};
use super::instance::Instance;
use super::interfaces;
use crate::error::{Error, ErrorKind};
use crate::ffi::guard::catch_error;
use crate::ffi::support::{Handle, HandleKind, Out, catch_panic_or, opt_str_arg, str_arg};
use crate::ffi::{rbtoken_buffer_t, rbtoken_error_t, rbtoken_status_t, rbtoken_store_t};
use crate::store::SETTINGS_SCHEMA;

/// Instance of the extension, with its own store and settings. Free it with `destroy` of the
/// extension table.
pub struct rbtoken_instance_t {
    _opaque: [u8; 0],
}

impl Handle for rbtoken_instance_t {
    type Owner = Box<Instance>;

    const KIND: HandleKind = HandleKind::Instance;
}

/// Minor version of the tables in this header, for `rbtoken_extension_entry_v1()`.
pub const RBTOKEN_EXTENSION_MINOR: u32 = 0;

/// Extension table: metadata, and the life cycle of instances.
///
/// An instance is created, configured, initialized, shut down (and perhaps initialized again), and
/// destroyed. A call in the wrong order returns `RBTOKEN_E_STATE` and changes nothing. Instances
/// are independent of each other. The functions can be called from any thread, but `destroy` only
/// while no other call on the instance is running. Statuses, errors, text and ownership are as in
/// rbtoken.h.
#[repr(C)]
pub struct rbtoken_extension_v1_t {
    /// Size of this table in bytes. A member exists if it lies within that size.
    pub struct_size: usize,
    /// `"rbtoken"`.
    pub id: *const c_char,
    /// Name of the extension, for people.
    pub name: *const c_char,
    /// Version of the library, as from `rbtoken_version()`.
    pub version: *const c_char,
    /// Authors of the library.
    pub author: *const c_char,
    /// License, as an SPDX identifier.
    pub license: *const c_char,
    /// Purpose of the extension, in one sentence.
    pub summary: *const c_char,
    /// URL of the documentation of Review Board's web API.
    pub url: *const c_char,
    /// Creates an instance. `host` has services, each optional; NULL: none.
    pub create: unsafe extern "C" fn(
        host: *const rbtoken_host_v1_t,
        instance: *mut *mut rbtoken_instance_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// Configures an instance with a JSON object of settings, with the names of
    /// `rbtoken_store_set_setting()`. It replaces earlier settings. The whole object is validated
    /// before any setting applies. On failure the error has the JSON path, and the instance is
    /// unchanged. NULL with a length of 0: all defaults. The instance must not be initialized.
    /// Returns the same statuses for settings as `rbtoken_store_open()`.
    pub configure: unsafe extern "C" fn(
        instance: *mut rbtoken_instance_t,
        settings: *const c_char,
        settings_len: usize,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// Opens the store of a configured instance. After a shutdown this is a new store; one in
    /// memory is empty. A file is unlocked when the last handle of its old store is released; until
    /// then, this function returns `RBTOKEN_E_LOCKED` for it. Its other statuses are those of
    /// `rbtoken_store_open()`.
    pub initialize: unsafe extern "C" fn(
        instance: *mut rbtoken_instance_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// Closes the store of an initialized instance, and removes its hooks and the host's
    /// generators, which are destroyed when their last running call ends. The function does not
    /// wait for running calls: they finish normally or return `RBTOKEN_E_STATE`, as do all later
    /// calls on any handle of the store.
    pub shutdown: unsafe extern "C" fn(
        instance: *mut rbtoken_instance_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// Destroys an instance, after shutting it down if it is initialized. NULL does nothing.
    pub destroy: unsafe extern "C" fn(instance: *mut rbtoken_instance_t),
    /// Returns a reference to the store of an initialized instance. Release it with
    /// `rbtoken_store_release()`.
    pub get_store: unsafe extern "C" fn(
        instance: *mut rbtoken_instance_t,
        store: *mut *mut rbtoken_store_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// Returns all effective settings as a JSON object, to be freed with `rbtoken_buffer_free()`:
    /// those of the store, or those that it would be opened with.
    pub get_settings: unsafe extern "C" fn(
        instance: *mut rbtoken_instance_t,
        settings: *mut *mut rbtoken_buffer_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// Returns a JSON Schema of the settings, a constant that is never freed.
    pub get_settings_schema: unsafe extern "C" fn() -> *const c_char,
    /// Returns a table of functions by name, such as `"rbtoken.store/1"` for an
    /// `rbtoken_store_interface_v1_t`. It is a constant that is never freed. Returns NULL if the
    /// library has no table with that name.
    pub get_interface: unsafe extern "C" fn(name: *const c_char) -> *const c_void,
}

// SAFETY: constants, among them pointers to constant texts.
unsafe impl Sync for rbtoken_extension_v1_t {}

macro_rules! text {
    ($($part:expr),*) => {
        concat!($($part,)* "\0").as_ptr().cast()
    };
}

static EXTENSION: rbtoken_extension_v1_t = rbtoken_extension_v1_t {
    struct_size: size_of::<rbtoken_extension_v1_t>(),
    id: text!(env!("CARGO_PKG_NAME")),
    name: text!("Review Board API tokens"),
    version: text!(env!("CARGO_PKG_VERSION")),
    author: text!("The rbtoken authors"),
    license: text!(env!("CARGO_PKG_LICENSE")),
    summary: text!(env!("CARGO_PKG_DESCRIPTION")),
    url: text!("https://www.reviewboard.org/docs/manual/latest/webapi/2.0/"),
    create,
    configure,
    initialize,
    shutdown,
    destroy,
    get_store,
    get_settings,
    get_settings_schema,
    get_interface,
};

/// Returns the extension table. This is the only symbol that a host looks up if it loads the
/// library at run time. Its name has the major version of the tables.
///
/// `[thread-safe]`
///
/// @param minor the lowest minor version of the tables that the host can use, usually
///         `RBTOKEN_EXTENSION_MINOR`
/// @param extension receives the table, a constant that is never freed; NULL on failure
/// @retval RBTOKEN_OK the table was returned
/// @retval RBTOKEN_E_UNSUPPORTED the library's tables have a lower minor version
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_extension_entry_v1(
    minor: u32,
    extension: *mut *const rbtoken_extension_v1_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let extension = unsafe { Out::clear_to(extension, std::ptr::null()) };
    let body = || {
        let extension = extension.required("extension")?;
        if minor > RBTOKEN_EXTENSION_MINOR {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "must not be newer than this library's tables",
            )
            .at_argument("minor"));
        }
        extension.set(&raw const EXTENSION);
        Ok(())
    };
    // SAFETY: NULL is allowed: no error object is requested.
    unsafe { catch_error(std::ptr::null_mut(), body) }
}

unsafe extern "C" fn create(
    host: *const rbtoken_host_v1_t,
    instance: *mut *mut rbtoken_instance_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let instance = unsafe { Out::clear(instance) };
    let body = || {
        let instance = instance.required("instance")?;
        // SAFETY: the host's table, as the header describes it.
        let host = unsafe { Host::read(host) }?;
        instance.set(rbtoken_instance_t::into_handle(Instance::new(host)));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

unsafe extern "C" fn configure(
    instance: *mut rbtoken_instance_t,
    settings: *const c_char,
    settings_len: usize,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    let body = || {
        // SAFETY: the host's instance and text, which it keeps for the duration of the call.
        let (instance, settings) = unsafe {
            (
                rbtoken_instance_t::required(instance, "instance")?,
                opt_str_arg(settings, settings_len, "settings")?,
            )
        };
        instance.configure(settings.unwrap_or("{}"))
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

unsafe extern "C" fn initialize(
    instance: *mut rbtoken_instance_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's instance, which it keeps for the duration of the call.
    let body = || unsafe { rbtoken_instance_t::required(instance, "instance") }?.initialize();
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

unsafe extern "C" fn shutdown(
    instance: *mut rbtoken_instance_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's instance, which it keeps for the duration of the call.
    let body = || unsafe { rbtoken_instance_t::required(instance, "instance") }?.shut_down();
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

unsafe extern "C" fn destroy(instance: *mut rbtoken_instance_t) {
    // SAFETY: the host gives its instance up.
    catch_panic_or((), || drop(unsafe { rbtoken_instance_t::take(instance) }));
}

unsafe extern "C" fn get_store(
    instance: *mut rbtoken_instance_t,
    store: *mut *mut rbtoken_store_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let store = unsafe { Out::clear(store) };
    let body = || {
        let store = store.required("store")?;
        // SAFETY: the host's instance, which it keeps for the duration of the call.
        let instance = unsafe { rbtoken_instance_t::required(instance, "instance") }?;
        store.set(rbtoken_store_t::into_handle(instance.store()?));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

unsafe extern "C" fn get_settings(
    instance: *mut rbtoken_instance_t,
    settings: *mut *mut rbtoken_buffer_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let settings = unsafe { Out::clear(settings) };
    let body = || {
        let settings = settings.required("settings")?;
        // SAFETY: the host's instance, which it keeps for the duration of the call.
        let instance = unsafe { rbtoken_instance_t::required(instance, "instance") }?;
        settings.set(rbtoken_buffer_t::of(&instance.settings()?)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

unsafe extern "C" fn get_settings_schema() -> *const c_char {
    catch_panic_or(std::ptr::null(), || SETTINGS_SCHEMA.as_ptr().cast())
}

unsafe extern "C" fn get_interface(name: *const c_char) -> *const c_void {
    catch_panic_or(std::ptr::null(), || {
        // SAFETY: the host's text, which it keeps for the duration of the call.
        let name = unsafe { str_arg(name, usize::MAX, "name") };
        name.map_or(std::ptr::null(), interfaces::find)
    })
}
