// SPDX-License-Identifier: MIT
package rbtoken;

import java.time.Instant;

/** Changes to a token. Without any, nothing changes. */
public final class TokenUpdate {
    Expiration expires;
    String note;
    boolean isPolicySet;
    String policy;
    boolean isExtraDataSet;
    String extraData;

    /** Creates an update without changes. */
    public TokenUpdate() {}

    /**
     * Changes when the token expires.
     *
     * @param time the time, to the microsecond
     * @return this update
     */
    public TokenUpdate expires(Instant time) {
        expires = Expiration.at(time);
        return this;
    }

    /**
     * Makes the token never expire.
     *
     * @return this update
     */
    public TokenUpdate neverExpires() {
        expires = Expiration.NEVER;
        return this;
    }

    /**
     * Changes the note.
     *
     * @param note the note, for people
     * @return this update
     */
    public TokenUpdate note(String note) {
        this.note = Check.notNull(note, "note");
        return this;
    }

    /**
     * Changes the policy.
     *
     * @param policy the policy as JSON
     * @return this update
     */
    public TokenUpdate policy(String policy) {
        this.policy = Check.notNull(policy, "policy");
        isPolicySet = true;
        return this;
    }

    /**
     * Removes the policy: the token has full access.
     *
     * @return this update
     */
    public TokenUpdate fullAccess() {
        policy = null;
        isPolicySet = true;
        return this;
    }

    /**
     * Replaces the extra data completely, including {@code client_name}.
     *
     * @param extraData a JSON object
     * @return this update
     */
    public TokenUpdate extraData(String extraData) {
        this.extraData = Check.notNull(extraData, "extra_data");
        isExtraDataSet = true;
        return this;
    }

    /**
     * Removes the extra data.
     *
     * @return this update
     */
    public TokenUpdate noExtraData() {
        extraData = null;
        isExtraDataSet = true;
        return this;
    }
}
