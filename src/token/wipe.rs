//! Zeroizes memory that held a secret.

use zeroize::optimization_barrier;

/// Zeroizes memory that held a token value, or random bytes for one. Faster than `zeroize`,
/// which writes one byte at a time.
pub(super) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    optimization_barrier(bytes);
}
