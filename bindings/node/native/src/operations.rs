//! Operations that may block. The first argument of each selects where it runs (see
//! `js::Operation`); the others are those of the library's function, in its order.

use std::ffi::{CString, c_void};
use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex, PoisonError};

use napi_sys as sys;

use crate::abi;
use crate::call::{self, Buffer, Failure, Job, Output, call};
use crate::handles::{AccountRef, InstanceRef, ListRef, PolicyRef, StoreRef, TokenRef};
use crate::host::{self, HostKey};
use crate::js::{self, Arguments, Misuse, Operation, Text};
use crate::library::{api, extension};

pub const TABLE: &[(&str, Operation)] = &[
    ("storeOpen", store_open),
    ("storeShared", store_shared),
    ("storeRelease", store_release),
    ("storeFlush", store_flush),
    ("storeSetSetting", store_set_setting),
    ("storeGetSetting", store_get_setting),
    ("storeStatistics", store_statistics),
    ("storeAddLocalSite", store_add_local_site),
    ("storeRemoveLocalSite", store_remove_local_site),
    ("storeSetUserActive", store_set_user_active),
    ("storeSetPolicyIds", store_set_policy_ids),
    ("storeBackup", store_backup),
    ("storeExportFile", store_export_file),
    ("storeImportFile", store_import_file),
    ("storeGetOrCreateClientToken", store_get_or_create_client_token),
    ("storeGenerateToken", store_generate_token),
    ("storeImportToken", store_import_token),
    ("storeFindToken", store_find_token),
    ("storeGetToken", store_get_token),
    ("storeListTokens", store_list_tokens),
    ("storeTokenCount", store_token_count),
    ("storeValueIsValid", store_value_is_valid),
    ("storeAuthenticate", store_authenticate),
    ("storeAuthenticateHeader", store_authenticate_header),
    ("storeForgetLogins", store_forget_logins),
    ("storeUpdateToken", store_update_token),
    ("storeInvalidateToken", store_invalidate_token),
    ("storeInvalidateTokenById", store_invalidate_token_by_id),
    ("storeInvalidateUserTokens", store_invalidate_user_tokens),
    ("storeInvalidateAllTokens", store_invalidate_all_tokens),
    ("storeDeleteToken", store_delete_token),
    ("storePurgeTokens", store_purge_tokens),
    ("storeAddHooks", store_add_hooks),
    ("storeRemoveHooks", store_remove_hooks),
    ("storeAddGenerator", store_add_generator),
    ("storeSetDefaultGenerator", store_set_default_generator),
    ("storeSetDeprecatedGenerators", store_set_deprecated_generators),
    ("serviceAccountNew", service_account_new),
    ("serviceAccountGetApiToken", service_account_get_api_token),
    ("tokenAllows", token_allows),
    ("tokenToJson", token_to_json),
    ("policyParse", policy_parse),
    ("policyAllows", policy_allows),
    ("instanceCreate", instance_create),
    ("instanceConfigure", instance_configure),
    ("instanceInitialize", instance_initialize),
    ("instanceShutdown", instance_shutdown),
    ("instanceDestroy", instance_destroy),
    ("instanceGetStore", instance_get_store),
    ("instanceGetSettings", instance_get_settings),
];

type Prepared = Result<Job, Misuse>;

fn store(arguments: &Arguments, index: usize) -> Result<Arc<StoreRef>, Misuse> {
    arguments.handle::<Arc<StoreRef>>(index).cloned()
}

fn instance(arguments: &Arguments) -> Result<Arc<InstanceRef>, Misuse> {
    arguments.handle::<Arc<InstanceRef>>(1).cloned()
}

fn key(arguments: &Arguments, index: usize) -> Result<Arc<HostKey>, Misuse> {
    let host = host::of(arguments.env).ok_or_else(|| Misuse::argument(index))?;
    Ok(HostKey::new(host, arguments.small(index)?))
}

/// Returns a key, or `None` if the argument is 0.
fn optional_key(arguments: &Arguments, index: usize) -> Result<Option<Arc<HostKey>>, Misuse> {
    if arguments.small(index)? == 0 { Ok(None) } else { key(arguments, index).map(Some) }
}

fn job(body: impl FnOnce() -> Result<Output, Failure> + Send + 'static) -> Prepared {
    Ok(Box::new(body))
}

