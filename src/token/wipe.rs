//! Wiping memory that held a secret.

use zeroize::optimization_barrier;

/// Wipes memory that held a value, or what one is made of: in wide steps, where the general way
/// writes a byte at a time.
pub(super) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    optimization_barrier(bytes);
}
