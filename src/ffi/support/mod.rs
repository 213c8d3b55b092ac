//! Parts of every exported function: clearing outputs, catching panics, reading arguments, and
//! converting handles.

#[cfg(any(count_calls, test))]
pub(crate) mod call_counts;
mod callback;
mod guard;
mod handle;
mod options;
mod output;
mod text;

pub(crate) use callback::{UserData, check_status};
pub(crate) use guard::{catch_panic, catch_panic_or};
pub(crate) use handle::{ArcHandle, Handle, HandleKind, HandleRef};
pub(crate) use options::{
    SizedStruct, read_options, read_published, read_required, reject_flags, reject_if_set,
    reject_reserved, unknown_mode,
};
pub(crate) use output::{Out, lend};
pub(crate) use text::{bytes_arg, opt_str_arg, str_arg, str_list_arg};