/// Defines operations of a store with one text and no result.
macro_rules! with_text {
    ($($name:ident: $function:ident;)*) => {$(
        fn $name(arguments: &Arguments) -> Prepared {
            let (store, text) = (store(arguments, 1)?, arguments.optional_text(2)?);
            job(move || {
                call!(api().$function, store.get(), text.at(), text.len())?;
                Ok(Output::Nothing)
            })
        }
    )*};
}

with_text! {
    store_add_local_site: store_add_local_site;
    store_remove_local_site: store_remove_local_site;
    store_backup: store_backup;
    store_forget_logins: store_forget_logins;
    store_set_default_generator: store_set_default_generator;
}

/// Defines operations of a store with two texts and no result.
macro_rules! with_texts {
    ($($name:ident: $function:ident;)*) => {$(
        fn $name(arguments: &Arguments) -> Prepared {
            let store = store(arguments, 1)?;
            let (first, second) = (arguments.text(2)?, arguments.text(3)?);
            job(move || {
                let (at, len) = (second.at(), second.len());
                call!(api().$function, store.get(), first.at(), first.len(), at, len)?;
                Ok(Output::Nothing)
            })
        }
    )*};
}

with_texts! {
    store_set_setting: store_set_setting;
    store_invalidate_token: store_invalidate_token;
}

fn opened(
    open: unsafe extern "C" fn(*const abi::StoreOptions, *mut abi::Handle, *mut abi::Handle) -> i32,
    options: Option<&abi::StoreOptions>,
) -> Result<Output, Failure> {
    let mut handle = null_mut();
    call!(open, options.map_or(null(), std::ptr::from_ref), &raw mut handle)?;
    // SAFETY: the library returned it to this caller, which owns it.
    Ok(Output::Store(unsafe { StoreRef::own(handle, None) }))
}

/// Arguments: the location, the settings, and the keys of the clock and the source of entropy.
fn store_open(arguments: &Arguments) -> Prepared {
    let (location, settings) = (arguments.optional_text(1)?, arguments.optional_text(2)?);
    let (clock, entropy) = (optional_key(arguments, 3)?, optional_key(arguments, 4)?);
    job(move || {
        // From here on the library destroys them, also if the call fails.
        let clock = clock.map(|key| host::clock(key.into_user_data(), true));
        let entropy = entropy.map(|key| host::entropy(key.into_user_data(), true));
        let options = abi::StoreOptions {
            struct_size: size_of::<abi::StoreOptions>(),
            location: location.at(),
            location_len: location.len(),
            settings: settings.at(),
            settings_len: settings.len(),
            clock: clock.as_ref().map_or(null(), std::ptr::from_ref),
            entropy: entropy.as_ref().map_or(null(), std::ptr::from_ref),
            log: null(),
        };
        opened(api().store_open, Some(&options))
    })
}

/// Callbacks of the process-wide store. The library never destroys them, and later calls must pass
/// the same ones.
static SHARED: Mutex<Vec<Arc<HostKey>>> = Mutex::new(Vec::new());

/// Returns the `user_data` of a callback. It is the same in each call.
fn shared_data(host: &Arc<host::Host>, key: u32) -> *mut c_void {
    let mut keys = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = keys.iter().find(|known| known.is(host, key)).map(Arc::as_ptr);
    let data = known.unwrap_or_else(|| {
        let new = HostKey::permanent(Arc::clone(host), key);
        let data = Arc::as_ptr(&new);
        keys.push(new);
        data
    });
    data.cast_mut().cast()
}

/// Arguments: those of `store_open`. Without them, the store must have been opened already.
fn store_shared(arguments: &Arguments) -> Prepared {
    let (location, settings) = (arguments.optional_text(1)?, arguments.optional_text(2)?);
    let (clock, entropy) = (arguments.small(3)?, arguments.small(4)?);
    let host = host::of(arguments.env).ok_or_else(|| Misuse::argument(0))?;
    job(move || {
        let is_given =
            !location.at().is_null() || !settings.at().is_null() || clock != 0 || entropy != 0;
        let clock = (clock != 0).then(|| host::clock(shared_data(&host, clock), false));
        let entropy = (entropy != 0).then(|| host::entropy(shared_data(&host, entropy), false));
        let options = abi::StoreOptions {
            struct_size: size_of::<abi::StoreOptions>(),
            location: location.at(),
            location_len: location.len(),
            settings: settings.at(),
            settings_len: settings.len(),
            clock: clock.as_ref().map_or(null(), std::ptr::from_ref),
            entropy: entropy.as_ref().map_or(null(), std::ptr::from_ref),
            log: null(),
        };
        opened(api().store_shared, is_given.then_some(&options))
    })
}

