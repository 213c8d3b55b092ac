// SPDX-License-Identifier: MIT
package rbtoken;

/** Receives events of tokens. */
@FunctionalInterface
public interface TokenListener {
    /**
     * Receives an event, after it has happened. Both objects are closed when the method returns; to
     * keep one, call its method {@code retain}.
     *
     * @param store the store, which the listener can use
     * @param token the token as it is after the event
     */
    void onEvent(Store store, Token token);
}
