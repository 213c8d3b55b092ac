// SPDX-License-Identifier: MIT
package rbtoken;

/** No token value could be generated. */
public final class GenerationException extends RbtokenException {
    private static final long serialVersionUID = 1;

    GenerationException(Details details) {
        super(details);
    }
}