/// Drops a reference. The store is released after its running calls.
fn store_release(arguments: &Arguments) -> Prepared {
    let store = arguments.take::<Arc<StoreRef>>(1)?;
    job(move || {
        drop(store);
        Ok(Output::Nothing)
    })
}

fn store_flush(arguments: &Arguments) -> Prepared {
    let store = store(arguments, 1)?;
    job(move || {
        call!(api().store_flush, store.get())?;
        Ok(Output::Nothing)
    })
}

fn store_get_setting(arguments: &Arguments) -> Prepared {
    let (store, name) = (store(arguments, 1)?, arguments.text(2)?);
    job(move || {
        let mut value = null_mut();
        let output = &raw mut value;
        call!(api().store_get_setting, store.get(), name.at(), name.len(), output)?;
        // SAFETY: the library returned it to this caller, which owns it.
        Ok(Output::Text(unsafe { Buffer::own(value) }))
    })
}

fn store_statistics(arguments: &Arguments) -> Prepared {
    let store = store(arguments, 1)?;
    job(move || {
        let mut statistics = null_mut();
        call!(api().store_statistics, store.get(), &raw mut statistics)?;
        // SAFETY: the library returned it to this caller, which owns it.
        Ok(Output::Text(unsafe { Buffer::own(statistics) }))
    })
}

fn store_set_user_active(arguments: &Arguments) -> Prepared {
    let (store, user) = (store(arguments, 1)?, arguments.text(2)?);
    let active = i32::from(arguments.flag(3)?);
    job(move || {
        call!(api().store_set_user_active, store.get(), user.at(), user.len(), active)?;
        Ok(Output::Nothing)
    })
}

fn pointers(texts: &[CString]) -> Vec<*const std::ffi::c_char> {
    // An empty array has no address.
    texts.iter().map(|text| text.as_ptr()).chain([null()]).collect()
}

fn store_set_policy_ids(arguments: &Arguments) -> Prepared {
    let (store, ids) = (store(arguments, 1)?, arguments.optional_texts(2)?);
    job(move || {
        match &ids {
            Some(ids) => {
                let pointers = pointers(ids);
                call!(api().store_set_policy_ids, store.get(), pointers.as_ptr(), ids.len())?;
            }
            None => call!(api().store_set_policy_ids, store.get(), null(), 0)?,
        }
        Ok(Output::Nothing)
    })
}

fn store_set_deprecated_generators(arguments: &Arguments) -> Prepared {
    let store = store(arguments, 1)?;
    let ids = arguments.optional_texts(2)?.unwrap_or_default();
    job(move || {
        let pointers = pointers(&ids);
        let at = pointers.as_ptr();
        call!(api().store_set_deprecated_generators, store.get(), at, ids.len())?;
        Ok(Output::Nothing)
    })
}

/// Defines transfers of a file. Arguments: the path, and the key of the progress callback or 0.
macro_rules! transfers {
    ($($name:ident: $function:ident;)*) => {$(
        fn $name(arguments: &Arguments) -> Prepared {
            let (store, path) = (store(arguments, 1)?, arguments.text(2)?);
            let progress = optional_key(arguments, 3)?;
            job(move || {
                let progress = progress.map(|key| host::progress(key.into_user_data()));
                let progress = progress.as_ref().map_or(null(), std::ptr::from_ref);
                let (mut count, at, len) = (0, path.at(), path.len());
                call!(api().$function, store.get(), at, len, progress, &raw mut count)?;
                Ok(Output::Count(count))
            })
        }
    )*};
}

transfers! {
    store_export_file: store_export_file;
    store_import_file: store_import_file;
}

fn token(handle: abi::Handle) -> Output {
    // SAFETY: the library returned it to this caller, which owns it.
    Output::Token(unsafe { TokenRef::own(handle) })
}

fn client_token(handle: abi::Handle, created: bool) -> Output {
    // SAFETY: the library returned it to this caller, which owns it.
    Output::ClientToken(unsafe { TokenRef::own(handle) }, created)
}

