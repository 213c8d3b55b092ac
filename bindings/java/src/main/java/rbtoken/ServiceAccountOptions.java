// SPDX-License-Identifier: MIT
package rbtoken;

import java.time.Duration;

/** Options for a service account. */
public final class ServiceAccountOptions {
    String user;
    long tokenVersion;
    Duration lifetime;
    boolean forever;
    String policy;

    /** Creates options with all defaults. */
    public ServiceAccountOptions() {}

    /**
     * Sets the user that owns the tokens. The default is the account's id.
     *
     * @param user the name
     * @return these options
     */
    public ServiceAccountOptions user(String user) {
        this.user = Check.notNull(user, "user");
        return this;
    }

    /**
     * Sets the version of the tokens. A higher one makes the account use a new token, for example
     * after a change of the policy.
     *
     * @param tokenVersion the version, from 1 to 4294967295; 0 means 1
     * @return these options
     */
    public ServiceAccountOptions tokenVersion(long tokenVersion) {
        Check.unsigned(tokenVersion, "token_version");
        this.tokenVersion = tokenVersion;
        return this;
    }

    /**
     * Sets the lifetime of new tokens. The default is 30 days.
     *
     * @param lifetime whole seconds
     * @return these options
     */
    public ServiceAccountOptions lifetime(Duration lifetime) {
        this.lifetime = Check.notNull(lifetime, "expiration");
        return this;
    }

    /**
     * Creates tokens that never expire.
     *
     * @return these options
     */
    public ServiceAccountOptions forever() {
        forever = true;
        return this;
    }

    /**
     * Sets the policy of new tokens. The default is full access.
     *
     * @param policy the policy as JSON
     * @return these options
     */
    public ServiceAccountOptions policy(String policy) {
        this.policy = Check.notNull(policy, "policy");
        return this;
    }
}
