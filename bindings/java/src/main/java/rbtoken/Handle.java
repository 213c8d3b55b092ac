// SPDX-License-Identifier: MIT
package rbtoken;

/**
 * An object of the library, which can be used by any thread.
 *
 * <p>{@link #close} can be called at any time: beside calls of other threads, in a callback, and
 * more than once. Calls that are under way end normally, and then the object is released. Later
 * calls throw a {@link ClosedException}. An object that nothing refers to is closed after a garbage
 * collection.
 */
public abstract sealed class Handle implements AutoCloseable
        permits Store, Token, TokenList, Policy, ServiceAccount, Instance {
    final Ref ref;

    Handle(Ref.Kind kind, long pointer, Callbacks.Host host) {
        ref = new Ref(this, kind, pointer, host);
    }

    /** Closes the object. Later calls throw a {@link ClosedException}. */
    @Override
    public final void close() {
        ref.close();
    }

    /**
     * Returns whether the object was closed.
     *
     * @return true if it was
     */
    public final boolean isClosed() {
        return ref.isClosed();
    }

    final void requireOpen() {
        if (isClosed()) {
            throw ref.closed();
        }
    }
}
