//! The shared store of a process. It exists until the process ends, so this is a single test in its
//! own program, with ordered steps.
// Tests call C functions, and fail at the first surprise.
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rbtoken::ffi::*;
use support::*;

/// The callback structs of a host, and options that use them.
struct Given {
    host: Arc<Host>,
    clock: rbtoken_clock_t,
    entropy: rbtoken_entropy_t,
}

impl Given {
    fn new() -> Self {
        let host = Host::new();
        let (clock, entropy) = (host.clock(), host.entropy());
        Self { host, clock, entropy }
    }

    fn options(&self, settings: &str) -> rbtoken_store_options_t {
        let (settings, settings_len) = text(settings);
        rbtoken_store_options_t {
            settings,
            settings_len,
            clock: &raw const self.clock,
            entropy: &raw const self.entropy,
            ..init()
        }
    }

    fn shared(&self, settings: &str) -> Result<Store, Failure> {
        Store::shared(&self.host, Some(&self.options(settings)))
    }
}

#[test]
fn shared_store_is_the_same_for_equal_options() {
    const SETTINGS: &str = r#"{"token_type": "shared"}"#;

    // A failed call opens nothing, and the next one may try other options.
    let failing = Given::new();
    let failure = failing.shared(r#"{"token_type": 1}"#).err().unwrap();
    assert_eq!(failure.at(), (E_JSON_TYPE, Some("$.token_type")));
    assert_eq!(failing.host.destroyed(), (1, 1));

    // The first successful call.
    let given = Given::new();
    let first = given.shared(SETTINGS).unwrap();
    let token = first.client_token("alice", "tool", &init()).unwrap().0;
    assert!(token.value().starts_with("shared_"));
    assert_eq!(token.record().time_added, START);
    assert!(given.host.fill_calls.load(Ordering::SeqCst) > 0);

    // Equal options, or none, return the same store. Equal texts may be at different addresses.
    let elsewhere = SETTINGS.to_owned();
    let again = given.shared(&elsewhere).unwrap();
    let any = Store::shared(&given.host, None).unwrap();
    assert_eq!((again.raw(), any.raw()), (first.raw(), first.raw()));
    assert_eq!(again.find(&token.value()).unwrap().id(), token.id());
    assert_eq!(any.count(), Ok(1));
    assert_eq!(given.host.destroyed(), (0, 0), "the store still uses these callbacks");

    // Other options are refused, and only their callbacks are destroyed.
    let other = Given::new();
    let failure = other.shared(SETTINGS).err().unwrap();
    assert_eq!(failure.of(), (E_STATE, Some("options")));
    assert_eq!(other.host.destroyed(), (1, 1));
    let other = Given::new();
    let options =
        rbtoken_store_options_t { entropy: &raw const other.entropy, ..given.options(SETTINGS) };
    let failure = Store::shared(&given.host, Some(&options)).err().unwrap();
    assert_eq!(failure.of(), (E_STATE, Some("options")));
    assert_eq!(other.host.destroyed(), (0, 1));
    for settings in ["{}", r#"{"token_type":"shared"}"#, r#"{"token_type": 1}"#] {
        let failure = given.shared(settings).err().unwrap();
        assert_eq!(failure.of(), (E_STATE, Some("options")), "{settings}");
    }
    let failure = Store::shared(&given.host, Some(&init())).err().unwrap();
    assert_eq!(failure.of(), (E_STATE, Some("options")));
    assert_eq!(given.host.destroyed(), (0, 0), "the store still uses these callbacks");

    // A call with bad arguments does not destroy the store's callbacks either.
    let options = given.options(SETTINGS);
    // SAFETY: NULL is a bad output, which the call rejects.
    let failure =
        call(|error| unsafe { rbtoken_store_shared(&raw const options, null_mut(), error) });
    assert_eq!(failure.unwrap_err().of(), (E_NULL_ARGUMENT, Some("store")));
    assert_eq!(given.host.destroyed(), (0, 0), "the store still uses these callbacks");
    let (location, location_len) = bytes(b"\xff");
    let options = rbtoken_store_options_t { location, location_len, ..options };
    let failure = Store::shared(&given.host, Some(&options)).err().unwrap();
    assert_eq!(failure.of(), (E_INVALID_UTF8, Some("location")));
    assert_eq!(given.host.destroyed(), (0, 0), "the store still uses these callbacks");
    let no_clock = rbtoken_clock_t { struct_size: 1, ..given.clock };
    let options = rbtoken_store_options_t { clock: &raw const no_clock, ..given.options(SETTINGS) };
    let failure = Store::shared(&given.host, Some(&options)).err().unwrap();
    assert_eq!(failure.of(), (E_STRUCT_SIZE, Some("clock")));
    assert_eq!(given.host.destroyed(), (0, 0), "the store still uses these callbacks");

    // The process keeps the store after every handle was released.
    drop((first, again, any));
    assert_eq!(given.host.destroyed(), (0, 0));
    let kept = Store::shared(&given.host, None).unwrap();
    assert_eq!(kept.find(&token.value()).unwrap().id(), token.id());

    // Concurrent threads get it as well.
    let _watchdog = Watchdog::start();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(Store::shared(&given.host, None).unwrap().count(), Ok(1)));
        }
    });
}
