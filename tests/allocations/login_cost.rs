//! Memory cost of failed logins. Guessing clients are not authenticated and must not be able to
//! make the store allocate.

use std::ffi::c_char;
use std::ptr::{null, null_mut};

use rbtoken::ffi::{
    rbtoken_store_authenticate, rbtoken_store_authenticate_header, rbtoken_store_generate_token,
    rbtoken_store_open, rbtoken_store_release, rbtoken_store_t, rbtoken_token_release,
    rbtoken_token_t, rbtoken_token_value, rbtoken_verdict_code,
};

use crate::counter::allocations;

/// A store with some tokens, and the value of one of them.
struct Fixture {
    store: *mut rbtoken_store_t,
    value: Vec<u8>,
}

impl Fixture {
    fn new(tokens: usize) -> Self {
        let mut store = null_mut();
        let mut value = Vec::new();
        // SAFETY: NULL means default options, and the output is a local variable.
        let status = unsafe { rbtoken_store_open(null(), &mut store, null_mut()) };
        assert_eq!(status, 0);
        for _ in 0..tokens {
            let mut token: *mut rbtoken_token_t = null_mut();
            let mut len = 0;
            // SAFETY: texts have their lengths, outputs are local variables, and handles are
            // released.
            unsafe {
                let status = rbtoken_store_generate_token(
                    store,
                    c"alice".as_ptr(),
                    usize::MAX,
                    null(),
                    &mut token,
                    null_mut(),
                );
                assert_eq!(status, 0);
                let text = rbtoken_token_value(token, &mut len).cast::<u8>();
                value = std::slice::from_raw_parts(text, len).to_vec();
                rbtoken_token_release(token);
            }
        }
        Self { store, value }
    }

    /// Logs in with a value, by itself or in a header. Returns the verdict and the number of
    /// allocations.
    fn judge(&self, bytes: &[u8], in_header: bool) -> (i32, u64) {
        let judge =
            if in_header { rbtoken_store_authenticate_header } else { rbtoken_store_authenticate };
        let mut verdict = -1;
        let mut token = null_mut();
        let mut refused = null_mut();
        let cost = allocations(|| {
            // SAFETY: the bytes have their length, and outputs are local variables.
            let status = unsafe {
                judge(
                    self.store,
                    bytes.as_ptr().cast::<c_char>(),
                    bytes.len(),
                    null(),
                    &mut verdict,
                    &mut token,
                    &mut refused,
                    null_mut(),
                )
            };
            assert_eq!(status, 0);
        });
        // SAFETY: NULL, or handles that this function owns.
        unsafe {
            rbtoken_token_release(token);
            rbtoken_token_release(refused);
        }
        (verdict, cost)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // SAFETY: the fixture owns the handle.
        unsafe { rbtoken_store_release(self.store) };
    }
}

#[test]
fn login_with_an_unknown_value_costs_no_allocation() {
    let fixture = Fixture::new(1000);
    let known = &fixture.value;
    assert_eq!(known.len(), 255);

    // A value of another store has a valid format and checksum.
    let elsewhere = Fixture::new(1).value.clone();
    let mut wrong_end = known.clone();
    let last = wrong_end.last_mut().expect("it is not empty");
    *last = if *last == b'0' { b'1' } else { b'0' };
    let strangers: [(&str, Vec<u8>); 11] = [
        ("right format", elsewhere),
        ("wrong checksum", wrong_end),
        ("cut short", known[..254].to_vec()),
        ("one too many", [&known[..], b"0"].concat()),
        ("wrong format", b"hello".to_vec()),
        ("empty", Vec::new()),
        ("NUL", b"rbp_\0\0\0".to_vec()),
        ("binary", (0..=255).collect()),
        ("not UTF-8", vec![0xff; 255]),
        ("1 MiB of letters", vec![b'a'; 1 << 20]),
        ("1 MiB of bytes", vec![0x80; 1 << 20]),
    ];
    let unknown = rbtoken_verdict_code::RBTOKEN_VERDICT_UNKNOWN as i32;
    for (what, value) in strangers {
        assert_eq!(fixture.judge(&value, false), (unknown, 0), "{what}");
        let header = [b"token ", &value[..]].concat();
        assert_eq!(fixture.judge(&header, true), (unknown, 0), "{what} in a header");
    }
}

#[test]
fn header_of_another_scheme_costs_no_allocation() {
    let fixture = Fixture::new(10);
    let not_a_token = rbtoken_verdict_code::RBTOKEN_VERDICT_NOT_A_TOKEN as i32;
    let mut long = b"Basic ".to_vec();
    long.resize(1 << 20, b'x');
    for header in [b"Basic YWxpY2U6c2VjcmV0".to_vec(), b"Token abc".to_vec(), Vec::new(), long] {
        assert_eq!(fixture.judge(&header, true), (not_a_token, 0));
    }
}

#[test]
fn allocation_counter_counts() {
    let fixture = Fixture::new(1);
    let (verdict, cost) = fixture.judge(&fixture.value, false);
    assert_eq!(verdict, rbtoken_verdict_code::RBTOKEN_VERDICT_OK as i32);
    assert!(cost > 0, "a token handle is memory");
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![0_u8; 100]))), 1);
}
