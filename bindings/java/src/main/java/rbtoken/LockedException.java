// SPDX-License-Identifier: MIT
package rbtoken;

/** Another store, in this process or another, has the file open. */
public final class LockedException extends StorageException {
    private static final long serialVersionUID = 1;

    LockedException(Details details) {
        super(details);
    }
}
