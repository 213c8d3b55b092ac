//! Generated values: format, and uniform distribution.

use std::collections::HashSet;

use crate::support::*;
use rbtoken::ffi::*;

const VALUES: usize = 100_000;

/// Checks the format of a value and returns the entropy between type and checksum.
fn entropy_of<'a>(value: &'a str, token_type: &str) -> &'a str {
    assert_eq!(value.len(), 255, "{value}");
    let rest = value.strip_prefix(token_type).and_then(|rest| rest.strip_prefix('_')).unwrap();
    assert!(rest.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{value}");
    &rest[..rest.len() - 6]
}

/// Computes the CRC-32 of IEEE 802.3 bit by bit, independently of the library.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

/// Returns the six checksum digits for the entropy.
fn checksum(entropy: &str) -> String {
    let digits: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
    let mut rest = crc32(entropy.as_bytes()) as usize;
    let mut checksum = ['0'; 6];
    for digit in checksum.iter_mut().rev() {
        *digit = digits[rest % 62];
        rest /= 62;
    }
    checksum.iter().collect()
}

#[test]
fn generated_values_are_valid_all_different_and_uniform() {
    let store = Store::new();
    let mut seen = HashSet::with_capacity(VALUES);
    let mut counts = [0_u64; 128];
    for index in 0..VALUES {
        let value = store.generate("alice", &init()).unwrap().value();
        let entropy = entropy_of(&value, "rbp");
        assert_eq!(entropy.len(), 245);
        // This checksum is slow, so only a sample is checked.
        if index % 50 == 0 {
            assert_eq!(value[249..], checksum(entropy), "{value}");
        }
        assert_eq!(store.value_is_valid("vendor_checksum", "rbp", &value), Ok(true));
        for byte in entropy.bytes() {
            counts[usize::from(byte)] += 1;
        }
        assert!(seen.insert(value), "value {index} came before");
    }
    // Pearson's statistic for 62 characters. 152.016 is the critical value for 61 degrees of
    // freedom at p = 1e-9: the root of Q(61/2, x/2) = 1e-9, where Q is the regularized upper
    // incomplete gamma function (computed by its continued fraction, which gives the tabulated
    // 80.232 for p = 0.05). A correct source fails here once in 1e9 runs.
    let expected = (VALUES * 245) as f64 / 62.0;
    let digits = ('0'..='9').chain('A'..='Z').chain('a'..='z');
    let chi_square: f64 =
        digits.map(|digit| (counts[digit as usize] as f64 - expected).powi(2) / expected).sum();
    println!("chi-square {chi_square:.1}");
    assert!(chi_square < 152.016, "{chi_square}");
}

#[test]
fn every_position_of_a_value_takes_every_character() {
    // The probability that a position lacks one of 62 characters in 10,000 draws is (61/62)^10000,
    // about 1e-71.
    let store = Store::new();
    let mut taken = vec![HashSet::new(); 245];
    for _ in 0..10_000 {
        let value = store.generate("alice", &init()).unwrap().value();
        for (place, byte) in entropy_of(&value, "rbp").bytes().enumerate() {
            taken[place].insert(byte);
        }
    }
    assert!(taken.iter().all(|characters| characters.len() == 62));
}

#[test]
fn value_starts_with_the_requested_type() {
    let store = Store::new();
    let longest = "x".repeat(216);
    for token_type in ["a", "rbp", "Custom9", &longest] {
        let mut options = init::<rbtoken_generate_options_t>();
        (options.token_type, options.token_type_len) = text(token_type);
        let value = store.generate("alice", &options).unwrap().value();
        let entropy = entropy_of(&value, token_type);
        assert_eq!(entropy.len(), 255 - 6 - token_type.len() - 1);
        assert!(value.ends_with(&checksum(entropy)));
        assert_eq!(store.value_is_valid("vendor_checksum", token_type, &value), Ok(true));
        assert_eq!(store.value_is_valid("vendor_checksum", "other", &value), Ok(false));
    }
}

#[test]
fn setting_is_the_default_token_type() {
    let store = Store::new();
    store.set_setting("token_type", "\"north1\"").unwrap();
    assert_eq!(entropy_of(&store.generate("alice", &init()).unwrap().value(), "north1").len(), 242);
    let (token, _) = store.client_token("alice", "tool", &init()).unwrap();
    entropy_of(&token.value(), "north1");
}

#[test]
fn invalid_token_type_is_refused() {
    let store = Store::new();
    let too_long = "x".repeat(217);
    for token_type in ["", "a_b", "a b", "é", "-", &too_long] {
        let mut options = init::<rbtoken_generate_options_t>();
        (options.token_type, options.token_type_len) = text(token_type);
        let failure = store.generate("alice", &options).unwrap_err();
        assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("token_type")), "{token_type}");
    }
    assert_eq!(store.count(), Ok(0));
}

#[test]
fn unusable_generator_is_an_error() {
    let store = Store::new();
    for (generator_id, status) in [("legacy_sha1", E_UNSUPPORTED), ("none", E_GENERATION)] {
        let mut options = init::<rbtoken_generate_options_t>();
        (options.generator_id, options.generator_id_len) = text(generator_id);
        let failure = store.generate("alice", &options).unwrap_err();
        assert_eq!(failure.status, status);
    }
    store.set_setting("default_generator", "\"legacy_sha1\"").unwrap();
    assert_eq!(store.generate("alice", &init()).unwrap_err().status, E_UNSUPPORTED);
    assert_eq!(store.client_token("alice", "x", &init()).unwrap_err().status, E_UNSUPPORTED);
    assert_eq!(store.count(), Ok(0));
}

#[test]
fn tampered_value_is_not_valid() {
    let store = Store::new();
    let value = store.generate("alice", &init()).unwrap().value();
    for place in 4..255 {
        let mut changed = value.clone().into_bytes();
        // Not just the other case: a checksum with swapped case is valid.
        changed[place] = if changed[place].eq_ignore_ascii_case(&b'x') { b'y' } else { b'x' };
        let changed = String::from_utf8(changed).unwrap();
        let valid = store.value_is_valid("vendor_checksum", "rbp", &changed);
        assert_eq!(valid, Ok(false), "place {place}");
    }
}
