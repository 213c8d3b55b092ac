// SPDX-License-Identifier: MIT
package rbtoken;

/** Memory is exhausted. */
public final class NoMemoryException extends RbtokenException {
    private static final long serialVersionUID = 1;

    NoMemoryException(Details details) {
        super(details);
    }
}
