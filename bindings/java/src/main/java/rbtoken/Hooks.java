// SPDX-License-Identifier: MIT
package rbtoken;

/**
 * Listeners of a store's events, for {@link Store#addHooks}. They run after the event, on the
 * thread that caused it, and cannot prevent it. What a listener throws is thrown by the call.
 */
public final class Hooks {
    CreatedListener created;
    TokenListener updated;
    TokenListener invalidated;
    TokenListener expired;
    TokenListener used;
    TokenListener deleted;

    /** Creates hooks without listeners. */
    public Hooks() {}

    Hooks copy() {
        Hooks copy = new Hooks();
        copy.created = created;
        copy.updated = updated;
        copy.invalidated = invalidated;
        copy.expired = expired;
        copy.used = used;
        copy.deleted = deleted;
        return copy;
    }

    /**
     * Sets the listener of this event: a token was created. An import does not cause this event.
     *
     * @param listener the listener
     * @return these hooks
     */
    public Hooks onCreated(CreatedListener listener) {
        created = Check.notNull(listener, "created");
        return this;
    }

    /**
     * Sets the listener of this event: the fields of a token were changed.
     *
     * @param listener the listener
     * @return these hooks
     */
    public Hooks onUpdated(TokenListener listener) {
        updated = Check.notNull(listener, "updated");
        return this;
    }

    /**
     * Sets the listener of this event: a token was invalidated, for the first time or again.
     *
     * @param listener the listener
     * @return these hooks
     */
    public Hooks onInvalidated(TokenListener listener) {
        invalidated = Check.notNull(listener, "invalidated");
        return this;
    }

    /**
     * Sets the listener of this event: a login with an expired token was rejected.
     *
     * @param listener the listener
     * @return these hooks
     */
    public Hooks onExpired(TokenListener listener) {
        expired = Check.notNull(listener, "expired");
        return this;
    }

    /**
     * Sets the listener of this event: a login with a token was accepted.
     *
     * @param listener the listener
     * @return these hooks
     */
    public Hooks onUsed(TokenListener listener) {
        used = Check.notNull(listener, "used");
        return this;
    }

    /**
     * Sets the listener of this event: a token was deleted, purged, or removed with its Local Site.
     *
     * @param listener the listener
     * @return these hooks
     */
    public Hooks onDeleted(TokenListener listener) {
        deleted = Check.notNull(listener, "deleted");
        return this;
    }
}
