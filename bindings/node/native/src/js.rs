//! Node-API: arguments, results and exported functions.

use std::ffi::{CString, c_void};
use std::ptr::null_mut;

use napi_sys as sys;
use sys::Status::napi_ok;
use sys::ValueType;

use crate::call::{self, Job};
use crate::host;
use crate::library;

/// Maximum number of arguments of a function.
const MAX_ARGUMENTS: usize = 16;

/// Size of a buffer that fits most texts, in bytes. A token value has up to 255.
pub const SHORT: usize = 512;

/// An invalid call from JavaScript, which becomes a `TypeError`. The package checks and names the
/// arguments before, so this is only reached by calls that bypass it.
pub struct Misuse(String);

impl Misuse {
    pub fn new(message: String) -> Self {
        Self(message)
    }

    pub fn argument(index: usize) -> Self {
        Self(format!("argument {index} of the addon's function has a wrong type"))
    }
}

/// An operation that may block. It runs on the calling thread if its first argument is `false`, and
/// otherwise on a thread of the pool.
pub type Operation = fn(&Arguments) -> Result<Job, Misuse>;
/// A function that only reads memory.
pub type Read = fn(&Arguments) -> Result<sys::napi_value, Misuse>;

pub enum Entry {
    Operation(Operation),
    Read(Read),
    /// A function of the addon itself, which does not need the library.
    Setup(Read),
}

/// Adds a function to the module.
pub fn export(env: sys::napi_env, exports: sys::napi_value, name: &str, entry: Entry) {
    let (callback, data): (unsafe extern "C" fn(_, _) -> _, _) = match entry {
        Entry::Operation(function) => (operation, function as *mut c_void),
        Entry::Read(function) => (read, function as *mut c_void),
        Entry::Setup(function) => (setup, function as *mut c_void),
    };
    let Ok(name) = CString::new(name) else { return };
    let mut function = null_mut();
    // SAFETY: the environment is the current one. What a failure leaves is undefined in JavaScript.
    unsafe {
        sys::napi_create_function(
            env,
            name.as_ptr(),
            name.count_bytes() as isize,
            Some(callback),
            data,
            &raw mut function,
        );
        sys::napi_set_named_property(env, exports, name.as_ptr(), function);
    }
}

unsafe extern "C" fn operation(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: the data of the function is that of `export`.
    let arguments = unsafe { Arguments::read(env, info) };
    // SAFETY: as above: a function pointer of this type.
    let function = unsafe { std::mem::transmute::<*mut c_void, Operation>(arguments.data) };
    let run = || -> Result<sys::napi_value, Misuse> {
        check_loaded()?;
        let job = function(&arguments)?;
        let host = host::of(env).ok_or_else(|| Misuse::argument(0))?;
        Ok(if arguments.flag(0)? {
            call::run_later(env, host, job)
        } else {
            call::run_now(env, host, job)
        })
    };
    run().unwrap_or_else(|misuse| throw(env, misuse))
}

unsafe extern "C" fn read(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: the data of the function is that of `export`.
    let arguments = unsafe { Arguments::read(env, info) };
    // SAFETY: as above: a function pointer of this type.
    let function = unsafe { std::mem::transmute::<*mut c_void, Read>(arguments.data) };
    let run = || {
        check_loaded()?;
        function(&arguments)
    };
    run().unwrap_or_else(|misuse| throw(env, misuse))
}

unsafe extern "C" fn setup(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: the data of the function is that of `export`.
    let arguments = unsafe { Arguments::read(env, info) };
    // SAFETY: as above: a function pointer of this type.
    let function = unsafe { std::mem::transmute::<*mut c_void, Read>(arguments.data) };
    function(&arguments).unwrap_or_else(|misuse| throw(env, misuse))
}

fn check_loaded() -> Result<(), Misuse> {
    if library::is_loaded() {
        return Ok(());
    }
    Err(Misuse::new("the library is not loaded".to_owned()))
}

fn throw(env: sys::napi_env, misuse: Misuse) -> sys::napi_value {
    if let Ok(message) = CString::new(misuse.0) {
        // SAFETY: the environment is the current one.
        unsafe { sys::napi_throw_type_error(env, std::ptr::null(), message.as_ptr()) };
    }
    null_mut()
}

/// The arguments of a call from JavaScript. Each is read by its index.
pub struct Arguments {
    pub env: sys::napi_env,
    values: [sys::napi_value; MAX_ARGUMENTS],
    data: *mut c_void,
}

