// SPDX-License-Identifier: MIT
package rbtoken;

/** There is a bug in the library. */
public final class InternalException extends RbtokenException {
    private static final long serialVersionUID = 1;

    InternalException(Details details) {
        super(details);
    }
}