/// Arguments: the user, the client, and the fields of the options in their order.
fn store_get_or_create_client_token(arguments: &Arguments) -> Prepared {
    let store = store(arguments, 1)?;
    let (user, client) = (arguments.text(2)?, arguments.text(3)?);
    let (expires_mode, expires_at_us) = (arguments.code(4)?, arguments.int(5)?);
    let (min_validity_mode, min_validity_secs) = (arguments.code(6)?, arguments.int(7)?);
    let flags = arguments.small(8)?;
    let (local_site, policy) = (arguments.optional_text(9)?, arguments.optional_text(10)?);
    let extra_data = arguments.optional_text(11)?;
    job(move || {
        let options = abi::ClientTokenOptions {
            struct_size: size_of::<abi::ClientTokenOptions>(),
            expires_mode,
            min_validity_mode,
            expires_at_us,
            min_validity_secs,
            flags,
            reserved: 0,
            local_site: local_site.at(),
            local_site_len: local_site.len(),
            default_policy: policy.at(),
            default_policy_len: policy.len(),
            default_extra_data: extra_data.at(),
            default_extra_data_len: extra_data.len(),
        };
        let (mut handle, mut created) = (null_mut(), false);
        call!(
            api().store_get_or_create_client_token,
            store.get(),
            user.at(),
            user.len(),
            client.at(),
            client.len(),
            &raw const options,
            &raw mut handle,
            &raw mut created,
        )?;
        Ok(client_token(handle, created))
    })
}

/// Arguments: the user, and the fields of the options in their order.
fn store_generate_token(arguments: &Arguments) -> Prepared {
    let (store, user) = (store(arguments, 1)?, arguments.text(2)?);
    let (expires_mode, expires_at_us) = (arguments.code(3)?, arguments.int(4)?);
    let flags = arguments.small(5)?;
    let (generator_id, token_type) = (arguments.optional_text(6)?, arguments.optional_text(7)?);
    let (local_site, note) = (arguments.optional_text(8)?, arguments.optional_text(9)?);
    let (policy, extra_data) = (arguments.optional_text(10)?, arguments.optional_text(11)?);
    job(move || {
        let options = abi::GenerateOptions {
            struct_size: size_of::<abi::GenerateOptions>(),
            expires_mode,
            flags,
            expires_at_us,
            generator_id: generator_id.at(),
            generator_id_len: generator_id.len(),
            token_type: token_type.at(),
            token_type_len: token_type.len(),
            local_site: local_site.at(),
            local_site_len: local_site.len(),
            note: note.at(),
            note_len: note.len(),
            policy: policy.at(),
            policy_len: policy.len(),
            extra_data: extra_data.at(),
            extra_data_len: extra_data.len(),
        };
        let mut handle = null_mut();
        call!(
            api().store_generate_token,
            store.get(),
            user.at(),
            user.len(),
            &raw const options,
            &raw mut handle,
        )?;
        Ok(token(handle))
    })
}

/// Arguments: the user, the value, and the fields of the options in their order.
fn store_import_token(arguments: &Arguments) -> Prepared {
    let store = store(arguments, 1)?;
    let (user, value) = (arguments.text(2)?, arguments.text(3)?);
    let flags = arguments.small(4)?;
    let (time_added_us, last_updated_us) = (arguments.int(5)?, arguments.int(6)?);
    let (last_used_us, expires_at_us) = (arguments.int(7)?, arguments.int(8)?);
    let (invalid_date_us, reason) = (arguments.int(9)?, arguments.optional_text(10)?);
    let (generator_id, local_site) = (arguments.optional_text(11)?, arguments.optional_text(12)?);
    let (note, policy) = (arguments.optional_text(13)?, arguments.optional_text(14)?);
    let extra_data = arguments.optional_text(15)?;
    job(move || {
        let options = abi::ImportOptions {
            struct_size: size_of::<abi::ImportOptions>(),
            flags,
            reserved: 0,
            time_added_us,
            last_updated_us,
            last_used_us,
            expires_at_us,
            invalid_date_us,
            invalid_reason: reason.at(),
            invalid_reason_len: reason.len(),
            generator_id: generator_id.at(),
            generator_id_len: generator_id.len(),
            local_site: local_site.at(),
            local_site_len: local_site.len(),
            note: note.at(),
            note_len: note.len(),
            policy: policy.at(),
            policy_len: policy.len(),
            extra_data: extra_data.at(),
            extra_data_len: extra_data.len(),
        };
        let mut handle = null_mut();
        call!(
            api().store_import_token,
            store.get(),
            user.at(),
            user.len(),
            value.at(),
            value.len(),
            &raw const options,
            &raw mut handle,
        )?;
        Ok(token(handle))
    })
}

fn store_find_token(arguments: &Arguments) -> Prepared {
    let (store, value) = (store(arguments, 1)?, arguments.text(2)?);
    job(move || {
        let mut handle = null_mut();
        let output = &raw mut handle;
        call!(api().store_find_token, store.get(), value.at(), value.len(), output)?;
        Ok(token(handle))
    })
}

