// SPDX-License-Identifier: MIT
package rbtoken;

/** There is no such token, user, Local Site, setting or hooks. */
public final class NotFoundException extends RbtokenException {
    private static final long serialVersionUID = 1;

    NotFoundException(Details details) {
        super(details);
    }
}
