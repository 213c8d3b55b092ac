//! Uses of tokens after their creation: logins, changes, events, policies, service accounts.

use std::sync::Mutex;

use super::*;

pub const REFUSED: i32 = rbtoken_verdict_code::RBTOKEN_VERDICT_REFUSED as i32;
pub const ACCEPTED: i32 = rbtoken_verdict_code::RBTOKEN_VERDICT_OK as i32;
pub const UNKNOWN: i32 = rbtoken_verdict_code::RBTOKEN_VERDICT_UNKNOWN as i32;
pub const INVALID: i32 = rbtoken_verdict_code::RBTOKEN_VERDICT_INVALID as i32;
pub const EXPIRED: i32 = rbtoken_verdict_code::RBTOKEN_VERDICT_EXPIRED as i32;
pub const INACTIVE_USER: i32 = rbtoken_verdict_code::RBTOKEN_VERDICT_INACTIVE_USER as i32;
pub const WRONG_SITE: i32 = rbtoken_verdict_code::RBTOKEN_VERDICT_WRONG_SITE as i32;
pub const NOT_A_TOKEN: i32 = rbtoken_verdict_code::RBTOKEN_VERDICT_NOT_A_TOKEN as i32;

pub const EXPIRES_NEVER: i32 = rbtoken_expires_mode::RBTOKEN_EXPIRES_NEVER as i32;
pub const EXPIRES_AT: i32 = rbtoken_expires_mode::RBTOKEN_EXPIRES_AT as i32;
pub const MIN_VALIDITY_SECS: i32 = rbtoken_min_validity_mode::RBTOKEN_MIN_VALIDITY_SECS as i32;
pub const FIELD_NONE: i32 = rbtoken_field_mode::RBTOKEN_FIELD_NONE as i32;
pub const FIELD_SET: i32 = rbtoken_field_mode::RBTOKEN_FIELD_SET as i32;

/// The site that a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site<'a> {
    Global,
    Named(&'a str),
    Any,
}

/// The result of a login.
#[derive(Debug)]
pub struct Login {
    pub verdict: i32,
    pub token: Option<Token>,
    pub refused: Option<Token>,
}

/// What an update does to a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Field<T> {
    #[default]
    Keep,
    None,
    Set(T),
}

impl<T> Field<T> {
    fn mode(&self) -> i32 {
        match self {
            Self::Keep => rbtoken_field_mode::RBTOKEN_FIELD_KEEP as i32,
            Self::None => FIELD_NONE,
            Self::Set(_) => FIELD_SET,
        }
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Self::Keep => Field::Keep,
            Self::None => Field::None,
            Self::Set(value) => Field::Set(change(value)),
        }
    }

    pub fn value(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            _ => None,
        }
    }
}

/// Arguments of an update.
#[derive(Clone, Copy, Debug, Default)]
pub struct Update<'a> {
    pub expires: Field<i64>,
    pub note: Field<&'a str>,
    pub policy: Field<&'a str>,
    pub extra_data: Field<&'a str>,
}

impl Update<'_> {
    pub fn options(&self) -> rbtoken_token_update_t {
        let (note, note_len) = optional(self.note.value());
        let (policy, policy_len) = optional(self.policy.value());
        let (extra_data, extra_data_len) = optional(self.extra_data.value());
        rbtoken_token_update_t {
            expires_mode: self.expires.mode(),
            note_mode: self.note.mode(),
            policy_mode: self.policy.mode(),
            extra_data_mode: self.extra_data.mode(),
            expires_at_us: self.expires.value().unwrap_or(0),
            note,
            note_len,
            policy,
            policy_len,
            extra_data,
            extra_data_len,
            ..init()
        }
    }
}

impl Store {
    pub fn remove_local_site(&self, name: &str) -> Result<(), Failure> {
        let (name, len) = text(name);
        // SAFETY: the handle and the texts are valid during the call; this also holds below.
        call(|error| unsafe { rbtoken_store_remove_local_site(self.raw, name, len, error) })
    }

    pub fn set_user_active(&self, user: &str, active: bool) -> Result<(), Failure> {
        let (user, len) = text(user);
        call(|error| unsafe {
            rbtoken_store_set_user_active(self.raw, user, len, active.into(), error)
        })
    }

    pub fn authenticate(&self, value: &str, site: Site<'_>) -> Result<Login, Failure> {
        self.log_in(value.as_bytes(), site, rbtoken_store_authenticate)
    }

