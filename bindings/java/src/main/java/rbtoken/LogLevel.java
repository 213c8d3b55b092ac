// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated
// SPDX-License-Identifier: MIT
package rbtoken;

/**
 * Severity of a log message.
 */
public enum LogLevel {
    /**
     * No message has this level yet.
     */
    ERROR(1),

    /**
     * An instance could not be configured, initialized or shut down.
     */
    WARN(2),

    /**
     * An instance changed its state.
     */
    INFO(3),

    /**
     * An event of a token, as in {@code rbtoken_hooks_t}.
     */
    DEBUG(4),

    /**
     * Stands for A level of a later version of the library. of a later version of the library.
     */
    OTHER(-1);

    private final int code;

    LogLevel(int code) {
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

    static LogLevel of(int code) {
        return switch (code) {
            case 1 -> ERROR;
            case 2 -> WARN;
            case 3 -> INFO;
            case 4 -> DEBUG;
            default -> OTHER;
        };
    }
}