fn store_get_token(arguments: &Arguments) -> Prepared {
    let (store, id) = (store(arguments, 1)?, arguments.int(2)?);
    job(move || {
        let mut handle = null_mut();
        call!(api().store_get_token, store.get(), id, &raw mut handle)?;
        Ok(token(handle))
    })
}

/// Arguments: the fields of the filter in their order.
fn store_list_tokens(arguments: &Arguments) -> Prepared {
    let store = store(arguments, 1)?;
    let (local_site_mode, validity_mode) = (arguments.code(2)?, arguments.code(3)?);
    let (flags, expires_before_us) = (arguments.small(4)?, arguments.int(5)?);
    let (local_site, user) = (arguments.optional_text(6)?, arguments.optional_text(7)?);
    let client_name = arguments.optional_text(8)?;
    job(move || {
        let filter = abi::TokenFilter {
            struct_size: size_of::<abi::TokenFilter>(),
            local_site_mode,
            validity_mode,
            flags,
            reserved: 0,
            expires_before_us,
            local_site: local_site.at(),
            local_site_len: local_site.len(),
            user: user.at(),
            user_len: user.len(),
            client_name: client_name.at(),
            client_name_len: client_name.len(),
        };
        let mut list = null_mut();
        call!(api().store_list_tokens, store.get(), &raw const filter, &raw mut list)?;
        // SAFETY: the library returned it to this caller, which owns it.
        Ok(Output::List(unsafe { ListRef::own(list) }))
    })
}

fn store_token_count(arguments: &Arguments) -> Prepared {
    let store = store(arguments, 1)?;
    job(move || {
        let mut count = 0;
        call!(api().store_token_count, store.get(), &raw mut count)?;
        Ok(Output::Count(count))
    })
}

fn store_value_is_valid(arguments: &Arguments) -> Prepared {
    let (store, id) = (store(arguments, 1)?, arguments.text(2)?);
    let (token_type, value) = (arguments.text(3)?, arguments.text(4)?);
    job(move || {
        let mut valid = false;
        call!(
            api().store_value_is_valid,
            store.get(),
            id.at(),
            id.len(),
            token_type.at(),
            token_type.len(),
            value.at(),
            value.len(),
            &raw mut valid,
        )?;
        Ok(Output::Flag(valid))
    })
}

/// Defines logins. Arguments: the text, and the mode and the name of the request's site.
macro_rules! logins {
    ($($name:ident: $function:ident;)*) => {$(
        fn $name(arguments: &Arguments) -> Prepared {
            let (store, text) = (store(arguments, 1)?, arguments.untrusted_text(2)?);
            let (site_mode, site) = (arguments.code(3)?, arguments.optional_text(4)?);
            job(move || {
                let options = abi::LoginOptions {
                    struct_size: size_of::<abi::LoginOptions>(),
                    site_mode,
                    reserved: 0,
                    site: site.at(),
                    site_len: site.len(),
                };
                let (mut verdict, mut token, mut refused) = (0, null_mut(), null_mut());
                call!(
                    api().$function,
                    store.get(),
                    text.at(),
                    text.len(),
                    &raw const options,
                    &raw mut verdict,
                    &raw mut token,
                    &raw mut refused,
                )?;
                // SAFETY: the library returned them to this caller, which owns them.
                Ok(unsafe { logged_in(verdict, token, refused) })
            })
        }
    )*};
}

logins! {
    store_authenticate: store_authenticate;
    store_authenticate_header: store_authenticate_header;
}

/// Runs a login without a site and with a short text on this thread. It skips the general path,
/// which costs more than the login. Arguments: the store, the text, and whether it is a header.
/// Returns `undefined` if the text is too long.
pub fn login_now(arguments: &Arguments) -> Result<sys::napi_value, Misuse> {
    let store = store(arguments, 0)?;
    let mut buffer = [0; js::SHORT];
    let Some(text) = js::short_text(arguments.env, arguments.value(1), &mut buffer) else {
        return Ok(js::undefined(arguments.env));
    };
    let login =
        if arguments.flag(2)? { api().store_authenticate_header } else { api().store_authenticate };
    let host = host::of(arguments.env).ok_or_else(|| Misuse::argument(0))?;
    Ok(call::run_now(arguments.env, host, || {
        let (mut verdict, mut token, mut refused) = (0, null_mut(), null_mut());
        call!(
            login,
            store.get(),
            text.as_ptr().cast(),
            text.len(),
            null(),
            &raw mut verdict,
            &raw mut token,
            &raw mut refused,
        )?;
        // SAFETY: the library returned them to this caller, which owns them.
        Ok(unsafe { logged_in(verdict, token, refused) })
    }))
}