    pub fn authenticate_bytes(&self, value: &[u8], site: Site<'_>) -> Result<Login, Failure> {
        self.log_in(value, site, rbtoken_store_authenticate)
    }

    pub fn authenticate_header(&self, header: &[u8], site: Site<'_>) -> Result<Login, Failure> {
        self.log_in(header, site, rbtoken_store_authenticate_header)
    }

    fn log_in(&self, what: &[u8], site: Site<'_>, function: LogIn) -> Result<Login, Failure> {
        let mut options = init::<rbtoken_login_options_t>();
        options.site_mode = match site {
            Site::Global => rbtoken_site_mode::RBTOKEN_SITE_GLOBAL as i32,
            Site::Named(name) => {
                (options.site, options.site_len) = text(name);
                rbtoken_site_mode::RBTOKEN_SITE_NAMED as i32
            }
            Site::Any => rbtoken_site_mode::RBTOKEN_SITE_ANY as i32,
        };
        let (what, len) = bytes(what);
        let (mut verdict, mut token, mut refused) = (i32::MAX, garbage(), garbage());
        let judged = call(|error| unsafe {
            function(
                self.raw,
                what,
                len,
                &raw const options,
                &raw mut verdict,
                &raw mut token,
                &raw mut refused,
                error,
            )
        });
        let [token, refused] = [token, refused].map(|raw| (!raw.is_null()).then(|| Token(raw)));
        if judged.is_err() {
            assert_eq!(verdict, REFUSED);
            assert!(token.is_none() && refused.is_none());
        }
        judged.map(|()| {
            assert_ne!(verdict, REFUSED, "a call that succeeds has a verdict");
            assert_eq!(token.is_some(), verdict == ACCEPTED);
            let explains = [INVALID, EXPIRED, WRONG_SITE].contains(&verdict);
            assert_eq!(refused.is_some(), explains);
            Login { verdict, token, refused }
        })
    }

    pub fn forget_logins(&self, value: Option<&str>) {
        let (value, len) = optional(value);
        call(|error| unsafe { rbtoken_store_forget_logins(self.raw, value, len, error) }).unwrap();
    }

    pub fn update(&self, id: i64, update: &Update<'_>) -> Result<Token, Failure> {
        let options = update.options();
        self.update_with(id, &options)
    }

    pub fn update_with(&self, id: i64, update: &rbtoken_token_update_t) -> Result<Token, Failure> {
        Token::from(|token, error| unsafe {
            rbtoken_store_update_token(self.raw, id, update, token, error)
        })
    }

    pub fn invalidate(&self, value: &str, reason: Option<&str>) -> Result<(), Failure> {
        let ((value, value_len), (reason, reason_len)) = (text(value), optional(reason));
        call(|error| unsafe {
            rbtoken_store_invalidate_token(self.raw, value, value_len, reason, reason_len, error)
        })
    }

    pub fn invalidate_by_id(&self, id: i64, reason: Option<&str>) -> Result<(), Failure> {
        let (reason, len) = optional(reason);
        call(|error| unsafe {
            rbtoken_store_invalidate_token_by_id(self.raw, id, reason, len, error)
        })
    }

    pub fn invalidate_user(&self, user: &str, reason: Option<&str>) -> Result<u64, Failure> {
        let ((user, user_len), (reason, reason_len)) = (text(user), optional(reason));
        counted(|count, error| unsafe {
            rbtoken_store_invalidate_user_tokens(
                self.raw, user, user_len, reason, reason_len, count, error,
            )
        })
    }

    pub fn invalidate_all(&self, reason: Option<&str>) -> Result<u64, Failure> {
        let (reason, len) = optional(reason);
        counted(|count, error| unsafe {
            rbtoken_store_invalidate_all_tokens(self.raw, reason, len, count, error)
        })
    }

    pub fn delete(&self, id: i64) -> Result<(), Failure> {
        call(|error| unsafe { rbtoken_store_delete_token(self.raw, id, error) })
    }

    pub fn purge(&self, dead_before_us: i64) -> Result<u64, Failure> {
        counted(|count, error| unsafe {
            rbtoken_store_purge_tokens(self.raw, dead_before_us, count, error)
        })
    }

    /// Records every event of the store from now on.
    pub fn watch(&self) -> Arc<Events> {
        self.add_hooks().1
    }

