// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated
// SPDX-License-Identifier: MIT
package rbtoken;

/**
 * Statuses. Later versions can add statuses, but never use a number for another one.
 */
public enum Status {
    /**
     * The call succeeded.
     */
    OK(0),

    /**
     * A required argument is NULL, or a text is NULL and its length is not 0.
     */
    NULL_ARGUMENT(1),

    /**
     * An argument has a value that is not allowed.
     */
    INVALID_ARGUMENT(2),

    /**
     * A text is not valid UTF-8.
     */
    INVALID_UTF8(3),

    /**
     * A text contains a NUL character.
     */
    EMBEDDED_NUL(4),

    /**
     * A text or a list is longer than allowed.
     */
    TOO_LONG(5),

    /**
     * {@code struct_size} is not a possible size of the struct, for example because it was not set
     * with {@code RBTOKEN_INIT}.
     */
    STRUCT_SIZE(6),

    /**
     * A field of a newer header is set, which this library does not know.
     */
    UNSUPPORTED_OPTION(7),

    /**
     * A time is outside the years 1 to 9999.
     */
    TIME_RANGE(8),

    /**
     * A document is not valid JSON.
     */
    JSON_SYNTAX(40),

    /**
     * A JSON value has the wrong type.
     */
    JSON_TYPE(41),

    /**
     * A document is nested more than 128 levels deep.
     */
    JSON_TOO_DEEP(42),

    /**
     * A number is neither a 64-bit integer nor a finite float.
     */
    JSON_NUMBER(43),

    /**
     * A policy breaks a rule; the error's JSON path shows where.
     */
    POLICY(44),

    /**
     * There is no such token, user, Local Site, setting or hooks.
     */
    NOT_FOUND(80),

    /**
     * The object already exists.
     */
    EXISTS(81),

    /**
     * The object is in a state that does not allow the call.
     */
    STATE(82),

    /**
     * This build, or this kind of store, does not support the call.
     */
    UNSUPPORTED(83),

    /**
     * The store was opened before fork(), and this process is the child.
     */
    FORKED(84),

    /**
     * An earlier {@code RBTOKEN_E_INTERNAL} may have left the store inconsistent, so that it
     * rejects all calls.
     */
    POISONED(85),

    /**
     * No token value could be generated: there is no such generator, no random bytes are available,
     * or 20 values in a row already exist.
     */
    GENERATION(120),

    /**
     * A callback of the host broke its contract.
     */
    CALLBACK(121),

    /**
     * Another store, in this process or another, has the file open.
     */
    LOCKED(160),

    /**
     * The operating system reported an input or output error.
     */
    IO(161),

    /**
     * Stored data is damaged.
     */
    CORRUPT(162),

    /**
     * Stored data has an incompatible version.
     */
    VERSION(163),

    /**
     * The database reported an error.
     */
    DATABASE(164),

    /**
     * The operation exceeded its time limit.
     */
    TIMEOUT(165),

    /**
     * Memory is exhausted.
     */
    NO_MEMORY(200),

    /**
     * There is a bug in the library. Nothing was changed, or the store returns {@code
     * RBTOKEN_E_POISONED} from now on.
     */
    INTERNAL(201),

    /**
     * Stands for A status of a later version of the library. of a later version of the library.
     */
    OTHER(-1);

    private final int code;

    Status(int code) {
        this.code = code;
    }

    /**
     * Returns the number in the C API.
     *
     * @return the number; -1 for {@link #OTHER}
     */
    public int code() {
        return code;
    }

    static Status of(int code) {
        return switch (code) {
            case 0 -> OK;
            case 1 -> NULL_ARGUMENT;
            case 2 -> INVALID_ARGUMENT;
            case 3 -> INVALID_UTF8;
            case 4 -> EMBEDDED_NUL;
            case 5 -> TOO_LONG;
            case 6 -> STRUCT_SIZE;
            case 7 -> UNSUPPORTED_OPTION;
            case 8 -> TIME_RANGE;
            case 40 -> JSON_SYNTAX;
            case 41 -> JSON_TYPE;
            case 42 -> JSON_TOO_DEEP;
            case 43 -> JSON_NUMBER;
            case 44 -> POLICY;
            case 80 -> NOT_FOUND;
            case 81 -> EXISTS;
            case 82 -> STATE;
            case 83 -> UNSUPPORTED;
            case 84 -> FORKED;
            case 85 -> POISONED;
            case 120 -> GENERATION;
            case 121 -> CALLBACK;
            case 160 -> LOCKED;
            case 161 -> IO;
            case 162 -> CORRUPT;
            case 163 -> VERSION;
            case 164 -> DATABASE;
            case 165 -> TIMEOUT;
            case 200 -> NO_MEMORY;
            case 201 -> INTERNAL;
            default -> OTHER;
        };
    }
}
