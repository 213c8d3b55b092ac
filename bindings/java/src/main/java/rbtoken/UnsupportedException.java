// SPDX-License-Identifier: MIT
package rbtoken;

/** This build of the library, or this kind of store, does not support the call. */
public final class UnsupportedException extends RbtokenException {
    private static final long serialVersionUID = 1;

    UnsupportedException(Details details) {
        super(details);
    }
}
