// SPDX-License-Identifier: MIT
package rbtoken;

import java.util.IdentityHashMap;
import java.util.Map;

/**
 * The clocks and sources of entropy of calls to {@link Store#shared(StoreOptions)}. Later calls
 * must pass the same number for the same object, and the process keeps the store: the library
 * never destroys them.
 */
final class SharedData {
    private static final Map<Object, SharedData> ALL = new IdentityHashMap<>();

    final long data;
    private final Object object;
    /** The number of calls that pass the object, except for those that failed. */
    private int calls;

    private SharedData(Object object, Callbacks.Services services) {
        this.object = object;
        data = Callbacks.keep(services);
    }

    /** Returns the number of an object; null for null. */
    static SharedData pass(Object object, Callbacks.Services services) {
        if (object == null) {
            return null;
        }
        synchronized (ALL) {
            SharedData found =
                    ALL.computeIfAbsent(object, it -> new SharedData(it, services));
            found.calls++;
            return found;
        }
    }

    /** Forgets an object that only failed calls have passed. */
    static void undo(SharedData passed) {
        if (passed != null) {
            synchronized (ALL) {
                if (--passed.calls == 0) {
                    ALL.remove(passed.object);
                    Callbacks.forget(passed.data);
                }
            }
        }
    }
}
