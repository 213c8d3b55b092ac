// SPDX-License-Identifier: MIT
package rbtoken;

import java.time.Duration;
import java.time.Instant;

/** Options for finding or creating a client token. */
public final class ClientTokenOptions {
    Expiration expires = Expiration.DEFAULT;
    Duration minValidity;
    boolean ignoreDeprecated;
    String localSite;
    String defaultPolicy;
    String defaultExtraData;

    /** Creates options with all defaults. */
    public ClientTokenOptions() {}

    /**
     * Sets when a new token expires. The default is the setting {@code client_token_expiration}.
     *
     * @param time the time, to the microsecond
     * @return these options
     */
    public ClientTokenOptions expires(Instant time) {
        expires = Expiration.at(time);
        return this;
    }

    /**
     * Makes the token never expire.
     *
     * @return these options
     */
    public ClientTokenOptions neverExpires() {
        expires = Expiration.NEVER;
        return this;
    }

    /**
     * Sets for how long an existing token must still be valid. The default is a setting of the
     * store.
     *
     * @param minValidity whole seconds; 0 or less: the token must be valid now
     * @return these options
     */
    public ClientTokenOptions minValidity(Duration minValidity) {
        this.minValidity = Check.notNull(minValidity, "min_validity");
        return this;
    }

    /**
     * Skips tokens of deprecated generators.
     *
     * @return these options
     */
    public ClientTokenOptions ignoreDeprecated() {
        ignoreDeprecated = true;
        return this;
    }

    /**
     * Sets the Local Site of the token. The default is the global site.
     *
     * @param localSite the name of a Local Site
     * @return these options
     */
    public ClientTokenOptions localSite(String localSite) {
        this.localSite = Check.notNull(localSite, "local_site");
        return this;
    }

    /**
     * Sets the policy of a new token. The default is full access.
     *
     * @param defaultPolicy the policy as JSON
     * @return these options
     */
    public ClientTokenOptions defaultPolicy(String defaultPolicy) {
        this.defaultPolicy = Check.notNull(defaultPolicy, "default_policy");
        return this;
    }

    /**
     * Sets the extra data of a new token.
     *
     * @param defaultExtraData a JSON object, to which the client's name is added
     * @return these options
     */
    public ClientTokenOptions defaultExtraData(String defaultExtraData) {
        this.defaultExtraData = Check.notNull(defaultExtraData, "default_extra_data");
        return this;
    }
}