/// # Safety
/// The tokens must be valid or NULL, and must not be released elsewhere.
unsafe fn logged_in(verdict: i32, token: abi::Handle, refused: abi::Handle) -> Output {
    let own = |handle: abi::Handle| {
        // SAFETY: as promised by the caller.
        (!handle.is_null()).then(|| unsafe { TokenRef::own(handle) })
    };
    Output::Login(verdict, own(token), own(refused))
}

/// A token that is given by its id. If it is given as a token, its value comes along: another store
/// may have given the same id to the token of another user. A value belongs to one token only, also
/// when the store of a file was opened again.
struct Target {
    id: i64,
    value: Text,
}

impl Target {
    fn read(arguments: &Arguments, id: usize, value: usize) -> Result<Self, Misuse> {
        Ok(Self { id: arguments.int(id)?, value: arguments.optional_text(value)? })
    }

    /// Returns the id if the token belongs to the store.
    fn id_in(&self, store: &StoreRef) -> Result<i64, Failure> {
        if self.value.at().is_null() {
            return Ok(self.id);
        }
        let mut handle = null_mut();
        let (at, len) = (self.value.at(), self.value.len());
        match call!(api().store_find_token, store.get(), at, len, &raw mut handle) {
            Ok(()) => {
                // SAFETY: the library returned it to this caller, which owns it.
                let found = unsafe { TokenRef::own(handle) };
                // SAFETY: the token is valid.
                if unsafe { (api().token_id)(found.get()) } == self.id {
                    return Ok(self.id);
                }
            }
            Err(failure) if failure.status() != abi::E_NOT_FOUND => return Err(failure),
            Err(_) => {}
        }
        Err(Self::not_found())
    }

    fn not_found() -> Failure {
        Failure::of_status(abi::E_NOT_FOUND, "this store has no such token").with_argument("token")
    }
}

/// Arguments: the id, the fields of the update in their order, and the value.
fn store_update_token(arguments: &Arguments) -> Prepared {
    let (store, target) = (store(arguments, 1)?, Target::read(arguments, 2, 11)?);
    let (expires_mode, note_mode) = (arguments.code(3)?, arguments.code(4)?);
    let (policy_mode, extra_data_mode) = (arguments.code(5)?, arguments.code(6)?);
    let (expires_at_us, note) = (arguments.int(7)?, arguments.optional_text(8)?);
    let (policy, extra_data) = (arguments.optional_text(9)?, arguments.optional_text(10)?);
    job(move || {
        let update = abi::TokenUpdate {
            struct_size: size_of::<abi::TokenUpdate>(),
            expires_mode,
            note_mode,
            policy_mode,
            extra_data_mode,
            expires_at_us,
            note: note.at(),
            note_len: note.len(),
            policy: policy.at(),
            policy_len: policy.len(),
            extra_data: extra_data.at(),
            extra_data_len: extra_data.len(),
        };
        let mut handle = null_mut();
        let id = target.id_in(&store)?;
        call!(api().store_update_token, store.get(), id, &raw const update, &raw mut handle)?;
        Ok(token(handle))
    })
}

/// Arguments: the id, the reason, and the value.
fn store_invalidate_token_by_id(arguments: &Arguments) -> Prepared {
    let (store, reason) = (store(arguments, 1)?, arguments.text(3)?);
    let target = Target::read(arguments, 2, 4)?;
    job(move || {
        let (store, at, len) = (store.get(), reason.at(), reason.len());
        let value = &target.value;
        if value.at().is_null() {
            call!(api().store_invalidate_token_by_id, store, target.id, at, len)?;
            return Ok(Output::Nothing);
        }
        // By the value, without a lookup: a token that cannot be read can still be revoked.
        match call!(api().store_invalidate_token, store, value.at(), value.len(), at, len) {
            Err(failure) if failure.status() == abi::E_NOT_FOUND => Err(Target::not_found()),
            result => result.map(|()| Output::Nothing),
        }
    })
}

fn store_invalidate_user_tokens(arguments: &Arguments) -> Prepared {
    let store = store(arguments, 1)?;
    let (user, reason) = (arguments.text(2)?, arguments.text(3)?);
    job(move || {
        let mut count = 0;
        call!(
            api().store_invalidate_user_tokens,
            store.get(),
            user.at(),
            user.len(),
            reason.at(),
            reason.len(),
            &raw mut count,
        )?;
        Ok(Output::Count(count))
    })
}

