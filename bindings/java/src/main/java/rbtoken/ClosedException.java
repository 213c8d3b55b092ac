// SPDX-License-Identifier: MIT
package rbtoken;

/** Thrown by a call on an object that was closed. */
public final class ClosedException extends IllegalStateException {
    private static final long serialVersionUID = 1;

    ClosedException(String message) {
        super(message);
    }
}