    /// Adds hooks that record events, and returns the id for removing them.
    pub fn add_hooks(&self) -> (u64, Arc<Events>) {
        let events = Arc::new(Events::default());
        let hooks = rbtoken_hooks_t {
            user_data: Arc::into_raw(Arc::clone(&events)).cast_mut().cast(),
            created: Some(on_created),
            updated: Some(on_updated),
            invalidated: Some(on_invalidated),
            expired: Some(on_expired),
            used: Some(on_used),
            deleted: Some(on_deleted),
            destroy: Some(drop_events),
            ..init()
        };
        let mut id = 0;
        call(|error| unsafe {
            rbtoken_store_add_hooks(self.raw, &raw const hooks, &raw mut id, error)
        })
        .unwrap();
        assert!(id >= 1);
        (id, events)
    }

    pub fn remove_hooks(&self, id: u64) -> Result<(), Failure> {
        call(|error| unsafe { rbtoken_store_remove_hooks(self.raw, id, error) })
    }
}

type LogIn = unsafe extern "C" fn(
    *mut rbtoken_store_t,
    *const c_char,
    usize,
    *const rbtoken_login_options_t,
    *mut rbtoken_verdict_t,
    *mut *mut rbtoken_token_t,
    *mut *mut rbtoken_token_t,
    *mut *mut rbtoken_error_t,
) -> rbtoken_status_t;

/// Makes a call that returns a count, which is 0 after a failure.
fn counted(
    function: impl FnOnce(*mut u64, *mut *mut rbtoken_error_t) -> rbtoken_status_t,
) -> Result<u64, Failure> {
    let mut count = u64::MAX;
    let done = call(|error| function(&raw mut count, error));
    assert!(done.is_ok() || count == 0);
    done.map(|()| count)
}

/// An event as recorded by a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub event: &'static str,
    pub auto_generated: bool,
    /// The token passed to the hook.
    pub token: Record,
}

/// The recorded events, in order.
#[derive(Default)]
pub struct Events(Mutex<Vec<Seen>>);

impl Events {
    /// Returns the events since the last call.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Returns the names and token ids of the events since the last call.
    pub fn names(&self) -> Vec<(&'static str, i64)> {
        self.take().into_iter().map(|seen| (seen.event, seen.token.id)).collect()
    }

    /// # Safety
    /// `user_data` must be an `Events`, and the token valid; this also holds below.
    unsafe fn add(
        user_data: *mut c_void,
        store: *mut rbtoken_store_t,
        event: &'static str,
        token: *const rbtoken_token_t,
        auto_generated: bool,
    ) {
        assert!(!store.is_null());
        // SAFETY: as promised by the caller.
        let (events, token) =
            unsafe { (&*user_data.cast::<Self>(), Token(rbtoken_token_retain(token))) };
        events.0.lock().unwrap().push(Seen { event, auto_generated, token: token.record() });
    }
}

unsafe extern "C-unwind" fn on_created(
    user_data: *mut c_void,
    store: *mut rbtoken_store_t,
    token: *const rbtoken_token_t,
    auto_generated: bool,
) {
    // SAFETY: the hooks were added with this data.
    unsafe { Events::add(user_data, store, "created", token, auto_generated) };
}

unsafe extern "C-unwind" fn on_updated(
    user_data: *mut c_void,
    store: *mut rbtoken_store_t,
    token: *const rbtoken_token_t,
) {
    // SAFETY: as above.
    unsafe { Events::add(user_data, store, "updated", token, false) };
}

unsafe extern "C-unwind" fn on_invalidated(
    user_data: *mut c_void,
    store: *mut rbtoken_store_t,
    token: *const rbtoken_token_t,
) {
    // SAFETY: as above.
    unsafe { Events::add(user_data, store, "invalidated", token, false) };
}

unsafe extern "C-unwind" fn on_expired(
    user_data: *mut c_void,
    store: *mut rbtoken_store_t,
    token: *const rbtoken_token_t,
) {
    // SAFETY: as above.
    unsafe { Events::add(user_data, store, "expired", token, false) };
}

unsafe extern "C-unwind" fn on_used(
    user_data: *mut c_void,
    store: *mut rbtoken_store_t,
    token: *const rbtoken_token_t,
) {
    // SAFETY: as above.
    unsafe { Events::add(user_data, store, "used", token, false) };
}

