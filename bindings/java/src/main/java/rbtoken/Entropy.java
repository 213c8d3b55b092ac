// SPDX-License-Identifier: MIT
package rbtoken;

/** A source of unpredictable bytes. Any thread may call it, several at a time. */
@FunctionalInterface
public interface Entropy {
    /**
     * Sets all bytes to values that nobody can predict.
     *
     * @param bytes the bytes, which are zeroed after the call
     */
    void fill(byte[] bytes);
}
