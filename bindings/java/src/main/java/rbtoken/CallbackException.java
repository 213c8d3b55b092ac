// SPDX-License-Identifier: MIT
package rbtoken;

/** A callback broke its contract. */
public final class CallbackException extends RbtokenException {
    private static final long serialVersionUID = 1;

    CallbackException(Details details) {
        super(details);
    }
}
