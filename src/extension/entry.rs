use std::ffi::{c_char, c_void};

use super::host::{Host, rbtoken_host_v1_t};
use super::instance::Instance;
use super::interfaces;
use crate::error::{Error, ErrorKind};
use crate::ffi::guard::guard;
use crate::ffi::support::{Handle, HandleKind, Out, guard_value, optional_text, text};
use crate::ffi::{rbtoken_buffer_t, rbtoken_error_t, rbtoken_status_t, rbtoken_store_t};
use crate::store::SETTINGS_SCHEMA;

/// One instance of the extension, with a store and settings of its own. The host gives it back with
/// `destroy` of the extension table.
pub struct rbtoken_instance_t {
    _opaque: [u8; 0],
}

impl Handle for rbtoken_instance_t {
    type Owner = Box<Instance>;

    const KIND: HandleKind = HandleKind::Instance;
}

/// The minor version of the tables that this header describes, for `rbtoken_extension_entry_v1()`.
pub const RBTOKEN_EXTENSION_MINOR: u32 = 0;

/// The extension: who it is, and the life of its instances.
///
/// An instance is created, configured, initialized, shut down, perhaps initialized again, and
/// destroyed; a call in a wrong order is `RBTOKEN_E_STATE` and changes nothing. Instances live side
/// by side and share nothing. The functions may be called from any thread, `destroy` when no other
/// call on the instance is in flight. Statuses, errors, texts and ownership are as everywhere in
/// this header.
#[repr(C)]
pub struct rbtoken_extension_v1_t {
    /// The bytes of this table. A member is there if it lies within them.
    pub struct_size: usize,
    /// `"rbtoken"`.
    pub id: *const c_char,
    /// The extension's name, for people.
    pub name: *const c_char,
    /// The library's version, as from `rbtoken_version()`.
    pub version: *const c_char,
    /// Who wrote it.
    pub author: *const c_char,
    /// The license, as an SPDX identifier.
    pub license: *const c_char,
    /// What it is for, in a sentence.
    pub summary: *const c_char,
    /// Where to read about the rules that it follows.
    pub url: *const c_char,
    /// Creates an instance. `host` offers services, each of them optional; NULL: none.
    /// `RBTOKEN_E_NULL_ARGUMENT`, `RBTOKEN_E_STRUCT_SIZE`.
    pub create: unsafe extern "C" fn(
        host: *const rbtoken_host_v1_t,
        instance: *mut *mut rbtoken_instance_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// Takes a JSON object of settings, by the names of `rbtoken_store_set_setting()`, which
    /// replaces an earlier one. The whole object is validated before any setting applies. On
    /// failure the error has the JSON path and the instance is unchanged. NULL with a length of 0:
    /// all defaults. Must not be called while the instance is initialized. `RBTOKEN_E_STATE`, and as
    /// from `rbtoken_store_open()` for settings.
    pub configure: unsafe extern "C" fn(
        instance: *mut rbtoken_instance_t,
        settings: *const c_char,
        settings_len: usize,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// Opens the instance's store. After a shutdown it is a new one; a store in memory is empty. A
    /// file is given up with the last handle of its store: until then it is `RBTOKEN_E_LOCKED`.
    /// `RBTOKEN_E_STATE`, `RBTOKEN_E_UNSUPPORTED`, and what `rbtoken_store_open()` answers.
    pub initialize: unsafe extern "C" fn(
        instance: *mut rbtoken_instance_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// Closes the instance's store and removes its hooks and the host's generators, which are
    /// destroyed when their last call in flight ends. It does not wait: calls in flight end as they
    /// would have or answer `RBTOKEN_E_STATE`, as does every later one, on any handle of the store.
    /// `RBTOKEN_E_STATE`.
    pub shutdown: unsafe extern "C" fn(
        instance: *mut rbtoken_instance_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// Gives an instance back, shutting it down first if it is initialized. NULL does nothing.
    pub destroy: unsafe extern "C" fn(instance: *mut rbtoken_instance_t),
    /// Gives a reference to the instance's store, to be released with `rbtoken_store_release()`;
    /// only while the instance is initialized. `RBTOKEN_E_STATE`, `RBTOKEN_E_NULL_ARGUMENT`.
    pub get_store: unsafe extern "C" fn(
        instance: *mut rbtoken_instance_t,
        store: *mut *mut rbtoken_store_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// Tells all settings in force as a JSON object, to be freed with `rbtoken_buffer_free()`: the
    /// store's, or else those that it would be opened with.
    /// `RBTOKEN_E_NULL_ARGUMENT`, `RBTOKEN_E_UNSUPPORTED`.
    pub get_settings: unsafe extern "C" fn(
        instance: *mut rbtoken_instance_t,
        settings: *mut *mut rbtoken_buffer_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// A JSON Schema of the settings; a constant that is never freed.
    pub get_settings_schema: unsafe extern "C" fn() -> *const c_char,
    /// A table of functions by its name, such as `"rbtoken.store/1"`: an
    /// `rbtoken_store_interface_v1_t`. A constant that is never freed. NULL if the library has none
    /// of that name.
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

/// The one symbol that a host which loads the library at run time looks up; the major version of
/// the tables is in its name.
///
/// `[thread-safe]`
///
/// @param minor the minor version of the tables that the host cannot do without: mostly
///        `RBTOKEN_EXTENSION_MINOR`
/// @param extension receives the extension table, a constant that is never freed; NULL on failure
/// @retval RBTOKEN_OK the table is there
/// @retval RBTOKEN_E_NULL_ARGUMENT `extension` is NULL
/// @retval RBTOKEN_E_UNSUPPORTED this library's tables are older
/// @retval RBTOKEN_E_INTERNAL see "Errors"
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
            return Err(Error::new(ErrorKind::Unsupported, "the tables are older than asked for")
                .at_argument("minor"));
        }
        extension.set(&raw const EXTENSION);
        Ok(())
    };
    // SAFETY: no error is asked for.
    unsafe { guard(std::ptr::null_mut(), body) }
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
        instance.set(rbtoken_instance_t::give(Instance::new(host)));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
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
                optional_text(settings, settings_len, "settings")?,
            )
        };
        instance.configure(settings.unwrap_or("{}"))
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

unsafe extern "C" fn initialize(
    instance: *mut rbtoken_instance_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's instance, which it keeps for the duration of the call.
    let body = || unsafe { rbtoken_instance_t::required(instance, "instance") }?.initialize();
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

unsafe extern "C" fn shutdown(
    instance: *mut rbtoken_instance_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's instance, which it keeps for the duration of the call.
    let body = || unsafe { rbtoken_instance_t::required(instance, "instance") }?.shut_down();
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

unsafe extern "C" fn destroy(instance: *mut rbtoken_instance_t) {
    // SAFETY: the host gives its instance up.
    guard_value((), || drop(unsafe { rbtoken_instance_t::take(instance) }));
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
        store.set(rbtoken_store_t::give(instance.store()?));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
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
    unsafe { guard(error, body) }
}

unsafe extern "C" fn get_settings_schema() -> *const c_char {
    guard_value(std::ptr::null(), || SETTINGS_SCHEMA.as_ptr().cast())
}

unsafe extern "C" fn get_interface(name: *const c_char) -> *const c_void {
    guard_value(std::ptr::null(), || {
        // SAFETY: the host's text, which it keeps for the duration of the call.
        let name = unsafe { text(name, usize::MAX, "name") };
        name.map_or(std::ptr::null(), interfaces::find)
    })
}
