//! Interfaces: tables of the exported functions, for hosts that load the library.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

use std::ffi::c_void;

mod about;
mod buffer;
mod error;
mod generator;
mod hooks;
mod policy;
mod service_account;
mod store;
mod token;
mod token_list;

pub use about::rbtoken_about_interface_v1_t;
pub use buffer::rbtoken_buffer_interface_v1_t;
pub use error::rbtoken_error_interface_v1_t;
pub use generator::rbtoken_generator_interface_v1_t;
pub use hooks::rbtoken_hooks_interface_v1_t;
pub use policy::rbtoken_policy_interface_v1_t;
pub use service_account::rbtoken_service_account_interface_v1_t;
pub use store::rbtoken_store_interface_v1_t;
pub use token::rbtoken_token_interface_v1_t;
pub use token_list::rbtoken_token_list_interface_v1_t;

/// Returns the table of an interface, or NULL if there is none of that name.
pub(super) fn find(name: &str) -> *const c_void {
    match name {
        "rbtoken.about/1" => (&raw const about::TABLE).cast(),
        "rbtoken.error/1" => (&raw const error::TABLE).cast(),
        "rbtoken.buffer/1" => (&raw const buffer::TABLE).cast(),
        "rbtoken.store/1" => (&raw const store::TABLE).cast(),
        "rbtoken.hooks/1" => (&raw const hooks::TABLE).cast(),
        "rbtoken.generator/1" => (&raw const generator::TABLE).cast(),
        "rbtoken.service_account/1" => (&raw const service_account::TABLE).cast(),
        "rbtoken.token/1" => (&raw const token::TABLE).cast(),
        "rbtoken.token_list/1" => (&raw const token_list::TABLE).cast(),
        "rbtoken.policy/1" => (&raw const policy::TABLE).cast(),
        _ => std::ptr::null(),
    }
}
