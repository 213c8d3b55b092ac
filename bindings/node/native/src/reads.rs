//! Functions that only read memory, and functions of the addon itself.

use std::ffi::{CStr, c_char};
use std::ptr::null_mut;

use napi_sys as sys;

use crate::abi::{Api, Handle};
use crate::call::{Buffer, slice};
use crate::handles::{ListRef, TokenRef, wrap};
use crate::host;
use crate::js::{self, Arguments, Misuse, Read};
use crate::library::{self, api};
use crate::operations::login_now;

pub const SETUP: &[(&str, Read)] = &[("load", load), ("setHost", set_host), ("end", end)];

pub const TABLE: &[(&str, Read)] = &[
    ("close", close),
    ("version", version),
    ("abiVersion", abi_version),
    ("statusName", status_name),
    ("verdictName", verdict_name),
    ("loginNow", login_now),
    ("tokenId", token_id),
    ("tokenText", token_text),
    ("tokenTime", token_time),
    ("tokenFlag", token_flag),
    ("tokenIsExpired", token_is_expired),
    ("listCount", list_count),
    ("listGet", list_get),
    ("extension", extension),
    ("settingsSchema", settings_schema),
    ("hasInterface", has_interface),
    ("callCounts", call_counts),
];

type Answer = Result<sys::napi_value, Misuse>;

/// Loads the library. Must be called before all other functions.
fn load(arguments: &Arguments) -> Answer {
    let path = arguments.text(0)?;
    library::load(path.as_str())?;
    Ok(js::undefined(arguments.env))
}

fn set_host(arguments: &Arguments) -> Answer {
    let host = host::of(arguments.env).ok_or_else(|| Misuse::argument(0))?;
    host.set_function(arguments.value(0));
    Ok(js::undefined(arguments.env))
}

/// Called when the process or the worker is about to end.
fn end(arguments: &Arguments) -> Answer {
    if let Some(host) = host::of(arguments.env) {
        host.end();
    }
    Ok(js::undefined(arguments.env))
}

fn close(arguments: &Arguments) -> Answer {
    arguments.close(0)?;
    Ok(js::undefined(arguments.env))
}

/// Converts a NUL-terminated text of the library.
///
/// # Safety
/// It must be valid or NULL.
unsafe fn constant(env: sys::napi_env, text: *const c_char) -> sys::napi_value {
    if text.is_null() {
        return js::undefined(env);
    }
    // SAFETY: as promised by the caller.
    js::of_text(env, unsafe { CStr::from_ptr(text) }.to_bytes())
}

fn version(arguments: &Arguments) -> Answer {
    // SAFETY: a constant of the library.
    Ok(unsafe { constant(arguments.env, (api().version)()) })
}

fn abi_version(arguments: &Arguments) -> Answer {
    // SAFETY: the function has no preconditions.
    Ok(js::of_number(arguments.env, u64::from(unsafe { (api().abi_version)() })))
}

fn status_name(arguments: &Arguments) -> Answer {
    let status = arguments.code(0)?;
    // SAFETY: a constant of the library.
    Ok(unsafe { constant(arguments.env, (api().status_name)(status)) })
}

fn verdict_name(arguments: &Arguments) -> Answer {
    let verdict = arguments.code(0)?;
    // SAFETY: a constant of the library.
    Ok(unsafe { constant(arguments.env, (api().verdict_name)(verdict)) })
}

fn token_id(arguments: &Arguments) -> Answer {
    let token = arguments.handle::<TokenRef>(0)?;
    // SAFETY: the token is valid.
    Ok(js::of_int(arguments.env, unsafe { (api().token_id)(token.get()) }))
}

/// Returns a text of a token, by its index in `TEXTS` of `token.ts`.
fn token_text(arguments: &Arguments) -> Answer {
    type Function = unsafe extern "C" fn(Handle, *mut usize) -> *const c_char;
    let function: fn(&Api) -> Function = match arguments.small(1)? {
        0 => |api| api.token_value,
        1 => |api| api.token_redacted,
        2 => |api| api.token_user,
        3 => |api| api.token_local_site,
        4 => |api| api.token_client_name,
        5 => |api| api.token_note,
        6 => |api| api.token_generator_id,
        7 => |api| api.token_policy,
        8 => |api| api.token_extra_data,
        9 => |api| api.token_invalid_reason,
        _ => return Err(Misuse::argument(1)),
    };
    let token = arguments.handle::<TokenRef>(0)?;
    let mut length = 0;
    // SAFETY: the token is valid, and its texts live as long as it does.
    let text = unsafe { slice(function(api())(token.get(), &raw mut length), length) };
    Ok(text.map_or_else(|| js::undefined(arguments.env), |text| js::of_text(arguments.env, text)))
}

