// SPDX-License-Identifier: MIT
package rbtoken;

/** Stored data has an incompatible version. */
public final class IncompatibleVersionException extends StorageException {
    private static final long serialVersionUID = 1;

    IncompatibleVersionException(Details details) {
        super(details);
    }
}
