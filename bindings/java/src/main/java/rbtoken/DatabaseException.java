// SPDX-License-Identifier: MIT
package rbtoken;

/** The database reported an error. */
public final class DatabaseException extends StorageException {
    private static final long serialVersionUID = 1;

    DatabaseException(Details details) {
        super(details);
    }
}
