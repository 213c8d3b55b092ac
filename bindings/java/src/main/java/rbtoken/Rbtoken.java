// SPDX-License-Identifier: MIT
package rbtoken;

/** Facts about the library. */
public final class Rbtoken {
    private Rbtoken() {}

    /**
     * Returns the version of the library, such as {@code 0.2.0}.
     *
     * @return the version
     */
    public static String version() {
        return LibraryFile.text(Abi.rbtoken_version());
    }

    /**
     * Returns the version of the library's ABI: the major version times 65536, plus the minor
     * version.
     *
     * @return the version
     */
    public static int abiVersion() {
        return Abi.rbtoken_abi_version();
    }

    /**
     * Returns the name of a status in the C API, such as {@code RBTOKEN_E_NOT_FOUND}.
     *
     * @param status the status
     * @return the name
     */
    public static String nameOf(Status status) {
        return LibraryFile.text(
                Abi.rbtoken_status_name(Check.notNull(status, "status").code()));
    }

    /**
     * Returns the name of a verdict in the C API, such as {@code RBTOKEN_VERDICT_EXPIRED}.
     *
     * @param verdict the verdict
     * @return the name
     */
    public static String nameOf(Verdict verdict) {
        return LibraryFile.text(
                Abi.rbtoken_verdict_name(Check.notNull(verdict, "verdict").code()));
    }
}
