use super::support::{Handle, HandleKind, Shared, guard_value};
use super::token::rbtoken_token_t;
use crate::token::SharedToken;

/// A list of tokens as they were when it was made. The host frees it with
/// `rbtoken_token_list_free()`.
pub struct rbtoken_token_list_t {
    _opaque: [u8; 0],
}

impl Handle for rbtoken_token_list_t {
    type Owner = Box<Vec<SharedToken>>;

    const KIND: HandleKind = HandleKind::TokenList;
}

/// How many tokens a list has.
///
/// `[immutable]`
///
/// @param list a list; NULL is allowed
/// @return the number; 0 for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_list_count(list: *const rbtoken_token_list_t) -> usize {
    // SAFETY: the host keeps the list for the duration of the call.
    guard_value(0, || unsafe { rbtoken_token_list_t::get(list) }.map_or(0, Vec::len))
}

/// A token of a list. The list owns it: it is valid until the list is freed, and longer if the
/// host takes a reference with `rbtoken_token_retain()`.
///
/// `[immutable]`
///
/// @param list a list; NULL is allowed
/// @param index 0 for the first token
/// @return the token, which the host must not release; NULL beyond the last one, or for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_list_get(
    list: *const rbtoken_token_list_t,
    index: usize,
) -> *const rbtoken_token_t {
    guard_value(std::ptr::null(), || {
        // SAFETY: the host keeps the list for the duration of the call.
        let list = unsafe { rbtoken_token_list_t::get(list) };
        let token = list.and_then(|list| list.get(index));
        token.map_or(std::ptr::null(), |token| rbtoken_token_t::lend(token).cast_const())
    })
}

/// Frees a list. Tokens of it that the host retained stay.
///
/// `[exclusive]`
///
/// @param list a list, which is not used again; NULL does nothing
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_list_free(list: *mut rbtoken_token_list_t) {
    // SAFETY: the host gives its list up.
    guard_value((), || drop(unsafe { rbtoken_token_list_t::take(list) }));
}
