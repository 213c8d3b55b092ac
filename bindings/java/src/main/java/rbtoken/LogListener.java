// SPDX-License-Identifier: MIT
package rbtoken;

/** Receives the log of an {@link Instance}. Any thread may call it, several at a time. */
@FunctionalInterface
public interface LogListener {
    /**
     * Receives a message, which never contains a token's value.
     *
     * @param level the severity
     * @param target the part of the library, such as {@code rbtoken.store}
     * @param message the message
     */
    void log(LogLevel level, String target, String message);
}
