// SPDX-License-Identifier: MIT
package rbtoken;

/**
 * A token, and whether it is new.
 *
 * @param token the token
 * @param created true if the call created it
 */
public record IssuedToken(Token token, boolean created) implements AutoCloseable {
    /** Closes the token. */
    @Override
    public void close() {
        token.close();
    }
}