unsafe extern "C-unwind" fn on_deleted(
    user_data: *mut c_void,
    store: *mut rbtoken_store_t,
    token: *const rbtoken_token_t,
) {
    // SAFETY: as above.
    unsafe { Events::add(user_data, store, "deleted", token, false) };
}

unsafe extern "C-unwind" fn drop_events(user_data: *mut c_void) {
    // SAFETY: the pointer came from `Arc::into_raw`.
    drop(unsafe { Arc::from_raw(user_data.cast_const().cast::<Events>()) });
}

/// Arguments of a policy check: policy id, method, resource id.
pub type Question<'a> = (&'a str, &'a str, Option<&'a str>);

fn answered(
    function: impl FnOnce(*mut bool, *mut *mut rbtoken_error_t) -> rbtoken_status_t,
) -> Result<bool, Failure> {
    let mut allowed = true;
    let asked = call(|error| function(&raw mut allowed, error));
    assert!(asked.is_ok() || !allowed);
    asked.map(|()| allowed)
}

impl Token {
    pub fn allows(&self, (id, method, resource): Question<'_>) -> Result<bool, Failure> {
        let ((id, id_len), (method, method_len)) = (text(id), text(method));
        let (resource, resource_len) = optional(resource);
        answered(|allowed, error| unsafe {
            rbtoken_token_allows(
                self.0,
                id,
                id_len,
                method,
                method_len,
                resource,
                resource_len,
                allowed,
                error,
            )
        })
    }

    pub fn to_json(&self, at_us: i64, flags: u32) -> Result<String, Failure> {
        let mut buffer = garbage();
        let written = call(|error| unsafe {
            rbtoken_token_to_json(self.0, at_us, flags, &raw mut buffer, error)
        });
        assert_eq!(written.is_err(), buffer.is_null());
        written.map(|()| unsafe {
            let mut len = usize::MAX;
            let json = string(rbtoken_buffer_data(buffer, &raw mut len)).unwrap();
            assert_eq!(json.len(), len);
            rbtoken_buffer_free(buffer);
            json
        })
    }
}

/// A handle of a policy.
#[derive(Debug)]
pub struct Policy(*mut rbtoken_policy_t);

impl Drop for Policy {
    fn drop(&mut self) {
        // SAFETY: this value owns the handle.
        unsafe { rbtoken_policy_free(self.0) };
    }
}

impl Policy {
    /// Parses a policy. Without a store, any policy id is known.
    pub fn parse(store: Option<&Store>, document: &str) -> Result<Self, Failure> {
        let (document, len) = text(document);
        let store = store.map_or(null_mut(), Store::raw);
        let mut raw = garbage();
        let read = call(|error| unsafe {
            rbtoken_policy_parse(store, document, len, &raw mut raw, error)
        });
        assert_eq!(read.is_err(), raw.is_null());
        read.map(|()| Self(raw))
    }

    pub fn allows(&self, (id, method, resource): Question<'_>) -> Result<bool, Failure> {
        let ((id, id_len), (method, method_len)) = (text(id), text(method));
        let (resource, resource_len) = optional(resource);
        answered(|allowed, error| unsafe {
            rbtoken_policy_allows(
                self.0,
                id,
                id_len,
                method,
                method_len,
                resource,
                resource_len,
                allowed,
                error,
            )
        })
    }
}

/// A handle of a service account.
#[derive(Debug)]
pub struct ServiceAccount(*mut rbtoken_service_account_t);

impl Drop for ServiceAccount {
    fn drop(&mut self) {
        // SAFETY: this value owns the handle.
        unsafe { rbtoken_service_account_free(self.0) };
    }
}

impl ServiceAccount {
    pub fn new(options: &rbtoken_service_account_options_t) -> Result<Self, Failure> {
        let mut raw = garbage();
        let described =
            call(|error| unsafe { rbtoken_service_account_new(options, &raw mut raw, error) });
        assert_eq!(described.is_err(), raw.is_null());
        described.map(|()| Self(raw))
    }

    /// Returns the token and whether it was created.
    pub fn api_token(
        &self,
        store: &Store,
        options: &rbtoken_service_token_options_t,
    ) -> Result<(Token, bool), Failure> {
        let mut created = true;
        let token = Token::from(|token, error| unsafe {
            rbtoken_service_account_get_api_token(
                self.0,
                store.raw,
                options,
                token,
                &raw mut created,
                error,
            )
        });
        assert!(token.is_ok() || !created);
        Ok((token?, created))
    }
}
