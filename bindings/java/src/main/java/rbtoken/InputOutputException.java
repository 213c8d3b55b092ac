// SPDX-License-Identifier: MIT
package rbtoken;

/** The operating system reported an input or output error. */
public final class InputOutputException extends StorageException {
    private static final long serialVersionUID = 1;

    InputOutputException(Details details) {
        super(details);
    }
}
