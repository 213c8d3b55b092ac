// SPDX-License-Identifier: MIT
package rbtoken;

/** A policy breaks a rule; the JSON path shows where. */
public final class InvalidPolicyException extends InvalidDocumentException {
    private static final long serialVersionUID = 1;

    InvalidPolicyException(Details details) {
        super(details);
    }
}
