//! Wrappers for the library's objects, with the calls that are measured.

use std::ffi::c_char;
use std::ptr::{null, null_mut};

use anyhow::Result;

use crate::abi::{
    ClientTokenOptions, E_UNSUPPORTED, Handle, ImportOptions, StoreOptions, TokenFilter,
    TokenUpdate, VERDICT_OK,
};
use crate::library::{api, check, init};

fn text(text: &str) -> (*const c_char, usize) {
    (text.as_ptr().cast(), text.len())
}

/// A handle of a store.
pub struct Store(Handle);

// SAFETY: the library's functions are thread-safe.
unsafe impl Send for Store {}
// SAFETY: as above.
unsafe impl Sync for Store {}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: this value owns the handle.
        unsafe { (api().store_release)(self.0) };
    }
}

/// A handle of a token.
pub struct Token(Handle);

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: this value owns the handle.
        unsafe { (api().token_release)(self.0) };
    }
}

impl Token {
    pub fn id(&self) -> i64 {
        // SAFETY: this value owns the handle.
        unsafe { (api().token_id)(self.0) }
    }

    pub fn value(&self) -> &[u8] {
        let mut len = 0;
        // SAFETY: the text is valid as long as the handle.
        unsafe {
            let value = (api().token_value)(self.0, &raw mut len);
            std::slice::from_raw_parts(value.cast(), len)
        }
    }
}

// SAFETY of all functions below: each passes its own handle, and texts and structs that are valid
// during the call.
impl Store {
    /// Opens a store in memory.
    pub fn in_memory() -> Result<Self> {
        let mut store = null_mut();
        check(unsafe { (api().store_open)(null(), &raw mut store, null_mut()) })?;
        Ok(Self(store))
    }

    /// Opens a store at a location; `None` if this build does not support it.
    pub fn at(location: &str) -> Result<Option<Self>> {
        Self::with_settings(location, "{}")
    }

    /// Opens a store like [`Store::at`], with settings.
    pub fn with_settings(location: &str, settings: &str) -> Result<Option<Self>> {
        let mut options: StoreOptions = init();
        (options.location, options.location_len) = text(location);
        (options.settings, options.settings_len) = text(settings);
        let mut store = null_mut();
        let status = unsafe { (api().store_open)(&raw const options, &raw mut store, null_mut()) };
        if status == E_UNSUPPORTED {
            return Ok(None);
        }
        check(status)?;
        Ok(Some(Self(store)))
    }

    /// Returns the client token of a user, and whether it was created.
    #[inline]
    pub fn client_token(
        &self,
        user: &str,
        client: &str,
        policy: Option<&str>,
    ) -> Result<(Token, bool)> {
        let mut options: ClientTokenOptions;
        let mut chosen = null();
        if let Some(policy) = policy {
            options = init();
            (options.default_policy, options.default_policy_len) = text(policy);
            chosen = &raw mut options;
        }
        let (mut token, mut created) = (null_mut(), false);
        let ((user, user_len), (client, client_len)) = (text(user), text(client));
        check(unsafe {
            (api().store_get_or_create_client_token)(
                self.0,
                user,
                user_len,
                client,
                client_len,
                chosen.cast(),
                &raw mut token,
                &raw mut created,
                null_mut(),
            )
        })?;
        Ok((Token(token), created))
    }

    /// Generates a token for a user.
    #[inline]
    pub fn generate(&self, user: &str) -> Result<Token> {
        let mut token = null_mut();
        let (user, user_len) = text(user);
        check(unsafe {
            (api().store_generate_token)(self.0, user, user_len, null(), &raw mut token, null_mut())
        })?;
        Ok(Token(token))
    }

    /// Imports a token; with a time, one that was invalidated then.
    pub fn import(&self, user: &str, value: &[u8], invalid_date_us: Option<i64>) -> Result<Token> {
        // RBTOKEN_IMPORT_INVALID and RBTOKEN_IMPORT_INVALID_DATE_KNOWN.
        const INVALIDATED: u32 = 1 | 32;
        let mut options: ImportOptions = init();
        if let Some(date) = invalid_date_us {
            options.flags = INVALIDATED;
            options.invalid_date_us = date;
        }
        let mut token = null_mut();
        let (user, user_len) = text(user);
        check(unsafe {
            (api().store_import_token)(
                self.0,
                user,
                user_len,
                value.as_ptr().cast(),
                value.len(),
                &raw const options,
                &raw mut token,
                null_mut(),
            )
        })?;
        Ok(Token(token))
    }

    /// Logs in, and returns whether the verdict is OK. The handle is returned and released.
    #[inline]
    pub fn log_in(&self, value: &[u8]) -> bool {
        let (mut verdict, mut token) = (0, null_mut());
        unsafe {
            (api().store_authenticate)(
                self.0,
                value.as_ptr().cast(),
                value.len(),
                null(),
                &raw mut verdict,
                &raw mut token,
                null_mut(),
                null_mut(),
            );
            if !token.is_null() {
                (api().token_release)(token);
            }
        }
        verdict == VERDICT_OK
    }

