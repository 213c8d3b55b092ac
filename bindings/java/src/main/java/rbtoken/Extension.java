// SPDX-License-Identifier: MIT
package rbtoken;

import com.sun.jna.Function;
import com.sun.jna.Pointer;

/**
 * What the library says about itself as a plugin.
 *
 * @param id {@code rbtoken}
 * @param name the name, for people
 * @param version the version of the library
 * @param author the authors of the library
 * @param license the license, as an SPDX identifier
 * @param summary the purpose, in one sentence
 * @param url the address of the documentation of the token rules
 */
public record Extension(
        String id, String name, String version, String author, String license, String summary,
        String url) {
    /**
     * Reads what the library says about itself.
     *
     * @return the texts
     */
    public static Extension read() {
        return new Extension(
                text(Abi.ExtensionV1.ID), text(Abi.ExtensionV1.NAME),
                text(Abi.ExtensionV1.VERSION), text(Abi.ExtensionV1.AUTHOR),
                text(Abi.ExtensionV1.LICENSE), text(Abi.ExtensionV1.SUMMARY),
                text(Abi.ExtensionV1.URL));
    }

    /**
     * Returns the JSON Schema of all settings.
     *
     * @return a JSON object
     */
    public static String settingsSchema() {
        return LibraryFile.text(
                function(Abi.ExtensionV1.GET_SETTINGS_SCHEMA).invokeLong(new Object[0]));
    }

    /**
     * Returns whether the library has a table of functions.
     *
     * @param name the name, such as {@code rbtoken.store/1}
     * @return true if it does
     */
    public static boolean hasInterface(String name) {
        try (Call call = new Call()) {
            long text = call.putString(name, "name");
            return function(Abi.ExtensionV1.GET_INTERFACE).invokeLong(new Object[] {text}) != 0;
        }
    }

    private static Pointer table() {
        try (Call call = new Call()) {
            int table = call.output();
            call.check(Abi.rbtoken_extension_entry_v1(
                    Abi.EXTENSION_MINOR, call.address(table)));
            return new Pointer(call.getLong(table));
        }
    }

    private static String text(int member) {
        return LibraryFile.text(table().getLong(member));
    }

    /** Returns a function of the table. */
    static Function function(int member) {
        return Function.getFunction(table().getPointer(member));
    }
}
