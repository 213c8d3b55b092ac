// SPDX-License-Identifier: MIT
package rbtoken;

import com.sun.jna.Callback;
import com.sun.jna.CallbackReference;
import com.sun.jna.Pointer;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The functions that the library calls. There is one of each kind, which lives as long as the
 * process: its {@code user_data} is a number for the object that it calls.
 *
 * <p>No exception leaves a function. {@link Call#fail} keeps it for the call that is under way.
 */
final class Callbacks {
    private static final int OK = Status.OK.code();
    private static final int FAILED = Status.CALLBACK.code();
    private static final int MAX_CHARACTERS = 255;

    private static final Map<Long, Object> OBJECTS = new ConcurrentHashMap<>();
    private static final AtomicLong LAST = new AtomicLong();

    // JNA frees a function that nothing refers to.
    private static final Abi.DestroyFn DESTROY_FN = Callbacks::forget;
    private static final Abi.ClockFn NOW_FN = Callbacks::now;
    private static final Abi.EntropyFn FILL_FN = Callbacks::fill;
    private static final Abi.ProgressFn PROGRESS_FN = Callbacks::report;
    private static final Abi.GeneratorCreateFn CREATE_FN = Callbacks::create;
    private static final Abi.GeneratorValidateFn VALIDATE_FN = Callbacks::validate;
    private static final Abi.LogFn LOG_FN = Callbacks::log;
    private static final Abi.CreatedFn CREATED_FN = Callbacks::created;
    private static final Abi.EventFn UPDATED_FN = event(Event.UPDATED);
    private static final Abi.EventFn INVALIDATED_FN = event(Event.INVALIDATED);
    private static final Abi.EventFn EXPIRED_FN = event(Event.EXPIRED);
    private static final Abi.EventFn USED_FN = event(Event.USED);
    private static final Abi.EventFn DELETED_FN = event(Event.DELETED);

    static final long DESTROY = address(DESTROY_FN);
    static final long NOW = address(NOW_FN);
    static final long FILL = address(FILL_FN);
    static final long PROGRESS = address(PROGRESS_FN);
    static final long CREATE = address(CREATE_FN);
    static final long VALIDATE = address(VALIDATE_FN);
    static final long LOG = address(LOG_FN);
    static final long CREATED = address(CREATED_FN);
    static final long UPDATED = address(UPDATED_FN);
    static final long INVALIDATED = address(INVALIDATED_FN);
    static final long EXPIRED = address(EXPIRED_FN);
    static final long USED = address(USED_FN);
    static final long DELETED = address(DELETED_FN);

    private enum Event { UPDATED, INVALIDATED, EXPIRED, USED, DELETED }

    private Callbacks() {}

    /** Keeps an object for the library, and returns its number. */
    static long keep(Object object) {
        long data = LAST.incrementAndGet();
        OBJECTS.put(data, object);
        return data;
    }

    static void forget(long data) {
        OBJECTS.remove(data);
    }

    /** Returns the number of objects that are kept. */
    static int count() {
        return OBJECTS.size();
    }

    /** The hooks of a store, and what the store that they are given needs. */
    record Registered(Hooks hooks, String where, Host host) {}

    /** What an instance has of its host, as long as the instance or a store of it is open. */
    static final class Host {
        final long data;
        private final AtomicLong references = new AtomicLong();

        Host(Services services) {
            data = keep(services);
        }

        void retain() {
            references.incrementAndGet();
        }

        void release() {
            if (references.decrementAndGet() == 0) {
                forget(data);
            }
        }
    }

    /** The callbacks of a host, each of which may be null; a store has the first two. */
    record Services(InstantSource clock, Entropy entropy, LogListener log) {}

    private static long address(Callback callback) {
        return Pointer.nativeValue(CallbackReference.getFunctionPointer(callback));
    }

    private interface Body {
        void run() throws Throwable;
    }

    private static int guard(Body body) {
        try {
            body.run();
            return OK;
        } catch (Throwable e) {
            Call.fail(e);
            return FAILED;
        }
    }

    private static <T> T object(Class<T> type, long data) {
        return type.cast(OBJECTS.get(data));
    }

    private static int now(long data, long nowUs) {
        return guard(() -> {
            InstantSource clock = object(Services.class, data).clock();
            long now = Check.microseconds(clock.instant(), "clock");
            new Pointer(nowUs).setLong(0, now);
        });
    }

    private static int fill(long data, long address, long length) {
        return guard(() -> {
            // An array of the host's: a source that keeps it must not see the library's memory.
            byte[] bytes = new byte[Math.toIntExact(length)];
            try {
                object(Services.class, data).entropy().fill(bytes);
                new Pointer(address).write(0, bytes, 0, bytes.length);
            } finally {
                Arrays.fill(bytes, (byte) 0);
            }
        });
    }

    private static int report(long data, long done, long total) {
        return guard(() -> object(Progress.class, data).report(done, total));
    }

    private static int create(
            long data, long tokenType, int attempt, long value, long capacity, long valueLength) {
        return guard(() -> {
            TokenGenerator generator = object(TokenGenerator.class, data);
            String created = generator.create(LibraryFile.text(tokenType), attempt);
            byte[] bytes = Text.required(created, "create");
            if (created.codePointCount(0, created.length()) > MAX_CHARACTERS
                    || bytes.length > capacity) {
                throw Check.refuse(Status.TOO_LONG, "create",
                        "a token value must not exceed " + MAX_CHARACTERS + " characters");
            }
            new Pointer(value).write(0, bytes, 0, bytes.length);
            new Pointer(valueLength).setLong(0, bytes.length);
        });
    }

    private static int validate(
            long data, long tokenType, long value, long valueLength, long valid) {
        return guard(() -> {
            TokenGenerator generator = object(TokenGenerator.class, data);
            boolean isValid = generator.validate(
                    LibraryFile.text(tokenType), Call.text(value, valueLength));
            new Pointer(valid).setByte(0, (byte) (isValid ? 1 : 0));
        });
    }

    private static void log(long data, int level, long target, long message) {
        guard(() -> object(Services.class, data).log().log(
                LogLevel.of(level), LibraryFile.text(target), LibraryFile.text(message)));
    }

    private static void created(long data, long store, long token, byte autoGenerated) {
        guard(() -> {
            Registered registered = object(Registered.class, data);
            try (Store lentStore = Store.retained(store, registered);
                    Token lentToken = Token.retained(token)) {
                registered.hooks().created.onCreated(lentStore, lentToken, autoGenerated != 0);
            }
        });
    }

    private static Abi.EventFn event(Event event) {
        return (data, store, token) -> guard(() -> {
            Registered registered = object(Registered.class, data);
            Hooks hooks = registered.hooks();
            TokenListener listener = switch (event) {
                case UPDATED -> hooks.updated;
                case INVALIDATED -> hooks.invalidated;
                case EXPIRED -> hooks.expired;
                case USED -> hooks.used;
                case DELETED -> hooks.deleted;
            };
            try (Store lentStore = Store.retained(store, registered);
                    Token lentToken = Token.retained(token)) {
                listener.onEvent(lentStore, lentToken);
            }
        });
    }

    // Each of these writes a struct, and returns its address.

    static long clock(Call call, long data, boolean isShared) {
        int clock = call.struct(Abi.Clock.SIZE);
        call.memory.putLong(clock + Abi.Clock.USER_DATA, data);
        call.memory.putLong(clock + Abi.Clock.NOW, NOW);
        call.memory.putLong(clock + Abi.Clock.DESTROY, isShared ? 0 : DESTROY);
        return call.address(clock);
    }

    static long entropy(Call call, long data, boolean isShared) {
        int entropy = call.struct(Abi.Entropy.SIZE);
        call.memory.putLong(entropy + Abi.Entropy.USER_DATA, data);
        call.memory.putLong(entropy + Abi.Entropy.FILL, FILL);
        call.memory.putLong(entropy + Abi.Entropy.DESTROY, isShared ? 0 : DESTROY);
        return call.address(entropy);
    }

    static long progress(Call call, Progress progress) {
        if (progress == null) {
            return 0;
        }
        int struct = call.struct(Abi.Progress.SIZE);
        call.memory.putLong(struct + Abi.Progress.USER_DATA, keep(progress));
        call.memory.putLong(struct + Abi.Progress.PROGRESS, PROGRESS);
        call.memory.putLong(struct + Abi.Progress.DESTROY, DESTROY);
        return call.address(struct);
    }

    static long generator(Call call, TokenGenerator generator) {
        int struct = call.struct(Abi.Generator.SIZE);
        call.memory.putLong(struct + Abi.Generator.USER_DATA, keep(generator));
        call.memory.putLong(struct + Abi.Generator.CREATE, CREATE);
        call.memory.putLong(struct + Abi.Generator.VALIDATE, VALIDATE);
        call.memory.putLong(struct + Abi.Generator.DESTROY, DESTROY);
        return call.address(struct);
    }

    static long hooks(Call call, Registered registered) {
        Hooks hooks = registered.hooks();
        int struct = call.struct(Abi.Hooks.SIZE);
        call.memory.putLong(struct + Abi.Hooks.USER_DATA, keep(registered));
        setIf(call, struct + Abi.Hooks.CREATED, hooks.created, CREATED);
        setIf(call, struct + Abi.Hooks.UPDATED, hooks.updated, UPDATED);
        setIf(call, struct + Abi.Hooks.INVALIDATED, hooks.invalidated, INVALIDATED);
        setIf(call, struct + Abi.Hooks.EXPIRED, hooks.expired, EXPIRED);
        setIf(call, struct + Abi.Hooks.USED, hooks.used, USED);
        setIf(call, struct + Abi.Hooks.DELETED, hooks.deleted, DELETED);
        call.memory.putLong(struct + Abi.Hooks.DESTROY, DESTROY);
        return call.address(struct);
    }

    static long host(Call call, long data, Services services) {
        int struct = call.struct(Abi.HostV1.SIZE);
        call.memory.putLong(struct + Abi.HostV1.USER_DATA, data);
        setIf(call, struct + Abi.HostV1.LOG, services.log(), LOG);
        setIf(call, struct + Abi.HostV1.NOW, services.clock(), NOW);
        setIf(call, struct + Abi.HostV1.FILL, services.entropy(), FILL);
        return call.address(struct);
    }

    private static void setIf(Call call, int field, Object listener, long function) {
        if (listener != null) {
            call.memory.putLong(field, function);
        }
    }
}