    /// Decides on a request, as a gateway does: logs in with an `Authorization` header, checks the
    /// policy, and reads the user's name. Returns the length of the name if the request is allowed.
    #[inline]
    pub fn decide(&self, header: &[u8], id: &str, method: &str) -> Option<usize> {
        let (mut verdict, mut token, mut allowed, mut user_len) = (0, null_mut(), false, 0);
        let ((id, id_len), (method, method_len)) = (text(id), text(method));
        unsafe {
            (api().store_authenticate_header)(
                self.0,
                header.as_ptr().cast(),
                header.len(),
                null(),
                &raw mut verdict,
                &raw mut token,
                null_mut(),
                null_mut(),
            );
            if token.is_null() {
                return None;
            }
            (api().token_allows)(
                token,
                id,
                id_len,
                method,
                method_len,
                null(),
                0,
                &raw mut allowed,
                null_mut(),
            );
            (api().token_user)(token, &raw mut user_len);
            (api().token_release)(token);
        }
        (verdict == VERDICT_OK && allowed).then_some(user_len)
    }

    /// Copies the store to a file.
    pub fn backup(&self, path: &str) -> Result<()> {
        let (path, len) = text(path);
        check(unsafe { (api().store_backup)(self.0, path, len, null_mut()) })
    }

    /// Exports the store, and returns the number of tokens.
    pub fn export(&self, path: &str) -> Result<u64> {
        let (path, len) = text(path);
        let mut count = 0;
        check(unsafe {
            (api().store_export_file)(self.0, path, len, null(), &raw mut count, null_mut())
        })?;
        Ok(count)
    }

    /// Finds a token by its value, releases the handle, and returns whether there was one.
    #[inline]
    pub fn find(&self, value: &[u8]) -> bool {
        let mut token = null_mut();
        unsafe {
            (api().store_find_token)(
                self.0,
                value.as_ptr().cast(),
                value.len(),
                &raw mut token,
                null_mut(),
            );
            (api().token_release)(token);
        }
        !token.is_null()
    }

    /// Returns the token with an id.
    pub fn get(&self, id: i64) -> Result<Token> {
        let mut token = null_mut();
        check(unsafe { (api().store_get_token)(self.0, id, &raw mut token, null_mut()) })?;
        Ok(Token(token))
    }

    /// Lists the tokens of a user, or all, and returns their number.
    pub fn list(&self, user: Option<&str>) -> Result<usize> {
        let mut filter: TokenFilter = init();
        if let Some(user) = user {
            (filter.user, filter.user_len) = text(user);
        }
        let mut list = null_mut();
        unsafe {
            check((api().store_list_tokens)(self.0, &raw const filter, &raw mut list, null_mut()))?;
            let count = (api().token_list_count)(list);
            (api().token_list_free)(list);
            Ok(count)
        }
    }

    pub fn count(&self) -> Result<u64> {
        let mut count = 0;
        check(unsafe { (api().store_token_count)(self.0, &raw mut count, null_mut()) })?;
        Ok(count)
    }

    /// Replaces the note of a token.
    pub fn set_note(&self, id: i64, note: &str) -> Result<()> {
        // RBTOKEN_FIELD_SET.
        const SET: i32 = 2;
        let mut update: TokenUpdate = init();
        update.note_mode = SET;
        (update.note, update.note_len) = text(note);
        let mut token = null_mut();
        check(unsafe {
            (api().store_update_token)(self.0, id, &raw const update, &raw mut token, null_mut())
        })?;
        drop(Token(token));
        Ok(())
    }

    pub fn invalidate(&self, id: i64) -> Result<()> {
        let (reason, len) = text("");
        check(unsafe { (api().store_invalidate_token_by_id)(self.0, id, reason, len, null_mut()) })
    }

    /// Invalidates the tokens of a user, and returns their number.
    pub fn invalidate_user(&self, user: &str) -> Result<u64> {
        let ((user, user_len), (reason, len)) = (text(user), text(""));
        let mut count = 0;
        check(unsafe {
            (api().store_invalidate_user_tokens)(
                self.0,
                user,
                user_len,
                reason,
                len,
                &raw mut count,
                null_mut(),
            )
        })?;
        Ok(count)
    }

    pub fn invalidate_all(&self) -> Result<u64> {
        let (reason, len) = text("");
        let mut count = 0;
        check(unsafe {
            (api().store_invalidate_all_tokens)(self.0, reason, len, &raw mut count, null_mut())
        })?;
        Ok(count)
    }

    pub fn delete(&self, id: i64) -> Result<()> {
        check(unsafe { (api().store_delete_token)(self.0, id, null_mut()) })
    }

    /// Deletes the tokens that became unusable before a time, and returns their number.
    pub fn purge(&self, dead_before_us: i64) -> Result<u64> {
        let mut count = 0;
        check(unsafe {
            (api().store_purge_tokens)(self.0, dead_before_us, &raw mut count, null_mut())
        })?;
        Ok(count)
    }
}

/// A handle of a policy.
pub struct Policy(Handle);

impl Drop for Policy {
    fn drop(&mut self) {
        // SAFETY: this value owns the handle.
        unsafe { (api().policy_free)(self.0) };
    }
}

impl Policy {
    pub fn parse(document: &str) -> Result<Self> {
        let mut policy = null_mut();
        let (document, len) = text(document);
        // SAFETY: the document is valid during the call.
        check(unsafe {
            (api().policy_parse)(null_mut(), document, len, &raw mut policy, null_mut())
        })?;
        Ok(Self(policy))
    }

    #[inline]
    pub fn allows(&self, id: &str, method: &str, resource: Option<&str>) -> bool {
        let ((id, id_len), (method, method_len)) = (text(id), text(method));
        let (resource, resource_len) = resource.map_or((null(), 0), text);
        let mut allowed = false;
        // SAFETY: the texts are valid during the call.
        unsafe {
            (api().policy_allows)(
                self.0,
                id,
                id_len,
                method,
                method_len,
                resource,
                resource_len,
                &raw mut allowed,
                null_mut(),
            );
        }
        allowed
    }
}
