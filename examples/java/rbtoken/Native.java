// SPDX-License-Identifier: MIT
package rbtoken;

import com.sun.jna.Memory;
import java.nio.charset.StandardCharsets;

/** The library, and how texts are passed to it. */
final class Native {
    static final Abi LIB = com.sun.jna.Native.load(
            System.getProperty("rbtoken.path", "rbtoken"), Abi.class);

    private Native() {}

    /** An array of no bytes has no address in JNA, but an empty text must have one. */
    static byte[] bytes(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        return utf8.length > 0 ? utf8 : new byte[1];
    }

    static long length(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    /** A text for a field of a struct, which keeps the memory as long as it lives itself. */
    static Memory memory(String text) {
        Memory memory = new Memory(Math.max(length(text), 1));
        memory.write(0, bytes(text), 0, (int) memory.size());
        return memory;
    }
}
