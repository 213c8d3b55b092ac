// SPDX-License-Identifier: MIT
package rbtoken;

/** The process was forked after the store was opened. */
public final class ForkedException extends InvalidStateException {
    private static final long serialVersionUID = 1;

    ForkedException(Details details) {
        super(details);
    }
}
