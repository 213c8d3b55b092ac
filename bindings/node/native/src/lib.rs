//! The addon of the Node.js package.
//!
//! JavaScript checks and names arguments; this converts them, makes the call on the thread of
//! JavaScript or on one of libuv's pool, and hands back handles that release themselves. No thread
//! of the pool ever enters JavaScript: events are kept until their call returns, and a question to
//! a callback is posted to the thread of JavaScript. So neither an exit nor a worker that ends can
//! leave a thread waiting.
//!
//! SPDX-License-Identifier: MIT

mod abi;
mod call;
mod handles;
mod host;
mod js;
mod library;
mod operations;
mod reads;

use napi_sys as sys;

/// Node.js calls this when it loads the addon, once for the main thread and once for each worker.
///
/// # Safety
/// `env` and `exports` are those of the module that is being loaded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn napi_register_module_v1(
    env: sys::napi_env,
    exports: sys::napi_value,
) -> sys::napi_value {
    for (name, function) in operations::TABLE {
        js::export(env, exports, name, js::Entry::Operation(*function));
    }
    for (name, function) in reads::TABLE {
        js::export(env, exports, name, js::Entry::Read(*function));
    }
    for (name, function) in reads::SETUP {
        js::export(env, exports, name, js::Entry::Setup(*function));
    }
    host::install(env);
    exports
}