impl Arguments {
    /// # Safety
    /// Must be called inside the call that `info` describes.
    unsafe fn read(env: sys::napi_env, info: sys::napi_callback_info) -> Self {
        let mut arguments = Self { env, values: [null_mut(); MAX_ARGUMENTS], data: null_mut() };
        let mut count = MAX_ARGUMENTS;
        // SAFETY: as promised by the caller. Missing arguments become undefined.
        unsafe {
            sys::napi_get_cb_info(
                env,
                info,
                &raw mut count,
                arguments.values.as_mut_ptr(),
                null_mut(),
                &raw mut arguments.data,
            );
        }
        arguments
    }

    pub fn value(&self, index: usize) -> sys::napi_value {
        self.values[index]
    }

    fn kind(&self, index: usize) -> sys::napi_valuetype {
        let mut kind = ValueType::napi_undefined;
        // SAFETY: an argument of this call.
        unsafe { sys::napi_typeof(self.env, self.values[index], &raw mut kind) };
        kind
    }

    pub fn is_absent(&self, index: usize) -> bool {
        matches!(self.kind(index), ValueType::napi_undefined | ValueType::napi_null)
    }

    pub fn flag(&self, index: usize) -> Result<bool, Misuse> {
        let mut flag = false;
        // SAFETY: an argument of this call.
        let status =
            unsafe { sys::napi_get_value_bool(self.env, self.values[index], &raw mut flag) };
        if status == napi_ok { Ok(flag) } else { Err(Misuse::argument(index)) }
    }

    /// Returns a 32-bit number.
    pub fn small(&self, index: usize) -> Result<u32, Misuse> {
        let mut number = 0;
        // SAFETY: an argument of this call.
        let status =
            unsafe { sys::napi_get_value_uint32(self.env, self.values[index], &raw mut number) };
        if status == napi_ok { Ok(number) } else { Err(Misuse::argument(index)) }
    }

    /// Returns the value of a mode or a status.
    pub fn code(&self, index: usize) -> Result<i32, Misuse> {
        let mut number = 0;
        // SAFETY: an argument of this call.
        let status =
            unsafe { sys::napi_get_value_int32(self.env, self.values[index], &raw mut number) };
        if status == napi_ok { Ok(number) } else { Err(Misuse::argument(index)) }
    }

    /// Returns a 64-bit bigint.
    pub fn int(&self, index: usize) -> Result<i64, Misuse> {
        int(self.env, self.values[index]).ok_or_else(|| Misuse::argument(index))
    }

    pub fn text(&self, index: usize) -> Result<Text, Misuse> {
        match text(self.env, self.values[index]) {
            Some(text) => Ok(Text(Some(text))),
            None => Err(Misuse::argument(index)),
        }
    }

    /// Returns a text, or `None` for undefined and null.
    pub fn optional_text(&self, index: usize) -> Result<Text, Misuse> {
        if self.is_absent(index) { Ok(Text(None)) } else { self.text(index) }
    }

    /// Returns a text, which may be passed as bytes.
    pub fn untrusted_text(&self, index: usize) -> Result<Text, Misuse> {
        match bytes(self.env, self.values[index]) {
            Some(bytes) => Ok(Text(Some(bytes))),
            None => self.text(index),
        }
    }

    /// Returns an array of texts without NULs, or `None` for undefined and null.
    pub fn optional_texts(&self, index: usize) -> Result<Option<Vec<CString>>, Misuse> {
        if self.is_absent(index) {
            return Ok(None);
        }
        let array = self.values[index];
        let mut length = 0;
        // SAFETY: an argument of this call.
        if unsafe { sys::napi_get_array_length(self.env, array, &raw mut length) } != napi_ok {
            return Err(Misuse::argument(index));
        }
        let element = |at| {
            let mut value = null_mut();
            // SAFETY: an index of the array.
            let status = unsafe { sys::napi_get_element(self.env, array, at, &raw mut value) };
            let text = (status == napi_ok).then(|| text(self.env, value)).flatten();
            text.and_then(|text| CString::new(text).ok()).ok_or_else(|| Misuse::argument(index))
        };
        (0..length).map(element).collect::<Result<_, _>>().map(Some)
    }
}

/// A text as an address and a length for the library. `None` if it is absent.
pub struct Text(Option<Vec<u8>>);

