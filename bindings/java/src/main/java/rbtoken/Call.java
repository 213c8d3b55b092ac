// SPDX-License-Identifier: MIT
package rbtoken;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * A call of the library: the memory of its arguments and outputs, the handles that it uses, and
 * what a callback throws meanwhile. Closing it erases the memory.
 *
 * <p>Outputs and structs are offsets in {@link #memory}, which is zero at first.
 */
final class Call implements AutoCloseable {
    private static final int OK = Status.OK.code();
    private static final int CHUNK = 8192;
    /** What is left for the structs and outputs of a call, so that they never run out of memory. */
    private static final int RESERVED = 768;
    /** The most calls that callbacks nest in each other, so that no stack overflows in between. */
    private static final int MAX_DEPTH = 64;
    private static final byte[] ZEROS = new byte[CHUNK];
    private static final ThreadLocal<Stack> STACK = ThreadLocal.withInitial(Stack::new);
    /** What no virtual thread uses: at most as many as have been in a call at once. */
    private static final Queue<Chunk> FREE = new ConcurrentLinkedQueue<>();
    /** {@code Thread.isVirtual()}; null before Java 21. */
    private static final MethodHandle IS_VIRTUAL = findIsVirtual();

    /** The calls of a thread: one calls back, and the callback makes the next. */
    private static final class Stack {
        final boolean isVirtual = isVirtual(Thread.currentThread());
        /** Null between the calls of a virtual thread. */
        Chunk chunk;
        Call current;

        Chunk chunk() {
            if (chunk == null) {
                Chunk free = isVirtual ? FREE.poll() : null;
                chunk = free == null ? new Chunk() : free;
            }
            return chunk;
        }

        /** Leaves the memory of a virtual thread to others, since there can be many thousands. */
        void giveBack() {
            if (isVirtual) {
                FREE.add(chunk);
                chunk = null;
            }
        }
    }

    /** Native memory that the calls of a thread use one after the other. */
    private static final class Chunk {
        final ByteBuffer bytes = ByteBuffer.allocateDirect(CHUNK).order(ByteOrder.nativeOrder());
        final long address = Pointer.nativeValue(Native.getDirectBufferPointer(bytes));
        int used;
    }

    final ByteBuffer memory;

    private final Stack stack;
    private final Call outer;
    private final int depth;
    private final Chunk chunk;
    private final int start;
    private final int error;
    private Ref first;
    private Ref second;
    private List<Memory> large;
    private Throwable failure;

    private static MethodHandle findIsVirtual() {
        try {
            return MethodHandles.publicLookup().findVirtual(
                    Thread.class, "isVirtual", MethodType.methodType(boolean.class));
        } catch (ReflectiveOperationException e) {
            return null;
        }
    }

    private static boolean isVirtual(Thread thread) {
        try {
            return IS_VIRTUAL != null && (boolean) IS_VIRTUAL.invokeExact(thread);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /** Begins a call without a handle. */
    Call() {
        stack = STACK.get();
        outer = stack.current;
        depth = outer == null ? 1 : outer.depth + 1;
        Chunk own = stack.chunk();
        chunk = own.used + 2 * RESERVED <= CHUNK ? own : new Chunk();
        memory = chunk.bytes;
        start = chunk.used;
        error = reserve(Long.BYTES);
        stack.current = this;
    }

    /** Begins a call that uses an object. */
    Call(Handle handle) {
        this();
        Ref ref = handle.ref;
        if (depth > MAX_DEPTH) {
            close();
            throw new IllegalStateException(
                    "callbacks nest more than " + MAX_DEPTH + " calls in each other");
        }
        if (!ref.enter()) {
            close();
            throw ref.closed();
        }
        first = ref;
        // Until here, or the cleaner could have closed what nothing else refers to.
        Reference.reachabilityFence(handle);
    }

    /** Uses another object, and returns its pointer. */
    long use(Handle handle) {
        Ref ref = handle.ref;
        if (!ref.enter()) {
            throw ref.closed();
        }
        second = ref;
        Reference.reachabilityFence(handle);
        return ref.pointer;
    }

    /** Returns the pointer of the object of the call. */
    long pointer() {
        return first.pointer;
    }

    /** Keeps what a callback of the present call threw, for the call to throw. */
    static void fail(Throwable failure) {
        Call current = STACK.get().current;
        if (current == null) {
            // The callback belongs to no call: a store that is released, for example.
            Thread thread = Thread.currentThread();
            thread.getUncaughtExceptionHandler().uncaughtException(thread, failure);
        } else if (current.failure == null) {
            current.failure = failure;
        } else if (current.failure != failure) {
            current.failure.addSuppressed(failure);
        }
    }

    /** Returns the offset of zeroed memory. */
    int reserve(int size) {
        int offset = chunk.used;
        chunk.used += size + 7 & ~7;
        return offset;
    }

    /** Returns the offset of an output. */
    int output() {
        return reserve(Long.BYTES);
    }

    /** Returns the offset of a struct that begins with its size. */
    int struct(int size) {
        int offset = reserve(size);
        memory.putLong(offset, size);
        return offset;
    }

    long address(int offset) {
        return chunk.address + offset;
    }

    /** Returns the address of the output for the error. */
    long error() {
        return chunk.address + error;
    }

    /** Copies a text, and returns its address; NULL for null. */
    long put(byte[] text) {
        if (text == null) {
            return 0;
        }
        if (text.length <= CHUNK - RESERVED - chunk.used) {
            int offset = reserve(text.length);
            memory.put(offset, text);
            return address(offset);
        }
        Memory copy = allocate(text.length);
        copy.write(0, text, 0, text.length);
        return Pointer.nativeValue(copy);
    }

    static long length(byte[] text) {
        return text == null ? 0 : text.length;
    }

    private Memory allocate(long size) {
        if (large == null) {
            large = new ArrayList<>();
        }
        Memory allocated = new Memory(Math.max(size, 1));
        large.add(allocated);
        return allocated;
    }

    /** Sets a text of a struct and its length; null: an absent one. */
    void set(int pointer, int length, byte[] text) {
        memory.putLong(pointer, put(text));
        memory.putLong(length, length(text));
    }

    /** Copies texts as C strings, and returns the address of a list of their addresses. */
    long putAll(List<String> texts, String argument) {
        Memory list = allocate((long) Long.BYTES * texts.size());
        for (int index = 0; index < texts.size(); index++) {
            list.setLong((long) Long.BYTES * index, putString(texts.get(index), argument));
        }
        return Pointer.nativeValue(list);
    }

    /** Copies a text as a C string, which must not contain a NUL, and returns its address. */
    long putString(String text, String argument) {
        byte[] bytes = Text.required(text, argument);
        for (byte it : bytes) {
            if (it == 0) {
                throw Check.refuse(Status.EMBEDDED_NUL, argument, "must not contain a NUL");
            }
        }
        return put(Arrays.copyOf(bytes, bytes.length + 1));
    }

    long getLong(int offset) {
        return memory.getLong(offset);
    }

    boolean getBoolean(int offset) {
        return memory.get(offset) != 0;
    }

    /** Throws what a callback threw, or the error of the call. */
    void check(int status) {
        if (status == OK && failure == null) {
            return;
        }
        RbtokenException failed = status == OK ? null : takeError(status);
        if (failure != null) {
            throw Call.<RuntimeException>unchecked(failure);
        }
        throw failed;
    }

    /** Does the same, and closes the result of the call if it throws. */
    <T extends Handle> T check(int status, T result) {
        try {
            check(status);
        } catch (Throwable e) {
            if (result != null) {
                result.close();
            }
            throw e;
        }
        return result;
    }

    private RbtokenException takeError(int status) {
        long error = getLong(this.error);
        if (error == 0) {
            return RbtokenException.of(status, "the call failed", null, null);
        }
        try {
            return RbtokenException.of(
                    Abi.rbtoken_error_status(error),
                    LibraryFile.text(Abi.rbtoken_error_message(error)),
                    LibraryFile.text(Abi.rbtoken_error_argument(error)),
                    LibraryFile.text(Abi.rbtoken_error_json_path(error)));
        } finally {
            Abi.rbtoken_error_free(error);
        }
    }

    /** Returns the text of a buffer that is an output, and frees the buffer. */
    String takeText(int output) {
        long buffer = getLong(output);
        if (buffer == 0) {
            return null;
        }
        try {
            int length = output();
            return text(Abi.rbtoken_buffer_data(buffer, address(length)), getLong(length));
        } finally {
            Abi.rbtoken_buffer_free(buffer);
        }
    }

    /** The function of a token or a policy that checks what the policy allows. */
    interface AllowsFunction {
        int call(long object, long policyId, long policyIdLength, long method, long methodLength,
                long resourceId, long resourceIdLength, long allowed, long error);
    }

    /** Checks what a policy allows. */
    static boolean allows(
            Handle object, AllowsFunction function, String policyId, String method,
            String resourceId) {
        byte[] id = Text.required(policyId, "policy_id");
        byte[] verb = Text.required(method, "method");
        byte[] resource = Text.optional(resourceId);
        try (Call call = new Call(object)) {
            int allowed = call.output();
            call.check(function.call(
                    call.pointer(), call.put(id), id.length, call.put(verb), verb.length,
                    call.put(resource), length(resource), call.address(allowed), call.error()));
            return call.getBoolean(allowed);
        }
    }

    /** Copies a text of the library; null for NULL. */
    static String text(long address, long length) {
        if (address == 0) {
            return null;
        }
        byte[] bytes = new Pointer(address).getByteArray(0, Math.toIntExact(length));
        return new String(bytes, StandardCharsets.UTF_8);
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> T unchecked(Throwable thrown) throws T {
        throw (T) thrown;
    }

    @Override
    public void close() {
        memory.put(start, ZEROS, 0, chunk.used - start);
        chunk.used = start;
        if (large != null) {
            for (Memory it : large) {
                it.clear();
                it.close();
            }
        }
        stack.current = outer;
        if (outer == null) {
            stack.giveBack();
        }
        // May release the objects, which can call back.
        try {
            if (first != null) {
                first.leave();
            }
        } finally {
            if (second != null) {
                second.leave();
            }
        }
    }
}
