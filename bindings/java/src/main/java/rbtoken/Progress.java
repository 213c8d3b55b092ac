// SPDX-License-Identifier: MIT
package rbtoken;

/** Receives the progress of an export or import. An exception cancels the call, which throws it. */
@FunctionalInterface
public interface Progress {
    /**
     * Receives the progress.
     *
     * @param done the number of tokens that are done
     * @param total the number of all tokens
     */
    void report(long done, long total);
}
