//! What every exported function needs: it clears its outputs, runs its body under a guard, reads
//! its arguments, and hands handles over.

#[cfg(any(count_calls, test))]
pub(crate) mod call_counts;
mod callback;
mod guard;
mod handle;
mod options;
mod output;
mod text;

pub(crate) use callback::{UserData, check_answer};
pub(crate) use guard::{catch_panic, guard_value};
pub(crate) use handle::{Handle, HandleKind, Held, Shared};
pub(crate) use options::{
    SizedStruct, read_options, read_published, read_required, reject_flags, reject_unset,
};
pub(crate) use output::{Out, lend};
pub(crate) use text::{bytes, optional_text, text, text_list};
