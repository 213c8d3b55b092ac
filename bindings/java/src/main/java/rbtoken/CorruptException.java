// SPDX-License-Identifier: MIT
package rbtoken;

/** Stored data is damaged. */
public final class CorruptException extends StorageException {
    private static final long serialVersionUID = 1;

    CorruptException(Details details) {
        super(details);
    }
}