fn store_invalidate_all_tokens(arguments: &Arguments) -> Prepared {
    let (store, reason) = (store(arguments, 1)?, arguments.text(2)?);
    job(move || {
        let (mut count, at, len) = (0, reason.at(), reason.len());
        call!(api().store_invalidate_all_tokens, store.get(), at, len, &raw mut count)?;
        Ok(Output::Count(count))
    })
}

/// Arguments: the id, and the value.
fn store_delete_token(arguments: &Arguments) -> Prepared {
    let (store, target) = (store(arguments, 1)?, Target::read(arguments, 2, 3)?);
    job(move || {
        call!(api().store_delete_token, store.get(), target.id_in(&store)?)?;
        Ok(Output::Nothing)
    })
}

fn store_purge_tokens(arguments: &Arguments) -> Prepared {
    let (store, dead_before) = (store(arguments, 1)?, arguments.int(2)?);
    job(move || {
        let mut count = 0;
        call!(api().store_purge_tokens, store.get(), dead_before, &raw mut count)?;
        Ok(Output::Count(count))
    })
}

/// Arguments: the key, and the event. The reference removes the hooks when it is released.
fn store_add_hooks(arguments: &Arguments) -> Prepared {
    let (store, key) = (store(arguments, 1)?, key(arguments, 2)?);
    let event = arguments.small(3)?;
    job(move || {
        let hooks = host::hooks(key.into_user_data(), event);
        let mut id = 0;
        call!(api().store_add_hooks, store.get(), &raw const hooks, &raw mut id)?;
        store.add_hooks(id);
        Ok(Output::Count(id))
    })
}

fn store_remove_hooks(arguments: &Arguments) -> Prepared {
    let (store, id) = (store(arguments, 1)?, u64::from(arguments.small(2)?));
    job(move || {
        store.forget_hooks(id);
        call!(api().store_remove_hooks, store.get(), id)?;
        Ok(Output::Nothing)
    })
}

fn store_add_generator(arguments: &Arguments) -> Prepared {
    let (store, id) = (store(arguments, 1)?, arguments.text(2)?);
    let key = key(arguments, 3)?;
    job(move || {
        let generator = host::generator(key.into_user_data());
        let generator = &raw const generator;
        call!(api().store_add_generator, store.get(), id.at(), id.len(), generator)?;
        Ok(Output::Nothing)
    })
}

/// Arguments: the fields of the options in their order.
fn service_account_new(arguments: &Arguments) -> Prepared {
    let (expiration_mode, token_version) = (arguments.code(1)?, arguments.small(2)?);
    let (expiration_secs, id) = (arguments.int(3)?, arguments.text(4)?);
    let (user, policy) = (arguments.optional_text(5)?, arguments.optional_text(6)?);
    job(move || {
        let options = abi::ServiceAccountOptions {
            struct_size: size_of::<abi::ServiceAccountOptions>(),
            expiration_mode,
            token_version,
            expiration_secs,
            id: id.at(),
            id_len: id.len(),
            user: user.at(),
            user_len: user.len(),
            policy: policy.at(),
            policy_len: policy.len(),
        };
        let mut account = null_mut();
        call!(api().service_account_new, &raw const options, &raw mut account)?;
        // SAFETY: the library returned it to this caller, which owns it.
        Ok(Output::Account(Arc::new(unsafe { AccountRef::own(account) })))
    })
}

/// Arguments: the account, the store, and the fields of the options in their order.
fn service_account_get_api_token(arguments: &Arguments) -> Prepared {
    let (account, store) = (arguments.handle::<Arc<AccountRef>>(1)?.clone(), store(arguments, 2)?);
    let (min_validity_mode, min_validity_secs) = (arguments.code(3)?, arguments.int(4)?);
    let local_site = arguments.optional_text(5)?;
    job(move || {
        let options = abi::ServiceTokenOptions {
            struct_size: size_of::<abi::ServiceTokenOptions>(),
            min_validity_mode,
            reserved: 0,
            min_validity_secs,
            local_site: local_site.at(),
            local_site_len: local_site.len(),
        };
        let (mut handle, mut created) = (null_mut(), false);
        call!(
            api().service_account_get_api_token,
            account.get(),
            store.get(),
            &raw const options,
            &raw mut handle,
            &raw mut created,
        )?;
        Ok(client_token(handle, created))
    })
}

