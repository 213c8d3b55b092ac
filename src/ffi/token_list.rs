//! Lists of tokens.

use super::support::{ArcHandle, Handle, HandleKind, catch_panic_or};
use super::token::rbtoken_token_t;
use crate::token::SharedToken;

/// List of tokens, as they were when it was created. Free it with `rbtoken_token_list_free()`.
pub struct rbtoken_token_list_t {
    _opaque: [u8; 0],
}

impl Handle for rbtoken_token_list_t {
    type Owner = Box<Vec<SharedToken>>;

    const KIND: HandleKind = HandleKind::TokenList;
}

/// Returns the number of tokens in a list.
///
/// `[immutable]`
///
/// @param list a list; NULL is allowed
/// @return the number; 0 for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_list_count(list: *const rbtoken_token_list_t) -> usize {
    // SAFETY: the host keeps the list for the duration of the call.
    catch_panic_or(0, || unsafe { rbtoken_token_list_t::get(list) }.map_or(0, Vec::len))
}

/// Returns a token of a list. The list owns it: it is valid until the list is freed, or longer if
/// the host adds a reference with `rbtoken_token_retain()`.
///
/// `[immutable]`
///
/// @param list a list; NULL is allowed
/// @param index 0 for the first token
/// @return the token, which the host must not release; NULL after the last one, or for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_list_get(
    list: *const rbtoken_token_list_t,
    index: usize,
) -> *const rbtoken_token_t {
    catch_panic_or(std::ptr::null(), || {
        // SAFETY: the host keeps the list for the duration of the call.
        let list = unsafe { rbtoken_token_list_t::get(list) };
        let token = list.and_then(|list| list.get(index));
        token.map_or(std::ptr::null(), |token| rbtoken_token_t::lend(token).cast_const())
    })
}

/// Frees a list. Tokens that the host retained stay valid.
///
/// `[exclusive]`
///
/// @param list a list, which must not be used afterwards; NULL does nothing
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_list_free(list: *mut rbtoken_token_list_t) {
    // SAFETY: the host gives its list up.
    catch_panic_or((), || drop(unsafe { rbtoken_token_list_t::take(list) }));
}
