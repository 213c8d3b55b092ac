// SPDX-License-Identifier: MIT
package rbtoken;

/** The object is in a state that does not allow the call. */
public class InvalidStateException extends RbtokenException {
    private static final long serialVersionUID = 1;

    InvalidStateException(Details details) {
        super(details);
    }
}