/// Returns a time of a token, by its index in `TIMES` of `token.ts`.
fn token_time(arguments: &Arguments) -> Answer {
    type Function = unsafe extern "C" fn(Handle, *mut i64) -> bool;
    let function: fn(&Api) -> Function = match arguments.small(1)? {
        0 => |api| api.token_expires,
        1 => |api| api.token_time_added,
        2 => |api| api.token_last_updated,
        3 => |api| api.token_last_used,
        4 => |api| api.token_invalid_date,
        _ => return Err(Misuse::argument(1)),
    };
    let token = arguments.handle::<TokenRef>(0)?;
    let mut time = 0;
    // SAFETY: the token is valid.
    let is_set = unsafe { function(api())(token.get(), &raw mut time) };
    let env = arguments.env;
    Ok(if is_set { js::of_int(env, time) } else { js::undefined(env) })
}

/// Returns a flag of a token: 0 for invalidated, 1 for a deprecated generator.
fn token_flag(arguments: &Arguments) -> Answer {
    let function = match arguments.small(1)? {
        0 => api().token_is_invalidated,
        1 => api().token_is_deprecated,
        _ => return Err(Misuse::argument(1)),
    };
    let token = arguments.handle::<TokenRef>(0)?;
    // SAFETY: the token is valid.
    Ok(js::of_flag(arguments.env, unsafe { function(token.get()) }))
}

fn token_is_expired(arguments: &Arguments) -> Answer {
    let (token, at) = (arguments.handle::<TokenRef>(0)?, arguments.int(1)?);
    // SAFETY: the token is valid.
    let is_expired = unsafe { (api().token_is_expired)(token.get(), at) };
    Ok(js::of_flag(arguments.env, is_expired))
}

fn list_count(arguments: &Arguments) -> Answer {
    let list = arguments.handle::<ListRef>(0)?;
    // SAFETY: the list is valid.
    let count = unsafe { (api().token_list_count)(list.get()) };
    Ok(js::of_number(arguments.env, count as u64))
}

fn list_get(arguments: &Arguments) -> Answer {
    let (list, index) = (arguments.handle::<ListRef>(0)?, arguments.small(1)?);
    // SAFETY: the list is valid.
    let token = unsafe { (api().token_list_get)(list.get(), index as usize) };
    if token.is_null() {
        return Ok(js::undefined(arguments.env));
    }
    // SAFETY: the token is borrowed from the list.
    Ok(wrap(arguments.env, unsafe { TokenRef::retain(token) }))
}

/// Returns metadata of the library, in the order of `extension()` in `extension.ts`.
fn extension(arguments: &Arguments) -> Answer {
    let env = arguments.env;
    let Ok(table) = library::extension() else { return Ok(js::undefined(env)) };
    let texts = [
        table.id,
        table.name,
        table.version,
        table.author,
        table.license,
        table.summary,
        table.url,
    ];
    // SAFETY: constants of the library.
    Ok(js::array(env, &texts.map(|text| unsafe { constant(env, text) })))
}

fn settings_schema(arguments: &Arguments) -> Answer {
    let env = arguments.env;
    let Ok(table) = library::extension() else { return Ok(js::undefined(env)) };
    // SAFETY: a constant of the library.
    Ok(unsafe { constant(env, (table.get_settings_schema)()) })
}

fn has_interface(arguments: &Arguments) -> Answer {
    let (env, name) = (arguments.env, arguments.text(0)?);
    // A name with a NUL is unknown.
    let Ok(name) = std::ffi::CString::new(name.as_str()) else {
        return Ok(js::of_flag(env, false));
    };
    let Ok(table) = library::extension() else { return Ok(js::undefined(env)) };
    // SAFETY: the name ends with a NUL.
    let interface = unsafe { (table.get_interface)(name.as_ptr()) };
    Ok(js::of_flag(env, !interface.is_null()))
}

/// Returns the call counts as JSON if the library was built to count calls.
fn call_counts(arguments: &Arguments) -> Answer {
    let env = arguments.env;
    let counts = library::call_counts().unwrap_or(null_mut());
    if counts.is_null() {
        return Ok(js::undefined(env));
    }
    // SAFETY: the library gave it to us.
    let counts = unsafe { Buffer::own(counts) };
    Ok(js::of_text(env, counts.bytes()))
}
