// SPDX-License-Identifier: MIT
package rbtoken;

/** An argument has a value that is not allowed. */
public class InvalidArgumentException extends RbtokenException {
    private static final long serialVersionUID = 1;

    InvalidArgumentException(Details details) {
        super(details);
    }

    InvalidArgumentException(Status status, String message, String argument) {
        super(new Details(status.code(), message, argument, null));
    }
}
