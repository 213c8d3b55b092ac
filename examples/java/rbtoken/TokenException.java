// SPDX-License-Identifier: MIT
package rbtoken;

import com.sun.jna.Pointer;

/** A call that failed. It has changed nothing. */
public final class TokenException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public final int status;
    public final String name;
    public final String detail;
    /** The argument or option at fault, or null. */
    public final String argument;
    /** The place in its JSON document, or null. */
    public final String jsonPath;

    private TokenException(int status, String name, String detail, String argument, String path) {
        super(name + ": " + detail);
        this.status = status;
        this.name = name;
        this.detail = detail;
        this.argument = argument;
        this.jsonPath = path;
    }

    /** Takes the error of a call that failed. */
    static void check(int status, Pointer error) {
        if (status == Abi.OK) {
            return;
        }
        try {
            throw new TokenException(status, Native.LIB.rbtoken_status_name(status),
                    Native.LIB.rbtoken_error_message(error),
                    Native.LIB.rbtoken_error_argument(error),
                    Native.LIB.rbtoken_error_json_path(error));
        } finally {
            Native.LIB.rbtoken_error_free(error);
        }
    }
}