impl Text {
    pub fn at(&self) -> *const std::ffi::c_char {
        self.0.as_ref().map_or(std::ptr::null(), |text| text.as_ptr().cast())
    }

    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, Vec::len)
    }

    pub fn as_str(&self) -> &str {
        self.0.as_ref().and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

/// Reads a text into a buffer with a single call of Node-API. Returns `None` if the text does not
/// fit, or if the value is not a string.
pub fn short_text(
    env: sys::napi_env,
    value: sys::napi_value,
    buffer: &mut [u8; SHORT],
) -> Option<&[u8]> {
    let mut length = 0;
    // SAFETY: the buffer has this size. A value that is no string is refused.
    let status = unsafe {
        let (start, size) = (buffer.as_mut_ptr().cast(), buffer.len());
        sys::napi_get_value_string_utf8(env, value, start, size, &raw mut length)
    };
    // A character has up to 4 bytes, of which none is written if not all fit.
    (status == napi_ok && length + 4 < buffer.len()).then(|| &buffer[..length])
}

pub fn text(env: sys::napi_env, value: sys::napi_value) -> Option<Vec<u8>> {
    if let Some(text) = short_text(env, value, &mut [0; SHORT]) {
        return Some(text.to_vec());
    }
    let mut length = 0;
    // SAFETY: without a buffer, only the length is told.
    let status =
        unsafe { sys::napi_get_value_string_utf8(env, value, null_mut(), 0, &raw mut length) };
    if status != napi_ok {
        return None;
    }
    let mut text = vec![0_u8; length + 1];
    // SAFETY: the buffer has this size.
    let status = unsafe {
        let (buffer, size) = (text.as_mut_ptr().cast(), text.len());
        sys::napi_get_value_string_utf8(env, value, buffer, size, &raw mut length)
    };
    text.truncate(length);
    (status == napi_ok).then_some(text)
}

/// Returns the bytes of a `Uint8Array`.
pub fn bytes(env: sys::napi_env, value: sys::napi_value) -> Option<Vec<u8>> {
    let mut is_array = false;
    // SAFETY: a value of the current scope.
    unsafe { sys::napi_is_typedarray(env, value, &raw mut is_array) };
    if !is_array {
        return None;
    }
    let (mut kind, mut length, mut data) = (0, 0, null_mut());
    // SAFETY: a typed array.
    let status = unsafe {
        sys::napi_get_typedarray_info(
            env,
            value,
            &raw mut kind,
            &raw mut length,
            &raw mut data,
            null_mut(),
            null_mut(),
        )
    };
    if status != napi_ok || kind != sys::TypedarrayType::uint8_array {
        return None;
    }
    if length == 0 {
        return Some(Vec::new());
    }
    // SAFETY: JavaScript does not run meanwhile, so that the memory stays.
    Some(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) }.to_vec())
}

pub fn int(env: sys::napi_env, value: sys::napi_value) -> Option<i64> {
    let (mut number, mut is_lossless) = (0, false);
    // SAFETY: a value of the current scope; what is no bigint is refused.
    let status = unsafe {
        sys::napi_get_value_bigint_int64(env, value, &raw mut number, &raw mut is_lossless)
    };
    (status == napi_ok && is_lossless).then_some(number)
}

// What JavaScript is given. A failure leaves NULL, which is undefined there.

pub fn of_text(env: sys::napi_env, text: &[u8]) -> sys::napi_value {
    let mut value = null_mut();
    // SAFETY: the text has this length.
    unsafe {
        let (data, length) = (text.as_ptr().cast(), text.len() as isize);
        sys::napi_create_string_utf8(env, data, length, &raw mut value);
    }
    value
}

pub fn of_flag(env: sys::napi_env, flag: bool) -> sys::napi_value {
    let mut value = null_mut();
    // SAFETY: the environment is the current one.
    unsafe { sys::napi_get_boolean(env, flag, &raw mut value) };
    value
}

/// Converts a number up to 2^53, such as a count or a length.
pub fn of_number(env: sys::napi_env, number: u64) -> sys::napi_value {
    let mut value = null_mut();
    // SAFETY: the environment is the current one.
    unsafe { sys::napi_create_double(env, number as f64, &raw mut value) };
    value
}

pub fn of_int(env: sys::napi_env, number: i64) -> sys::napi_value {
    let mut value = null_mut();
    // SAFETY: the environment is the current one.
    unsafe { sys::napi_create_bigint_int64(env, number, &raw mut value) };
    value
}

pub fn undefined(env: sys::napi_env) -> sys::napi_value {
    let mut value = null_mut();
    // SAFETY: the environment is the current one.
    unsafe { sys::napi_get_undefined(env, &raw mut value) };
    value
}

pub fn array(env: sys::napi_env, values: &[sys::napi_value]) -> sys::napi_value {
    let mut array = null_mut();
    // SAFETY: values of the current scope.
    unsafe {
        sys::napi_create_array_with_length(env, values.len(), &raw mut array);
        for (index, value) in values.iter().enumerate() {
            sys::napi_set_element(env, array, index as u32, *value);
        }
    }
    array
}
