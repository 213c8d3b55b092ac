// SPDX-License-Identifier: MIT
package rbtoken;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.LongConsumer;

/**
 * A reference to an object of the library. It is released once: when it was closed and the last
 * call on it has ended.
 */
final class Ref implements Runnable {
    private static final int CLOSED = 1 << 31;
    private static final VarHandle STATE;

    static {
        try {
            STATE = MethodHandles.lookup().findVarHandle(Ref.class, "state", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    final long pointer;
    /** The host of the instance that the object belongs to, or null. */
    final Callbacks.Host host;

    private final String kind;
    private final LongConsumer release;
    /** The number of calls under way, and {@link #CLOSED}. */
    private volatile int state;

    Ref(String kind, long pointer, LongConsumer release, Callbacks.Host host) {
        this.kind = kind;
        this.pointer = pointer;
        this.release = release;
        this.host = host;
        if (host != null) {
            host.retain();
        }
    }

    /** Begins a call, which ends with {@link #leave}; false if the object was closed. */
    boolean enter() {
        for (int now = state; now >= 0; now = state) {
            if (STATE.compareAndSet(this, now, now + 1)) {
                return true;
            }
        }
        return false;
    }

    ClosedException closed() {
        return new ClosedException("this " + kind + " is closed");
    }

    /** Ends a call. */
    void leave() {
        if ((int) STATE.getAndAdd(this, -1) == CLOSED + 1) {
            free();
        }
    }

    /** Refuses calls from now on. */
    @Override
    public void run() {
        int before = (int) STATE.getAndBitwiseOr(this, CLOSED);
        if (before == 0) {
            free();
        }
    }

    boolean isClosed() {
        return state < 0;
    }

    private void free() {
        release.accept(pointer);
        if (host != null) {
            host.release();
        }
    }
}
