// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated
// SPDX-License-Identifier: MIT
package rbtoken;

/**
 * Verdicts: the results of a login.
 */
public enum Verdict {
    /**
     * No verdict: the call failed.
     */
    REFUSED(0),

    /**
     * The caller is the token's user.
     */
    OK(1),

    /**
     * There is no such token, or the token's value in the header is missing or contains spaces.
     */
    UNKNOWN(2),

    /**
     * The token was invalidated.
     */
    INVALID(3),

    /**
     * The token has expired.
     */
    EXPIRED(4),

    /**
     * The token's user is not active. Respond as for an unknown token.
     */
    INACTIVE_USER(5),

    /**
     * The token belongs to a Local Site, and the request is for another site.
     */
    WRONG_SITE(6),

    /**
     * The header is for another kind of login, which this library does not handle.
     */
    NOT_A_TOKEN(7),

    /**
     * Stands for A verdict of a later version of the library, which is a refusal. of a later
     * version of the library.
     */
    OTHER(-1);

    private final int code;

    Verdict(int code) {
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

    static Verdict of(int code) {
        return switch (code) {
            case 0 -> REFUSED;
            case 1 -> OK;
            case 2 -> UNKNOWN;
            case 3 -> INVALID;
            case 4 -> EXPIRED;
            case 5 -> INACTIVE_USER;
            case 6 -> WRONG_SITE;
            case 7 -> NOT_A_TOKEN;
            default -> OTHER;
        };
    }
}
