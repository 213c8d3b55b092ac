// SPDX-License-Identifier: MIT
package rbtoken;

/** A file or a database failed. */
public class StorageException extends RbtokenException {
    private static final long serialVersionUID = 1;

    StorageException(Details details) {
        super(details);
    }
}
