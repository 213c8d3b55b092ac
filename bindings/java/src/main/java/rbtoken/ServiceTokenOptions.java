// SPDX-License-Identifier: MIT
package rbtoken;

import java.time.Duration;

/** Options for the token of a service account. */
public final class ServiceTokenOptions {
    Duration minValidity;
    String localSite;

    /** Creates options with all defaults. */
    public ServiceTokenOptions() {}

    /**
     * Sets for how long an existing token must still be valid. The default is 2 hours.
     *
     * @param minValidity whole seconds; 0 or less: the token must be valid now
     * @return these options
     */
    public ServiceTokenOptions minValidity(Duration minValidity) {
        this.minValidity = Check.notNull(minValidity, "min_validity");
        return this;
    }

    /**
     * Sets the Local Site of the token. The default is the global site.
     *
     * @param localSite the name of a Local Site
     * @return these options
     */
    public ServiceTokenOptions localSite(String localSite) {
        this.localSite = Check.notNull(localSite, "local_site");
        return this;
    }
}
