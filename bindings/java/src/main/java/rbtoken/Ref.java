// SPDX-License-Identifier: MIT
package rbtoken;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
import java.util.function.LongConsumer;

/**
 * A reference to an object of the library. It is released once: when it was closed and the last
 * call on it has ended. A thread closes those whose {@link Handle} is garbage.
 *
 * <p>This does what {@link java.lang.ref.Cleaner} does, whose registration costs two calls of the
 * library, and whose one lock all threads would share.
 */
final class Ref extends PhantomReference<Handle> {
    private static final int CLOSED = 1 << 31;
    private static final VarHandle STATE;
    private static final Stripe[] STRIPES = new Stripe[16];
    private static final ReferenceQueue<Handle> GARBAGE = collector("rbtoken cleaner");
    /** For objects whose release can wait for a disk, or call back, which would delay others. */
    private static final ReferenceQueue<Handle> SLOW_GARBAGE = collector("rbtoken store cleaner");

    static {
        try {
            STATE = MethodHandles.lookup().findVarHandle(Ref.class, "state", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
        for (int index = 0; index < STRIPES.length; index++) {
            STRIPES[index] = new Stripe();
        }
    }

    /** What the objects of one kind have in common. */
    record Kind(String name, LongConsumer release, boolean isSlow) {}

    /** A list of the references that are open, which keeps them from being garbage themselves. */
    private static final class Stripe {
        private Ref first;

        synchronized void add(Ref ref) {
            ref.next = first;
            if (first != null) {
                first.previous = ref;
            }
            first = ref;
        }

        synchronized void remove(Ref ref) {
            if (ref.previous == null) {
                first = ref.next;
            } else {
                ref.previous.next = ref.next;
            }
            if (ref.next != null) {
                ref.next.previous = ref.previous;
            }
            ref.previous = null;
            ref.next = null;
        }
    }

    final long pointer;
    /** The host of the instance that the object belongs to, or null. */
    final Callbacks.Host host;

    private final Kind kind;
    private final Stripe stripe;
    private Ref previous;
    private Ref next;
    /** The number of calls under way, and {@link #CLOSED}. */
    private volatile int state;

    Ref(Handle handle, Kind kind, long pointer, Callbacks.Host host) {
        super(handle, kind.isSlow ? SLOW_GARBAGE : GARBAGE);
        this.kind = kind;
        this.pointer = pointer;
        this.host = host;
        if (host != null) {
            host.retain();
        }
        stripe = STRIPES[(int) Thread.currentThread().getId() & STRIPES.length - 1];
        stripe.add(this);
    }

    private static ReferenceQueue<Handle> collector(String name) {
        ReferenceQueue<Handle> queue = new ReferenceQueue<>();
        Thread thread = new Thread(null, () -> collect(queue), name, 0, false);
        thread.setDaemon(true);
        thread.setContextClassLoader(null);
        thread.start();
        return queue;
    }

    private static void collect(ReferenceQueue<Handle> queue) {
        while (true) {
            try {
                ((Ref) queue.remove()).close();
            } catch (InterruptedException e) {
                // Nobody has a reason to interrupt this thread.
            } catch (Throwable e) {
                Thread thread = Thread.currentThread();
                thread.getUncaughtExceptionHandler().uncaughtException(thread, e);
            }
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
        return new ClosedException("this " + kind.name + " is closed");
    }

    /** Ends a call. */
    void leave() {
        if ((int) STATE.getAndAdd(this, -1) == CLOSED + 1) {
            free();
        }
    }

    /** Refuses calls from now on. */
    void close() {
        int before = (int) STATE.getAndBitwiseOr(this, CLOSED);
        if (before >= 0) {
            stripe.remove(this);
            if (before == 0) {
                free();
            }
        }
    }

    boolean isClosed() {
        return state < 0;
    }

    private void free() {
        try {
            kind.release.accept(pointer);
        } finally {
            if (host != null) {
                host.release();
            }
        }
    }
}
