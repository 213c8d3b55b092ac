// SPDX-License-Identifier: MIT
package rbtoken;

/** An earlier internal error may have left the store inconsistent, so that it rejects all calls. */
public final class PoisonedException extends InvalidStateException {
    private static final long serialVersionUID = 1;

    PoisonedException(Details details) {
        super(details);
    }
}
