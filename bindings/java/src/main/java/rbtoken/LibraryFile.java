// SPDX-License-Identifier: MIT
package rbtoken;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.nio.charset.StandardCharsets;

/** Loads the library. */
final class LibraryFile {
    /** The system property with the path of a library, for development. */
    static final String PROPERTY = "rbtoken.nativeLibrary";
    private static final String RESOURCE = "/linux-x86-64/librbtoken.so";

    private static NativeLibrary library;

    private LibraryFile() {}

    /** Binds the native methods of {@link Abi}. */
    static void register(Class<?> abi) {
        if (Native.POINTER_SIZE != Long.BYTES) {
            throw new UnsatisfiedLinkError("rbtoken needs a 64-bit system");
        }
        String path = System.getProperty(PROPERTY);
        boolean isSet = path != null && !path.isEmpty();
        library = isSet ? NativeLibrary.getInstance(path) : extract();
        requireCompatible();
        Native.register(abi, library);
    }

    /** Checks the version first: an old library does not have all functions. */
    private static void requireCompatible() {
        int isCompatible;
        long version;
        try {
            isCompatible = library.getFunction("rbtoken_abi_is_compatible")
                    .invokeInt(new Object[] {Abi.ABI_VERSION});
            version = library.getFunction("rbtoken_version").invokeLong(new Object[0]);
        } catch (UnsatisfiedLinkError e) {
            UnsatisfiedLinkError error =
                    new UnsatisfiedLinkError(library.getFile() + " is not librbtoken");
            error.initCause(e);
            throw error;
        }
        // A bool of C: only the lowest byte is set.
        if ((isCompatible & 0xFF) == 0) {
            throw new UnsatisfiedLinkError("librbtoken " + text(version)
                    + " is too old, or has another major version, for this package");
        }
    }

    private static NativeLibrary extract() {
        URL resource = LibraryFile.class.getResource(RESOURCE);
        if (resource == null) {
            throw new UnsatisfiedLinkError("the jar of rbtoken has no " + RESOURCE
                    + "; the system property " + PROPERTY + " can have the path of a library");
        }
        File file;
        try {
            file = Native.extractFromResourcePath(RESOURCE, LibraryFile.class.getClassLoader());
        } catch (IOException e) {
            UnsatisfiedLinkError error =
                    new UnsatisfiedLinkError("the library of the jar cannot be extracted: " + e);
            error.initCause(e);
            throw error;
        }
        try {
            return NativeLibrary.getInstance(file.getAbsolutePath());
        } finally {
            // A loaded library does not need its file.
            if (!resource.getProtocol().equals("file") && !file.delete()) {
                file.deleteOnExit();
            }
        }
    }

    /** Returns the library, for functions that the header does not declare. */
    static NativeLibrary loaded() {
        // Loads it.
        Abi.rbtoken_abi_version();
        return library;
    }

    /** Copies a C string; null for NULL. */
    static String text(long address) {
        return address == 0 ? null
                : new Pointer(address).getString(0, StandardCharsets.UTF_8.name());
    }
}
