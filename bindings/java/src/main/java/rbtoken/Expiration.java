// SPDX-License-Identifier: MIT
package rbtoken;

import java.time.Instant;

/** When a new token expires. */
record Expiration(int mode, Instant time) {
    static final Expiration DEFAULT = new Expiration(Abi.EXPIRES_DEFAULT, null);
    static final Expiration NEVER = new Expiration(Abi.EXPIRES_NEVER, null);

    static Expiration at(Instant time) {
        return new Expiration(Abi.EXPIRES_AT, Check.notNull(time, "expires"));
    }

    /** Returns the microseconds of the time; 0 if there is none. */
    long microseconds() {
        return time == null ? 0 : Check.microseconds(time, "expires");
    }
}
