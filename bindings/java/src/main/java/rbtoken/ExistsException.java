// SPDX-License-Identifier: MIT
package rbtoken;

/** The object already exists. */
public final class ExistsException extends RbtokenException {
    private static final long serialVersionUID = 1;

    ExistsException(Details details) {
        super(details);
    }
}
