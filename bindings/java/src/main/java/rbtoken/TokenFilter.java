// SPDX-License-Identifier: MIT
package rbtoken;

import java.time.Instant;

/** Selects tokens for a list: those that match all parts. Without any, all tokens. */
public final class TokenFilter {
    String user;
    String clientName;
    String localSite;
    boolean globalSite;
    Validity validity = Validity.ANY;
    Instant expiresBefore;

    /** Validity of the tokens of a list. */
    public enum Validity {
        /** All tokens. */
        ANY,
        /** Tokens that are neither invalidated nor expired. */
        VALID,
        /** Tokens that are invalidated or expired. */
        DEAD
    }

    /** Creates a filter that matches all tokens. */
    public TokenFilter() {}

    /**
     * Selects the tokens of a user.
     *
     * @param user the name
     * @return this filter
     */
    public TokenFilter user(String user) {
        this.user = Check.notNull(user, "user");
        return this;
    }

    /**
     * Selects the tokens of a client.
     *
     * @param clientName the name
     * @return this filter
     */
    public TokenFilter clientName(String clientName) {
        this.clientName = Check.notNull(clientName, "client_name");
        return this;
    }

    /**
     * Selects the tokens of a Local Site.
     *
     * @param localSite the name
     * @return this filter
     */
    public TokenFilter localSite(String localSite) {
        this.localSite = Check.notNull(localSite, "local_site");
        return this;
    }

    /**
     * Selects the tokens of the global site.
     *
     * @return this filter
     */
    public TokenFilter globalSite() {
        globalSite = true;
        return this;
    }

    /**
     * Selects tokens by their validity.
     *
     * @param validity the validity
     * @return this filter
     */
    public TokenFilter validity(Validity validity) {
        this.validity = Check.notNull(validity, "validity");
        return this;
    }

    /**
     * Selects tokens that expire before a time.
     *
     * @param expiresBefore the time
     * @return this filter
     */
    public TokenFilter expiresBefore(Instant expiresBefore) {
        this.expiresBefore = Check.notNull(expiresBefore, "expires_before");
        return this;
    }
}
