// SPDX-License-Identifier: MIT
package rbtoken;

/** The operation exceeded its time limit. */
public final class TimeoutException extends StorageException {
    private static final long serialVersionUID = 1;

    TimeoutException(Details details) {
        super(details);
    }
}