/// Defines policy checks. Arguments: the policy id, the method and the resource id.
macro_rules! questions {
    ($($name:ident: $kind:ty, $function:ident;)*) => {$(
        fn $name(arguments: &Arguments) -> Prepared {
            let handle = arguments.handle::<$kind>(1)?.clone();
            let (id, method) = (arguments.text(2)?, arguments.text(3)?);
            let resource = arguments.optional_text(4)?;
            job(move || {
                let mut allowed = false;
                call!(
                    api().$function,
                    handle.get(),
                    id.at(),
                    id.len(),
                    method.at(),
                    method.len(),
                    resource.at(),
                    resource.len(),
                    &raw mut allowed,
                )?;
                Ok(Output::Flag(allowed))
            })
        }
    )*};
}

questions! {
    token_allows: TokenRef, token_allows;
    policy_allows: Arc<PolicyRef>, policy_allows;
}

/// Arguments: the time, and the flags.
fn token_to_json(arguments: &Arguments) -> Prepared {
    let token = arguments.handle::<TokenRef>(1)?.clone();
    let (at_us, flags) = (arguments.int(2)?, arguments.small(3)?);
    job(move || {
        let mut json = null_mut();
        call!(api().token_to_json, token.get(), at_us, flags, &raw mut json)?;
        // SAFETY: the library returned it to this caller, which owns it.
        Ok(Output::Text(unsafe { Buffer::own(json) }))
    })
}

/// Arguments: the document, and the store with the ids, if there is one.
fn policy_parse(arguments: &Arguments) -> Prepared {
    let document = arguments.text(1)?;
    let store = if arguments.is_absent(2) { None } else { Some(store(arguments, 2)?) };
    job(move || {
        let store = store.as_ref().map_or(null_mut(), |store| store.get());
        let mut policy = null_mut();
        let output = &raw mut policy;
        call!(api().policy_parse, store, document.at(), document.len(), output)?;
        // SAFETY: the library returned it to this caller, which owns it.
        Ok(Output::Policy(Arc::new(unsafe { PolicyRef::own(policy) })))
    })
}

/// Arguments: the key of the services, and which there are.
fn instance_create(arguments: &Arguments) -> Prepared {
    let (key, which) = (key(arguments, 1)?, arguments.small(2)?);
    job(move || {
        let services = host::services(Arc::as_ptr(&key).cast_mut().cast(), which);
        let mut instance = null_mut();
        call!(extension()?.create, &raw const services, &raw mut instance)?;
        // SAFETY: the library returned it to this caller, which owns it.
        Ok(Output::Instance(unsafe { InstanceRef::own(instance, key) }))
    })
}

fn instance_configure(arguments: &Arguments) -> Prepared {
    let (instance, settings) = (instance(arguments)?, arguments.optional_text(2)?);
    job(move || {
        call!(extension()?.configure, instance.get(), settings.at(), settings.len())?;
        Ok(Output::Nothing)
    })
}

fn instance_initialize(arguments: &Arguments) -> Prepared {
    let instance = instance(arguments)?;
    job(move || {
        call!(extension()?.initialize, instance.get())?;
        Ok(Output::Nothing)
    })
}

fn instance_shutdown(arguments: &Arguments) -> Prepared {
    let instance = instance(arguments)?;
    job(move || {
        call!(extension()?.shutdown, instance.get())?;
        Ok(Output::Nothing)
    })
}

/// Drops a reference. The instance is destroyed after its running calls.
fn instance_destroy(arguments: &Arguments) -> Prepared {
    let instance = arguments.take::<Arc<InstanceRef>>(1)?;
    job(move || {
        drop(instance);
        Ok(Output::Nothing)
    })
}

fn instance_get_store(arguments: &Arguments) -> Prepared {
    let instance = instance(arguments)?;
    job(move || {
        let mut store = null_mut();
        call!(extension()?.get_store, instance.get(), &raw mut store)?;
        let keep = Some(Arc::clone(&instance.keep));
        // SAFETY: the library returned it to this caller, which owns it.
        Ok(Output::Store(unsafe { StoreRef::own(store, keep) }))
    })
}

fn instance_get_settings(arguments: &Arguments) -> Prepared {
    let instance = instance(arguments)?;
    job(move || {
        let mut settings = null_mut();
        call!(extension()?.get_settings, instance.get(), &raw mut settings)?;
        // SAFETY: the library returned it to this caller, which owns it.
        Ok(Output::Text(unsafe { Buffer::own(settings) }))
    })
}
