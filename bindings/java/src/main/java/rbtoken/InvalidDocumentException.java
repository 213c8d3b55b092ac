// SPDX-License-Identifier: MIT
package rbtoken;

/** A JSON document is malformed, or has a value of the wrong type. */
public class InvalidDocumentException extends InvalidArgumentException {
    private static final long serialVersionUID = 1;

    InvalidDocumentException(Details details) {
        super(details);
    }
}
